//! Trouble on demand: settings that stay on, and rules that strike single requests.

mod plan;
mod rule;
mod settings;

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Map, Value};

pub use plan::{Hang, Http, Plan, Trouble};
pub use rule::{Level, Rule, RuleState, When};
pub use settings::Settings;

use crate::random::Random;
use crate::store::lock;

/// The knob or the rule does not exist, or has a value of the wrong kind.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnknownKnob(String);

/// Scope that means every mailbox.
pub const ALL: &str = "all";

#[derive(Debug)]
struct Inside {
    scopes: BTreeMap<String, Map<String, Value>>,
    rules: Vec<RuleState>,
    next_rule: u64,
    random: Random,
}

/// All knobs and rules.
#[derive(Debug)]
pub struct Knobs(Mutex<Inside>);

impl Default for Knobs {
    fn default() -> Self {
        Self(Mutex::new(Inside { scopes: BTreeMap::new(), rules: Vec::new(), next_rule: 1, random: Random::new(1) }))
    }
}

impl Knobs {
    /// Changes the knobs named in `patch` for a scope (`all` or a mailbox); `null` gives the default back.
    pub fn set(&self, scope: &str, patch: &Map<String, Value>) -> Result<Value, UnknownKnob> {
        let mut inside = lock(&self.0);
        let scope = scope.to_lowercase();
        let mut knobs = inside.scopes.get(&scope).cloned().unwrap_or_default();
        for (name, value) in patch {
            if value.is_null() {
                knobs.remove(name);
            } else {
                knobs.insert(name.clone(), value.clone());
            }
        }
        let settings: Settings = serde_json::from_value(Value::Object(knobs.clone()))
            .map_err(|e| UnknownKnob(format!("knobs of {scope}: {e}")))?;
        if patch.contains_key("seed") {
            inside.random = Random::new(settings.seed);
            let seed = settings.seed;
            for rule in &mut inside.rules {
                rule.reseed(seed);
            }
        }
        inside.scopes.insert(scope, knobs.clone());
        Ok(Value::Object(knobs))
    }

    /// Shows what is set, by scope.
    pub fn show(&self) -> Value {
        let inside = lock(&self.0);
        Value::Object(inside.scopes.iter().map(|(k, v)| (k.clone(), Value::Object(v.clone()))).collect())
    }

    /// Puts everything back to its default.
    pub fn clear(&self) {
        *lock(&self.0) = Inside { scopes: BTreeMap::new(), rules: Vec::new(), next_rule: 1, random: Random::new(1) };
    }

    /// Gives the settings that hold for a mailbox.
    pub fn settings(&self, mailbox: &str) -> Settings {
        lock(&self.0).settings(mailbox)
    }

    /// Adds a rule and returns its number.
    pub fn add_rule(&self, rule: Rule) -> Result<u64, UnknownKnob> {
        rule.check().map_err(UnknownKnob)?;
        let mut inside = lock(&self.0);
        let id = inside.next_rule;
        inside.next_rule = id.saturating_add(1);
        let seed = inside.settings(ALL).seed;
        inside.rules.push(RuleState::new(id, rule, seed));
        Ok(id)
    }

    /// Removes one rule, or all.
    pub fn remove_rules(&self, id: Option<u64>) -> bool {
        let mut inside = lock(&self.0);
        let before = inside.rules.len();
        inside.rules.retain(|r| id.is_some_and(|id| r.id != id));
        inside.rules.len() < before
    }

    /// Shows the rules with how often each was applied.
    pub fn rules(&self) -> Vec<Value> {
        lock(&self.0).rules.iter().map(RuleState::show).collect()
    }

    /// Decides what will happen to a request of `items` items.
    pub fn plan(&self, mailbox: &str, operation: &str, items: usize) -> Plan {
        let mut inside = lock(&self.0);
        let settings = inside.settings(mailbox);
        let jitter = inside.random.below(settings.latency_jitter_ms.saturating_add(1));
        let mut plan = Plan::new(settings, jitter, items);
        for rule in &mut inside.rules {
            if rule.concerns(mailbox, operation) {
                plan.apply(rule, items);
            }
        }
        plan.repeats = inside.random.next_u64();
        plan
    }

    /// Says whether a connection is to be closed before the request is read.
    pub fn closes_unread(&self, operation: &str) -> bool {
        let mut inside = lock(&self.0);
        inside.rules.iter_mut().any(|r| r.rule.when == Some(When::Unread) && r.concerns("", operation) && r.strikes())
    }

    /// Decides about a management call: a modelled error with its HTTP status, or throttling.
    pub fn management(&self, operation: &str) -> Option<Http> {
        let mut inside = lock(&self.0);
        let throttle = inside.settings(ALL).throttle_management;
        for rule in &mut inside.rules {
            if rule.rule.level == Level::Http && rule.names(operation) && rule.strikes() {
                return Some(Http::of(&rule.rule));
            }
        }
        inside.random.chance(throttle).then(Http::throttled)
    }

    /// Draws a chance from the common sequence.
    pub fn draw(&self) -> u64 {
        lock(&self.0).random.next_u64()
    }
}

impl Inside {
    fn settings(&self, mailbox: &str) -> Settings {
        let mut knobs = self.scopes.get(ALL).cloned().unwrap_or_default();
        if let Some(own) = self.scopes.get(&mailbox.to_lowercase()) {
            knobs.extend(own.clone());
        }
        serde_json::from_value(Value::Object(knobs)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patch(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_mailbox_s_own_value_wins_and_null_gives_the_default_back() {
        let knobs = Knobs::default();
        knobs.set(ALL, &patch(&json!({"latency_ms": 5, "item_ms": 1}))).unwrap();
        knobs.set("Anna@example.org", &patch(&json!({"latency_ms": 9}))).unwrap();
        let of = |m: &str| (knobs.settings(m).latency_ms, knobs.settings(m).item_ms);
        assert_eq!((of("anna@example.org"), of("ben@example.org")), ((9, 1), (5, 1)));
        knobs.set("anna@example.org", &patch(&json!({"latency_ms": null}))).unwrap();
        assert_eq!(of("anna@example.org"), (5, 1));
    }

    #[test]
    fn an_unknown_knob_is_refused_and_changes_nothing() {
        let knobs = Knobs::default();
        assert!(knobs.set(ALL, &patch(&json!({"latency": 5}))).is_err());
        assert!(knobs.set(ALL, &patch(&json!({"latency_ms": "5"}))).is_err());
        assert_eq!(knobs.show(), json!({}));
    }

    #[test]
    fn count_skip_and_scope_of_a_rule_are_kept() {
        let knobs = Knobs::default();
        let rule = json!({"level": "fault", "code": "ErrorServerBusy", "operation": "CreateItem", "mailbox": "anna@example.org", "skip": 1, "count": 2});
        knobs.add_rule(serde_json::from_value(rule).unwrap()).unwrap();
        let strikes = |mailbox: &str, operation: &str| knobs.plan(mailbox, operation, 1).fault.is_some();
        assert!(!strikes("ben@example.org", "CreateItem"));
        assert!(!strikes("anna@example.org", "FindItem"));
        let hits: Vec<bool> = (0..5).map(|_| strikes("anna@example.org", "CreateItem")).collect();
        assert_eq!(hits, [false, true, true, false, false]);
    }

    #[test]
    fn the_same_seed_gives_the_same_troubles() {
        let knobs = Knobs::default();
        let rule = json!({"level": "item", "code": "ErrorServerBusy", "probability": 0.3});
        knobs.add_rule(serde_json::from_value(rule).unwrap()).unwrap();
        let draw = |seed: u64| {
            knobs.set(ALL, &patch(&json!({"seed": seed}))).unwrap();
            (0..30)
                .map(|_| knobs.plan("a", "CreateItem", 5).items.keys().copied().collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        let first = draw(3);
        assert_eq!(first, draw(3));
        assert_ne!(first, draw(4));
        let share = first.iter().map(Vec::len).sum::<usize>();
        assert!((25..65).contains(&share), "{share} of 150");
    }
}
