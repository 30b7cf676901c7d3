//! What will happen to one request: the outcome of all rules that strike it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Level, Rule, RuleState, Settings, When};

/// An error that is told without there being a reason.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// Response code, known or not.
    pub code: String,
    /// Back-off told with it, in milliseconds.
    pub back_off_ms: Option<u64>,
    /// Text told with it.
    pub message: Option<String>,
    /// The effect takes place all the same.
    pub effect: bool,
    /// HTTP status, for a fault.
    pub status: Option<u16>,
    /// Without soap:Header, for a fault.
    pub no_header: bool,
}

impl Trouble {
    /// Gives a trouble that only has a code.
    pub fn plain(code: &str) -> Self {
        Self { code: code.to_owned(), back_off_ms: None, message: None, effect: false, status: None, no_header: true }
    }

    fn of(rule: &Rule) -> Self {
        Self {
            code: rule.code.clone().unwrap_or_default(),
            back_off_ms: rule.back_off_ms,
            message: rule.message.clone(),
            effect: rule.effect.unwrap_or(false),
            status: rule.status,
            no_header: rule.no_header.unwrap_or(true),
        }
    }
}

/// An answer that is no SOAP.
#[derive(Debug, Clone)]
pub struct Http {
    /// HTTP status.
    pub status: u16,
    /// Error name, for management calls.
    pub code: Option<String>,
    /// Text told with it.
    pub message: Option<String>,
    /// `html`, `empty`, `text` or `garbage`.
    pub body: String,
    /// Value of a Retry-After header.
    pub retry_after_s: Option<u64>,
    /// The effect takes place all the same.
    pub effect: bool,
}

impl Http {
    /// Gives an answer that only has a status.
    pub fn plain(status: u16) -> Self {
        Self { status, code: None, message: None, body: "html".to_owned(), retry_after_s: None, effect: false }
    }

    pub(super) fn of(rule: &Rule) -> Self {
        Self {
            status: rule.status.unwrap_or(400),
            code: rule.code.clone(),
            message: rule.message.clone(),
            body: rule.body.clone().unwrap_or_else(|| "html".to_owned()),
            retry_after_s: rule.retry_after_s,
            effect: rule.effect.unwrap_or(false),
        }
    }

    pub(super) fn throttled() -> Self {
        Self {
            status: 400,
            code: Some("ThrottlingException".to_owned()),
            message: Some("Rate exceeded".to_owned()),
            body: String::new(),
            retry_after_s: None,
            effect: false,
        }
    }
}

/// A late answer.
#[derive(Debug, Clone, Copy)]
pub struct Hang {
    /// How late.
    pub after: Duration,
    /// The effect takes place, before the wait.
    pub effect: bool,
}

/// The troubles of one request.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Settings of its mailbox.
    pub settings: Settings,
    /// How long the request is made to wait.
    pub wait: Duration,
    /// Rules that struck.
    pub rules: Vec<u64>,
    /// Errors of single items, by index.
    pub items: BTreeMap<usize, Trouble>,
    /// Error of all items.
    pub batch: Option<Trouble>,
    /// Error after which nothing is tried.
    pub stop: Option<(usize, Trouble)>,
    /// Fault.
    pub fault: Option<Trouble>,
    /// Answer without SOAP.
    pub http: Option<Http>,
    /// Closed connection.
    pub close: Option<When>,
    /// Effect after the connection was closed.
    pub late: Option<Duration>,
    /// Late answer.
    pub hang: Option<Hang>,
    /// How many items take effect.
    pub partial: Option<usize>,
    /// Rows or items are doubled.
    pub duplicate: bool,
    /// Seed for the repeated rows of `FindItem`.
    pub repeats: u64,
}

impl Plan {
    /// Gives a plan without troubles.
    pub fn new(settings: Settings, jitter_ms: u64, items: usize) -> Self {
        let items = u64::try_from(items).unwrap_or(u64::MAX);
        let millis =
            settings.latency_ms.saturating_add(jitter_ms).saturating_add(settings.item_ms.saturating_mul(items));
        Self {
            settings,
            wait: Duration::from_millis(millis),
            rules: Vec::new(),
            items: BTreeMap::new(),
            batch: None,
            stop: None,
            fault: None,
            http: None,
            close: None,
            late: None,
            hang: None,
            partial: None,
            duplicate: false,
            repeats: 0,
        }
    }

    /// Lets a rule take its chances: one per item on the item levels, else one; the first rule of a level wins.
    pub(super) fn apply(&mut self, state: &mut RuleState, items: usize) {
        let level = state.rule.level;
        let mut struck = false;
        if level == Level::Item || level == Level::Stop {
            for index in 0..items {
                let free = level == Level::Item || self.stop.is_none();
                if free && state.strikes() {
                    struck = true;
                    let trouble = Trouble::of(&state.rule);
                    if level == Level::Item {
                        self.items.entry(index).or_insert(trouble);
                    } else {
                        self.stop = Some((index, trouble));
                    }
                }
            }
        } else if state.rule.when != Some(When::Unread) && state.strikes() {
            struck = true;
            self.strike(&state.rule);
        }
        if struck {
            self.rules.push(state.id);
        }
    }

    fn strike(&mut self, rule: &Rule) {
        let after = Duration::from_millis(rule.after_ms.unwrap_or(0));
        match rule.level {
            Level::Item | Level::Stop => {}
            Level::Batch => self.batch = self.batch.take().or_else(|| Some(Trouble::of(rule))),
            Level::Fault => self.fault = self.fault.take().or_else(|| Some(Trouble::of(rule))),
            Level::Http => self.http = self.http.take().or_else(|| Some(Http::of(rule))),
            Level::Close => self.close = self.close.or(rule.when),
            Level::Late => self.late = self.late.or(Some(after)),
            Level::Hang => self.hang = self.hang.or(Some(Hang { after, effect: rule.effect.unwrap_or(true) })),
            Level::Partial => self.partial = self.partial.or(rule.items),
            Level::Duplicate => self.duplicate = true,
        }
    }
}
