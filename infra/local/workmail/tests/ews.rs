//! What EWS keeps, gives back, and refuses.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod harness;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use harness::{ANNA, Answer, KEY, StandIn, by_key, create, create_in, find, folder_of, get, message, tagged};
use serde_json::json;
use stand_in::xml::Element;

const FLAGS: &str = "<t:ExtendedFieldURI PropertyTag=\"0x0E07\" PropertyType=\"Integer\"/>";

fn value_of(answer: &Answer, tag: &str) -> Option<String> {
    let all = answer.all("ExtendedProperty");
    all.iter()
        .find(|p| p.child("ExtendedFieldURI").unwrap().attribute("PropertyTag") == Some(tag))
        .map(|p| p.child("Value").unwrap().text.clone())
}

async fn stored(server: &StandIn, inside: &str) -> Answer {
    let mime = STANDARD.encode(harness::mime(1));
    let item = format!("<t:Message><t:MimeContent>{mime}</t:MimeContent>{inside}</t:Message>");
    server.ews(ANNA, &create_in("<t:DistinguishedFolderId Id=\"inbox\"/>", &[item])).await
}

async fn subfolder(server: &StandIn, name: &str) -> (Answer, Option<Element>) {
    let answer = server
        .ews(
            ANNA,
            &format!(
                "<m:CreateFolder><m:ParentFolderId><t:DistinguishedFolderId Id=\"msgfolderroot\"/></m:ParentFolderId>\
                 <m:Folders><t:Folder><t:FolderClass>IPF.Note</t:FolderClass><t:DisplayName>{name}</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>"
            ),
        )
        .await;
    let id = answer.all("FolderId").first().cloned();
    (answer, id)
}

#[tokio::test]
async fn a_message_is_a_draft_unless_0x0e07_says_otherwise() {
    let server = StandIn::start().await;
    for (flags, draft, read) in [
        (None, true, true),
        (Some("0"), false, false),
        (Some("1"), false, true),
        (Some("8"), true, false),
        (Some("9"), true, true),
    ] {
        server.control("DELETE", "mailboxes/anna@example.org", json!(null)).await;
        stored(&server, &flags.map(|f| tagged("0x0E07", "Integer", f)).unwrap_or_default()).await;
        let item = server.items(ANNA).await[0].clone();
        assert_eq!((&item["draft"], &item["read"]), (&json!(draft), &json!(read)), "{flags:?}");
    }
}

#[tokio::test]
async fn what_mailcrane_sends_comes_back() {
    let server = StandIn::start().await;
    let created = server.ews(ANNA, &create(1)).await;
    let wanted = format!(
        "<t:IncludeMimeContent>true</t:IncludeMimeContent><t:AdditionalProperties><t:FieldURI FieldURI=\"item:DateTimeReceived\"/>\
         <t:FieldURI FieldURI=\"item:Categories\"/><t:FieldURI FieldURI=\"item:Importance\"/><t:FieldURI FieldURI=\"message:IsRead\"/>\
         <t:FieldURI FieldURI=\"item:DateTimeSent\"/><t:FieldURI FieldURI=\"message:InternetMessageId\"/>{FLAGS}{KEY}</t:AdditionalProperties>"
    );
    let answer = server.ews(ANNA, &get(&created.all("ItemId"), &wanted)).await;
    let text = |name: &str| answer.all(name)[0].text.clone();
    assert_eq!(STANDARD.decode(text("MimeContent")).unwrap(), harness::mime(0).as_bytes());
    assert_eq!(
        (text("DateTimeReceived"), text("DateTimeSent")),
        ("1998-01-01T09:00:05Z".into(), "1998-01-01T09:00:00Z".into())
    );
    assert_eq!((text("String"), text("Importance"), text("IsRead")), ("work".into(), "High".into(), "true".into()));
    assert_eq!(text("InternetMessageId"), "<0@example.org>");
    assert_eq!(value_of(&answer, "0xe07").as_deref(), Some("1"));
    assert!(answer.text.contains("key:0000"));
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_items() {
    let server = StandIn::start().await;
    let bad = "<t:Message><t:MimeContent>%%%</t:MimeContent></t:Message>".to_owned();
    let items = [message(1), bad, message(2)];
    let answer = server.ews(ANNA, &create_in("<t:DistinguishedFolderId Id=\"sentitems\"/>", &items)).await;
    assert_eq!(answer.plain_codes(), ["NoError", "ErrorMimeContentInvalidBase64String", "NoError"]);
    let subjects: Vec<_> =
        server.items(ANNA).await.iter().map(|i| (i["folder"].clone(), i["subject"].clone())).collect();
    assert_eq!(subjects, [(json!("Sent Items"), json!("Number 1")), (json!("Sent Items"), json!("Number 2"))]);
}

#[tokio::test]
async fn pages_cover_a_folder_without_gap_or_overlap() {
    let server = StandIn::start().await;
    server.ews(ANNA, &create(25)).await;
    let mut ids = Vec::new();
    for offset in [0, 10, 20] {
        let view =
            format!("<m:IndexedPageItemView MaxEntriesReturned=\"10\" Offset=\"{offset}\" BasePoint=\"Beginning\"/>");
        let answer = server.ews(ANNA, &find("", &view)).await;
        let root = answer.all("RootFolder")[0].clone();
        assert_eq!(
            (root.attribute("TotalItemsInView"), root.attribute("IncludesLastItemInRange")),
            (Some("25"), Some(if offset == 20 { "true" } else { "false" }))
        );
        ids.extend(answer.all("ItemId").iter().map(|i| i.attribute("Id").unwrap().to_owned()));
    }
    assert_eq!(ids.len(), 25);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 25);
}

#[tokio::test]
async fn restrictions_choose_and_orders_sort() {
    let server = StandIn::start().await;
    server.ews(ANNA, &create(12)).await;
    let count = async |restriction: &str| {
        let answer = server.ews(ANNA, &find("", &format!("<m:Restriction>{restriction}</m:Restriction>"))).await;
        assert_eq!(answer.plain_codes(), ["NoError"], "{restriction}: {}", answer.text);
        answer.all("ItemId").len()
    };
    let equal = |field: &str, value: &str| {
        format!(
            "<t:IsEqualTo>{field}<t:FieldURIOrConstant><t:Constant Value=\"{value}\"/></t:FieldURIOrConstant></t:IsEqualTo>"
        )
    };
    let prefixed = |value: &str| {
        format!(
            "<t:Contains ContainmentMode=\"Prefixed\" ContainmentComparison=\"Exact\">{KEY}<t:Constant Value=\"{value}\"/></t:Contains>"
        )
    };
    let message_id = "<t:FieldURI FieldURI=\"message:InternetMessageId\"/>";
    assert_eq!(count(&equal(KEY, "key:0003")).await, 1);
    assert_eq!(count(&equal(KEY, "key:9999")).await, 0);
    assert_eq!(count(&prefixed("key:000")).await, 10);
    assert_eq!(count(&prefixed("key:")).await, 12);
    assert_eq!(count(&prefixed("ey:")).await, 0);
    assert_eq!(count(&equal(message_id, "&lt;7@example.org&gt;")).await, 1);
    assert_eq!(count(&format!("<t:Exists>{KEY}</t:Exists>")).await, 12);
    assert_eq!(count(&format!("<t:Not><t:Exists>{KEY}</t:Exists></t:Not>")).await, 0);
    assert_eq!(count(&format!("<t:Or>{}{}</t:Or>", equal(KEY, "key:0001"), equal(KEY, "key:0002"))).await, 2);
    assert_eq!(count(&format!("<t:And>{}{}</t:And>", equal(KEY, "key:0001"), equal(KEY, "key:0002"))).await, 0);
    assert_eq!(count(&equal("<t:FieldURI FieldURI=\"message:IsRead\"/>", "true")).await, 12);
    let later = |date: &str| {
        format!(
            "<t:IsGreaterThan><t:FieldURI FieldURI=\"item:DateTimeReceived\"/><t:FieldURIOrConstant><t:Constant Value=\"{date}\"/></t:FieldURIOrConstant></t:IsGreaterThan>"
        )
    };
    assert_eq!((count(&later("1998-01-01T09:00:04Z")).await, count(&later("1998-01-01T09:00:05Z")).await), (12, 0));
    let sort = "<m:SortOrder><t:FieldOrder Order=\"Ascending\"><t:FieldURI FieldURI=\"item:Subject\"/></t:FieldOrder></m:SortOrder>";
    let sorted = server.ews(ANNA, &find("<t:FieldURI FieldURI=\"item:Subject\"/>", sort)).await;
    let subjects: Vec<String> = sorted.all("Subject").iter().map(|s| s.text.clone()).collect();
    let mut expected = subjects.clone();
    expected.sort();
    assert!(subjects == expected && subjects.len() == 12, "{subjects:?}");
}

#[tokio::test]
async fn folders_are_made_found_renamed_and_deleted() {
    let server = StandIn::start().await;
    let (made, id) = subfolder(&server, "Projekte &amp; Ähnliches").await;
    assert_eq!(made.plain_codes(), ["NoError"]);
    assert_eq!(subfolder(&server, "projekte &amp; ähnliches").await.0.plain_codes(), ["ErrorFolderExists"]);
    assert_eq!(subfolder(&server, "a/b").await.0.plain_codes(), ["ErrorFolderSave"]);
    assert_eq!(subfolder(&server, "Inbox").await.0.plain_codes(), ["ErrorFolderExists"]);
    let id = id.unwrap().attribute("Id").unwrap().to_owned();
    let deep = "<m:FindFolder Traversal=\"Deep\"><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>\
        <m:IndexedPageFolderView MaxEntriesReturned=\"500\" Offset=\"0\" BasePoint=\"Beginning\"/>\
        <m:ParentFolderIds><t:DistinguishedFolderId Id=\"msgfolderroot\"/></m:ParentFolderIds></m:FindFolder>";
    let names =
        async || server.ews(ANNA, deep).await.all("DisplayName").iter().map(|n| n.text.clone()).collect::<Vec<_>>();
    assert!(names().await.contains(&"Projekte & Ähnliches".to_owned()));
    let rename = format!(
        "<m:UpdateFolder><m:FolderChanges><t:FolderChange><t:FolderId Id=\"{id}\"/><t:Updates><t:SetFolderField>\
         <t:FieldURI FieldURI=\"folder:DisplayName\"/><t:Folder><t:DisplayName>Neu</t:DisplayName></t:Folder></t:SetFolderField></t:Updates>\
         </t:FolderChange></m:FolderChanges></m:UpdateFolder>"
    );
    assert_eq!(server.ews(ANNA, &rename).await.plain_codes(), ["NoError"]);
    assert!(names().await.contains(&"Neu".to_owned()));
    server.ews(ANNA, &create_in(&format!("<t:FolderId Id=\"{id}\"/>"), &[message(1)])).await;
    let delete = format!(
        "<m:DeleteFolder DeleteType=\"HardDelete\"><m:FolderIds><t:FolderId Id=\"{id}\"/></m:FolderIds></m:DeleteFolder>"
    );
    assert_eq!(server.ews(ANNA, &delete).await.plain_codes(), ["NoError"]);
    assert!(!names().await.contains(&"Neu".to_owned()) && server.items(ANNA).await.is_empty());
    assert_eq!(server.ews(ANNA, &delete).await.plain_codes(), ["ErrorFolderNotFound"]);
    let system = "<m:DeleteFolder DeleteType=\"HardDelete\"><m:FolderIds><t:DistinguishedFolderId Id=\"inbox\"/></m:FolderIds></m:DeleteFolder>";
    assert_eq!(server.ews(ANNA, system).await.plain_codes(), ["ErrorDeleteDistinguishedFolder"]);
}

#[tokio::test]
async fn counts_of_a_folder_follow_its_items() {
    let server = StandIn::start().await;
    server.ews(ANNA, &create(3)).await;
    stored(&server, &tagged("0x0E07", "Integer", "0")).await;
    let inbox = server.ews(ANNA, &folder_of(None, "inbox")).await;
    assert_eq!((inbox.all("TotalCount")[0].text.as_str(), inbox.all("UnreadCount")[0].text.as_str()), ("4", "1"));
}

#[tokio::test]
async fn a_moved_item_has_another_identity() {
    let server = StandIn::start().await;
    let id = server.ews(ANNA, &create(1)).await.all("ItemId");
    let old = id[0].attribute("Id").unwrap();
    let moving = format!(
        "<m:MoveItem><m:ToFolderId><t:DistinguishedFolderId Id=\"junkemail\"/></m:ToFolderId><m:ItemIds><t:ItemId Id=\"{old}\"/></m:ItemIds></m:MoveItem>"
    );
    let moved = server.ews(ANNA, &moving).await.all("ItemId");
    assert_ne!(moved[0].attribute("Id").unwrap(), old);
    assert_eq!(server.ews(ANNA, &get(&id, "")).await.plain_codes(), ["ErrorItemNotFound"]);
    assert_eq!(server.ews(ANNA, &get(&moved, "")).await.plain_codes(), ["NoError"]);
    assert_eq!(server.items(ANNA).await[0]["folder"], json!("Junk E-mail"));
}

#[tokio::test]
async fn deleting_is_for_good_recoverable_or_into_deleted_items() {
    let server = StandIn::start().await;
    for (how, place) in [
        ("HardDelete", None),
        ("SoftDelete", Some("Recoverable Items/Deletions")),
        ("MoveToDeletedItems", Some("Deleted Items")),
    ] {
        server.control("DELETE", "mailboxes/anna@example.org", json!(null)).await;
        let id = server.ews(ANNA, &create(1)).await.all("ItemId")[0].attribute("Id").unwrap().to_owned();
        let delete =
            format!("<m:DeleteItem DeleteType=\"{how}\"><m:ItemIds><t:ItemId Id=\"{id}\"/></m:ItemIds></m:DeleteItem>");
        assert_eq!(server.ews(ANNA, &delete).await.plain_codes(), ["NoError"]);
        assert_eq!(server.ews(ANNA, &delete).await.plain_codes(), ["ErrorItemNotFound"]);
        let left: Vec<_> = server.items(ANNA).await.iter().map(|i| i["folder"].as_str().unwrap().to_owned()).collect();
        assert_eq!(left.first().map(String::as_str), place, "{how}");
    }
}

#[tokio::test]
async fn updates_change_what_may_change() {
    let server = StandIn::start().await;
    let id = server.ews(ANNA, &create(1)).await.all("ItemId")[0].clone();
    let (item, key) = (id.attribute("Id").unwrap(), id.attribute("ChangeKey").unwrap());
    let update = |change_key: &str, resolution: &str, update: &str| {
        format!(
            "<m:UpdateItem MessageDisposition=\"SaveOnly\" ConflictResolution=\"{resolution}\"><m:ItemChanges><t:ItemChange>\
             <t:ItemId Id=\"{item}\" ChangeKey=\"{change_key}\"/><t:Updates>{update}</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"
        )
    };
    let unread = "<t:SetItemField><t:FieldURI FieldURI=\"message:IsRead\"/><t:Message><t:IsRead>false</t:IsRead></t:Message></t:SetItemField>";
    assert_eq!(server.ews(ANNA, &update(key, "NeverOverwrite", unread)).await.plain_codes(), ["NoError"]);
    assert_eq!(
        server.ews(ANNA, &update(key, "NeverOverwrite", unread)).await.plain_codes(),
        ["ErrorIrresolvableConflict"]
    );
    let flagged = "<t:SetItemField><t:ExtendedFieldURI PropertyTag=\"0x1090\" PropertyType=\"Integer\"/><t:Message><t:ExtendedProperty>\
        <t:ExtendedFieldURI PropertyTag=\"0x1090\" PropertyType=\"Integer\"/><t:Value>2</t:Value></t:ExtendedProperty></t:Message></t:SetItemField>";
    assert_eq!(server.ews(ANNA, &update(key, "AlwaysOverwrite", flagged)).await.plain_codes(), ["NoError"]);
    let draft = flagged.replace("0x1090", "0x0E07").replace("<t:Value>2", "<t:Value>9");
    assert_eq!(server.ews(ANNA, &update(key, "AlwaysOverwrite", &draft)).await.plain_codes(), ["NoError"]);
    let wrong = unread.replace("message:IsRead", "item:Subject");
    assert_eq!(
        server.ews(ANNA, &update(key, "AutoResolve", &wrong)).await.plain_codes(),
        ["ErrorUpdatePropertyMismatch"]
    );
    let row = server.items(ANNA).await[0].clone();
    assert_eq!((&row["properties"]["0x1090"], &row["draft"], &row["read"]), (&json!("2"), &json!(false), &json!(true)));
}

#[tokio::test]
async fn values_must_suit_their_types_and_read_only_properties_stay() {
    let server = StandIn::start().await;
    for (inside, code) in [
        (tagged("0x0E07", "Integer", "one"), "ErrorInvalidExtendedPropertyValue"),
        (tagged("0x0E06", "SystemTime", "yesterday"), "ErrorInvalidExtendedPropertyValue"),
        (tagged("0x0E08", "Integer", "5"), "ErrorInvalidPropertySet"),
        ("<t:DateTimeReceived>2020-01-01T00:00:00Z</t:DateTimeReceived>".to_owned(), "ErrorInvalidPropertySet"),
        (
            "<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag=\"0x1\" PropertyName=\"x\" PropertyType=\"String\"/><t:Value>1</t:Value></t:ExtendedProperty>".to_owned(),
            "ErrorInvalidExtendedProperty",
        ),
    ] {
        assert_eq!(stored(&server, &inside).await.plain_codes(), [code], "{inside}");
    }
    assert!(server.items(ANNA).await.is_empty());
}

#[tokio::test]
async fn dates_are_whole_seconds() {
    let server = StandIn::start().await;
    stored(&server, &tagged("0x0E06", "SystemTime", "2001-02-03T04:05:06.789Z")).await;
    let answer = server.ews(ANNA, &find("<t:FieldURI FieldURI=\"item:DateTimeReceived\"/>", "")).await;
    assert_eq!(answer.all("DateTimeReceived")[0].text, "2001-02-03T04:05:06Z");
}

#[tokio::test]
async fn sizes_are_limited_by_the_octet() {
    let server = StandIn::start().await;
    let with_attachment = |size: usize| {
        let body = STANDARD.encode(vec![7_u8; size]);
        let mime = format!(
            "Subject: big\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n\
             --x\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}\r\n--x--\r\n"
        );
        let item = format!("<t:Message><t:MimeContent>{}</t:MimeContent></t:Message>", STANDARD.encode(mime));
        create_in("<t:DistinguishedFolderId Id=\"inbox\"/>", &[item])
    };
    server.knobs(json!({"max_attachment_bytes": 3000})).await;
    assert_eq!(server.ews(ANNA, &with_attachment(2999)).await.plain_codes(), ["NoError"]);
    assert_eq!(server.ews(ANNA, &with_attachment(3000)).await.plain_codes(), ["ErrorMessageSizeExceeded"]);
    server.knobs(json!({"max_attachment_bytes": null, "max_message_bytes": 1000, "oversize_code": "ErrorDataSizeLimitExceeded"})).await;
    assert_eq!(server.ews(ANNA, &with_attachment(2999)).await.plain_codes(), ["ErrorDataSizeLimitExceeded"]);
    server.knobs(json!({"max_message_bytes": null, "max_request_bytes": 5000})).await;
    assert_eq!(server.ews(ANNA, &with_attachment(20_000)).await.status, 413);
    server.knobs(json!({"max_request_bytes": null})).await;
    assert_eq!(server.ews(ANNA, &with_attachment(24_000_000)).await.status, 413);
}

#[tokio::test]
async fn a_real_attachment_just_below_the_rule_fits_and_at_the_rule_does_not() {
    let server = StandIn::start().await;
    for (size, code) in [(22_500_000_usize, "NoError"), (23_000_000, "ErrorMessageSizeExceeded")] {
        let raw = STANDARD.encode(vec![9_u8; size]);
        let mime = format!(
            "MIME-Version: 1.0\r\nContent-Type: application/zip\r\nContent-Disposition: attachment; filename=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n{raw}\r\n"
        );
        let item = format!("<t:Message><t:MimeContent>{}</t:MimeContent></t:Message>", STANDARD.encode(mime));
        let answer = server.ews(ANNA, &create_in("<t:DistinguishedFolderId Id=\"inbox\"/>", &[item])).await;
        assert_eq!(answer.plain_codes(), [code]);
    }
}

#[tokio::test]
async fn a_full_mailbox_takes_nothing_more() {
    let server = StandIn::start().await;
    server.control("POST", "seed", json!({"users": [{"email": ANNA, "quota_mb": 1}]})).await;
    let big = format!(
        "<t:Message><t:MimeContent>{}</t:MimeContent></t:Message>",
        STANDARD.encode(format!("Subject: x\r\n\r\n{}", "y".repeat(600_000)))
    );
    let answer =
        server.ews(ANNA, &create_in("<t:DistinguishedFolderId Id=\"inbox\"/>", &[big.clone(), big, message(1)])).await;
    assert_eq!(answer.plain_codes(), ["NoError", "ErrorQuotaExceeded", "NoError"]);
}

#[tokio::test]
async fn requests_against_the_schema_are_refused_as_a_whole() {
    let server = StandIn::start().await;
    let good = create(1);
    for bad in [
        good.replace("<t:Importance>High</t:Importance>", "<t:Flag><t:FlagStatus>Flagged</t:FlagStatus></t:Flag>"),
        good.replace("<t:Importance>", "<t:Subject>late</t:Subject><t:Importance>"),
        good.replace("t:IsRead", "m:IsRead"),
        good.replace("MessageDisposition", "Disposition"),
        good.replace(">true<", ">yes<"),
        "<m:CreateFolderPath/>".to_owned(),
        "<m:GetFolder".to_owned(),
    ] {
        let answer = server.ews(ANNA, &bad).await;
        assert_eq!((answer.status, answer.fault().as_str()), (500, "ErrorSchemaValidation"), "{bad}");
    }
    assert!(server.items(ANNA).await.is_empty());
}

#[tokio::test]
async fn newer_levels_fault_without_a_header() {
    let server = StandIn::start().await;
    let auth = harness::basic(ANNA, harness::PASSWORD);
    for level in ["Exchange2013", "Exchange2013_SP1", "Exchange2016"] {
        let answer = server.send(&auth, level, "", &folder_of(None, "inbox")).await.unwrap();
        assert_eq!((answer.status, answer.fault().as_str()), (500, "ErrorInvalidServerVersion"));
        assert!(answer.envelope().child("Header").is_none());
    }
}

#[tokio::test]
async fn the_way_that_real_clients_write_is_accepted() {
    let server = StandIn::start().await;
    let decimal = create(1).replace("0x0E07", "3591").replace(">true<", ">1<");
    assert_eq!(server.ews(ANNA, &decimal).await.plain_codes(), ["NoError"]);
    assert_eq!(server.items(ANNA).await[0]["draft"], json!(false));
    let body = harness::envelope(
        "Exchange2010",
        "<t:TimeZoneContext><t:TimeZoneDefinition Id=\"UTC\"/></t:TimeZoneContext>",
        &folder_of(None, "inbox"),
    );
    let request = server.http.post(format!("{}/ews/exchange.asmx", server.url)).body(body);
    let response = request.header("authorization", harness::basic(ANNA, harness::PASSWORD)).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert!(response.headers().contains_key("set-cookie"));
}

#[tokio::test]
async fn listings_do_not_give_what_only_single_items_have() {
    let server = StandIn::start().await;
    server.ews(ANNA, &create(1)).await;
    for field in ["item:Body", "item:MimeContent", "message:ToRecipients", "item:InternetMessageHeaders"] {
        let answer = server.ews(ANNA, &find(&format!("<t:FieldURI FieldURI=\"{field}\"/>"), "")).await;
        assert_eq!(answer.plain_codes(), ["ErrorInvalidPropertyRequest"], "{field}");
    }
    assert_eq!(server.ews(ANNA, &find("", &by_key("key:0000"))).await.plain_codes(), ["NoError"]);
}

#[tokio::test]
async fn signed_mail_and_meeting_requests_get_their_class_from_the_content() {
    let server = StandIn::start().await;
    for (kind, class, element) in [
        (
            "multipart/signed; boundary=x; protocol=\"application/pkcs7-signature\"",
            "IPM.Note.SMIME.MultipartSigned",
            "Message",
        ),
        ("application/pkcs7-mime; smime-type=enveloped-data", "IPM.Note.SMIME", "Message"),
        ("text/calendar; method=REQUEST", "IPM.Schedule.Meeting.Request", "MeetingRequest"),
        ("text/plain", "IPM.Note", "Message"),
    ] {
        server.control("DELETE", "mailboxes/anna@example.org", json!(null)).await;
        let item = format!(
            "<t:Message><t:MimeContent>{}</t:MimeContent></t:Message>",
            STANDARD.encode(format!("Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\nx\r\n"))
        );
        let answer = server.ews(ANNA, &create_in("<t:DistinguishedFolderId Id=\"inbox\"/>", &[item])).await;
        assert_eq!(answer.all(element).len(), 1, "{}", answer.text);
        assert_eq!(server.items(ANNA).await[0]["class"], json!(class));
    }
}
