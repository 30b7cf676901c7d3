//! Records as tests begin with them.

use mailcrane_core::Timestamp;
use mailcrane_core::id::{AccountNo, MigrationId, PassNo};
use mailcrane_core::key::SourceId;
use mailcrane_core::ports::source::Endpoint;
use mailcrane_core::record::{
    Access, Account, DestinationEnd, DestinationKind, Migration, Options, PassKind, SourceEnd,
};
use mailcrane_core::state::{AccountState, MigrationState};

/// Returns a migration of the operator's that is ready, with so many checked accounts.
#[must_use]
pub fn migration(id: &MigrationId, accounts: u32, now: Timestamp) -> Migration {
    Migration {
        v: 1,
        id: id.clone(),
        name: String::new(),
        state: MigrationState::Ready,
        created: now,
        notify: vec![],
        webhook: None,
        language: "en".into(),
        destination: DestinationKind::Workmail { access: Access::User },
        options: Options::default(),
        accounts,
        checked: accounts,
        removed: 0,
        pass: PassNo(0),
        pass_kind: PassKind::Full,
        pass_since: None,
        pass_before: None,
        totals: Default::default(),
        found: 0,
        found_bytes: 0,
        start_at: None,
        started: None,
        ended: None,
        keep_until: None,
        token_hash: String::new(),
        undoing: 0,
        by_operator: true,
        right: Default::default(),
        look_at: None,
    }
}

/// Returns an account that is checked: a user of a server, and the mailbox that the mail goes to.
#[must_use]
pub fn account(no: AccountNo, endpoint: Endpoint, user: &str, mailbox: &str) -> Account {
    Account {
        v: 1,
        no,
        source_id: SourceId::of(user, &endpoint.host),
        source: SourceEnd { endpoint, user: user.to_owned(), auth: Default::default() },
        source_oauth: None,
        destination: DestinationEnd { mailbox: mailbox.to_owned(), user: None },
        state: AccountState::Ready,
        selected: true,
        removed: false,
        source_check: Default::default(),
        destination_check: Default::default(),
        analysis: Default::default(),
        allowance: Default::default(),
        pass: Default::default(),
        queue_when_checked: false,
        before: Default::default(),
        before_found: 0,
        before_bytes: 0,
        grade: None,
        error_code: String::new(),
        error: String::new(),
    }
}
