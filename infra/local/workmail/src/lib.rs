//! A strict stand-in for Amazon WorkMail: EWS, the management API, and a control API that makes trouble on demand.

pub mod args;
pub mod clock;
pub mod control;
pub mod ews;
pub mod knobs;
pub mod listing;
pub mod maildir;
pub mod management;
pub mod message;
pub mod random;
pub mod record;
pub mod request_log;
pub mod seed;
pub mod server;
pub mod store;
pub mod xml;
