//! What may be done after a call that did not answer well, and what is still certain then.

use crate::answer::{self, Trouble};
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use mailcrane_core::ports::table::{Expect, TableError};
use std::error::Error;

/// Why another try is needed.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// What a repetition would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repetition {
    /// The same as one call: reads, unconditional writes, transactions with their token.
    Harmless,
    /// Nothing, but a condition that fails then may fail because of our own first try.
    Ambiguous,
    /// The same effect once more.
    Harmful,
}

/// Remembers whether an earlier try of a call perhaps had its effect.
#[derive(Debug)]
pub(super) struct Doubt {
    repetition: Repetition,
    perhaps_done: bool,
}

impl Doubt {
    /// Begins for a call that may be repeated without harm.
    pub(super) fn repeatable() -> Self {
        Self { repetition: Repetition::Harmless, perhaps_done: false }
    }

    /// Begins for a call that must not be repeated once it may have had its effect.
    pub(super) fn unrepeatable() -> Self {
        Self { repetition: Repetition::Harmful, perhaps_done: false }
    }

    /// Begins for a single write under that condition.
    pub(super) fn for_expectation(expect: Expect) -> Self {
        let repetition = match expect {
            Expect::Anything => Repetition::Harmless,
            Expect::Absent | Expect::Version(_) => Repetition::Ambiguous,
        };
        Self { repetition, perhaps_done: false }
    }

    /// Returns why to try again, or the error that the call ends with.
    pub(super) fn judge<E>(&mut self, error: SdkError<E, HttpResponse>) -> Result<Cause, TableError>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let trouble = answer::trouble(&error);
        match answer::code(&error) {
            Some("ConditionalCheckFailedException") if self.perhaps_done => {
                return Err(TableError::Unknown(answer::described(error)));
            }
            Some("ConditionalCheckFailedException") => return Err(TableError::Conflict),
            Some("TransactionConflictException" | "TransactionInProgressException") => {
                return Ok(answer::described(error));
            }
            _ => {}
        }
        let cause = answer::described(error);
        match trouble {
            Trouble::Throttled => Ok(cause),
            Trouble::Failed | Trouble::Silent if self.repetition == Repetition::Harmful => {
                Err(TableError::Unknown(cause))
            }
            Trouble::Failed | Trouble::Silent => {
                self.perhaps_done = self.repetition == Repetition::Ambiguous;
                Ok(cause)
            }
            Trouble::Denied | Trouble::Refused => Err(TableError::Refused(cause)),
        }
    }

    /// Returns why to try a transaction again, or the error that it ends with.
    pub(super) fn judge_transaction(
        &mut self,
        error: SdkError<TransactWriteItemsError, HttpResponse>,
    ) -> Result<Cause, TableError> {
        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() {
            let reasons: Vec<&str> =
                cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
            if reasons.contains(&"ConditionalCheckFailed") {
                return Err(TableError::Conflict);
            }
            let passing = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
            if reasons.iter().any(|reason| passing.contains(reason)) {
                return Ok(answer::described(error));
            }
        }
        self.judge(error)
    }
}
