//! What a refused or missing answer of an AWS service means.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use mailcrane_core::fault::Fault;
use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

/// What kind of answer a call got instead of the one it wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Too many requests; certainly without effect.
    Throttled,
    /// The service failed (5xx); perhaps with effect.
    Failed,
    /// No answer, or none that can be read; perhaps with effect.
    Silent,
    /// The function's role may not do this, or its credentials are not accepted.
    Denied,
    /// The request cannot work.
    Refused,
}

/// The names under which the services say "too many requests"; most are in no service model.
const THROTTLED: [&str; 12] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "SlowDown",
    "KMSThrottlingException",
];

/// The names under which the services say that nobody allowed it.
const DENIED: [&str; 11] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "UnauthorizedOperation",
    "NotAuthorized",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
];

/// Tells what kind of trouble an error is.
pub(crate) fn trouble<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Trouble {
    match error {
        SdkError::ConstructionFailure(_) => Trouble::Refused,
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            match answer.err().code() {
                Some(code) if THROTTLED.contains(&code) => Trouble::Throttled,
                Some(code) if DENIED.contains(&code) => Trouble::Denied,
                _ if status == 429 => Trouble::Throttled,
                _ if status >= 500 => Trouble::Failed,
                _ => Trouble::Refused,
            }
        }
        _ => Trouble::Silent,
    }
}

/// Returns the name that the service gave to the error, when it answered at all.
pub(crate) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// Describes a call that went wrong, in words that suit every service.
///
/// `service` begins the fault's code (`queue`), `what` says what could not be done ("the message could not be queued").
pub(crate) fn fault<E>(service: &str, what: &str, error: SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let name = |end: &str| -> Cow<'static, str> { format!("{service}.{end}").into() };
    let fault = match trouble(&error) {
        Trouble::Throttled => Fault::retry(Duration::from_secs(5), name("busy"), format!("{what}: too many requests")),
        Trouble::Failed | Trouble::Silent => {
            Fault::retry(Duration::from_secs(10), name("unavailable"), format!("{what}: the service does not answer"))
        }
        Trouble::Denied => Fault::give_up(
            name("not_permitted"),
            format!("{what}: the function's role does not permit it; deploy the template's roles again"),
        ),
        Trouble::Refused => {
            let code = code(&error).unwrap_or("request not understood").to_owned();
            Fault::give_up(name("refused"), format!("{what}: the service refused it ({code})"))
        }
    };
    fault.because(described(error))
}

/// Keeps an SDK error with its whole chain as one text, since its own text is only "service error".
pub(crate) fn described<E>(error: SdkError<E, HttpResponse>) -> Box<dyn Error + Send + Sync>
where
    E: Error + Send + Sync + 'static,
{
    DisplayErrorContext(&error).to_string().into()
}
