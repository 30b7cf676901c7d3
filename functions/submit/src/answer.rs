//! The engine's refusals as problems.

use mailcrane_core::Fault;
use mailcrane_core::state::Illegal;
use mailcrane_engine::control::ControlError;
use mailcrane_engine::intake::IntakeError;
use mailcrane_lambda::batch::chain;
use mailcrane_lambda::http::Problem;
use std::time::Duration;

fn illegal(illegal: &Illegal) -> Problem {
    Problem::conflict("state.illegal", illegal.to_string())
}

/// Turns a refusal of the intake into a problem.
pub(crate) fn of_intake(error: IntakeError) -> Problem {
    match error {
        IntakeError::Missing => Problem::not_found("account"),
        IntakeError::Busy => {
            let text = "another request is adding accounts to this migration; try again in a moment";
            Problem::conflict("intake.busy", text).after(Duration::from_secs(2))
        }
        IntakeError::TooMany => Problem::field("accounts", "accounts.too_many", error.to_string()),
        IntakeError::Ended(text) => Problem::field("destination", "destination.ended", text),
        IntakeError::Illegal(state) => illegal(&state),
        IntakeError::Ledger(_) | IntakeError::Service(_) => unavailable(&error),
    }
}

/// Turns a refusal of the controls into a problem.
pub(crate) fn of_control(error: ControlError) -> Problem {
    match error {
        ControlError::Missing => Problem::not_found("account"),
        ControlError::Illegal(state) => illegal(&state),
        ControlError::Undoing(_) => Problem::conflict("undo.under_way", error.to_string()),
        ControlError::Invalid { field, message } => Problem::field(field, "field.invalid", message),
        ControlError::Unpaid(text) => Problem::field("voucher", "voucher.refused", text),
        ControlError::Unconfirmed => Problem::conflict("access.unconfirmed", error.to_string()),
        ControlError::Ledger(_) => unavailable(&error),
    }
}

/// Turns a failing service into a problem.
pub(crate) fn of_fault(fault: &Fault) -> Problem {
    unavailable(fault)
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(error = chain(error), "a request could not be carried out");
    Problem::unavailable()
}
