use super::*;
use mailcrane_core::address::Reach;
use mailcrane_core::digest::Digest;
use mailcrane_core::folder::WireName;
use mailcrane_core::id::{AccountNo, FolderNo, LaneNo, MigrationId, PassNo, SliceNo};
use mailcrane_core::key::{KeyPrefix, SourceId};
use mailcrane_core::manifest::{Outcome, Row, pack};
use mailcrane_core::ports::source::{Endpoint, Security};
use mailcrane_core::record::{
    Access, Account, DestinationEnd, DestinationKind, Folder, Lane, Options, Secrets, Slice, SourceAuth, SourceEnd,
    keys,
};
use mailcrane_core::secret::Secret;
use mailcrane_core::settings::Settings;
use mailcrane_core::state::AccountState;
use mailcrane_core::token::LaneKind;
use mailcrane_core::uid::{Uid, UidValidity};
use mailcrane_engine::intake::{self, NewAccount, Order};
use mailcrane_engine::ledger::{self, Change};
use mailcrane_engine::world::Parts;
use mailcrane_providers::network::{PublicWeb, SystemDns};
use mailcrane_testkit::blobs::MemoryBlobs;
use mailcrane_testkit::table::MemoryTable;
use mailcrane_testkit::{ManualClock, Memory};
use serde_json::Value;
use std::time::Duration;

mod accounts;

const ID: &str = "0123456789ab";

struct Scene {
    app: App<MemoryTable, MemoryBlobs, SystemDns, PublicWeb, ManualClock>,
    memory: Memory,
}

fn account(no: u32) -> NewAccount {
    let endpoint = Endpoint { host: "imap.example.org".into(), port: 993, security: Security::Tls, fingerprint: None };
    NewAccount {
        source: SourceEnd { endpoint, user: format!("user{no}"), auth: SourceAuth::Password },
        destination: DestinationEnd { mailbox: format!("user{no}@example.org"), user: None },
        secrets: Secrets { source_password: Some(Secret::new("Secret-1")), ..Secrets::default() },
        selected: true,
    }
}

fn scene(accounts: u32) -> Scene {
    let memory = Memory::default();
    let world = Parts {
        table: memory.table.clone(),
        queues: memory.queues.clone(),
        clock: memory.clock.clone(),
        settings: Settings::default(),
    };
    let order = Order {
        id: MigrationId::new(ID).unwrap(),
        token: Secret::new("token"),
        token_hash: mailcrane_lambda::access::hash("token"),
        name: "Office <script>".into(),
        notify: Vec::new(),
        webhook: None,
        language: "en".into(),
        destination: DestinationKind::Workmail { access: Access::User },
        options: Options::default(),
        by_operator: true,
        right: Default::default(),
        accounts: (0..accounts).map(account).collect(),
    };
    memory.clock.block_on(intake::create(&world, &memory.vault, order)).unwrap();
    let dns = SystemDns::new();
    let web = PublicWeb::new(dns.clone(), Reach::Public, Duration::from_secs(1)).unwrap();
    let discovery =
        Discovery { dns, web, reach: Reach::Public, clock: memory.clock.clone(), budget: Duration::from_secs(1) };
    Scene {
        app: App { table: memory.table.clone(), blobs: memory.blobs.clone(), discovery, service: Service::default() },
        memory,
    }
}

impl Scene {
    fn get(&self, path: &str, token: &str) -> Response {
        let request = Request::new("GET", path, "").with("authorization", &format!("Bearer {token}"));
        self.memory.clock.block_on(handle(&self.app, &OperatorKey::of(&Secret::new("key")), &request))
    }

    fn json(&self, path: &str) -> Value {
        let answer = self.get(&format!("/v1/migrations/{ID}{path}"), "token");
        assert_eq!(answer.status(), 200, "{}", answer.body());
        serde_json::from_str(answer.body()).unwrap()
    }

    /// Puts one folder with one slice of two pages: two copied, one failed.
    fn copied(&self) {
        let (id, no) = (MigrationId::new(ID).unwrap(), AccountNo(0));
        let wire = WireName::from("INBOX");
        let prefix = KeyPrefix::of(&SourceId::of("user0", "imap.example.org"), &wire, UidValidity(7));
        let folder = serde_json::json!({
            "v": 1, "no": 0, "wire": "INBOX", "path": ["=INBOX"], "prefix": prefix, "uidvalidity": 7
        });
        let folder: Folder = serde_json::from_value(folder).unwrap();
        let row = |uid: u32, outcome| Row {
            uid: Uid::new(uid).unwrap(),
            outcome,
            code: if outcome == Outcome::Failed { "source.unreadable".into() } else { String::new() },
            reason: if outcome == Outcome::Failed { "=cmd()".into() } else { String::new() },
            octets: 10,
            message_id: Some(format!("<{uid}@example.org>")),
            digest: Some(Digest::of(b"x")),
            received: None,
            item: None,
        };
        let pages = [vec![row(1, Outcome::Copied), row(2, Outcome::Failed)], vec![row(3, Outcome::Copied)]];
        let slice = serde_json::json!({
            "v": 1, "no": 0, "pass": 1, "folder": 0, "epoch": 0, "first": 1, "last": 3, "found": 3, "bytes": 30,
            "state": "done", "pages": ["a", "b"],
            "counters": {"copied": 2, "failed": 1, "bytes": 30}
        });
        let slice: Slice = serde_json::from_value(slice).unwrap();
        let table = &self.app.table;
        self.memory.clock.block_on(async {
            ledger::create(table, keys::folder(&id, no, FolderNo(0)), folder).await.unwrap();
            ledger::create(table, keys::slice(&id, no, PassNo(1), SliceNo(0)), slice).await.unwrap();
            for (name, rows) in ["a", "b"].into_iter().zip(&pages) {
                let key = keys::manifest_page(&id, no, PassNo(1), SliceNo(0), name);
                table.put_all(vec![ledger::packed(key, pack(rows).unwrap())]).await.unwrap();
            }
            let key = keys::account(&id, no);
            let update = ledger::update::<Account>(table, &key, |account| {
                account.pass.no = PassNo(1);
                account.pass.found = 3;
                (account.pass.counters.copied, account.pass.counters.failed) = (2, 1);
                Ok(Change::Write)
            });
            update.await.unwrap();
        });
    }
}

#[test]
fn a_migration_is_shown_with_its_totals_and_without_secrets() {
    let scene = scene(2);
    scene.copied();
    let shown = scene.json("");
    assert_eq!(shown["totals"]["found"], 3);
    assert_eq!(shown["totals"]["copied"], 2);
    assert_eq!(shown["states"]["waiting"], 2);
    let text = format!("{shown}{}", scene.json("/accounts"));
    assert!(!text.contains("Secret-1") && !text.contains("hash"), "{text}");
}

#[test]
fn what_an_account_waits_for_is_told_with_its_end_until_it_goes_on() {
    let scene = scene(1);
    scene.copied();
    let (id, no) = (MigrationId::new(ID).unwrap(), AccountNo(0));
    let lane = |number: u16, state: &str| {
        let lane = serde_json::json!({
            "v": 1, "migration": ID, "account": 0, "kind": "copy", "no": number, "pass": 1, "state": state,
            "generation": 3, "hop": 2, "idle_chunks": 0, "not_before": "2026-01-01T00:04:59.961Z",
            "waits_code": "destination.busy", "waits_for": "The destination asks to wait",
        });
        serde_json::from_value::<Lane>(lane).unwrap()
    };
    scene.memory.clock.block_on(async {
        let key = keys::account(&id, no);
        let copying = ledger::update::<Account>(&scene.app.table, &key, |account| {
            account.state = AccountState::Copying;
            Ok(Change::Write)
        });
        copying.await.unwrap();
        for (number, state) in [(0, "queued"), (1, "running"), (2, "ended")] {
            let key = keys::lane(&id, no, LaneKind::Copy, LaneNo(number));
            ledger::create(&scene.app.table, key, lane(number, state)).await.unwrap();
        }
    });
    let waits = serde_json::json!([{
        "account": 0, "code": "destination.busy", "message": "The destination asks to wait",
        "until": "2026-01-01T00:04:59.961Z",
    }]);
    assert_eq!(scene.json("/accounts/0")["waits"], waits);
    assert_eq!(scene.json("")["waits"], waits);
}

#[test]
fn accounts_come_in_pages_over_buckets() {
    let scene = scene(260);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = scene.json(&format!("/accounts?limit=100{cursor}"));
        seen.extend(page["accounts"].as_array().unwrap().iter().map(|account| account["no"].as_u64().unwrap()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (0..260).collect::<Vec<_>>());
}

#[test]
fn folders_manifest_and_protocol_tell_the_same() {
    let scene = scene(1);
    scene.copied();
    let folders = scene.json("/accounts/0/folders");
    assert_eq!(folders["folders"][0]["totals"]["copied"], 2);
    let mut rows = scene.json("/accounts/0/manifest?limit=1");
    assert_eq!(rows["rows"].as_array().unwrap().len(), 2, "a page is given whole");
    rows = scene.json(&format!("/accounts/0/manifest?limit=1&cursor={}", rows["next"].as_str().unwrap()));
    assert_eq!(rows["rows"][0]["uid"], 3);
    let protocol = scene.json("/accounts/0/protocol");
    assert_eq!(protocol["entries"].as_array().unwrap().len(), 1);
    assert_eq!(protocol["entries"][0]["kind"], "failed");
    assert_eq!(scene.json("/accounts/0/protocol?kind=duplicate")["entries"].as_array().unwrap().len(), 0);
    assert_eq!(scene.json("/accounts/0/protocol?q=CMD")["entries"].as_array().unwrap().len(), 1);
}

#[test]
fn a_csv_has_no_formulas() {
    let scene = scene(1);
    scene.copied();
    let path = format!("/v1/migrations/{ID}/accounts/0/manifest?format=csv");
    let answer = scene.get(&path, "token");
    assert!(answer.header("content-type").unwrap().starts_with("text/csv"));
    assert!(answer.body().contains("\"'=INBOX\",7,2,failed,source.unreadable,\"'=cmd()\""), "{}", answer.body());
}

#[test]
fn a_wrong_token_and_no_migration_look_alike() {
    let scene = scene(1);
    let wrong = scene.get(&format!("/v1/migrations/{ID}"), "wrong");
    let missing = scene.get("/v1/migrations/ba9876543210", "wrong");
    assert_eq!(wrong.status(), 404);
    assert_eq!(wrong.body(), missing.body());
}

#[test]
fn only_the_operator_lists_migrations() {
    let scene = scene(1);
    assert_eq!(scene.get("/v1/migrations", "token").status(), 403);
    let listed = scene.get("/v1/migrations", "key");
    assert!(listed.body().contains(ID), "{}", listed.body());
}

#[test]
fn nothing_is_sent_twice_to_a_client_that_has_it() {
    let scene = scene(1);
    let path = format!("/v1/migrations/{ID}");
    let tag = scene.get(&path, "token").header("etag").unwrap().to_owned();
    let request = Request::new("GET", &path, "").with("authorization", "Bearer token").with("if-none-match", &tag);
    let again = scene.memory.clock.block_on(handle(&scene.app, &OperatorKey::of(&Secret::new("key")), &request));
    assert_eq!(again.status(), 304);
}

#[test]
fn the_page_is_served_with_a_strict_policy() {
    let page: Request = serde_json::from_str(include_str!("../../events/page.json")).unwrap();
    assert!(is_open(&page));
    let answer = open(&page, &Service::default());
    assert_eq!(answer.status(), 200);
    assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(open(&Request::new("GET", "/nothing", ""), &Service::default()).status(), 404);
}

#[test]
fn the_description_names_every_route_that_is_answered() {
    let described: Value =
        serde_json::from_str(open(&Request::new("GET", "/v1/openapi.json", ""), &Service::default()).body()).unwrap();
    assert_eq!(described["openapi"], "3.1.0");
    let scene = scene(1);
    for (path, methods) in described["paths"].as_object().unwrap() {
        if methods.get("get").is_none() {
            continue;
        }
        let file = format!("0123456789abcdef-0000000001-{}.eml", "0".repeat(32));
        let real = path.replace("{id}", ID).replace("{no}", "0").replace("{file}", &file);
        let token = if matches!(path.as_str(), "/v1/migrations" | "/v1/vouchers") { "key" } else { "token" };
        // a domain of the catalogue is answered without asking anybody
        let query = if path == "/v1/discovery" { "?email=anna%40gmx.de" } else { "" };
        let status = scene.get(&format!("{real}{query}"), token).status();
        assert!(status < 400 && methods["get"]["responses"].get(status.to_string()).is_some(), "{path}: {status}");
    }
}

#[test]
fn the_link_of_a_stub_leads_to_its_message_and_to_nothing_else() {
    let scene = scene(1);
    let file = format!("0123456789abcdef-0000000001-{}.eml", "0".repeat(32));
    let get = |path: &str| {
        let request = Request::new("GET", path, "");
        scene.memory.clock.block_on(handle(&scene.app, &OperatorKey::of(&Secret::new("key")), &request))
    };
    let answer = get(&format!("/v1/rescued/{ID}/{file}"));
    let location = answer.header("location").unwrap().to_owned();
    assert_eq!((answer.status(), answer.header("cache-control")), (303, Some("no-store")));
    assert!(location.starts_with(&format!("memory:rescued/{ID}/{file}?")), "{location}");
    for wrong in [format!("{ID}/manifest-0001.csv"), format!("{ID}/..%2Fx"), format!("NO/{file}"), ID.to_owned()] {
        let answer = get(&format!("/v1/rescued/{wrong}"));
        assert_eq!((answer.status(), answer.header("location")), (404, None), "{wrong}");
    }
}

#[test]
fn permissions_are_told_with_what_they_open_and_when_they_were_taken_back() {
    use mailcrane_core::record::{Grant, GrantKind, Opened, Versioned};
    let scene = scene(1);
    assert_eq!(scene.json("/permissions")["permissions"], serde_json::json!([]));
    let at = mailcrane_core::Timestamp::UNIX_EPOCH;
    let put = |name: &str, what: GrantKind, revoked| {
        let grant = Grant { v: 1, what, email: "anna@example.org".into(), granted: at, revoked, revoke_at: None };
        let key = keys::grant(&MigrationId::new(ID).unwrap(), name);
        let mut grant = Versioned::fresh(key, grant);
        scene.memory.clock.block_on(ledger::put(&scene.app.table, &mut grant)).unwrap();
    };
    let before = vec!["SEND_AS".to_owned()];
    let mailbox = GrantKind::Mailbox { mailbox: "entity-1".into(), grantee: "entity-2".into(), before };
    put("anna@example.org", mailbox, Some(at));
    put("impersonation", GrantKind::Role { name: "n".into(), id: None, mailboxes: Vec::new() }, None);
    let told = scene.json("/permissions");
    let (first, second) = (&told["permissions"][0], &told["permissions"][1]);
    assert_eq!(first["mailboxes"], serde_json::json!(["anna@example.org"]));
    assert_eq!((&first["before"][0], &first["revoked"]), (&"SEND_AS".into(), &"1970-01-01T00:00:00Z".into()));
    assert_eq!((&second["every_mailbox"], second.get("revoked")), (&true.into(), None));
    let ben = Opened { entity: "e".into(), entered: "b".into(), email: "ben@example.org".into(), granted: at };
    put("impersonation2", GrantKind::Role { name: "n".into(), id: None, mailboxes: vec![ben] }, None);
    let third = &scene.json("/permissions")["permissions"][2];
    assert_eq!((&third["every_mailbox"], &third["mailboxes"][0]), (&false.into(), &"ben@example.org".into()));
}

#[test]
fn a_page_of_ten_thousand_accounts_costs_the_table_no_more_than_a_page_of_ten() {
    let cost = |accounts: u32, path: &str| {
        let scene = scene(accounts);
        let before = scene.memory.table.counts();
        let body = scene.json(path);
        let after = scene.memory.table.counts();
        let reads = (after.gets - before.gets) + (after.queries - before.queries);
        (body, reads, after.items_read - before.items_read)
    };
    let (page, reads, items) = cost(10_000, "/accounts?limit=100&cursor=9000");
    assert_eq!(page["accounts"].as_array().unwrap().len(), 100);
    assert_eq!(page["accounts"][0]["no"], 9_000);
    assert!(reads <= 3, "{reads} reads: the migration and a page of one bucket or two");
    assert!(items <= 102, "{items} items were read for 100 accounts");
    let (migration, reads, _) = cost(10_000, "");
    assert_eq!((&migration["accounts"], reads), (&10_000.into(), 1), "the totals are those that were rolled up");
}

#[test]
fn vouchers_are_listed_for_the_operator_alone_and_without_their_codes() {
    use mailcrane_engine::voucher::{self, NewVoucher};
    let scene = scene(1);
    let world = Parts {
        table: scene.memory.table.clone(),
        queues: scene.memory.queues.clone(),
        clock: scene.memory.clock.clone(),
        settings: Settings::default(),
    };
    for id in ["b", "a"] {
        let new = NewVoucher {
            id: id.into(),
            hash: format!("hash-{id}"),
            salt: String::new(),
            note: "Shop".into(),
            mailboxes: 7,
            expires: None,
        };
        scene.memory.clock.block_on(voucher::issue(&world, new)).unwrap();
    }
    assert_eq!(scene.get("/v1/vouchers", "token").status(), 403);
    let answer = scene.get("/v1/vouchers?limit=1", "key");
    let body: Value = serde_json::from_str(answer.body()).unwrap();
    assert_eq!((&body["vouchers"][0]["id"], &body["vouchers"][0]["left"]), (&"a".into(), &7.into()), "{body}");
    assert!(!answer.body().contains("hash-"), "{body}");
    let next = body["next"].as_str().unwrap();
    let rest = scene.get(&format!("/v1/vouchers?cursor={next}"), "key");
    let rest: Value = serde_json::from_str(rest.body()).unwrap();
    assert_eq!((rest["vouchers"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null), "{rest}");
}

#[test]
fn a_cursor_that_was_not_given_out_is_refused_before_the_table_is_asked() {
    let scene = scene(1);
    let other = mailcrane_lambda::cursor::encode("MIGRATION");
    for path in ["/permissions", "/accounts/0/protocol", "/accounts/0/manifest"] {
        for cursor in ["", "%C3%A4", other.as_str()] {
            let status = scene.get(&format!("/v1/migrations/{ID}{path}?cursor={cursor}"), "token").status();
            assert_eq!(status, 400, "{path} {cursor:?}");
        }
    }
}

#[test]
fn the_service_tells_where_users_find_help_and_what_it_offers() {
    let told = |support: &str, rescue| -> Value {
        let service = Service { support: support.to_owned(), rescue };
        serde_json::from_str(open(&Request::new("GET", "/v1/service", ""), &service).body()).unwrap()
    };
    let with = told("help@example.org", true);
    assert_eq!((&with["support"], &with["oversize_rescue"]), (&Value::from("help@example.org"), &Value::from(true)));
    let without = told("", false);
    assert_eq!((&without["support"], &without["oversize_rescue"]), (&Value::Null, &Value::from(false)));
}
