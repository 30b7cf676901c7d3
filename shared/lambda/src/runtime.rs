//! Runs a handler under the Lambda runtime and tells it when its time is over.

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;

/// Hands events to the handler, one at a time, each with the time at which the invocation is cut off.
///
/// # Errors
/// When the runtime cannot be reached; the handler's errors are answered, not returned.
pub async fn run<I, O, F>(handle: impl Fn(I, Timestamp) -> F) -> Result<(), Error>
where
    I: DeserializeOwned,
    O: Serialize,
    F: Future<Output = Result<O, Error>>,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<I>| {
        let deadline = deadline(event.context.deadline);
        handle(event.payload, deadline)
    }))
    .await
}

fn deadline(milliseconds: u64) -> Timestamp {
    i64::try_from(milliseconds).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_in_milliseconds_since_1970() {
        assert_eq!(deadline(1_000), Timestamp::from_second(1).unwrap());
        assert_eq!(deadline(u64::MAX), Timestamp::MAX);
    }
}
