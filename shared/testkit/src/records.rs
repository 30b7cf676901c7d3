//! Records as tests begin with them.

use mailcrane_core::Timestamp;
use mailcrane_core::id::{MigrationId, PassNo};
use mailcrane_core::record::{Access, DestinationKind, Migration, Options, PassKind};
use mailcrane_core::state::MigrationState;

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
