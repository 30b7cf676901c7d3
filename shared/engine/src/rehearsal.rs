//! A rehearsal: what a start would do, told from what is known already. Nothing is changed and nobody is signed in to.

use crate::control::{self, ControlError};
use crate::estimate::{self, Done, Left};
use crate::ledger::{self, LedgerError};
use crate::plan::mapping::{self, Fate, title};
use crate::voucher;
use crate::world::World;
use mailcrane_core::Timestamp;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::record::{Account, Estimate, Migration, Options, Outline, PassKind, keys};
use mailcrane_core::state::AccountState;

/// The folders of so many accounts are told.
const OUTLINED: usize = 10;

/// So many folders are told.
const FOLDERS: usize = 500;

/// The start that is rehearsed.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What the pass is.
    pub kind: PassKind,
    /// When it would begin; nothing for now.
    pub at: Option<Timestamp>,
    /// Only older messages, in a pre-stage.
    pub before: Option<Timestamp>,
    /// The hash of the voucher that would pay.
    pub voucher: Option<String>,
}

/// What a start would do.
#[derive(Debug, Default)]
pub struct Rehearsal {
    /// Why it would be refused; empty when it would begin.
    pub refusals: Vec<ControlError>,
    /// Accounts that would be copied.
    pub copied: u32,
    /// Accounts without a tick.
    pub unticked: u32,
    /// Accounts that are left out until their check passes.
    pub check_failed: u32,
    /// Accounts that would be copied and were not counted to the end yet; what they hold comes on top.
    pub uncounted: u32,
    /// Messages and octets that would be copied.
    pub left: Left,
    /// Whether that is the most: something of it is left out that only the pass can tell (dates, sizes, what was copied).
    pub at_most: bool,
    /// Messages that the destination does not take.
    pub too_large: u64,
    /// Where folders would go.
    pub folders: Vec<FolderFate>,
    /// Whether accounts or folders are not among them, for want of room.
    pub more_folders: bool,
    /// How long it would take.
    pub estimate: Option<Estimate>,
}

/// What would become of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderFate {
    /// The account.
    pub account: AccountNo,
    /// Its name at the source, level by level.
    pub path: Vec<String>,
    /// Its name at the destination, or why it is left out.
    pub fate: Result<Vec<String>, String>,
}

/// Tells what a start would do.
///
/// # Errors
/// [`ControlError::Missing`], and [`ControlError::Ledger`] when the table failed; why a start would be refused is part
/// of the answer.
pub async fn rehearse<W: World>(world: &W, id: &MigrationId, wanted: &Wanted) -> Result<Rehearsal, ControlError> {
    let migration = ledger::get::<Migration>(world.table(), &keys::migration(id)).await?.record;
    let mut found = Rehearsal { refusals: refusals(world, &migration, wanted).await?, ..Rehearsal::default() };
    let mut estimates = Vec::new();
    let mut outlined = Vec::new();
    for bucket in 0..migration.accounts.div_ceil(250) {
        for account in ledger::all::<Account>(world.table(), &keys::bucket(id, bucket), "A#").await? {
            let account = account.record;
            if account.no.0 >= migration.accounts || account.removed {
                continue;
            }
            if add(&mut found, &account, wanted.kind) {
                let left = left(&account, wanted.kind);
                let (speeds, allowance) = (account.analysis.speeds, account.allowance);
                estimates.push(estimate::of_one(left, Done::default(), speeds, allowance, world.sizes()));
                if outlined.len() < OUTLINED {
                    outlined.push(account.no);
                }
            }
        }
    }
    let filtered =
        |options: &Options| options.since.is_some() || options.before.is_some() || options.max_octets.is_some();
    found.at_most |= filtered(&migration.options) || matches!(wanted.kind, PassKind::Prestage | PassKind::Delta);
    found.more_folders = outlined.len() < found.copied as usize;
    for no in outlined {
        folders(world, &migration, no, &mut found).await?;
    }
    if found.uncounted < found.copied {
        found.estimate = estimate::together(&estimates, world.sizes().active_accounts);
    }
    Ok(found)
}

/// Lists every reason for which the start would be refused now.
async fn refusals<W: World>(
    world: &W,
    migration: &Migration,
    wanted: &Wanted,
) -> Result<Vec<ControlError>, ControlError> {
    let mut refusals = control::refusals(world, migration, wanted.kind, wanted.at, wanted.before);
    if voucher::is_due(migration, wanted.kind) {
        let unpaid = voucher::unpaid(world, migration).await?;
        let mut paid = migration.clone();
        match control::pay(&mut paid, wanted.voucher.as_deref(), &unpaid) {
            Err(refusal) => refusals.push(refusal),
            Ok(()) => {
                let settled = voucher::settle(world, &migration.right, &paid.right).await?;
                refusals.extend(settled.err().map(control::short));
            }
        }
    }
    Ok(refusals)
}

/// Counts an account; `true` when it would be copied.
fn add(found: &mut Rehearsal, account: &Account, kind: PassKind) -> bool {
    if !account.selected {
        found.unticked += 1;
        return false;
    }
    if account.state == AccountState::CheckFailed {
        found.check_failed += 1;
        return false;
    }
    let left = left(account, kind);
    found.copied += 1;
    found.uncounted += u32::from(!account.analysis.complete);
    found.left.messages += left.messages;
    found.left.octets += left.octets;
    found.too_large += account.analysis.too_large;
    found.at_most |= account.pass.no.0 > 0;
    true
}

/// Returns what is left of an account for a pass of that kind, as far as it is known: of what came since the analysis
/// nothing is.
fn left(account: &Account, kind: PassKind) -> Left {
    let analysis = &account.analysis;
    if kind == PassKind::Trial {
        return Left { messages: analysis.recent_messages, octets: analysis.recent_bytes };
    }
    let mut done = account.before;
    done += account.pass.counters;
    let messages = analysis.messages.saturating_sub(done.accounted().saturating_sub(done.failed));
    let octets = if messages == 0 { 0 } else { analysis.bytes.saturating_sub(done.bytes) };
    Left { messages, octets }
}

/// Adds the folders of an account, by the options as they are now.
async fn folders<W: World>(
    world: &W,
    migration: &Migration,
    no: AccountNo,
    found: &mut Rehearsal,
) -> Result<(), LedgerError> {
    let outline = ledger::find::<Outline>(world.table(), &keys::outline(&migration.id, no)).await?;
    let Some(Outline { filing, folders, left_out, .. }) = outline.map(|outline| outline.record) else { return Ok(()) };
    found.more_folders |= left_out > 0;
    let fates = mapping::map(&folders, &migration.options, filing);
    for (folder, fate) in folders.into_iter().zip(fates).filter(|(folder, _)| folder.selectable) {
        if found.folders.len() >= FOLDERS {
            found.more_folders = true;
            return Ok(());
        }
        let fate = match fate {
            Fate::Copy(place) => {
                Ok(place.root.map(|role| title(role).to_owned()).into_iter().chain(place.names).collect())
            }
            Fate::Skip(why) => Err(why),
        };
        found.folders.push(FolderFate { account: no, path: folder.path, fate });
    }
    Ok(())
}
