//! Both ends of an account, opened with its credentials.

use super::destination::Destination;
use super::source::Source;
use crate::fault::Fault;
use crate::record::{Account, Allowance, Migration};
use std::future::Future;

/// Opens the ends of accounts: looks up the credentials, picks the adapter, connects and signs in.
pub trait Ends: Send + Sync {
    /// Sessions at the source.
    type Source: Source;
    /// Mailboxes at the destination.
    type Destination: Destination;

    /// Opens a new session at the account's source.
    fn source(
        &self,
        migration: &Migration,
        account: &Account,
    ) -> impl Future<Output = Result<Self::Source, Fault>> + Send;

    /// Tells what the provider of the account's source allows, as far as it is known.
    fn allowance(&self, _account: &Account) -> Allowance {
        Allowance::default()
    }

    /// Tries out once for many accounts what the destination keeps and finds; openings after that go by it. Puts one item
    /// of our own into the account's mailbox and takes it away again. Does nothing where nothing is left to be found out.
    fn try_out(&self, _migration: &Migration, _account: &Account) -> impl Future<Output = Result<(), Fault>> + Send {
        std::future::ready(Ok(()))
    }

    /// Tells other processes what was learned about how fast the destinations may be written to; does nothing while
    /// nobody was told to slow down.
    fn tell(&self) -> impl Future<Output = Result<(), Fault>> + Send {
        std::future::ready(Ok(()))
    }

    /// Opens the account's mailbox at the destination.
    fn destination(
        &self,
        migration: &Migration,
        account: &Account,
    ) -> impl Future<Output = Result<Self::Destination, Fault>> + Send;
}
