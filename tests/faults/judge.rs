//! The judge: compares source, destination and manifest, and believes no counter of the engine.

use crate::play::{ACCOUNT, Desktop};
use crate::source::{Fate, Letter, Shown, wire};
use crate::work_mail::Item;
use mailcrane_core::id::{MigrationId, PassNo};
use mailcrane_core::manifest::{Outcome, Row};
use mailcrane_core::record::{Account, Counters, Folder, Lane, LaneState, Slice, SliceState, keys};
use mailcrane_core::token::LaneKind;
use mailcrane_engine::{copy, ledger};
use std::collections::{BTreeMap, BTreeSet};
use tokio::runtime::Runtime;

/// How many findings of a kind are told.
const TOLD: usize = 5;

/// What was found wrong.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) lost: Vec<String>,
    pub(crate) duplicated: Vec<String>,
    pub(crate) altered: Vec<String>,
    /// The manifest does not account for a message, or does not add up.
    pub(crate) unaccounted: Vec<String>,
    /// It does not come to its end.
    pub(crate) unfinished: Vec<String>,
    /// The play itself panicked.
    pub(crate) panicked: Vec<String>,
}

impl Verdict {
    pub(crate) fn is_good(&self) -> bool {
        self.findings().is_empty()
    }

    pub(crate) fn findings(&self) -> Vec<String> {
        let kinds = [
            ("lost", &self.lost),
            ("duplicated", &self.duplicated),
            ("altered", &self.altered),
            ("unaccounted", &self.unaccounted),
            ("unfinished", &self.unfinished),
            ("panicked", &self.panicked),
        ];
        let told = |(kind, all): (&str, &Vec<String>)| {
            let mut told: Vec<_> = all.iter().take(TOLD).map(|what| format!("{kind}: {what}")).collect();
            told.extend((all.len() > TOLD).then(|| format!("{kind}: and {} more", all.len() - TOLD)));
            told
        };
        kinds.into_iter().flat_map(told).collect()
    }
}

/// What both ends show once everything is over.
pub(crate) struct Evidence {
    pub(crate) letters: Vec<Letter>,
    /// Whether the account was planned anew: a folder got another UIDVALIDITY, or another migration began.
    pub(crate) planned_anew: bool,
    /// Messages of the source by folder, and its UIDVALIDITY.
    pub(crate) shown: BTreeMap<String, (u32, Vec<Shown>)>,
    pub(crate) items: Vec<Item>,
    /// Items that were there before.
    pub(crate) foreign: BTreeSet<String>,
    /// Whether a calm delta came after the last change of the source.
    pub(crate) swept_up: bool,
}

/// Gives the verdict.
pub(crate) fn judge(runtime: &Runtime, person: &Desktop, id: &MigrationId, evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict::default();
    let books = runtime.block_on(Books::read(person, id));
    source(evidence, &mut verdict);
    destination(evidence, &books.failed(), &mut verdict);
    books.add_up(&mut verdict);
    books.account_for(evidence, &mut verdict);
    verdict
}

/// The source is as the schedule left it.
fn source(evidence: &Evidence, verdict: &mut Verdict) {
    let mut expected: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for letter in evidence.letters.iter().filter(|l| l.fate != Fate::Expunged) {
        *expected.entry((&letter.folder, &letter.digest)).or_default() += 1;
    }
    let mut found: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (folder, (_, messages)) in &evidence.shown {
        for message in messages {
            *found.entry((folder, &message.digest)).or_default() += 1;
        }
    }
    if expected != found {
        verdict.altered.push("the source is not as it was left".to_owned());
    }
}

/// Every message is there as often as it should be, none that the source never had.
fn destination(evidence: &Evidence, failed: &BTreeSet<String>, verdict: &mut Verdict) {
    let items: Vec<&Item> = evidence.items.iter().filter(|i| !evidence.foreign.contains(&i.id)).collect();
    if evidence.items.len() - items.len() != evidence.foreign.len() {
        verdict.lost.push("an item that was at the destination before".to_owned());
    }
    let mut copies: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    let mut keys: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for item in items {
        copies.entry(&item.digest).or_default().push(item);
        match &item.key {
            Some(key) => keys.entry(key).or_default().push(item),
            None => verdict.unaccounted.push(format!("an item without our key: {item:?}")),
        }
    }
    for (key, items) in keys.iter().filter(|(_, items)| items.len() > 1) {
        verdict.duplicated.push(format!("{} items carry the key {key}: {:?}", items.len(), items[0].subject));
    }
    let mut letters: BTreeMap<&str, Vec<&Letter>> = BTreeMap::new();
    for letter in &evidence.letters {
        letters.entry(&letter.digest).or_default().push(letter);
    }
    for (digest, letters) in &letters {
        let copies = copies.remove(digest).unwrap_or_default();
        let (least, most) = bounds(letters, evidence, failed.contains(*digest));
        let what = || format!("{:?} x{} is there {} times", letters[0], letters.len(), copies.len());
        if copies.len() < least {
            verdict.lost.push(what());
        }
        if copies.len() > most {
            let where_ = copies.iter().map(|i| (&i.folder, &i.key)).collect::<Vec<_>>();
            verdict.duplicated.push(format!("{}: {where_:?}", what()));
        }
        if letters[0].fate == Fate::Stayed && least > 0 && copies.iter().all(|i| i.folder != place(&letters[0].folder))
        {
            verdict.unaccounted.push(format!("in another folder: {}", what()));
        }
    }
    for (_, items) in copies {
        verdict.altered.push(format!("the source never had {:?} in {:?}", items[0].subject, items[0].folder));
    }
}

/// How often a message must and may be at the destination.
fn bounds(letters: &[&Letter], evidence: &Evidence, failed: bool) -> (usize, usize) {
    let has = |fate| letters.iter().any(|l| l.fate == fate);
    let least = usize::from(has(Fate::Stayed) || (evidence.swept_up && (has(Fate::Arrived) || has(Fate::Moved))));
    // One that is moved during a pass may be met in both folders. Twins are both copied, as the source has both, when
    // the digest of the first is not known: it failed, or was stored but not recorded before all was planned anew.
    let both = failed || evidence.planned_anew;
    let most = if has(Fate::Moved) {
        2
    } else if both {
        letters.len()
    } else {
        1
    };
    (least, most)
}

/// Where a folder's messages come to.
fn place(folder: &str) -> String {
    match folder {
        "" => "Inbox".to_owned(),
        ".Sent" => "Sent Items".to_owned(),
        other => other.trim_start_matches('.').replace('.', "/"),
    }
}

/// What the table says.
struct Books {
    account: Account,
    lanes: Vec<Lane>,
    folders: Vec<Folder>,
    /// The slices of every pass that count, with their rows.
    slices: Vec<(Slice, Vec<Row>)>,
}

impl Books {
    async fn read(person: &Desktop, id: &MigrationId) -> Self {
        let partition = keys::account_partition(id, ACCOUNT);
        let table = &person.table;
        let account = ledger::get::<Account>(table, &keys::account(id, ACCOUNT)).await.unwrap().record;
        let lanes = ledger::all::<Lane>(table, &partition, "L#").await.unwrap();
        let folders = ledger::all::<Folder>(table, &partition, "F#").await.unwrap();
        let mut slices = Vec::new();
        for pass in (1..=account.pass.no.0).map(PassNo) {
            for slice in ledger::all::<Slice>(table, &partition, &keys::slices(pass)).await.unwrap() {
                let counts = pass != account.pass.no || slice.record.no.0 < account.pass.slices;
                if counts {
                    let rows = copy::lease::rows(person, id, ACCOUNT, &slice.record).await.unwrap();
                    slices.push((slice.record, rows));
                }
            }
        }
        let record =
            |lanes: Vec<mailcrane_core::record::Versioned<Lane>>| lanes.into_iter().map(|l| l.record).collect();
        Self { account, lanes: record(lanes), folders: folders.into_iter().map(|f| f.record).collect(), slices }
    }

    /// The digests of messages that failed in some pass.
    fn failed(&self) -> BTreeSet<String> {
        let rows = self.slices.iter().flat_map(|(_, rows)| rows);
        rows.filter(|row| row.outcome == Outcome::Failed).filter_map(|row| Some(row.digest?.to_string())).collect()
    }

    /// Counters equal rows, in every slice, lane and account; nothing is open.
    fn add_up(&self, verdict: &mut Verdict) {
        let (pass, mut found, mut sum) = (self.account.pass.no, 0, Counters::default());
        for (slice, rows) in self.slices.iter().filter(|(slice, _)| slice.pass == pass) {
            let mut counted = Counters::default();
            rows.iter().for_each(|row| counted.count(row));
            let uids: BTreeSet<_> = rows.iter().map(|row| row.uid).collect();
            let good = slice.state == SliceState::Done && uids.len() == rows.len();
            if !good || counted != slice.counters || slice.found != rows.len() as u64 {
                verdict.unaccounted.push(format!("{} rows, counted {counted:?}, of {slice:?}", rows.len()));
            }
            (found, sum) = (found + slice.found, add(sum, counted));
        }
        let lanes = self.lanes.iter().filter(|l| l.pass == pass && matches!(l.kind, LaneKind::Plan | LaneKind::Copy));
        let lanes = lanes.fold(Counters::default(), |sum, lane| add(sum, lane.counters));
        if lanes != sum || self.account.pass.counters != sum || self.account.pass.found != found {
            let account = &self.account.pass;
            verdict.unaccounted.push(format!(
                "rows {sum:?}, lanes {lanes:?}, account {:?}; slices {found}, found {}",
                account.counters, account.found
            ));
        }
        if let Some(lane) = self.lanes.iter().find(|l| l.state != LaneState::Ended) {
            verdict.unaccounted.push(format!("a lane has not ended: {lane:?}"));
        }
    }

    /// Every message that stayed has an outcome under its UID, and a copy that was named is the message.
    fn account_for(&self, evidence: &Evidence, verdict: &mut Verdict) {
        let stayed: BTreeSet<&str> =
            evidence.letters.iter().filter(|l| l.fate == Fate::Stayed).map(|l| l.digest.as_str()).collect();
        let items: BTreeMap<&str, &str> = evidence.items.iter().map(|i| (i.id.as_str(), i.digest.as_str())).collect();
        for (name, (validity, messages)) in &evidence.shown {
            let wire = mailcrane_core::folder::WireName::from(wire(name).as_str());
            let Some(folder) = self.folders.iter().find(|f| f.wire == wire) else {
                verdict.unaccounted.push(format!("the folder {name:?} is not known"));
                continue;
            };
            if folder.uidvalidity.0 != *validity {
                // Numbered anew after the last pass: its UIDs are others.
                continue;
            }
            let rows = self.slices.iter().filter(|(s, _)| s.folder == folder.no && s.epoch == folder.epoch);
            let rows: BTreeMap<u32, &Row> = rows.flat_map(|(_, rows)| rows).map(|r| (r.uid.get(), r)).collect();
            for message in messages.iter().filter(|m| stayed.contains(m.digest.as_str())) {
                let wrong = match rows.get(&message.uid) {
                    None => Some("has no row".to_owned()),
                    Some(row) => misstated(row, message, &items),
                };
                if let Some(wrong) = wrong {
                    verdict.unaccounted.push(format!("UID {} of {name:?} {wrong}", message.uid));
                }
            }
        }
    }
}

/// Says what is wrong with the row of a message that is there.
fn misstated(row: &Row, message: &Shown, items: &BTreeMap<&str, &str>) -> Option<String> {
    let digest = row.digest.map(|d| d.to_string());
    if digest.is_some_and(|digest| digest != message.digest) {
        return Some(format!("has the digest of another message: {row:?}"));
    }
    match (row.outcome, &row.item) {
        (Outcome::Copied, Some(item)) if items.get(item.0.as_str()) == Some(&message.digest.as_str()) => None,
        (Outcome::Copied, _) => Some(format!("is not where its row says: {row:?}")),
        (Outcome::Duplicate, _) => None,
        _ => Some(format!("was not copied: {row:?}")),
    }
}

fn add(mut sum: Counters, more: Counters) -> Counters {
    sum += more;
    sum
}

pub(crate) fn lanes(runtime: &Runtime, person: &Desktop, id: &MigrationId) -> Vec<Lane> {
    let partition = keys::account_partition(id, ACCOUNT);
    let lanes = runtime.block_on(ledger::all::<Lane>(&person.table, &partition, "L#")).unwrap();
    lanes.into_iter().map(|l| l.record).collect()
}
