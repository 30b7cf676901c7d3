//! What an error of the WorkMail API means to the person who migrates.

use crate::answer::{self, Trouble};
use aws_sdk_workmail::config::http::HttpResponse;
use aws_sdk_workmail::error::{ProvideErrorMetadata, SdkError};
use mailcrane_core::fault::Fault;
use std::error::Error;
use std::time::Duration;

/// Tells whether an error says that there is no such user, mailbox or role.
pub(super) fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(answer::code(error), Some("EntityNotFoundException" | "ResourceNotFoundException"))
}

/// Describes an error; `what` says what could not be done.
pub(super) fn explain<E>(what: &str, error: SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let fault = match answer::trouble(&error) {
        Trouble::Throttled => {
            Fault::retry(Duration::from_secs(5), "destination.busy", format!("{what}: WorkMail asks to slow down"))
        }
        Trouble::Failed | Trouble::Silent => Fault::retry(
            Duration::from_secs(15),
            "destination.unavailable",
            format!("{what}: WorkMail does not answer"),
        ),
        Trouble::Denied => Fault::give_up(
            "destination.not_permitted",
            format!("{what}: the role of this function does not permit it; deploy the template's roles again"),
        ),
        Trouble::Refused => refused(what, answer::code(&error).unwrap_or("no reason given")),
    };
    fault.because(answer::described(error))
}

fn refused(what: &str, code: &str) -> Fault {
    let (name, why) = match code {
        "EntityNotFoundException" => return no_such_mailbox(),
        "EntityStateException" => {
            ("destination.mailbox_disabled", "the user has no mailbox now; enable it in the WorkMail console")
        }
        "OrganizationNotFoundException" => (
            "destination.no_such_organization",
            "there is no such organisation in this account and region; correct the stack's parameter \
             WorkMailOrganizationId",
        ),
        "OrganizationStateException" => (
            "destination.organization_not_active",
            "the organisation is not active; look at its state in the WorkMail console",
        ),
        "DirectoryServiceAuthenticationFailedException" | "DirectoryUnavailableException" => {
            let message = format!("{what}: the organisation's directory does not answer");
            return Fault::retry(Duration::from_secs(60), "destination.directory_unavailable", message);
        }
        "ResourceNotFoundException" => {
            ("destination.no_such_role", "the impersonation role is gone; start the migration again to make a new one")
        }
        "LimitExceededException" => (
            "destination.limit",
            "the organisation has as many impersonation roles as it may; delete some in the WorkMail console",
        ),
        "UnsupportedOperationException" => (
            "destination.unsupported",
            "the organisation's directory does not allow it; an Active Directory behind an AD Connector makes its users \
             itself: create the user there and enable it in the WorkMail console",
        ),
        "NameAvailabilityException" => (
            "destination.user_name_taken",
            "the organisation has a user of that name; give another user name, or enable that user in the WorkMail \
             console if it is the right one",
        ),
        "ReservedNameException" => {
            ("destination.user_name_reserved", "WorkMail keeps that user name for itself; give another user name")
        }
        "InvalidPasswordException" => (
            "destination.password_refused",
            "the organisation's directory has rules for passwords of its own; create the user in the WorkMail console",
        ),
        "EmailAddressInUseException" => (
            "destination.address_in_use",
            "a user, a group or an alias has the address already; look for it in the WorkMail console",
        ),
        "EntityAlreadyRegisteredException" => {
            ("destination.already_registered", "the user has a mailbox already; look for it in the WorkMail console")
        }
        "MailDomainNotFoundException" => (
            "destination.no_such_domain",
            "the organisation does not have the domain of the address; add and verify it in the WorkMail console",
        ),
        "MailDomainStateException" => (
            "destination.domain_not_verified",
            "the domain of the address is not verified; verify it in the WorkMail console",
        ),
        "InvalidParameterException" | "ValidationException" => {
            ("destination.refused", "WorkMail does not take these values; correct the address")
        }
        other => {
            return Fault::give_up("destination.refused", format!("{what}: WorkMail refused it ({other})"));
        }
    };
    Fault::give_up(name, format!("{what}: {why}"))
}

/// Describes a mailbox that WorkMail does not know.
pub(super) fn no_such_mailbox() -> Fault {
    Fault::give_up(
        "destination.no_such_mailbox",
        "WorkMail knows no mailbox of that address; correct the address or create the user there",
    )
}

/// Describes an organisation without a migration administrator.
pub(super) fn no_administrator() -> Fault {
    Fault::give_up(
        "destination.no_administrator",
        "the organisation has no migration administrator; name one in the stack's parameter WorkMailAdminEmail",
    )
}

/// Describes a role for more mailboxes than WorkMail takes.
pub(super) fn too_many_mailboxes() -> Fault {
    Fault::give_up(
        "destination.too_many_mailboxes",
        "an impersonation role takes at most 100 mailboxes; split the migration or use the migration administrator",
    )
}

/// Describes an answer that lacks what was asked for.
pub(super) fn unreadable(what: &str) -> Fault {
    let message = format!("WorkMail answered without {what}");
    Fault::retry(Duration::from_secs(15), "destination.unavailable", message)
}
