//! Vouchers: how many mailboxes their bearer may have moved, and what a migration has taken from them.

use super::Record;
use crate::id::AccountNo;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A voucher; the code itself is kept nowhere, its hash is the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voucher {
    /// The version of this form, 1.
    pub v: u8,
    /// The name that lists show; it opens nothing.
    pub id: String,
    /// A note of the operator.
    #[serde(default)]
    pub note: String,
    /// For how many mailboxes it was made out.
    pub mailboxes: u32,
    /// How many of them were redeemed.
    #[serde(default)]
    pub used: u32,
    /// When it was made out.
    pub created: Timestamp,
    /// Until when it may be redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When the operator took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

impl Record for Voucher {}

impl Voucher {
    /// Returns how many mailboxes may still be redeemed; none once it has expired or was taken back.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> u32 {
        let valid = self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires);
        if valid { self.mailboxes.saturating_sub(self.used) } else { 0 }
    }
}

/// What the operator's list keeps of a voucher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedVoucher {
    /// The version of this form, 1.
    pub v: u8,
    /// The hash of its code.
    pub hash: String,
    /// What its code is made of, together with the operator key: a repeated request is told the same code again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub salt: String,
}

impl Record for ListedVoucher {}

/// Accounts that were redeemed with one voucher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The hash of the voucher's code.
    pub voucher: String,
    /// The accounts, as ranges from the first to the last of each.
    pub accounts: Vec<(u32, u32)>,
}

impl Payment {
    /// Returns how many accounts it is for.
    #[must_use]
    pub fn count(&self) -> u32 {
        let sizes = self.accounts.iter().map(|(first, last)| last.saturating_sub(*first).saturating_add(1));
        sizes.fold(0, u32::saturating_add)
    }
}

/// What entitles a migration that the operator did not create.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Right {
    /// Whether an address must be confirmed before anything is signed in to.
    pub unconfirmed: bool,
    /// The hash of the voucher that it was created with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered: Option<String>,
    /// What was redeemed for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<Payment>,
}

impl Right {
    /// Tells whether the account was redeemed.
    #[must_use]
    pub fn covers(&self, no: AccountNo) -> bool {
        let ranges = self.payments.iter().flat_map(|payment| &payment.accounts);
        ranges.into_iter().any(|(first, last)| (*first..=*last).contains(&no.0))
    }

    /// Notes that accounts, in their order, were redeemed with a voucher.
    pub fn pay(&mut self, voucher: &str, accounts: &[AccountNo]) {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for no in accounts {
            match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(no.0) => *last = no.0,
                _ => ranges.push((no.0, no.0)),
            }
        }
        if !ranges.is_empty() {
            self.payments.push(Payment { voucher: voucher.to_owned(), accounts: ranges });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voucher() -> Voucher {
        Voucher {
            v: 1,
            id: "a".into(),
            note: String::new(),
            mailboxes: 3,
            used: 1,
            created: Timestamp::UNIX_EPOCH,
            expires: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            revoked: None,
        }
    }

    #[test]
    fn an_expired_or_revoked_voucher_has_nothing_left() {
        let (before, after) = ("2025-12-31T23:59:59Z".parse().unwrap(), "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!((voucher().left(before), voucher().left(after)), (2, 0));
        assert_eq!(Voucher { revoked: Some(before), ..voucher() }.left(before), 0);
        assert_eq!(Voucher { used: 9, ..voucher() }.left(before), 0);
    }

    #[test]
    fn redeemed_accounts_are_kept_as_ranges() {
        let mut right = Right::default();
        right.pay("hash", &[0, 1, 2, 7, 9, 10].map(AccountNo));
        assert_eq!(right.payments[0].accounts, [(0, 2), (7, 7), (9, 10)]);
        assert_eq!(right.payments[0].count(), 6);
        assert!(right.covers(AccountNo(1)) && right.covers(AccountNo(7)) && !right.covers(AccountNo(8)));
        right.pay("hash", &[]);
        assert_eq!(right.payments.len(), 1);
    }
}
