//! Fault injection: every port call of every memory adapter is counted, and any of them can go wrong.

mod call;
mod mishap;
mod plan;
mod process;
mod sweep;

pub use call::{Call, Port};
pub use mishap::{Mishap, Span, cases};
pub use plan::FaultPlan;
pub use process::Gone;
pub use sweep::{Failure, Swept, sweep};
