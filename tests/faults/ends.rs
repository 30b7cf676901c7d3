//! Both ends of an account by their real adapters, through relays, with pauses as short as everything else.

use mailcrane_core::Fault;
use mailcrane_core::fault::Remedy;
use mailcrane_core::folder::{SourceFolder, WireName};
use mailcrane_core::message::ScanRow;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::ports::source::{Credentials, Endpoint, Examined, FetchFeed, ScanDepth, Source, Sources as _};
use mailcrane_core::record::{Account, Migration};
use mailcrane_core::secret::Secret;
use mailcrane_core::settings::Settings;
use mailcrane_core::uid::UidRange;
use mailcrane_ews::{Access, Capabilities, Gate, Opening, WorkMail};
use mailcrane_imap::{ImapSession, ImapSources};
use std::sync::Arc;
use std::time::Duration;

/// The password at both ends.
pub(crate) const PASSWORD: &str = "secret";

/// How both ends are reached; one per process, since it holds the gate.
pub(crate) struct RealEnds {
    pub(crate) sources: ImapSources,
    pub(crate) source: Endpoint,
    pub(crate) ews: String,
    pub(crate) gate: Arc<Gate>,
    pub(crate) settings: Settings,
}

impl Ends for RealEnds {
    type Source = Hasty<ImapSession>;
    type Destination = WorkMail;

    async fn source(&self, _migration: &Migration, account: &Account) -> Result<Self::Source, Fault> {
        let credentials = Credentials::Password { user: account.source.user.clone(), password: Secret::new(PASSWORD) };
        self.sources.open(&self.source, &credentials).await.map(Hasty).map_err(hasten)
    }

    async fn destination(&self, _migration: &Migration, account: &Account) -> Result<WorkMail, Fault> {
        let times = &self.settings.times;
        // As the functions do it: a request ends well within a lease.
        let request_limit = times.lease.mul_f64(2.0 / 3.0);
        let email = account.destination.mailbox.clone();
        WorkMail::open(Opening {
            endpoint: mailcrane_ews::Endpoint::parse(&self.ews).unwrap(),
            access: Access::User { email, password: Secret::new(PASSWORD) },
            gate: self.gate.clone(),
            settings: mailcrane_ews::Settings {
                request_limit,
                connect_limit: request_limit,
                pause: times.back_off,
                permission_spreads_until: None,
            },
            capabilities: Capabilities { search_lag: Some(Duration::from_millis(100)), ..Capabilities::default() },
        })
        .await
    }
}

/// A source whose faults ask for pauses a hundred times shorter.
pub(crate) struct Hasty<S>(S);

fn hasten(mut fault: Fault) -> Fault {
    if let Remedy::RetryAfter(wait) = fault.remedy {
        fault.remedy = Remedy::RetryAfter(wait / 100);
    }
    fault
}

impl<S: Source> Source for Hasty<S> {
    async fn folders(&mut self) -> Result<Vec<SourceFolder>, Fault> {
        self.0.folders().await.map_err(hasten)
    }

    async fn examine(&mut self, folder: &WireName) -> Result<Examined, Fault> {
        self.0.examine(folder).await.map_err(hasten)
    }

    async fn scan(&mut self, range: UidRange, depth: ScanDepth) -> Result<Vec<ScanRow>, Fault> {
        self.0.scan(range, depth).await.map_err(hasten)
    }

    async fn fetch<F: FetchFeed>(&mut self, feed: &mut F) -> Result<(), Fault> {
        self.0.fetch(feed).await.map_err(hasten)
    }

    async fn close(self) {
        self.0.close().await;
    }
}
