//! What DavMail asks beyond other clients: whose an identity is, sub-folders, keywords.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod harness;

use harness::{ADMIN, ANNA, BEN, PASSWORD, StandIn, basic, by_key, create, find, folder_of, get};
use serde_json::json;
use stand_in::xml::Element;

fn convert(sources: &str, format: &str) -> String {
    format!("<m:ConvertId DestinationFormat=\"{format}\"><m:SourceIds>{sources}</m:SourceIds></m:ConvertId>")
}

fn alternate(id: &Element, format: &str) -> String {
    format!(
        "<t:AlternateId  Format=\"{format}\" Id=\"{}\" Mailbox=\"nobody@example.com\"/>",
        id.attribute("Id").unwrap()
    )
}

async fn folder_id(server: &StandIn, user: &str, mailbox: Option<&str>, name: &str) -> Element {
    server.ews(user, &folder_of(mailbox, name)).await.all("FolderId")[0].clone()
}

#[tokio::test]
async fn an_identity_tells_its_mailbox_whatever_the_request_says() {
    let server = StandIn::start().await;
    let root = folder_id(&server, ANNA, None, "root").await;
    let item = server.ews(ANNA, &create(1)).await.all("ItemId")[0].clone();
    let both = convert(&(alternate(&root, "EwsId") + &alternate(&item, "EwsId")), "EwsId");
    let answer = server.send(&basic(ANNA, PASSWORD), "Exchange2010_SP1", "", &both).await.unwrap();
    let found = answer.all("AlternateId");
    assert_eq!((answer.status, found.len()), (200, 2), "{}", answer.text);
    for (one, id) in found.iter().zip([root, item]) {
        assert_eq!(one.label(), "m:AlternateId");
        assert_eq!((one.attribute("Mailbox"), one.attribute("Format")), (Some(ANNA), Some("EwsId")));
        assert_eq!(one.attribute("Id"), id.attribute("Id"));
    }
    assert!(answer.text.contains("xsi:type=\"t:AlternateIdType\""), "{}", answer.text);
    let last = server.log().await.pop().unwrap();
    assert_eq!((&last["operation"], &last["mailbox"], &last["items"]), (&json!("ConvertId"), &json!(ANNA), &json!(2)));
}

#[tokio::test]
async fn an_identity_of_a_closed_mailbox_tells_nothing() {
    let server = StandIn::start().await;
    let ask = convert(&alternate(&folder_id(&server, BEN, None, "root").await, "EwsId"), "EwsId");
    let refused = server.ews(ADMIN, &ask).await;
    assert_eq!(refused.plain_codes(), ["ErrorAccessDenied"]);
    assert!(refused.all("AlternateId").is_empty() && !refused.text.contains(BEN));
    let grant = json!({"permissions": [{"mailbox": BEN, "grantee": ADMIN, "values": ["FULL_ACCESS"]}]});
    server.control("POST", "seed", grant).await;
    assert_eq!(server.ews(ADMIN, &ask).await.all("AlternateId")[0].attribute("Mailbox"), Some(BEN));
}

#[tokio::test]
async fn only_whole_identities_of_the_one_format_are_converted() {
    let server = StandIn::start().await;
    let root = folder_id(&server, ANNA, None, "root").await;
    let (good, bad) = (alternate(&root, "EwsId"), "<t:AlternateId Format=\"EwsId\" Id=\"AAAA\" Mailbox=\"x\"/>");
    let public = "<t:AlternatePublicFolderId Format=\"EwsId\" FolderId=\"AAAA\"/>";
    let answer = server.ews(ANNA, &convert(&format!("{bad}{good}{public}"), "EwsId")).await;
    let codes = ["ErrorInvalidIdMalformed", "NoError", "ErrorUnsupportedTypeForConversion"];
    assert_eq!(answer.plain_codes(), codes);
    for ask in [convert(&good, "HexEntryId"), convert(&alternate(&root, "StoreId"), "EwsId")] {
        assert_eq!(server.ews(ANNA, &ask).await.plain_codes(), ["ErrorUnsupportedTypeForConversion"]);
    }
    let no_mailbox = good.replace(" Mailbox=\"nobody@example.com\"", "");
    let empty_mailbox = good.replace("nobody@example.com", "");
    for sources in ["", &no_mailbox, &empty_mailbox, "<t:ItemId Id=\"x\"/>", &good.replace("EwsId", "Base64")] {
        assert_eq!(server.ews(ANNA, &convert(sources, "EwsId")).await.fault(), "ErrorSchemaValidation", "{sources}");
    }
    assert_eq!(server.ews(ANNA, &convert(&good, "")).await.fault(), "ErrorSchemaValidation");
}

#[tokio::test]
async fn a_folder_says_whether_it_has_sub_folders() {
    let server = StandIn::start().await;
    let asked = |name: &str| {
        let shape = "<t:AdditionalProperties><t:ExtendedFieldURI PropertyTag=\"0x360a\" PropertyType=\"Boolean\"/></t:AdditionalProperties>";
        folder_of(None, name).replace("</m:FolderShape>", &format!("{shape}</m:FolderShape>"))
    };
    for (name, value) in [("inbox", "false"), ("msgfolderroot", "true")] {
        assert_eq!(server.ews(ANNA, &asked(name)).await.all("Value")[0].text, value, "{name}");
    }
}

#[tokio::test]
async fn keywords_are_the_categories_under_another_name() {
    let server = StandIn::start().await;
    let uri = "<t:ExtendedFieldURI DistinguishedPropertySetId=\"PublicStrings\" PropertyName=\"Keywords\" PropertyType=\"StringArray\"/>";
    let id = server.ews(ANNA, &create(1)).await.all("ItemId")[0].clone();
    let shape = format!("<t:AdditionalProperties>{uri}</t:AdditionalProperties>");
    let read = async || {
        let answer = server.ews(ANNA, &get(std::slice::from_ref(&id), &shape)).await;
        answer.all("Value").iter().map(|v| v.text.clone()).collect::<Vec<_>>()
    };
    let update = |inside: &str| {
        format!(
            "<m:UpdateItem MessageDisposition=\"SaveOnly\" ConflictResolution=\"AlwaysOverwrite\"><m:ItemChanges><t:ItemChange>\
             <t:ItemId Id=\"{}\"/><t:Updates>{inside}</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>",
            id.attribute("Id").unwrap()
        )
    };
    let set = format!(
        "<t:SetItemField>{uri}<t:Message><t:ExtendedProperty>{uri}<t:Values><t:Value>a</t:Value><t:Value>b</t:Value></t:Values>\
         </t:ExtendedProperty></t:Message></t:SetItemField>"
    );
    assert_eq!(read().await, ["work"]);
    assert_eq!(server.ews(ANNA, &update(&set)).await.plain_codes(), ["NoError"]);
    assert_eq!(read().await, ["a", "b"]);
    assert_eq!(server.items(ANNA).await[0]["categories"], json!(["a", "b"]));
    let searched = |word: &str| find("", &by_key(word).replace(harness::KEY, uri));
    assert_eq!(server.ews(ANNA, &searched("b")).await.all("ItemId").len(), 1);
    assert!(server.ews(ANNA, &searched("work")).await.all("ItemId").is_empty());
    assert_eq!(
        server.ews(ANNA, &update(&format!("<t:DeleteItemField>{uri}</t:DeleteItemField>"))).await.plain_codes(),
        ["NoError"]
    );
    assert!(read().await.is_empty());
    assert_eq!(server.items(ANNA).await[0]["categories"], json!([]));
}
