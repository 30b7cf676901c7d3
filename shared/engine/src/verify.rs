//! Verification: the destination is listed and compared with the manifest, late copies are removed, the pass is graded.

mod listing;

pub(crate) use listing::prefix_of;

use crate::chunk::{ChunkError, Walk, trouble};
use crate::copy::commit::{self, CommitError};
use crate::copy::lease::{effects_until, rows};
use crate::lane::{self, Next};
use crate::ledger::{self, LedgerError};
use crate::plan::history;
use crate::world::World;
use crate::{admission, outbox};
use futures_util::future::{FutureExt as _, join_all, join3};
use futures_util::stream::{self, StreamExt as _};
use listing::{AHEAD, Listing, Look, Place, surplus};
use mailcrane_core::fault::Remedy;
use mailcrane_core::key::{KeyPrefix, MessageKey};
use mailcrane_core::manifest::Row;
use mailcrane_core::ports::destination::{Deleted, Destination, ItemId};
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::ports::table::{Expect, Write};
use mailcrane_core::record::{
    Account, Counters, Entry, EntryKind, Folder, Grade, Lane, Migration, Slice, Versioned, keys,
};
use mailcrane_core::state::{AccountEvent, AccountState, MigrationState};
use mailcrane_core::token::{LaneKind, MailEvent, Reason};
use mailcrane_core::uid::{Uid, UidRange};
use mailcrane_core::{Fault, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many missing messages are looked for one by one; more are looked for by range.
const ONE_BY_ONE: usize = 50;

/// Verifies from the lane's cursor on.
///
/// # Errors
/// [`ChunkError`] of the table.
pub async fn run<W: World, E: Ends>(
    world: &W,
    ends: &E,
    migration: &Migration,
    account: &Account,
    mut lane: Versioned<Lane>,
    stop_at: Timestamp,
) -> Result<(Versioned<Lane>, Walk), ChunkError> {
    let partition = keys::account_partition(&migration.id, account.no);
    let every = ledger::all::<Slice>(world.table(), &partition, keys::SLICES);
    let folders = ledger::all::<Folder>(world.table(), &partition, "F#");
    let (every, folders, destination) = join3(every, folders, ends.destination(migration, account)).await;
    let (every, folders) = (every?.into_iter().map(|s| s.record), folders?);
    let (slices, former): (Vec<Slice>, Vec<Slice>) = every.partition(|s| s.pass == account.pass.no);
    let slices: Vec<Slice> = slices.into_iter().filter(|s| s.no.0 < account.pass.slices).collect();
    // What was in doubt in a pass before stays so: that pass may have ended without a verification.
    let former: Vec<Slice> = former.into_iter().filter(|s| in_doubt(world, s)).collect();
    let effects = slices.iter().filter_map(|s| s.uncertain_until.max(effects_until(s, world.times()))).max();
    if let Some(until) = effects.filter(|t| *t > world.now()) {
        let waits =
            Some(("verify.quarantine".to_owned(), "a request without an answer may still take effect".to_owned()));
        return Ok((lane, Walk::More(Next::Continue { reason: Reason::Idle, not_before: Some(until), waits })));
    }
    let destination = match destination {
        Ok(destination) => destination,
        Err(fault) => return troubled(world, lane, fault).await,
    };
    let done: usize = lane.record.cursor.parse().unwrap_or(0);
    let place = |folder: &Versioned<Folder>| {
        let of_folder = |s: &&Slice| s.folder == folder.record.no;
        // A pass that was verified, or undone, left nothing behind.
        let since = folder.record.undone.max(folder.record.verified);
        let left = |s: &&Slice| of_folder(s) && since.is_none_or(|no| s.pass > no);
        let former = former.iter().filter(left).collect();
        Place { folder: folder.clone(), slices: slices.iter().filter(of_folder).collect(), former }
    };
    let places: Vec<Place<'_>> = folders.iter().skip(done).map(place).collect();
    let whose = (&migration.id, account.no);
    let (parallel, mut looks) = (destination.features().parallel, VecDeque::new());
    for (at, place) in places.iter().enumerate() {
        if world.now() >= stop_at && at > 0 {
            return Ok((lane, Walk::More(Next::time())));
        }
        if looks.is_empty() {
            // Small folders are listed at the same time, unless there is a single connection. Nobody asks any more while
            // what was listed is compared.
            let group = listing::together(places.get(at..).unwrap_or_default(), parallel);
            let group = group.iter().map(|place| Look::at(world, &destination, whose, place).boxed());
            looks = commit::keep_while(world, &mut lane, join_all(group)).await?.into();
        }
        let Some(look) = looks.pop_front() else { break };
        let (mut folder, mut writes) = (place.folder.clone(), Vec::new());
        if place.holds_any() {
            let compared = compare(world, &destination, migration, &mut lane, (place, look)).await;
            let seen = match compared {
                Ok(seen) => seen,
                Err(Trouble::End(fault)) => return troubled(world, lane, fault).await,
                Err(Trouble::Table(error)) => return Err(error),
            };
            folder.record.tail = history::tail(&folder.record, seen.marks);
            folder.record.verified = Some(account.pass.no);
            lane.record.counters.failed += seen.missing;
            lane.record.counters.copied += seen.present;
            lane.record.counters.duplicate += seen.removed;
            if !seen.entries.is_empty() {
                let name = format!("{}#verify", world.now());
                let packed = mailcrane_core::manifest::pack(&seen.entries).map_err(CommitError::from)?;
                let item = ledger::packed(keys::protocol_page(&migration.id, account.no, &name), packed);
                writes.push(Write::Put(item, Expect::Anything));
            }
        }
        if folder.record.planned_in == account.pass.no && !given_up(migration) {
            let mut ended = std::mem::take(&mut folder.record.planned);
            // UIDs of a former epoch mean nothing in this one.
            for slice in place.slices.iter().filter(|slice| slice.epoch == place.folder.record.epoch) {
                ended = ended.without(&slice.failed);
                folder.record.too_large.extend(&slice.too_large);
            }
            folder.record.covered.extend(&ended);
            writes.push(ledger::write_of(&folder)?);
        } else if place.holds_any() {
            writes.push(ledger::write_of(&folder)?);
        }
        lane.record.cursor = (done + at + 1).to_string();
        lane::hold(&mut lane.record, world);
        commit::write(world, &mut lane, writes).await?;
    }
    let of_pass = |f: &&Versioned<Folder>| f.record.refused && f.record.planned_in == account.pass.no;
    let refused = folders.iter().filter(of_pass).count() as u64;
    let found = slices.iter().fold((0, 0), |(n, bytes), s| (n + s.found, bytes + s.bytes));
    finish(world, migration, lane, found, refused).await
}

/// What the comparison of a folder found.
#[derive(Debug, Default)]
struct Seen {
    present: u64,
    missing: u64,
    removed: u64,
    entries: Vec<Entry>,
    /// The last copied messages.
    marks: BTreeMap<Uid, u64>,
}

enum Trouble {
    End(Fault),
    Table(ChunkError),
}

impl From<ChunkError> for Trouble {
    fn from(error: ChunkError) -> Self {
        Self::Table(error)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::End(fault)
    }
}

/// Renews the lease of the lane while a large folder is listed.
async fn keep<W: World>(world: &W, lane: &mut Versioned<Lane>) -> Result<(), Trouble> {
    Ok(commit::keep(world, lane).await.map_err(ChunkError::from)?)
}

async fn compare<W: World, D: Destination>(
    world: &W,
    destination: &D,
    migration: &Migration,
    lane: &mut Versioned<Lane>,
    (place, look): (&Place<'_>, Look),
) -> Result<Seen, Trouble> {
    let mut seen = Seen::default();
    let folder = &place.folder.record;
    let Some(target) = folder.destination.as_ref() else { return Ok(seen) };
    let doubted = Doubted::new(world, place);
    let keyed = destination.features().keeps_key;
    let Listing { present, mut doubled, mut unkeyed } = look.listing?;
    let account = lane.record.account;
    let rest: Vec<_> =
        place.slices.iter().skip(AHEAD).map(|slice| rows(world, &migration.id, account, slice)).collect();
    let read = stream::iter(look.rows).chain(stream::iter(rest).buffered(AHEAD));
    let mut read = stream::iter(&place.slices).zip(read);
    let mut fresh = BTreeSet::new();
    let mut unlike: Vec<(MessageKey, Row)> = Vec::new();
    let mut kept: BTreeMap<MessageKey, ItemId> = BTreeMap::new();
    let mut absent: BTreeMap<MessageKey, (Option<String>, u64)> = BTreeMap::new();
    while let Some((slice, rows)) = read.next().await {
        keep(world, lane).await?;
        let rows = rows.map_err(ChunkError::from)?;
        let prefix = prefix_of(folder, slice.epoch);
        for row in rows.into_iter().filter(Row::is_stored) {
            let key = MessageKey { prefix, uid: row.uid };
            if prefix == folder.prefix {
                seen.marks.insert(row.uid, history::mark(row.message_id.as_deref()));
                if seen.marks.len() > history::TAIL {
                    seen.marks.pop_first();
                }
            }
            if doubled.contains(&key) {
                fresh.insert(key);
                kept.extend(row.item.as_ref().map(|item| (key, item.clone())));
            }
            if present.contains(&key) || unkeyed.take_by_id(&row) {
                seen.present += 1;
            } else if keyed {
                absent.insert(key, (row.message_id, row.octets));
            } else {
                unlike.push((key, row));
            }
        }
    }
    // Where items keep no key, one that has another identity now is known by its looks.
    for (key, row) in unlike {
        if unkeyed.take_like(&row) {
            seen.present += 1;
        } else {
            absent.insert(key, (row.message_id, row.octets));
        }
    }
    for key in moved(world, lane, destination, &absent).await? {
        absent.remove(&key);
        seen.present += 1;
    }
    // Of what an earlier pass copied the mailbox's user may have made a copy, and it carries our key.
    doubled.retain(|key| fresh.contains(key) || doubted.contains(key));
    seen.missing = absent.len() as u64;
    let entry = |kind, code: &str, text: &str, uid| Entry {
        at: world.now(),
        kind,
        code: code.to_owned(),
        text: text.to_owned(),
        folder: Some(folder.no),
        uid: Some(uid),
        message_id: None,
        octets: None,
    };
    for (MessageKey { uid, .. }, (message_id, octets)) in absent {
        let text = "the message was copied, but is not at the destination any more";
        let plain = entry(EntryKind::Failed, "verify.missing", text, uid);
        seen.entries.push(Entry { message_id, octets: Some(octets), ..plain });
    }
    let surplus = surplus(destination, target, folder, &doubled, &kept);
    for item in commit::keep_while(world, lane, surplus).await.map_err(ChunkError::from)?? {
        let Some(uid) = item.key.map(|k| k.uid) else { continue };
        match destination.delete(std::slice::from_ref(&item.id)).await.pop() {
            Some(Deleted::Gone) => {
                seen.removed += 1;
                let text = "a second copy, made by a request whose answer was lost, was removed";
                seen.entries.push(entry(EntryKind::LateCopyRemoved, "verify.late_copy", text, uid));
            }
            Some(Deleted::Kept(fault)) => match fault.remedy {
                Remedy::RetryAfter(_) => return Err(fault.into()),
                _ => {
                    let text = format!("a second copy could not be removed: {fault}");
                    seen.entries.push(entry(EntryKind::Note, "verify.second_copy", &text, uid));
                }
            },
            None => {}
        }
    }
    Ok(seen)
}

/// The messages for which a request was left without an answer: a second copy of them is ours.
struct Doubted<'a> {
    folder: &'a Folder,
    slices: Vec<&'a Slice>,
}

impl<'a> Doubted<'a> {
    fn new<W: World>(world: &W, place: &'a Place<'_>) -> Self {
        let slices = place.slices.iter().filter(|s| in_doubt(world, s)).chain(&place.former);
        Self { folder: &place.folder.record, slices: slices.copied().collect() }
    }

    fn contains(&self, key: &MessageKey) -> bool {
        let holds = |s: &&Slice| prefix_of(self.folder, s.epoch) == key.prefix && (s.first..=s.last).contains(&key.uid);
        self.slices.iter().any(holds)
    }
}

/// Tells whether a request for the slice was ever left without an answer. In a pass that was given up, a slice may be as
/// a holder left it that is gone.
fn in_doubt<W: World>(world: &W, slice: &Slice) -> bool {
    slice.doubted || effects_until(slice, world.times()).is_some()
}

/// Finds which of the absent messages the user has moved to other folders.
async fn moved<W: World, D: Destination>(
    world: &W,
    lane: &mut Versioned<Lane>,
    destination: &D,
    absent: &BTreeMap<MessageKey, (Option<String>, u64)>,
) -> Result<BTreeSet<MessageKey>, Trouble> {
    let mut moved = BTreeSet::new();
    if !destination.features().find_by_key {
        return Ok(moved);
    }
    let mut ranges: BTreeMap<KeyPrefix, Vec<UidRange>> = BTreeMap::new();
    for key in absent.keys() {
        ranges.entry(key.prefix).or_default().extend(UidRange::new(key.uid, key.uid));
    }
    for (prefix, mut ranges) in ranges {
        if let (true, Some(first), Some(last)) = (ranges.len() > ONE_BY_ONE, ranges.first(), ranges.last()) {
            ranges = UidRange::new(first.first(), last.last()).into_iter().collect();
        }
        for range in ranges {
            keep(world, lane).await?;
            let found = destination.find(prefix, range).await?;
            moved.extend(found.into_iter().filter_map(|i| i.key).filter(|key| absent.contains_key(key)));
        }
    }
    Ok(moved)
}

async fn troubled<W: World>(
    world: &W,
    lane: Versioned<Lane>,
    fault: Fault,
) -> Result<(Versioned<Lane>, Walk), ChunkError> {
    match fault.remedy {
        Remedy::RetryAfter(wait) => {
            let next = trouble(world, &fault, wait, lane.record.idle_chunks);
            Ok((lane, Walk::More(next)))
        }
        Remedy::SkipMessage | Remedy::GiveUp => {
            stall(world, lane.clone(), fault).await?;
            Ok((lane, Walk::Closed))
        }
    }
}

/// Ends the pass over the account.
async fn finish<W: World>(
    world: &W,
    migration: &Migration,
    mut lane: Versioned<Lane>,
    found: (u64, u64),
    refused: u64,
) -> Result<(Versioned<Lane>, Walk), ChunkError> {
    let counters = counters(world, &lane.record).await?;
    commit::write_account(world, &mut lane, |account, lane| {
        let missing = lane.counters.failed;
        lane::hand_over(lane, world, &Next::Ended, true);
        account.pass.counters = counters;
        // Less than was planned when a folder was numbered anew under way.
        (account.pass.found, account.pass.found_bytes) = found;
        account.pass.ended = Some(world.now());
        let unaccounted = account.pass.found.saturating_sub(counters.accounted());
        let well = counters.failed + refused == 0 && missing == 0 && unaccounted == 0;
        let event = match well {
            _ if given_up(migration) => AccountEvent::Cancel,
            true => AccountEvent::Finish,
            false => AccountEvent::FinishWithErrors,
        };
        if !given_up(migration) {
            account.grade = Some(grade(counters.failed + counters.skipped + refused, missing + unaccounted));
        }
        account.state = account.state.apply(event)?;
        Ok(Vec::new())
    })
    .await?;
    admission::release(world, &migration.id, lane.record.account).await?;
    Ok((lane, Walk::Closed))
}

/// Tells whether the pass was given up: it is verified only so that nothing of it stays twice.
fn given_up(migration: &Migration) -> bool {
    migration.state == MigrationState::Cancelling
}

fn grade(exceptions: u64, missing: u64) -> Grade {
    if missing > 0 {
        Grade::Missing
    } else if exceptions > 0 {
        Grade::CompleteWithExceptions
    } else {
        Grade::Complete
    }
}

/// Adds up what the lanes of a pass counted.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn counters<W: World>(world: &W, lane: &Lane) -> Result<Counters, LedgerError> {
    let partition = keys::account_partition(&lane.migration, lane.account);
    let lanes = ledger::all::<Lane>(world.table(), &partition, "L#").await?;
    let mut sum = Counters::default();
    for lane in lanes.into_iter().map(|l| l.record).filter(|l| l.pass == lane.pass) {
        if matches!(lane.kind, LaneKind::Copy | LaneKind::Plan) {
            sum += lane.counters;
        }
    }
    Ok(sum)
}

/// Ends the lane because of a pause or cancellation; the account goes on when the migration does.
///
/// # Errors
/// [`CommitError`] of the table.
pub async fn stop<W: World>(world: &W, lane: Versioned<Lane>) -> Result<(), CommitError> {
    leave(world, lane, AccountEvent::Queue, None).await
}

/// Ends the lane because a person must act.
///
/// # Errors
/// [`CommitError`] of the table.
pub async fn stall<W: World>(world: &W, lane: Versioned<Lane>, fault: Fault) -> Result<(), CommitError> {
    leave(world, lane, AccountEvent::Stall, Some(fault)).await
}

async fn leave<W: World>(
    world: &W,
    mut held: Versioned<Lane>,
    event: AccountEvent,
    fault: Option<Fault>,
) -> Result<(), CommitError> {
    let (id, pass) = (held.record.migration.clone(), held.record.pass);
    let migration = ledger::get::<Migration>(world.table(), &keys::migration(&id)).await?.record;
    let given_up = given_up(&migration);
    let letter = fault.as_ref().filter(|_| !given_up).map(|fault| {
        let detail = format!("{}:{}", held.record.account.0, fault.code);
        outbox::letter(world, &id, MailEvent::Attention, pass, &detail)
    });
    let account = commit::write_account(world, &mut held, |account, lane| {
        lane::hand_over(lane, world, &Next::Ended, true);
        if account.state == AccountState::Verifying {
            account.state = account.state.apply(if given_up { AccountEvent::Cancel } else { event })?;
            account.pass.ended = account.pass.ended.or(given_up.then(|| world.now()));
        }
        if let Some(fault) = &fault {
            (account.error_code, account.error) = (fault.code.to_string(), fault.message.clone());
        }
        Ok(letter.as_ref().map(outbox::write_of).transpose()?.into_iter().collect())
    })
    .await?;
    if let Some(letter) = &letter {
        outbox::send(world, letter).await;
    }
    Ok(admission::release(world, &id, account.no).await?)
}
