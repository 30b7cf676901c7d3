//! JSON log lines: one object a line, fields in dots, the current span's fields beside it.

use std::str::FromStr as _;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging with a filter such as `info` or `info,mailcrane_engine=debug`. The second call does nothing.
pub fn start(filter: &str) {
    let targets = Targets::from_str(filter).unwrap_or_else(|_| Targets::new().with_default(Level::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_ansi(false);
    if tracing_subscriber::registry().with(targets).with(lines).try_init().is_err() {
        tracing::debug!("logging was started before");
    }
}
