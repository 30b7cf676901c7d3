//! Finds the IMAP server behind an e-mail address, and says what was found where.

mod address;
mod answer;
mod autoconfig;
mod steps;

pub use address::{Address, NotAnAddress};
pub use answer::{Answer, Candidate, Outcome, Place, Step};

use crate::catalogue::Catalogue;
use crate::network::{Dns, Web};
use futures_util::future::{Either, FutureExt as _, join, join3, select};
use mailcrane_core::address::Reach;
use mailcrane_core::ports::clock::Clock;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// Looks for servers, in this order of trust: the catalogue by domain, by mail exchanger, SRV records (RFC 6186), the
/// two autoconfig addresses of the domain, and names that many domains use.
///
/// It asks name servers and the domain's own web servers only; no mail server is connected to. A server that the check
/// would not connect to is not offered.
#[derive(Debug, Clone)]
pub struct Discovery<D, W, C> {
    /// Asks name servers.
    pub dns: D,
    /// Asks web servers.
    pub web: W,
    /// Which addresses a server that is found may have.
    pub reach: Reach,
    /// Tells the time.
    pub clock: C,
    /// How long one discovery may take.
    pub budget: Duration,
}

impl<D: Dns, W: Web, C: Clock> Discovery<D, W, C> {
    /// Looks everywhere at once and returns what was found within the budget, the most trustworthy first.
    ///
    /// A domain of the catalogue is answered without asking anybody.
    pub async fn find(&self, address: &Address) -> Answer {
        if let Some(preset) = steps::preset(Catalogue::built_in(), address) {
            return Answer::of(address, vec![preset]);
        }
        let none = Step::nothing(Place::Preset, address.domain(), "no provider of the catalogue owns this domain");
        let (dns, web, reach) = (&self.dns, &self.web, self.reach);
        let vet = |step| steps::vetted(dns, reach, step);
        let named = join3(
            self.in_time(Place::Mx, address.domain(), steps::mx(dns, address)),
            self.in_time(Place::Srv, address.domain(), steps::srv(dns, address).then(vet)),
            self.in_time(Place::Guess, address.domain(), steps::guess(dns, reach, address)),
        );
        let told = join(
            self.in_time(Place::Autoconfig, address.domain(), steps::autoconfig(web, address).then(vet)),
            self.in_time(Place::WellKnown, address.domain(), steps::well_known(web, address).then(vet)),
        );
        let ((mx, srv, guess), (autoconfig, well_known)) = join(named, told).await;
        Answer::of(address, vec![none, mx, srv, autoconfig, well_known, guess])
    }

    async fn in_time(&self, place: Place, asked: &str, step: impl Future<Output = Step>) -> Step {
        match select(pin!(step), pin!(self.clock.sleep(self.budget))).await {
            Either::Left((step, _)) => step,
            Either::Right(((), _)) => Step::late(place, asked),
        }
    }
}

#[cfg(test)]
mod tests;
