//! A rule: which requests it strikes, how often, and what then happens.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::random::Random;

/// What kind of trouble a rule makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// One item answers an error.
    Item,
    /// Every item answers an error.
    Batch,
    /// One item answers an error, what follows is not tried.
    Stop,
    /// The request answers a fault.
    Fault,
    /// No SOAP at all.
    Http,
    /// The connection is closed.
    Close,
    /// The connection is closed, the effect comes later.
    Late,
    /// The answer comes late.
    Hang,
    /// Only the first items take effect, then the connection is closed.
    Partial,
    /// Rows or items are doubled.
    Duplicate,
}

/// When a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Before the request is read.
    Unread,
    /// After reading, without effect.
    Before,
    /// After the effect, without an answer.
    Lost,
    /// After half of the answer.
    Within,
    /// After the whole answer.
    After,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Operations {
    One(String),
    Many(Vec<String>),
}

/// A rule as given through the control API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    #[serde(skip_serializing_if = "Option::is_none")]
    mailbox: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<Operations>,
    /// Kind of trouble.
    pub level: Level,
    /// Response code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Back-off told with it, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_off_ms: Option<u64>,
    /// Text told with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default = "always")]
    probability: f64,
    #[serde(default)]
    skip: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// The effect takes place although the answer says otherwise; what is usual depends on the level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<bool>,
    /// HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `html`, `empty`, `text` or `garbage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Value of a Retry-After header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// When the connection is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
    /// How many items take effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<usize>,
    /// The fault's envelope has no Header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_header: Option<bool>,
}

fn always() -> f64 {
    1.0
}

impl Rule {
    /// Says what a rule of this level lacks.
    pub fn check(&self) -> Result<(), String> {
        let missing = match self.level {
            Level::Item | Level::Batch | Level::Stop | Level::Fault if self.code.is_none() => "code",
            Level::Http if self.status.is_none() && self.code.is_none() => "status",
            Level::Close if self.when.is_none() => "when",
            Level::Late | Level::Hang if self.after_ms.is_none() => "after_ms",
            Level::Partial if self.items.is_none() => "items",
            _ => return Ok(()),
        };
        Err(format!("a rule of level {:?} needs `{missing}`", self.level).to_lowercase())
    }
}

/// A rule with its chances so far.
#[derive(Debug)]
pub struct RuleState {
    /// Number of the rule.
    pub id: u64,
    /// The rule.
    pub rule: Rule,
    seen: u64,
    applied: u64,
    random: Random,
}

impl RuleState {
    pub(super) fn new(id: u64, rule: Rule, seed: u64) -> Self {
        let mut state = Self { id, rule, seen: 0, applied: 0, random: Random::new(seed) };
        state.reseed(seed);
        state
    }

    pub(super) fn reseed(&mut self, seed: u64) {
        self.random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(self.id));
    }

    pub(super) fn show(&self) -> Value {
        let mut value = serde_json::to_value(&self.rule).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.insert("id".to_owned(), json!(self.id));
            fields.insert("applied".to_owned(), json!(self.applied));
        }
        value
    }

    /// Says whether an operation is meant by name or by naming none.
    pub(super) fn concerns(&self, mailbox: &str, operation: &str) -> bool {
        let ours = match self.rule.mailbox.as_deref() {
            None | Some("all" | "*") => true,
            Some(address) => address.eq_ignore_ascii_case(mailbox),
        };
        ours && (self.rule.operation.is_none() || self.names(operation))
    }

    /// Says whether an operation is meant by name.
    pub(super) fn names(&self, operation: &str) -> bool {
        match &self.rule.operation {
            None => false,
            Some(Operations::One(name)) => name == operation || name == "*",
            Some(Operations::Many(list)) => list.iter().any(|n| n == operation),
        }
    }

    /// Takes one chance.
    pub(super) fn strikes(&mut self) -> bool {
        self.seen = self.seen.saturating_add(1);
        if self.seen <= self.rule.skip || self.rule.count.is_some_and(|most| self.applied >= most) {
            return false;
        }
        let hit = self.random.chance(self.rule.probability);
        if hit {
            self.applied = self.applied.saturating_add(1);
        }
        hit
    }
}
