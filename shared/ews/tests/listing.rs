//! Pages that are asked for ahead: whatever happens to them, the listing has every item, and asks for no page in vain.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may stop")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use mailcrane_core::ports::destination::Destination;
use mailcrane_ews::WorkMail;
use support::{Reply, Request, Server, answer, fault, inbox, open};

/// The items of a folder, in the order of the server.
type Folder = Arc<Mutex<Vec<u32>>>;

fn folder(count: u32) -> Folder {
    Arc::new(Mutex::new((0..count).collect()))
}

fn offset(request: &Request) -> usize {
    let text = request.body.split("Offset=\"").nth(1).and_then(|rest| rest.split('"').next());
    text.and_then(|text| text.parse().ok()).expect("an offset")
}

/// Answers with the page that was asked for, which holds so many items at most.
fn page(folder: &Folder, request: &Request, most: usize) -> Reply {
    let all = folder.lock().expect("the items");
    let (from, total) = (offset(request), all.len());
    let some: Vec<_> = all.iter().skip(from).take(most).collect();
    let (next, last) = (from + some.len(), from + some.len() >= total);
    let items: String =
        some.iter().map(|n| format!("<t:Message><t:ItemId Id='i{n}' ChangeKey='C'/></t:Message>")).collect();
    let message = format!(
        "<m:FindItemResponseMessage ResponseClass='Success'><m:ResponseCode>NoError</m:ResponseCode><m:RootFolder \
         IndexedPagingOffset='{next}' TotalItemsInView='{total}' IncludesLastItemInRange='{last}'><t:Items>{items}</t:Items>\
         </m:RootFolder></m:FindItemResponseMessage>"
    );
    Reply::Http(200, "", answer("FindItem", &[message]))
}

/// Lists to the end; gives how often each item came, over all pages, and how many calls there were.
async fn listed(mailbox: &WorkMail) -> (BTreeMap<String, u32>, u32) {
    let (mut items, mut next, mut calls) = (BTreeMap::new(), None::<String>, 0);
    loop {
        let page = mailbox.list(&inbox(), next.as_deref()).await.expect("a page");
        calls += 1;
        for item in page.items {
            *items.entry(item.id.0).or_default() += 1;
        }
        next = page.next;
        if next.is_none() {
            return (items, calls);
        }
    }
}

fn once(items: &BTreeMap<String, u32>) -> bool {
    items.values().all(|times| *times == 1)
}

#[tokio::test]
async fn many_pages_are_one_call() {
    let items = folder(3_000);
    let server =
        Server::start(move |r| if r.operation == "FindItem" { page(&items, r, 500) } else { Reply::Well }).await;
    let (listed, calls) = listed(&open(&server).await).await;
    assert_eq!((listed.len(), calls), (3_000, 1));
    assert!(once(&listed));
    assert_eq!(server.log("FindItem").len(), 7, "each page but the first begins with the item before");
}

#[tokio::test]
async fn a_server_with_shorter_pages_is_asked_for_no_page_in_vain() {
    let items = folder(1_500);
    let server =
        Server::start(move |r| if r.operation == "FindItem" { page(&items, r, 100) } else { Reply::Well }).await;
    let (listed, _) = listed(&open(&server).await).await;
    assert_eq!(listed.len(), 1_500);
    assert!(once(&listed));
    // Where one call ends the next begins.
    assert_eq!(server.log("FindItem").len(), 16);
}

#[tokio::test]
async fn a_page_that_slipped_costs_no_item() {
    // Items go while pages are on their way: those behind them move up.
    for nth in 1..8 {
        let items = folder(4_200);
        let server = Server::start(move |r| {
            if r.operation != "FindItem" {
                return Reply::Well;
            }
            if r.nth == nth {
                items.lock().expect("the items").retain(|n| *n != 3 && *n != 700);
            }
            page(&items, r, 500)
        })
        .await;
        let (mut listed, _) = listed(&open(&server).await).await;
        listed.retain(|id, _| id != "i3" && id != "i700");
        assert_eq!(listed.len(), 4_198, "{nth}");
    }
}

#[tokio::test]
async fn a_page_that_failed_is_asked_for_again() {
    for nth in 1..8 {
        let items = folder(4_200);
        let server = Server::start(move |r| match r.operation.as_str() {
            "FindItem" if r.nth == nth => Reply::Http(500, "", fault("ErrorInternalServerError")),
            "FindItem" => page(&items, r, 500),
            _ => Reply::Well,
        })
        .await;
        let (listed, _) = listed(&open(&server).await).await;
        assert_eq!(listed.len(), 4_200, "{nth}");
        assert!(once(&listed), "{nth}");
    }
}

#[tokio::test]
async fn no_more_pages_are_asked_for_at_once_than_the_gate_lets_through() {
    let items = folder(4_000);
    let server =
        Server::start(move |r| if r.operation == "FindItem" { page(&items, r, 500) } else { Reply::Well }).await;
    let mut opening = support::opening(&server.url, support::user(), support::settings());
    opening.gate = Arc::new(mailcrane_ews::Gate::new(2, 2));
    let (listed, _) = listed(&WorkMail::open(opening).await.expect("an open mailbox")).await;
    assert_eq!(listed.len(), 4_000);
    let connections = server.connections.load(std::sync::atomic::Ordering::SeqCst);
    assert!(connections <= 2, "{connections} connections");
}
