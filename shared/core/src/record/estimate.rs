//! How long what is left will take.

use serde::{Deserialize, Serialize};

/// What decides how long it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bottleneck {
    /// How fast the source gives out mail.
    Source,
    /// How fast the destination takes mail.
    Destination,
    /// What the provider of the source lets be read in a day.
    ProviderBudget,
    /// How many accounts are copied at the same time.
    AccountsAtOnce,
}

/// An estimate: a range of seconds, and what decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// The least that is to be expected.
    pub seconds_low: u64,
    /// The most that is to be expected.
    pub seconds_high: u64,
    /// What decides it.
    pub bottleneck: Bottleneck,
}
