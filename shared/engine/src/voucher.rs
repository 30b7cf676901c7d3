//! Vouchers: made out and taken back by the operator, redeemed in the transaction that starts a pass.

use crate::ledger::{self, LedgerError};
use crate::world::World;
use mailcrane_core::Timestamp;
use mailcrane_core::id::AccountNo;
use mailcrane_core::ports::table::{Expect, Write};
use mailcrane_core::record::{Account, ListedVoucher, Migration, PassKind, Right, Versioned, Voucher, keys};
use std::collections::BTreeMap;

/// What the operator makes out.
#[derive(Debug, Clone)]
pub struct NewVoucher {
    /// The name that lists show; names that sort by time keep the list in order.
    pub id: String,
    /// The hash of its code.
    pub hash: String,
    /// What the code is made of, together with a secret that is not kept here.
    pub salt: String,
    /// A note of the operator.
    pub note: String,
    /// For how many mailboxes.
    pub mailboxes: u32,
    /// Until when.
    pub expires: Option<Timestamp>,
}

/// Makes out a voucher. Again under the same id it returns what was made out the first time, with its salt.
///
/// # Errors
/// [`LedgerError`]; nothing was made out then, or it is listed.
pub async fn issue<W: World>(world: &W, new: NewVoucher) -> Result<(Voucher, String), LedgerError> {
    if let Some(known) = listed(world, &new.id).await? {
        return Ok(known);
    }
    let voucher = Voucher {
        v: 1,
        id: new.id,
        note: new.note,
        mailboxes: new.mailboxes,
        used: 0,
        created: world.now(),
        expires: new.expires,
        revoked: None,
    };
    let entry = Versioned::fresh(
        keys::listed_voucher(&voucher.id),
        ListedVoucher { v: 1, hash: new.hash.clone(), salt: new.salt.clone() },
    );
    let stored = Versioned::fresh(keys::voucher(&new.hash), voucher);
    let writes = vec![ledger::write_of(&stored)?, ledger::write_of(&entry)?];
    match ledger::transact(world.table(), &format!("voucher{}", stored.record.id), writes).await {
        Ok(()) => Ok((stored.record, new.salt)),
        // The answer may have been lost, and the voucher made out.
        Err(error) => listed(world, &stored.record.id).await?.ok_or_else(|| error.into()),
    }
}

/// Finds a voucher by its name, with the salt of its code.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn listed<W: World>(world: &W, id: &str) -> Result<Option<(Voucher, String)>, LedgerError> {
    let listed = ledger::find::<ListedVoucher>(world.table(), &keys::listed_voucher(id)).await?;
    let Some(ListedVoucher { hash, salt, .. }) = listed.map(|listed| listed.record) else { return Ok(None) };
    Ok(find(world, &hash).await?.map(|voucher| (voucher, salt)))
}

/// Takes a voucher back: nothing more is redeemed with it; what was, goes on.
///
/// # Errors
/// [`LedgerError::Missing`] when there is none of that name.
pub async fn revoke<W: World>(world: &W, id: &str) -> Result<Voucher, LedgerError> {
    let listed = ledger::get::<ListedVoucher>(world.table(), &keys::listed_voucher(id)).await?.record;
    let (key, now) = (keys::voucher(&listed.hash), world.now());
    let revoked = ledger::update::<Voucher>(world.table(), &key, |voucher| {
        voucher.revoked.get_or_insert(now);
        Ok(ledger::Change::Write)
    });
    Ok(revoked.await?.record)
}

/// Finds a voucher by the hash of its code.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn find<W: World>(world: &W, hash: &str) -> Result<Option<Voucher>, LedgerError> {
    Ok(ledger::find::<Voucher>(world.table(), &keys::voucher(hash)).await?.map(|found| found.record))
}

/// Tells whether a pass of that kind must be paid for: the operator's are free, and so is a trial.
#[must_use]
pub fn is_due(migration: &Migration, kind: PassKind) -> bool {
    !migration.by_operator && kind != PassKind::Trial
}

/// Returns the accounts that a pass would copy and that were not redeemed yet.
///
/// # Errors
/// [`LedgerError`] of the table.
pub async fn unpaid<W: World>(world: &W, migration: &Migration) -> Result<Vec<AccountNo>, LedgerError> {
    let mut unpaid = Vec::new();
    for bucket in 0..migration.accounts.div_ceil(250) {
        let partition = keys::bucket(&migration.id, bucket);
        for account in ledger::all::<Account>(world.table(), &partition, "A#").await? {
            let account = account.record;
            if account.no.0 < migration.accounts && account.selected && !migration.right.covers(account.no) {
                unpaid.push(account.no);
            }
        }
    }
    Ok(unpaid)
}

/// Why a voucher was not redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Short {
    /// There is no such voucher, or it is not valid any more.
    Unknown,
    /// It has too few mailboxes left.
    Left {
        /// So many.
        left: u32,
        /// So many are needed.
        needed: u32,
    },
}

/// Returns the writes by which vouchers follow from what a migration had redeemed before and has redeemed now: they
/// belong into the transaction that changes the migration.
///
/// # Errors
/// [`LedgerError`] of the table; the inner refusal when a voucher does not reach.
pub async fn settle<W: World>(
    world: &W,
    before: &Right,
    after: &Right,
) -> Result<Result<Vec<Write>, Short>, LedgerError> {
    let mut change: BTreeMap<&str, i64> = BTreeMap::new();
    for (right, sign) in [(before, -1), (after, 1)] {
        for payment in &right.payments {
            *change.entry(&payment.voucher).or_default() += sign * i64::from(payment.count());
        }
    }
    let mut writes = Vec::new();
    for (hash, by) in change.into_iter().filter(|(_, by)| *by != 0) {
        let Some(mut voucher) = ledger::find::<Voucher>(world.table(), &keys::voucher(hash)).await? else {
            return Ok(Err(Short::Unknown));
        };
        let (left, size) = (voucher.record.left(world.now()), u32::try_from(by.unsigned_abs()).unwrap_or(u32::MAX));
        if by < 0 {
            voucher.record.used = voucher.record.used.saturating_sub(size);
        } else if left == 0 {
            return Ok(Err(Short::Unknown));
        } else if left < size {
            return Ok(Err(Short::Left { left, needed: size }));
        } else {
            voucher.record.used = voucher.record.used.saturating_add(size);
        }
        writes.push(Write::Put(voucher.next_item()?, Expect::Version(voucher.version)));
    }
    Ok(Ok(writes))
}

#[cfg(test)]
mod tests;
