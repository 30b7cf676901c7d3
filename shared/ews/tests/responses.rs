//! Every response code of the table ends as the table says: at item, batch and fault level.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may stop")]

mod support;

use std::time::Duration;

use mailcrane_core::Remedy;
use mailcrane_core::ports::destination::{Destination, Stored};
use support::{Reply, Server, answer, busy, busy_fault, created, fault, inbox, items, open, refused, stopped};

/// How an item ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Created,
    RefusedSkip,
    NotTriedRetry,
    NotTriedGiveUp,
    UnknownRetry,
}

fn end(stored: &Stored) -> End {
    match stored {
        Stored::Created(_) => End::Created,
        Stored::Refused(f) if f.remedy == Remedy::SkipMessage => End::RefusedSkip,
        Stored::NotTried(f) if f.remedy == Remedy::GiveUp => End::NotTriedGiveUp,
        Stored::NotTried(f) if matches!(f.remedy, Remedy::RetryAfter(_)) => End::NotTriedRetry,
        Stored::Unknown(f) if matches!(f.remedy, Remedy::RetryAfter(_)) => End::UnknownRetry,
        other => panic!("no outcome allows {other:?}"),
    }
}

/// The table: codes and how one item ends that is refused with each of them for ever.
const TABLE: [(End, &[&str]); 6] = [
    (End::NotTriedRetry, &["ErrorServerBusy", "ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened"]),
    (
        End::UnknownRetry,
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
    ),
    (
        End::RefusedSkip,
        &[
            "ErrorInternalServerError",
            "ErrorMessageSizeExceeded",
            "ErrorDataSizeLimitExceeded",
            "ErrorRequestStreamTooBig",
            "ErrorAttachmentNestLevelLimitExceeded",
            "ErrorMimeContentInvalid",
            "ErrorMimeContentConversionFailed",
            "ErrorContentConversionFailed",
            "ErrorCorruptData",
            "ErrorItemCorrupt",
            "ErrorItemSave",
            "ErrorVirusDetected",
            "ErrorOfTomorrow",
        ],
    ),
    (End::NotTriedGiveUp, &["ErrorQuotaExceeded"]),
    (
        End::NotTriedGiveUp,
        &[
            "ErrorAccessDenied",
            "ErrorCreateItemAccessDenied",
            "ErrorImpersonateUserDenied",
            "ErrorImpersonationDenied",
            "ErrorNonExistentMailbox",
            "ErrorAccountDisabled",
            "ErrorNonPrimarySmtpAddress",
            "ErrorPasswordExpired",
        ],
    ),
    (End::NotTriedRetry, &["ErrorFolderNotFound", "ErrorParentFolderNotFound", "ErrorSavedItemFolderNotFound"]),
];

fn table() -> impl Iterator<Item = (End, &'static str)> {
    TABLE.into_iter().flat_map(|(end, codes)| codes.iter().map(move |code| (end, *code)))
}

#[tokio::test]
async fn each_code_at_one_item_ends_that_item_only() {
    for (expected, code) in table() {
        let server = Server::start(move |r| match r.operation.as_str() {
            "CreateItem" => {
                let ours =
                    |key: &String| if key.ends_with("02") { refused(code) } else { created(&format!("id-{key}")) };
                Reply::Http(200, "", answer("CreateItem", &r.keys().iter().map(ours).collect::<Vec<_>>()))
            }
            _ => Reply::Well,
        })
        .await;
        let stored = open(&server).await.store(&inbox(), &items(3)).await;
        let ends: Vec<_> = stored.iter().map(end).collect();
        assert_eq!(ends, [End::Created, expected, End::Created], "{code}: {stored:?}");
    }
}

#[tokio::test]
async fn each_code_as_a_fault_ends_every_item_of_the_batch_the_same_way() {
    for (expected, code) in table() {
        for status in [500, 200] {
            let server = Server::start(move |r| match r.operation.as_str() {
                "CreateItem" => Reply::Http(status, "", fault(code)),
                _ => Reply::Well,
            })
            .await;
            let stored = open(&server).await.store(&inbox(), &items(3)).await;
            assert!(stored.iter().all(|s| end(s) == expected), "{code} with {status}: {stored:?}");
        }
    }
}

#[tokio::test]
async fn a_batch_refused_because_of_one_message_is_split_until_only_that_one_is_refused() {
    for code in
        ["ErrorRequestStreamTooBig", "ErrorInternalServerError", "ErrorMimeContentInvalid", "ErrorOfTomorrow", "413"]
    {
        let server = Server::start(move |r| match r.operation.as_str() {
            "CreateItem" if r.keys().iter().any(|k| k.ends_with("03")) => match code {
                "413" => Reply::Http(413, "", "<html>too large</html>".into()),
                code => Reply::Http(500, "", fault(code)),
            },
            _ => Reply::Well,
        })
        .await;
        let stored = open(&server).await.store(&inbox(), &items(5)).await;
        let ends: Vec<_> = stored.iter().map(end).collect();
        assert_eq!(
            ends,
            [End::Created, End::Created, End::RefusedSkip, End::Created, End::Created],
            "{code}: {stored:?}"
        );
        let Stored::Created(id) = &stored[4] else { panic!("{stored:?}") };
        assert_eq!(id.0, format!("id-{}", support::key(5)), "outcomes stay with their items");
    }
}

#[tokio::test]
async fn an_internal_error_is_tried_twice_more_and_looked_for_before_each() {
    let server = Server::start(|r| match r.operation.as_str() {
        "CreateItem" => Reply::Http(200, "", answer("CreateItem", &[refused("ErrorInternalServerError")])),
        _ => Reply::Well,
    })
    .await;
    let stored = open(&server).await.store(&inbox(), &items(1)).await;
    assert_eq!(end(&stored[0]), End::RefusedSkip);
    assert_eq!(server.log("CreateItem").len(), 3);
    assert_eq!(server.log("FindItem").len(), 2);
}

#[tokio::test]
async fn an_item_that_an_internal_error_left_behind_is_not_stored_again() {
    let server = Server::start(|r| match r.operation.as_str() {
        "CreateItem" => Reply::Http(500, "", fault("ErrorInternalServerError")),
        "FindItem" => {
            let item = format!(
                "<t:Message><t:ItemId Id='there'/><t:ExtendedProperty><t:ExtendedFieldURI PropertyName='X-Mailcrane-Key' \
                 PropertyType='String'/><t:Value>{}</t:Value></t:ExtendedProperty></t:Message>",
                support::key(2)
            );
            let message = format!(
                "<m:FindItemResponseMessage ResponseClass='Success'><m:ResponseCode>NoError</m:ResponseCode>\
                 <m:RootFolder IncludesLastItemInRange='true'><t:Items>{item}</t:Items></m:RootFolder></m:FindItemResponseMessage>"
            );
            Reply::Http(200, "", answer("FindItem", &[message]))
        }
        _ => Reply::Well,
    })
    .await;
    let stored = open(&server).await.store(&inbox(), &items(2)).await;
    assert!(matches!(&stored[1], Stored::Created(id) if id.0 == "there"), "{stored:?}");
    assert_eq!(end(&stored[0]), End::RefusedSkip);
    let alone = server.log("CreateItem").iter().filter(|r| r.keys() == [support::key(2).to_string()]).count();
    assert_eq!(alone, 0, "it was found before it was sent again");
}

#[tokio::test]
async fn items_behind_a_stopped_one_are_sent_again() {
    let server = Server::start(|r| match (r.operation.as_str(), r.nth) {
        ("CreateItem", 0) => {
            let messages = [created("one"), refused("ErrorItemCorrupt"), stopped(), stopped()];
            Reply::Http(200, "", answer("CreateItem", &messages))
        }
        _ => Reply::Well,
    })
    .await;
    let stored = open(&server).await.store(&inbox(), &items(4)).await;
    let ends: Vec<_> = stored.iter().map(end).collect();
    assert_eq!(ends, [End::Created, End::RefusedSkip, End::Created, End::Created]);
    assert_eq!(server.log("CreateItem")[1].items(), 2);
}

#[tokio::test]
async fn a_server_that_always_stops_does_not_hold_the_call_for_ever() {
    let server = Server::start(|r| match r.operation.as_str() {
        "CreateItem" => Reply::Http(200, "", answer("CreateItem", &vec![stopped(); r.items()])),
        _ => Reply::Well,
    })
    .await;
    let stored = open(&server).await.store(&inbox(), &items(4)).await;
    assert!(stored.iter().all(|s| end(s) == End::NotTriedRetry), "{stored:?}");
    assert!(server.log("CreateItem").len() <= 4);
}

#[tokio::test]
async fn a_busy_server_is_waited_for_exactly_as_long_as_it_says() {
    for (body, status) in [(busy_fault(7_250), 500), (answer("CreateItem", &[busy(7_250), busy(7_250)]), 200)] {
        let server = Server::start(move |r| match r.operation.as_str() {
            "CreateItem" => Reply::Http(status, "", body.clone()),
            _ => Reply::Well,
        })
        .await;
        let mailbox = open(&server).await;
        for stored in mailbox.store(&inbox(), &items(2)).await {
            let Stored::NotTried(fault) = stored else { panic!("{stored:?}") };
            assert_eq!(
                (fault.remedy, fault.code.as_ref()),
                (Remedy::RetryAfter(Duration::from_millis(7_250)), "destination.busy")
            );
        }
        let asked = server.log("CreateItem").len();
        let again = mailbox.store(&inbox(), &items(1)).await;
        let Stored::NotTried(fault) = &again[0] else { panic!("{again:?}") };
        let Remedy::RetryAfter(left) = fault.remedy else { panic!("{fault:?}") };
        assert!(left <= Duration::from_millis(7_250) && left > Duration::from_secs(6), "{left:?}");
        assert_eq!(server.log("CreateItem").len(), asked, "nothing is sent before the time is over");
    }
}

#[tokio::test]
async fn an_answer_with_too_few_items_leaves_the_rest_in_doubt() {
    let server = Server::start(|r| match r.operation.as_str() {
        "CreateItem" => Reply::Http(200, "", answer("CreateItem", &[created("one")])),
        _ => Reply::Well,
    })
    .await;
    let stored = open(&server).await.store(&inbox(), &items(3)).await;
    let ends: Vec<_> = stored.iter().map(end).collect();
    assert_eq!(ends, [End::Created, End::UnknownRetry, End::UnknownRetry]);
}

#[tokio::test]
async fn a_success_without_an_id_is_in_doubt_and_not_lost() {
    let bare = "<m:CreateItemResponseMessage ResponseClass='Success'><m:ResponseCode>NoError</m:ResponseCode></m:CreateItemResponseMessage>";
    let server = Server::start(move |r| match r.operation.as_str() {
        "CreateItem" => Reply::Http(200, "", answer("CreateItem", &[bare.to_owned()])),
        _ => Reply::Well,
    })
    .await;
    let stored = open(&server).await.store(&inbox(), &items(1)).await;
    assert_eq!(end(&stored[0]), End::UnknownRetry);
}
