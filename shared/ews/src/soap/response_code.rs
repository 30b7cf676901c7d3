//! Response codes and what each means for us; codes nobody knows are kept as they came.

use std::fmt;

/// A response code as the server spelt it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResponseCode(String);

/// What a response code means for the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Too much at once: wait as long as the server says and halve the requests in flight.
    Busy,
    /// Passing trouble: back off, and look for the key before creating again.
    Transient,
    /// Too many connections or objects: fewer requests in flight, then again.
    Crowded,
    /// The server failed inside: split to single items, two more tries, then the item has failed.
    Internal,
    /// Too large: a batch is split, a single item has failed.
    TooLarge,
    /// The server cannot take this message; the others go on.
    BadItem,
    /// The mailbox is full: the account stops and can be resumed.
    Full,
    /// No permission (yet): again for about six minutes after a grant, then for good.
    Denied,
    /// Mailbox or credentials are wrong: nothing helps until a person acts.
    Rejected,
    /// A folder is gone: drop what is known of the folders and map once more.
    FolderGone,
    /// The folder is there already: look it up and use it.
    FolderExists,
    /// The item is not there.
    ItemGone,
    /// The schema version is refused: one step down the ladder.
    Version,
    /// Not tried because of an earlier item: send again.
    NotTried,
    /// Nobody knows: the item has failed, the raw code is kept.
    Unknown,
}

impl ResponseCode {
    /// Stands where the server gave no code or a success without its value.
    pub const NO_VALUE: &'static str = "(none)";

    /// Takes a code as it came.
    pub fn new(code: impl Into<String>) -> Self {
        Self(code.into())
    }

    /// Gives the code as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says what the code means.
    #[must_use]
    pub fn class(&self) -> Class {
        match self.0.as_str() {
            "ErrorServerBusy" => Class::Busy,
            "ErrorTimeoutExpired"
            | "ErrorInternalServerTransientError"
            | "ErrorInsufficientResources"
            | "ErrorConnectionFailed"
            | "ErrorADUnavailable"
            | "ErrorMailboxStoreUnavailable"
            | "ErrorMailboxFailover"
            | "ErrorMailboxMoveInProgress" => Class::Transient,
            "ErrorExceededConnectionCount" | "ErrorTooManyObjectsOpened" => Class::Crowded,
            "ErrorInternalServerError" => Class::Internal,
            "ErrorMessageSizeExceeded"
            | "ErrorDataSizeLimitExceeded"
            | "ErrorRequestStreamTooBig"
            | "ErrorAttachmentNestLevelLimitExceeded" => Class::TooLarge,
            "ErrorMimeContentInvalid"
            | "ErrorMimeContentConversionFailed"
            | "ErrorContentConversionFailed"
            | "ErrorCorruptData"
            | "ErrorItemCorrupt"
            | "ErrorItemSave"
            | "ErrorVirusDetected" => Class::BadItem,
            "ErrorQuotaExceeded" => Class::Full,
            "ErrorAccessDenied"
            | "ErrorCreateItemAccessDenied"
            | "ErrorImpersonateUserDenied"
            | "ErrorImpersonationDenied" => Class::Denied,
            "ErrorNonExistentMailbox"
            | "ErrorAccountDisabled"
            | "ErrorNonPrimarySmtpAddress"
            | "ErrorPasswordExpired" => Class::Rejected,
            "ErrorFolderNotFound" | "ErrorParentFolderNotFound" | "ErrorSavedItemFolderNotFound" => Class::FolderGone,
            "ErrorFolderExists" => Class::FolderExists,
            "ErrorItemNotFound" => Class::ItemGone,
            "ErrorInvalidServerVersion" => Class::Version,
            "ErrorBatchProcessingStopped" => Class::NotTried,
            _ => Class::Unknown,
        }
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_nobody_knows_is_kept_as_it_came() {
        let code = ResponseCode::new("ErrorOfTomorrow");
        assert_eq!((code.class(), code.as_str()), (Class::Unknown, "ErrorOfTomorrow"));
    }
}
