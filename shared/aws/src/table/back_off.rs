//! How often and how long a call is tried.

use super::doubt::{Cause, Doubt};
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use mailcrane_core::ports::table::TableError;
use std::time::{Duration, Instant};

/// So long a call is tried; then the caller decides.
const PATIENCE: Duration = Duration::from_secs(8);

/// The first pause, on average; doubles each time up to the longest.
const FIRST: Duration = Duration::from_millis(40);

const LONGEST: Duration = Duration::from_secs(1);

/// What an error of a call means, after what was tried before.
type Judge<E> = fn(&mut Doubt, SdkError<E, HttpResponse>) -> Result<Cause, TableError>;

/// Makes a call, again and again where that may help.
///
/// # Errors
/// What the judge ends the call with, or [`TableError::Unknown`] when it was tried long enough.
pub(super) async fn patiently<A, E, F>(mut doubt: Doubt, judge: Judge<E>, send: impl Fn() -> F) -> Result<A, TableError>
where
    F: Future<Output = Result<A, SdkError<E, HttpResponse>>>,
{
    let mut back_off = BackOff::begin();
    loop {
        match send().await {
            Ok(answer) => return Ok(answer),
            Err(error) => back_off.pause(judge(&mut doubt, error)?).await?,
        }
    }
}

/// The pauses between the tries of one call.
#[derive(Debug)]
pub(super) struct BackOff {
    until: Instant,
    pause: Duration,
}

impl BackOff {
    /// Begins with the first try.
    pub(super) fn begin() -> Self {
        Self { until: Instant::now() + PATIENCE, pause: FIRST }
    }

    /// Waits before the next try: the pause, shortened or lengthened by up to a half at random.
    ///
    /// # Errors
    /// [`TableError::Unknown`] when the call was tried long enough.
    pub(super) async fn pause(&mut self, cause: Cause) -> Result<(), TableError> {
        let pause = self.pause.mul_f64(0.5 + fastrand::f64());
        if Instant::now() + pause > self.until {
            return Err(TableError::Unknown(cause));
        }
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
        Ok(())
    }
}
