//! The control API: seed, knobs, rules, request log, and a look at the mailboxes without EWS.

mod inspect;
mod route;

pub use route::answer;
