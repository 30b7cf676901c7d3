//! The table of response codes, row by row: each code is provoked for one item, for a whole batch and as a fault.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may stop")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mailcrane_core::Remedy;
use mailcrane_core::folder::{FolderId, Role};
use mailcrane_core::message::NewItem;
use mailcrane_core::ports::destination::{Destination, Stored};
use mailcrane_ews::WorkMail;
use serde_json::{Value, json};
use support::item;
use support::stand_in::StandIn;

const BACK_OFF: Duration = Duration::from_millis(1234);

/// How a message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Created,
    /// Certainly not there; the same again after exactly the time that was told.
    AfterBackOff,
    /// Certainly not there; the same again later.
    Later(&'static str),
    /// In doubt; looked for before it is sent again.
    Doubt,
    /// It alone has failed, and the protocol keeps this.
    Failed(&'static str),
    /// Nothing helps until a person acts.
    Stop(&'static str),
}

const ROWS: &[(&[&str], End)] = &[
    (&["ErrorServerBusy", "ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened"], End::AfterBackOff),
    (
        &[
            "ErrorTimeoutExpired",
            "ErrorInternalServerTransientError",
            "ErrorInsufficientResources",
            "ErrorConnectionFailed",
            "ErrorADUnavailable",
            "ErrorMailboxStoreUnavailable",
            "ErrorMailboxFailover",
            "ErrorMailboxMoveInProgress",
        ],
        End::Doubt,
    ),
    (&["ErrorInternalServerError"], End::Failed("ErrorInternalServerError")),
    (
        &[
            "ErrorMessageSizeExceeded",
            "ErrorDataSizeLimitExceeded",
            "ErrorRequestStreamTooBig",
            "ErrorAttachmentNestLevelLimitExceeded",
        ],
        End::Failed("larger"),
    ),
    (&["ErrorMimeContentInvalid"], End::Failed("ErrorMimeContentInvalid")),
    (&["ErrorMimeContentConversionFailed"], End::Failed("ErrorMimeContentConversionFailed")),
    (&["ErrorContentConversionFailed"], End::Failed("ErrorContentConversionFailed")),
    (&["ErrorCorruptData"], End::Failed("ErrorCorruptData")),
    (&["ErrorItemCorrupt"], End::Failed("ErrorItemCorrupt")),
    (&["ErrorItemSave"], End::Failed("ErrorItemSave")),
    (&["ErrorVirusDetected"], End::Failed("ErrorVirusDetected")),
    (&["ErrorOfTomorrow"], End::Failed("ErrorOfTomorrow")),
    (&["ErrorQuotaExceeded"], End::Stop("destination.full")),
    (
        &["ErrorAccessDenied", "ErrorCreateItemAccessDenied", "ErrorImpersonateUserDenied", "ErrorImpersonationDenied"],
        End::Stop("destination.no_permission"),
    ),
    (&["ErrorNonExistentMailbox"], End::Stop("destination.no_such_mailbox")),
    (&["ErrorAccountDisabled"], End::Stop("destination.disabled")),
    (&["ErrorNonPrimarySmtpAddress"], End::Stop("destination.not_primary")),
    (&["ErrorPasswordExpired"], End::Stop("destination.wrong_password")),
    (
        &["ErrorFolderNotFound", "ErrorParentFolderNotFound", "ErrorSavedItemFolderNotFound"],
        End::Later("destination.folder_gone"),
    ),
    (&["ErrorInvalidServerVersion"], End::Stop("destination.version")),
];

const STATUSES: &[(u16, &str, End)] = &[
    (200, "html", End::Doubt),
    (200, "empty", End::Doubt),
    (200, "garbage", End::Doubt),
    (408, "empty", End::Doubt),
    (429, "html", End::Doubt),
    (500, "html", End::Doubt),
    (502, "html", End::Doubt),
    (503, "empty", End::Doubt),
    (504, "html", End::Doubt),
    (413, "html", End::Failed("larger")),
    (401, "html", End::Stop("destination.wrong_password")),
    (403, "html", End::Stop("destination.no_permission")),
    (404, "html", End::Stop("destination.no_ews")),
    (302, "html", End::Stop("destination.no_ews")),
];

fn is(stored: &Stored, end: End) -> bool {
    match (stored, end) {
        (Stored::Created(_), End::Created) => true,
        (Stored::NotTried(fault), End::AfterBackOff) => fault.remedy == Remedy::RetryAfter(BACK_OFF),
        (Stored::NotTried(fault), End::Later(code)) => {
            fault.code == code && matches!(fault.remedy, Remedy::RetryAfter(_))
        }
        (Stored::Unknown(fault), End::Doubt) => matches!(fault.remedy, Remedy::RetryAfter(_)),
        (Stored::Refused(fault), End::Failed(words)) => {
            fault.remedy == Remedy::SkipMessage && fault.message.contains(words)
        }
        (Stored::NotTried(fault), End::Stop(code)) => fault.code == code && fault.remedy == Remedy::GiveUp,
        _ => false,
    }
}

async fn inbox(mailbox: &WorkMail) -> FolderId {
    let folders = mailbox.folders().await.expect("folders");
    folders.into_iter().find(|f| f.role == Some(Role::Inbox)).expect("an inbox").id
}

/// Makes two messages that no other check has.
fn two_new() -> Vec<NewItem> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    (0..2).map(|_| item(NEXT.fetch_add(1, Ordering::SeqCst))).collect()
}

/// Stores two messages while a rule makes trouble, with a fresh connection and gate.
async fn check(stand_in: &StandIn, rule: Value, ends: [End; 2]) {
    let mailbox = stand_in.open(stand_in.user()).await;
    let inbox = inbox(&mailbox).await;
    let mut rule = rule;
    rule["operation"] = json!("CreateItem");
    stand_in.rule(rule.clone()).await;
    let before = stand_in.items().await.len();
    let stored = mailbox.store(&inbox, &two_new()).await;
    stand_in.calm().await;
    assert!(stored.len() == 2 && is(&stored[0], ends[0]) && is(&stored[1], ends[1]), "{rule}: {stored:?}");
    let created = stored.iter().filter(|s| matches!(s, Stored::Created(_))).count();
    assert_eq!(stand_in.items().await.len() - before, created, "{rule}: nothing is there but what was told");
}

#[tokio::test]
async fn each_code_ends_as_the_table_says_for_an_item_a_batch_and_a_fault() {
    let stand_in = StandIn::start().await;
    let mut seen = BTreeSet::new();
    for (codes, end) in ROWS {
        for code in *codes {
            assert!(seen.insert(*code), "{code} is there twice");
            let mut rule = json!({"code": code});
            if *end == End::AfterBackOff {
                rule["back_off_ms"] = json!(BACK_OFF.as_millis());
            }
            for level in ["batch", "fault"] {
                rule["level"] = json!(level);
                check(&stand_in, rule.clone(), [*end; 2]).await;
            }
            // The second item alone: together with the first, and whenever it is sent again.
            rule["level"] = json!("item");
            (rule["skip"], rule["count"]) = (json!(1), json!(3));
            check(&stand_in, rule, [End::Created, *end]).await;
        }
    }
}

#[tokio::test]
async fn a_fault_counts_whatever_its_status_and_an_answer_that_is_no_soap_by_its_status() {
    let stand_in = StandIn::start().await;
    for (status, body, end) in STATUSES {
        check(&stand_in, json!({"level": "http", "status": status, "body": body}), [*end; 2]).await;
    }
    for (code, end) in [("ErrorServerBusy", End::AfterBackOff), ("ErrorQuotaExceeded", End::Stop("destination.full"))] {
        let rule = json!({"level": "fault", "code": code, "status": 200, "back_off_ms": BACK_OFF.as_millis()});
        check(&stand_in, rule, [end; 2]).await;
    }
}

#[tokio::test]
async fn a_permission_that_was_made_lately_is_waited_for() {
    let stand_in = StandIn::start().await;
    let mut opening = stand_in.opening(stand_in.administrator());
    opening.settings.permission_spreads_until = "2999-01-01T00:00:00Z".parse().ok();
    let mailbox = WorkMail::open(opening).await.expect("an open mailbox");
    let inbox = inbox(&mailbox).await;
    for level in ["item", "batch", "fault"] {
        let rule = json!({"operation": "CreateItem", "level": level, "code": "ErrorAccessDenied"});
        stand_in.rule(rule).await;
        let stored = mailbox.store(&inbox, &two_new()).await;
        stand_in.calm().await;
        let spreads = End::Later("destination.permission_spreads");
        assert!(stored.iter().all(|one| is(one, spreads)), "{level}: {stored:?}");
    }
}
