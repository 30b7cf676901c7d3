//! The table as records: read, changed on condition that nobody else was faster.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mailcrane_core::Fault;
use mailcrane_core::ports::table::{Expect, Item, Key, Table, TableError, Write};
use mailcrane_core::record::{MalformedRecord, Record, Versioned};
use mailcrane_core::state::Illegal;
use std::time::Duration;

/// How often a change is tried again when other writers are faster.
const TRIES: usize = 30;

/// How many records are read at the same time.
const AT_ONCE: usize = 16;

/// Why a record could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The table failed; a conflict means that another writer was faster.
    #[error(transparent)]
    Table(#[from] TableError),
    /// What is stored is not what it should be.
    #[error(transparent)]
    Malformed(#[from] MalformedRecord),
    /// There is no such record.
    #[error("there is no such record")]
    Missing,
    /// The state does not allow the change.
    #[error(transparent)]
    Illegal(#[from] Illegal),
}

impl LedgerError {
    /// Tells whether another writer was faster, so that nothing was written.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Table(TableError::Conflict))
    }
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        let text = "the table could not be read or written; the same is tried again";
        Self::retry(Duration::from_secs(2), "table.unavailable", text).because(error)
    }
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The record is to be written.
    Write,
    /// The record stays as it is.
    Nothing,
}

/// Reads a record, nothing when there is none.
///
/// # Errors
/// [`LedgerError::Table`] and [`LedgerError::Malformed`].
pub async fn find<R: Record>(table: &impl Table, key: &Key) -> Result<Option<Versioned<R>>, LedgerError> {
    let item = table.get(key).await?;
    Ok(item.as_ref().map(Versioned::of).transpose()?)
}

/// Reads the records of some keys, several at the same time and in their order; those that are not there are left out.
///
/// # Errors
/// As [`find`].
pub async fn find_each<R: Record>(
    table: &impl Table,
    keys: impl IntoIterator<Item = Key>,
) -> Result<Vec<R>, LedgerError> {
    let reads = keys.into_iter().map(|key| async move { find::<R>(table, &key).await });
    let found: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().map(|found| found.record).collect())
}

/// Reads a record that must be there.
///
/// # Errors
/// [`LedgerError::Missing`] when it is not there, else as [`find`].
pub async fn get<R: Record>(table: &impl Table, key: &Key) -> Result<Versioned<R>, LedgerError> {
    find(table, key).await?.ok_or(LedgerError::Missing)
}

/// Returns the write that stores the record over the version that was read (or as the first one).
///
/// # Errors
/// [`LedgerError::Malformed`] when it cannot be written as JSON.
pub fn write_of<R: Record>(versioned: &Versioned<R>) -> Result<Write, LedgerError> {
    let expect = if versioned.version == 0 { Expect::Absent } else { Expect::Version(versioned.version) };
    Ok(Write::Put(versioned.next_item()?, expect))
}

/// Stores the record over the version that was read; afterwards it has the next version.
///
/// # Errors
/// A conflict when another writer was faster; [`TableError::Unknown`] when it is open whether it was stored.
pub async fn put<R: Record>(table: &impl Table, versioned: &mut Versioned<R>) -> Result<(), LedgerError> {
    table.write(write_of(versioned)?).await?;
    versioned.version += 1;
    Ok(())
}

/// Stores a new record; `false` when there was one already, which stays.
///
/// # Errors
/// As [`put`], but for the conflict.
pub async fn create<R: Record>(table: &impl Table, key: Key, record: R) -> Result<bool, LedgerError> {
    match put(table, &mut Versioned::fresh(key, record)).await {
        Err(error) if error.is_conflict() => Ok(false),
        other => other.map(|()| true),
    }
}

/// Changes a record, reading it again whenever another writer was faster. The change may run several times.
///
/// # Errors
/// What the change refuses with; [`LedgerError::Missing`]; a conflict after many tries.
pub async fn update<R: Record>(
    table: &impl Table,
    key: &Key,
    mut change: impl FnMut(&mut R) -> Result<Change, LedgerError> + Send,
) -> Result<Versioned<R>, LedgerError> {
    let mut last = LedgerError::Missing;
    for _ in 0..TRIES {
        let mut versioned = get::<R>(table, key).await?;
        if change(&mut versioned.record)? == Change::Nothing {
            return Ok(versioned);
        }
        match put(table, &mut versioned).await {
            Ok(()) => return Ok(versioned),
            Err(error) if error.is_conflict() => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Changes a record together with what belongs to it, in one transaction; nothing is written when the change gives
/// nothing. The change may run several times.
///
/// # Errors
/// As [`update`].
pub async fn update_with<R: Record>(
    table: &impl Table,
    key: &Key,
    mut change: impl FnMut(&mut R) -> Result<Option<Vec<Write>>, LedgerError> + Send,
) -> Result<Versioned<R>, LedgerError> {
    let mut last = LedgerError::Missing;
    for _ in 0..TRIES {
        let mut versioned = get::<R>(table, key).await?;
        let Some(mut writes) = change(&mut versioned.record)? else { return Ok(versioned) };
        writes.push(write_of(&versioned)?);
        match transact(table, &format!("{}{}{}", key.pk, key.sk, versioned.version), writes).await {
            Ok(()) => {
                versioned.version += 1;
                return Ok(versioned);
            }
            Err(error @ TableError::Conflict) => last = error.into(),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last)
}

/// Reads one page of records; the second value is where the next page goes on.
///
/// # Errors
/// [`LedgerError::Table`] and [`LedgerError::Malformed`].
pub async fn page<R: Record>(
    table: &impl Table,
    pk: &str,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<Versioned<R>>, Option<String>), LedgerError> {
    let page = table.query(pk, prefix, after, limit).await?;
    let records = page.items.iter().map(Versioned::of).collect::<Result<_, _>>()?;
    Ok((records, page.next))
}

/// Reads every record with the prefix, page by page. Only for what is small by nature (lanes, folders).
///
/// # Errors
/// [`LedgerError::Table`] and [`LedgerError::Malformed`].
pub async fn all<R: Record>(table: &impl Table, pk: &str, prefix: &str) -> Result<Vec<Versioned<R>>, LedgerError> {
    let mut records = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let (found, next) = page(table, pk, prefix, after.as_deref(), 500).await?;
        records.extend(found);
        match next {
            Some(next) => after = Some(next),
            None => return Ok(records),
        }
    }
}

/// Makes all writes or none, under a token that stands for these writes alone: who proposes others over the same
/// versions meets a conflict, not the writes of somebody else.
///
/// # Errors
/// As [`Table::transact`].
pub async fn transact(table: &impl Table, name: &str, writes: Vec<Write>) -> Result<(), TableError> {
    let token = format!("{name}{:016x}", mailcrane_core::digest::short(&[format!("{writes:?}").as_bytes()]));
    table.transact(&token, writes).await
}

/// Returns the item of a packed page.
#[must_use]
pub fn packed(key: Key, octets: Vec<u8>) -> Item {
    Item { key, version: 1, body: mailcrane_core::ports::table::Body::Packed(octets), due: None, expires: None }
}
