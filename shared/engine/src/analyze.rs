//! Analysis: counts and sizes what a source holds, folder by folder, without reading a body. Whoever runs it rolls the
//! migration up afterwards, now and then: counting reads every account.

mod cursor;
mod speed;

use crate::chunk::{ChunkError, Walk, trouble};
use crate::copy::commit;
use crate::lane::{self, Next};
use crate::plan::listings;
use crate::plan::mapping::{self, Fate};
use crate::world::{World, until};
use cursor::Cursor;
use mailcrane_core::fault::Remedy;
use mailcrane_core::folder::{Role, SourceFolder, WireName};
use mailcrane_core::message::ScanRow;
use mailcrane_core::ports::destination::Destination;
use mailcrane_core::ports::ends::Ends;
use mailcrane_core::ports::source::{Examined, Filing, ScanDepth, Source};
use mailcrane_core::ports::table::{Expect, Write};
use mailcrane_core::record::{Account, Analysis, Check, CheckState, Lane, Migration, Outline, Versioned, keys};
use mailcrane_core::state::{AccountEvent, AccountState};
use mailcrane_core::uid::{Uid, UidRange, UidSet};
use mailcrane_core::{Fault, Timestamp};

/// How far a trial goes back: 10 days.
pub const TRIAL: jiff::SignedDuration = jiff::SignedDuration::from_hours(10 * 24);

/// Analyzes from the lane's cursor on.
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
    if account.state != AccountState::Analyzing {
        // Started meanwhile, or changed: nobody waits for the numbers.
        return Ok((lane, Walk::Finished));
    }
    let (begun, before) = (world.now(), lane.record.cursor.clone());
    match walk(world, ends, migration, account, &mut lane, stop_at).await {
        Ok(complete) => {
            let took = milliseconds(begun, world.now());
            let finished = commit::write_account(world, &mut lane, |account, lane| {
                account.analysis.milliseconds += took;
                if complete {
                    lane::hand_over(lane, world, &Next::Ended, true);
                    account.analysis.complete = true;
                    if account.state == AccountState::Analyzing {
                        account.state = account.state.apply(AccountEvent::Analyzed)?;
                    }
                }
                Ok(Vec::new())
            })
            .await?;
            if complete {
                tracing::info!(
                    account.no = finished.no.0,
                    messages = finished.analysis.messages,
                    "An account was analyzed"
                );
                return Ok((lane, Walk::Closed));
            }
            Ok((lane, Walk::More(Next::time())))
        }
        Err(Trouble::Commit(error)) => Err(error.into()),
        Err(Trouble::End(fault)) => {
            if lane.record.cursor != before {
                // A source that breaks off every few listings is slow, not stuck.
                lane.record.idle_chunks = 0;
            }
            match fault.remedy {
                Remedy::RetryAfter(wait) if lane.record.idle_chunks < world.sizes().idle_chunks => {
                    let next = trouble(world, &fault, wait, lane.record.idle_chunks);
                    Ok((lane, Walk::More(next)))
                }
                _ => {
                    refused(world, &mut lane, &fault).await?;
                    Ok((lane, Walk::Closed))
                }
            }
        }
    }
}

enum Trouble {
    End(Fault),
    Commit(commit::CommitError),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::End(fault)
    }
}

/// Walks the folders; `true` when all were counted.
///
/// A folder is listed so many UIDs at a time, and what a listing counted is recorded at once: a folder of millions needs
/// the memory of one listing, and the next chunk goes on within it.
async fn walk<W: World, E: Ends>(
    world: &W,
    ends: &E,
    migration: &Migration,
    account: &Account,
    lane: &mut Versioned<Lane>,
    stop_at: Timestamp,
) -> Result<bool, Trouble> {
    let mut source = ends.source(migration, account).await?;
    let destination = ends.destination(migration, account).await?;
    let asked = world.now();
    let items: u64 = destination.folders().await?.iter().filter_map(|f| f.items).sum();
    let request_milliseconds = milliseconds(asked, world.now()).max(1);
    let count = Count {
        too_large: destination.features().max_message,
        recent: world.now().checked_sub(TRIAL).unwrap_or(Timestamp::MIN),
    };
    let mut sample: Option<(WireName, Vec<Uid>)> = None;
    let mut folders = source.folders().await?;
    mapping::arrange(&mut folders);
    let filing = source.filing();
    let fates = mapping::map(&folders, &migration.options, filing);
    let counted = counted(&folders, &fates, filing);
    let (begin, mut after) = Cursor::read(&lane.record.cursor).find(&folders);
    let mut outline = (begin == 0 && after.is_none()).then(|| outline(migration, account, &folders, filing));
    let mut moved = false;
    for (at, (folder, fate)) in folders.iter().zip(&fates).enumerate().skip(begin) {
        let after = after.take();
        if moved && world.now() >= stop_at {
            return Ok(false);
        }
        if !matches!(fate, Fate::Copy(_)) || !folder.selectable {
            continue;
        }
        let counts = counted.is_none_or(|roles| folder.role.is_some_and(|role| roles.contains(&role)));
        let (mut ranges, mut found) = match source.examine(&folder.wire).await {
            Ok(examined) => {
                let found = Analysis { folders: 1, ..Analysis::default() };
                let all = if counts { uncounted(examined, after, world.sizes().scan_step) } else { Vec::new() };
                (all.into_iter().peekable(), found)
            }
            Err(fault) if fault.code == "source.folder_gone" || fault.code == "source.folder_refused" => {
                (Vec::new().into_iter().peekable(), Analysis::default())
            }
            Err(fault) => return Err(fault.into()),
        };
        loop {
            let range = ranges.next();
            if let Some(range) = range {
                if moved && world.now() >= stop_at {
                    return Ok(false);
                }
                commit::keep(world, lane).await.map_err(Trouble::Commit)?;
                let messages = source.scan(range, ScanDepth::Plain).await?;
                if sample.is_none() && !messages.is_empty() {
                    sample = Some((folder.wire.clone(), speed::sample_of(&messages)));
                }
                count.add(&mut found, &messages);
            }
            let cursor = match (range, ranges.peek()) {
                (Some(range), Some(_)) => Cursor::behind(range.last(), at, folder),
                _ => Cursor::before(at + 1),
            };
            let whole = ranges.peek().is_none();
            let noted = outline.take();
            let write = commit::write_account(world, lane, |account, lane| {
                lane.cursor = cursor.to_string();
                lane::hold(lane, world);
                let sum = &mut account.analysis;
                sum.folders += if whole { found.folders } else { 0 };
                sum.messages += found.messages;
                sum.bytes += found.bytes;
                sum.recent_messages += found.recent_messages;
                sum.recent_bytes += found.recent_bytes;
                sum.too_large += found.too_large;
                sum.destination_items = items;
                sum.speeds.request_milliseconds = request_milliseconds;
                let write = |outline: &Versioned<Outline>| Ok(Write::Put(outline.next_item()?, Expect::Anything));
                noted.iter().map(write).collect()
            });
            write.await.map_err(Trouble::Commit)?;
            moved = true;
            if whole {
                break;
            }
            found = Analysis { folders: found.folders, ..Analysis::default() };
        }
    }
    let Some((folder, uids)) = sample else {
        source.close().await;
        return Ok(true);
    };
    if let Some(octets) = speed::measure(world, source, &folder, uids).await {
        let write = commit::write_account(world, lane, |account, _| {
            account.analysis.speeds.source_octets = octets;
            Ok(Vec::new())
        });
        write.await.map_err(Trouble::Commit)?;
    }
    Ok(true)
}

/// Returns the folders as they are kept for whoever asks where they will go.
fn outline(migration: &Migration, account: &Account, folders: &[SourceFolder], filing: Filing) -> Versioned<Outline> {
    Versioned::fresh(keys::outline(&migration.id, account.no), Outline::of(folders, filing))
}

/// Cuts what is not counted of a folder into listings.
fn uncounted(examined: Examined, after: Option<Uid>, step: u32) -> Vec<UidRange> {
    let last = Uid::new(examined.uidnext.get().saturating_sub(1)).filter(|_| examined.exists > 0);
    let first = after.map_or(Some(Uid::MIN), |uid| Uid::new(uid.get().saturating_add(1)));
    let Some(open) = first.zip(last).and_then(|(first, last)| UidRange::new(first, last)) else { return Vec::new() };
    listings(&UidSet::from(open), examined.exists, step)
}

/// How messages are counted.
struct Count {
    /// What the destination takes, in octets.
    too_large: u64,
    /// Since when a message is recent.
    recent: Timestamp,
}

impl Count {
    fn add(&self, found: &mut Analysis, messages: &[ScanRow]) {
        for message in messages {
            found.messages += 1;
            found.bytes += message.size;
            found.too_large += u64::from(message.size > self.too_large);
            if message.received.is_none_or(|received| received >= self.recent) {
                found.recent_messages += 1;
                found.recent_bytes += message.size;
            }
        }
    }
}

/// Returns the folders whose messages count, when not all do: where folders are labels, the one of all messages and
/// those that keep theirs to themselves name every message once.
fn counted(folders: &[SourceFolder], fates: &[Fate], filing: Filing) -> Option<&'static [Role]> {
    let copied = |(folder, fate): (&SourceFolder, &Fate)| {
        folder.role == Some(Role::All) && folder.selectable && matches!(fate, Fate::Copy(_))
    };
    let all = filing == Filing::Labels && folders.iter().zip(fates).any(copied);
    all.then_some(&[Role::All, Role::Trash, Role::Junk])
}

fn milliseconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(until(from, to).as_millis()).unwrap_or(u64::MAX)
}

/// An end refused in the middle of the analysis: the account's check has failed after all.
async fn refused<W: World>(world: &W, lane: &mut Versioned<Lane>, fault: &Fault) -> Result<(), ChunkError> {
    let check = Check {
        state: CheckState::Failed,
        code: fault.code.to_string(),
        message: fault.message.clone(),
        fingerprint: fault.fingerprint.clone(),
        at: Some(world.now()),
    };
    commit::write_account(world, lane, |account, lane| {
        lane::hand_over(lane, world, &Next::Ended, true);
        if account.state == AccountState::Analyzing {
            account.state = account.state.apply(AccountEvent::Refused)?;
            if fault.code.starts_with("destination") {
                account.destination_check.clone_from(&check);
            } else {
                account.source_check.clone_from(&check);
            }
        }
        Ok(Vec::new())
    })
    .await?;
    Ok(())
}
