use super::*;
use crate::endpoint::Server;
use mailcrane_core::ports::source::AdminScheme;
use mailcrane_core::record::SourceAuth;

fn defaults() -> Server {
    Server { host: Some("imap.example.org".into()), ..Server::default() }
}

fn read_with(text: &str, defaults: &Server, needs_password: bool) -> Result<Table, Problem> {
    read(text.as_bytes(), &Context { defaults, needs_password })
}

#[test]
fn named_columns_come_in_any_order() {
    let text = "Destination Mailbox;source_password;source_user;source_host\n\
                anna@example.org;\"a;\"\"b\";anna;\n\
                \n\
                ben@example.org; b ;ben;mail.example.net\n";
    let table = read_with(text, &defaults(), false).unwrap();
    assert_eq!((table.delimiter, table.rows.len()), (';', 2));
    let accounts = table.accounts(false).unwrap();
    assert_eq!(accounts[0].secrets.source_password.as_ref().unwrap().expose(), "a;\"b");
    assert_eq!(accounts[0].source.endpoint.host, "imap.example.org");
    assert_eq!(accounts[1].secrets.source_password.as_ref().unwrap().expose(), " b ");
    assert_eq!(accounts[1].source.endpoint.host, "mail.example.net");
}

#[test]
fn a_bad_row_is_named_and_may_be_skipped() {
    let text = "source_user,source_password,destination_mailbox\n\
                anna,a,anna@example.org\n\
                ben,,ben@example.org\n\
                carla,c,carla\n\
                anna,a,anna@example.org\n";
    let wrong = read_with(text, &defaults(), false).unwrap().accounts(false).unwrap_err().to_json();
    let told: Vec<_> =
        wrong["errors"].as_array().unwrap().iter().map(|e| (e["row"].clone(), e["field"].clone())).collect();
    let expected = [(3, Some("source_password")), (4, Some("destination_mailbox")), (5, None)];
    assert_eq!(told, expected.map(|(row, field)| (Value::from(row), Value::from(field))));
    assert_eq!(read_with(text, &defaults(), false).unwrap().accounts(true).unwrap().len(), 1);
}

#[test]
fn the_headerless_shapes_take_the_rest_from_the_defaults() {
    let admin = Server { admin_password: Some("secret".into()), ..defaults() };
    let five = "root\texample.net\tanna\tanna@example.org\tA1\n";
    let account = read_with(five, &admin, true).unwrap().accounts(false).unwrap().remove(0);
    assert_eq!(account.source.user, "anna@example.net");
    assert_eq!(account.source.auth, SourceAuth::Administrator(AdminScheme::Auto));
    assert_eq!(account.destination.mailbox, "anna@example.org");
    let exchange = Server { admin_scheme: Some(AdminScheme::Exchange), ..admin };
    let six = "root,CORP,anna,anna-login@example.org,A1,anna@example.org\n";
    let account = read_with(six, &exchange, true).unwrap().accounts(false).unwrap().remove(0);
    assert_eq!(account.secrets.source_admin_user.as_deref(), Some("CORP\\root"));
    assert_eq!(account.destination.user.as_deref(), Some("anna-login@example.org"));
    assert_eq!(account.destination.mailbox, "anna@example.org");
}

#[test]
fn what_is_no_table_of_accounts_is_refused() {
    for text in ["", "a,b\n1,2\n", "source_user,colour\nanna,red\n"] {
        let problem = read_with(text, &defaults(), false).err().unwrap().to_json();
        assert_eq!(problem["field"], "accounts_csv", "{text}");
    }
}

#[test]
fn ten_thousand_rows_are_read() {
    let mut text = String::from("source_user,source_password,destination_mailbox\n");
    for no in 0..10_000 {
        text.push_str(&format!("user{no},p{no},user{no}@example.org\n"));
    }
    assert_eq!(read_with(&text, &defaults(), false).unwrap().accounts(false).unwrap().len(), 10_000);
}

#[test]
fn a_preview_shows_no_password() {
    let text = "source_user,source_password,destination_mailbox\nanna,Secret-1,anna@example.org\nben,Secret-2,\n";
    let table = read_with(text, &defaults(), false).unwrap();
    let views: Vec<_> = table.rows.iter().map(Row::view).collect();
    let shown = serde_json::to_string(&views).unwrap();
    assert!(!shown.contains("Secret"), "{shown}");
    assert!(shown.contains("destination_mailbox") && shown.contains("\"ok\":false"), "{shown}");
}
