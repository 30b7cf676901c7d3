//! Opens both ends over the vault (passwords), the table (permissions that were made) and the directory (tokens).

use crate::credentials::{self, SourceSecret};
use crate::oauth::{Token, TokenEndpoint, Tokens};
use crate::{AnyDestination, AnySource, kept, pace, self_test};
use futures_util::future::try_join;
use mailcrane_core::ports::directory::Directory;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::ports::source::{Credentials, Sources as _};
use mailcrane_core::ports::table::Table;
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::record::{
    Access, Account, Allowance, DestinationKind, Grant, GrantKind, Migration, OauthSecret, Secrets, keys,
};
use mailcrane_core::secret::Secret;
use mailcrane_core::{Fault, Timestamp, settings};
use mailcrane_ews::{Endpoint, Gate, Opening as EwsOpening, SourceOpening, WorkMail, WorkMailSource};
use mailcrane_imap::connect::SystemResolver;
use mailcrane_imap::{
    ImapDestination, ImapSession, ImapSources, Network, Opening, Reach, TcpDial, Tls, TlsSettings, Verbs,
};
use mailcrane_providers::{Auth, Catalogue};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The WorkMail user who has permission on the mailboxes for the length of a migration.
#[derive(Debug, Clone)]
pub struct Administrator {
    /// Its e-mail address.
    pub email: String,
    /// Its password.
    pub password: Secret,
}

/// What opening ends needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where EWS listens.
    pub ews_url: String,
    /// The WorkMail organisation; what its EWS does is tried once for all of its mailboxes.
    pub organization: String,
    /// The migration administrator, when there is one.
    pub administrator: Option<Administrator>,
    /// Whether servers with private addresses, and any port, may be named.
    pub private_hosts: bool,
    /// PEM of further authorities to trust at IMAP servers; may be empty.
    pub extra_ca_pem: String,
    /// Durations and sizes.
    pub engine: settings::Settings,
}

/// Settings that nothing can be opened with.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadSettings(pub(crate) &'static str, #[source] pub(crate) Box<dyn std::error::Error + Send + Sync>);

/// Opens ends. One per process: it keeps how fast each destination may be written to.
pub struct Opener<V, D, T> {
    vault: V,
    directory: Arc<D>,
    table: T,
    opening: Opening,
    sources: ImapSources,
    tokens: Tokens,
    ews: Endpoint,
    organization: String,
    administrator: Option<Administrator>,
    engine: settings::Settings,
    gates: Mutex<HashMap<String, Arc<Gate>>>,
}

impl<V: Vault, D: Directory + 'static, T: Table> Opener<V, D, T> {
    /// Joins the ports and the settings.
    ///
    /// # Errors
    /// [`BadSettings`] when the address of EWS or the PEM cannot be used.
    pub fn new(vault: V, directory: D, table: T, settings: Settings) -> Result<Self, BadSettings> {
        let ews = Endpoint::parse(&settings.ews_url).map_err(|e| BadSettings("the EWS address is wrong", e.into()))?;
        let network = if settings.private_hosts {
            Network { reach: Reach::Private, ports: Vec::new(), ..Network::default() }
        } else {
            Network::default()
        };
        let pem = Some(settings.extra_ca_pem).filter(|pem| !pem.trim().is_empty());
        let tokens = TokenEndpoint::new(network.reach, pem.as_deref())
            .map_err(|e| BadSettings("OAuth servers cannot be asked", e.into()))?;
        let tls = Tls::new(&TlsSettings { extra_authorities: pem })
            .map_err(|e| BadSettings("the further authorities cannot be read", e.into()))?;
        let dial = Arc::new(TcpDial { network: network.clone(), resolver: SystemResolver });
        let opening = Opening { dial, tls, network, verbs: Verbs::Source };
        let sources = ImapSources::new(opening.clone());
        Ok(Self {
            vault,
            directory: Arc::new(directory),
            table,
            opening,
            sources,
            tokens: Tokens::new(tokens, Timestamp::now),
            ews,
            organization: settings.organization,
            administrator: settings.administrator,
            engine: settings.engine,
            gates: Mutex::default(),
        })
    }

    async fn secrets(&self, migration: &Migration, account: &Account) -> Result<Secrets, Fault> {
        credentials::read(&self.vault.open(&migration.id, account.no).await?)
    }

    /// Opens the source with an access token; one that was kept and is refused is fetched anew once.
    async fn with_token(&self, account: &Account, secret: &OauthSecret) -> Result<ImapSession, Fault> {
        let (user, endpoint) = (&account.source.user, &account.source.endpoint);
        loop {
            let Token { token, kept } = self.tokens.token(secret, user).await?;
            let credentials = Credentials::Token { user: user.clone(), token };
            match self.sources.open(endpoint, &credentials).await {
                Err(fault) if fault.code == "source.token_refused" => {
                    self.tokens.forget(secret, user);
                    if !kept {
                        return Err(fault);
                    }
                }
                done => return done,
            }
        }
    }

    /// Returns the gate of a principal, which knows what other processes have told by now.
    async fn gate(&self, principal: &str) -> Result<Arc<Gate>, Fault> {
        let principal = principal.to_lowercase();
        let learned = pace::read(&self.table, &principal, Timestamp::now()).await?;
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, most) = self.engine.sizes.requests;
        let gate = gates.entry(principal).or_insert_with(|| Arc::new(Gate::new(first, most))).clone();
        if let Some(learned) = learned {
            gate.learn(learned);
        }
        Ok(gate)
    }

    fn news(&self) -> Vec<(String, mailcrane_ews::Pace)> {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.iter().filter_map(|(principal, gate)| Some((principal.clone(), gate.news()?))).collect()
    }

    async fn grant(&self, migration: &Migration, name: &str) -> Result<Option<Grant>, Fault> {
        let key = keys::grant(&migration.id, name);
        let grant = kept::find::<T, Grant>(&self.table, &key, "the permission's record cannot be read").await?;
        Ok(grant.map(|grant| grant.record).filter(|grant| grant.revoked.is_none()))
    }

    /// Returns the way into a mailbox, who it is that signs in, and when the permission was made.
    async fn way_in(
        &self,
        migration: &Migration,
        account: &Account,
        access: Access,
        end: End,
    ) -> Result<(mailcrane_ews::Access, String, Option<Timestamp>), Fault> {
        let entered = match end {
            End::Source => &account.source.user,
            End::Destination => &account.destination.mailbox,
        };
        if access != Access::User && !migration.by_operator {
            let text = "only a migration that the operator created may open mailboxes without their passwords; \
                        enter the password of the mailbox";
            return Err(Fault::give_up("destination.not_permitted", text));
        }
        match access {
            Access::User => {
                let secrets = self.secrets(migration, account).await?;
                let (email, password) = match end {
                    End::Source => (entered.clone(), credentials::source_password(secrets)?),
                    End::Destination => {
                        let email = account.destination.user.clone().unwrap_or_else(|| entered.clone());
                        (email, credentials::destination_password(secrets)?)
                    }
                };
                let principal = email.clone();
                Ok((mailcrane_ews::Access::User { email, password }, principal, None))
            }
            Access::Administrator => {
                let Some(Administrator { email, password }) = self.administrator.clone() else {
                    let text = "the stack has no migration administrator; the operator sets its password";
                    return Err(Fault::give_up("destination.no_administrator", text));
                };
                let grant = self.grant(migration, &entered.to_lowercase()).await?;
                let mailbox = grant.as_ref().map_or_else(|| entered.clone(), |grant| grant.email.clone());
                let principal = email.clone();
                let access = mailcrane_ews::Access::Administrator { email, password, mailbox };
                Ok((access, principal, grant.map(|grant| grant.granted)))
            }
            Access::Impersonation => {
                let grant = self.grant(migration, ROLE).await?.ok_or_else(no_role)?;
                let spreads = grant.spreads_from();
                let GrantKind::Role { id: Some(role), mailboxes, .. } = grant.what else { return Err(no_role()) };
                let (directory, principal) = (self.directory.clone(), role.clone());
                let token: mailcrane_ews::TokenSource = Arc::new(move || {
                    let (directory, role) = (directory.clone(), role.clone());
                    Box::pin(async move { directory.assume(&role).await })
                });
                let named = mailboxes.into_iter().find(|one| one.entered == entered.to_lowercase());
                let mailbox = named.map_or_else(|| entered.clone(), |one| one.email);
                Ok((mailcrane_ews::Access::Impersonation { token, mailbox }, principal, Some(spreads)))
            }
        }
    }

    async fn workmail(&self, migration: &Migration, account: &Account, access: Access) -> Result<WorkMail, Fault> {
        let (access, principal, granted) = self.way_in(migration, account, access, End::Destination).await?;
        let seen = self_test::seen(&self.table, &self.organization);
        let (gate, capabilities) = try_join(self.gate(&principal), seen).await?;
        let (endpoint, settings) = (self.ews.clone(), self.ews_settings(granted));
        let opening = EwsOpening { endpoint, access, gate, settings, capabilities };
        WorkMail::open(opening).await
    }

    /// Opens a WorkMail mailbox for reading. During a pass, mail that came after its beginning is left to the next one.
    async fn workmail_source(
        &self,
        migration: &Migration,
        account: &Account,
        access: Access,
    ) -> Result<WorkMailSource, Fault> {
        let (access, principal, granted) =
            self.way_in(migration, account, access, End::Source).await.map_err(of_source)?;
        let opening = SourceOpening {
            endpoint: self.ews.clone(),
            access,
            gate: self.gate(&principal).await?,
            settings: self.ews_settings(granted),
            horizon: account.pass.started.filter(|_| account.pass.ended.is_none()),
        };
        WorkMailSource::open(opening).await
    }

    fn ews_settings(&self, granted: Option<Timestamp>) -> mailcrane_ews::Settings {
        let times = &self.engine.times;
        let request_limit = times.lease.mul_f64(2.0 / 3.0);
        let spreads = |since: Timestamp| since.checked_add(times.propagation).unwrap_or(Timestamp::MAX);
        mailcrane_ews::Settings {
            request_limit,
            connect_limit: request_limit.min(Duration::from_secs(10)),
            pause: times.back_off,
            permission_spreads_until: granted.map(spreads),
        }
    }
}

impl<V: Vault, D: Directory + 'static, T: Table> Ends for Opener<V, D, T> {
    type Source = AnySource;
    type Destination = AnyDestination;

    async fn source(&self, migration: &Migration, account: &Account) -> Result<AnySource, Fault> {
        let session = match credentials::source(account, self.secrets(migration, account).await?)? {
            SourceSecret::Whole(credentials) => {
                let endpoint = &account.source.endpoint;
                self.sources.open(endpoint, &credentials).await.map_err(|fault| of_provider(fault, &endpoint.host))?
            }
            SourceSecret::Oauth(secret) => self.with_token(account, &secret).await?,
            SourceSecret::Workmail(access) => {
                return Ok(AnySource::Workmail(self.workmail_source(migration, account, access).await?));
            }
        };
        Ok(AnySource::Imap(session))
    }

    fn allowance(&self, account: &Account) -> Allowance {
        Catalogue::built_in().allowance(&account.source.endpoint.host)
    }

    async fn destination(&self, migration: &Migration, account: &Account) -> Result<AnyDestination, Fault> {
        match &migration.destination {
            DestinationKind::Workmail { access } => {
                Ok(AnyDestination::Workmail(self.workmail(migration, account, *access).await?))
            }
            DestinationKind::Imap { endpoint } => {
                let credentials = credentials::destination(account, self.secrets(migration, account).await?)?;
                let mailbox = ImapDestination::open(&self.opening, endpoint, &credentials).await?;
                Ok(AnyDestination::Imap(mailbox))
            }
        }
    }

    async fn tell(&self) -> Result<(), Fault> {
        for (principal, news) in self.news() {
            pace::write(&self.table, &principal, news, Timestamp::now()).await?;
        }
        Ok(())
    }

    async fn try_out(&self, migration: &Migration, account: &Account) -> Result<(), Fault> {
        let DestinationKind::Workmail { access } = &migration.destination else { return Ok(()) };
        if !self_test::is_due(&self.table, &self.organization, Timestamp::now()).await? {
            return Ok(());
        }
        let mailbox = self.workmail(migration, account, *access).await?;
        let patience = self.engine.times.propagation / SEARCHES;
        self_test::run(&self.table, &self.organization, &mailbox, patience, Timestamp::now).await
    }
}

/// One end of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Source,
    Destination,
}

/// Says what a provider wants instead of the user's own password, which it refuses without a word of that.
fn of_provider(mut fault: Fault, host: &str) -> Fault {
    if fault.code != "source.wrong_password" {
        return fault;
    }
    let Some((way, hint)) = Catalogue::built_in().other_than_password(host) else { return fault };
    let code = if way == Auth::Oauth2 { "source.oauth_needed" } else { "source.app_password_needed" };
    fault.code = code.into();
    fault.message = format!("{} {}", hint.en, fault.message);
    fault
}

/// Renames the code of a fault for the source.
fn of_source(mut fault: Fault) -> Fault {
    if let Some(name) = fault.code.strip_prefix("destination.") {
        fault.code = format!("source.{name}").into();
    }
    fault
}

/// A new item is searched for as long as a permission may spread, divided by this.
const SEARCHES: u32 = 18;

/// The name under which the impersonation role of a migration is recorded; the engine uses the same.
const ROLE: &str = "impersonation";

fn no_role() -> Fault {
    let text = "the impersonation role of this migration is gone; check the account again";
    Fault::give_up("destination.no_role", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_password_is_explained_by_what_the_provider_wants() {
        let refused = |host| {
            let fault = of_provider(Fault::give_up("source.wrong_password", "The server said: no"), host);
            (fault.code.to_string(), fault.message)
        };
        let (code, message) = refused("imap.mail.me.com");
        assert_eq!(code, "source.app_password_needed");
        assert!(message.starts_with("Create an app password at https://account.apple.com"), "{message}");
        assert!(message.ends_with("The server said: no"), "{message}");
        assert_eq!(refused("imap.googlemail.com").0, "source.app_password_needed");
        assert_eq!(refused("imap.example.org").0, "source.wrong_password");
        let busy = of_provider(Fault::give_up("source.busy", "later"), "imap.mail.me.com");
        assert_eq!(busy.code, "source.busy");
    }
}
