//! Webhooks: told once, again when they fail, and given up in the end.

use super::*;

fn id() -> MigrationId {
    MigrationId::new("0123456789ab").unwrap()
}

/// Gives the migration a webhook, and takes its addresses away.
fn hooked() -> (TestApp, Memory) {
    let (app, memory) = scene();
    let change = intake::MigrationChange {
        notify: Some(Vec::new()),
        webhook: Some(Some(intake::NewWebhook {
            url: "https://hooks.example.org/a".into(),
            secret: Secret::new("hook-secret"),
        })),
        ..Default::default()
    };
    let hooked = memory.clock.block_on(intake::amend(&app.world, &app.vault, &id(), &change)).unwrap();
    // What the order sends by itself is not waited for by the sweeper.
    memory.clock.block_on(intake::set_off(&app.world, &hooked)).unwrap();
    (app, memory)
}

fn migration(app: &TestApp, memory: &Memory) -> Migration {
    memory.clock.block_on(ledger::get::<Migration>(&app.world.table, &keys::migration(&id()))).unwrap().record
}

/// Lets time go by and the sweeper run, and delivers what it sends; returns how many tasks that were.
fn sweep(app: &TestApp, memory: &Memory, by: Duration) -> usize {
    memory.clock.advance(by);
    let before = memory.queues.sent().len();
    let until = later(app.world.now(), Duration::from_secs(50));
    memory.clock.block_on(mailcrane_engine::sweep::run(&app.world, until)).unwrap();
    let sent: Vec<_> = memory.queues.sent().into_iter().skip(before).collect();
    let told = sent.iter().filter(|one| format!("{one:?}").contains("Notify")).count();
    for _ in 0..told {
        assert_eq!(deliver(app, memory, SUBMITTED), Answer::default());
    }
    told
}

#[test]
fn a_webhook_is_told_once_and_signed_and_no_secret_is_in_it() {
    let (app, memory) = hooked();
    for _ in 0..2 {
        assert_eq!(deliver(&app, &memory, SUBMITTED), Answer::default());
    }
    let told = memory.webhooks.told();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].url, "https://hooks.example.org/a");
    let body: serde_json::Value = serde_json::from_str(&told[0].body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "v": 1, "event": "submitted", "at": "2026-01-01T00:00:00Z", "migration": "0123456789ab", "name": "Office",
            "state": "submitted", "pass": {"no": 0, "kind": "full"}, "accounts": 1,
            "totals": {
                "found": 0, "copied": 0, "duplicate": 0, "skipped": 0, "failed": 0, "vanished": 0, "pending": 0,
                "bytes_found": 0, "bytes_done": 0
            },
            "started": null, "ended": null, "link": "https://move.example.org/v1/migrations/0123456789ab"
        })
    );
    let names: Vec<_> = told[0].headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["mailcrane-event", "mailcrane-delivery", "mailcrane-signature"]);
    assert!(memory.mailer.sent().is_empty());
    assert!(!format!("{:?}", memory.table.snapshot()).contains("hook-secret"), "the secret is in clear");
}

#[test]
fn a_webhook_that_fails_is_told_the_same_later_and_not_again_after_that() {
    use mailcrane_testkit::webhook::Answer::Fails;
    let (app, memory) = hooked();
    memory.webhooks.answer([Fails, Fails]);
    assert_eq!(deliver(&app, &memory, SUBMITTED), Answer::default());
    // Another delivery does not shorten the pause, and neither does a sweep.
    assert_eq!(deliver(&app, &memory, SUBMITTED), Answer::default());
    assert_eq!(sweep(&app, &memory, Duration::from_secs(5)), 0);
    assert_eq!(memory.webhooks.told().len(), 1);
    assert_eq!(sweep(&app, &memory, Duration::from_secs(30)), 1);
    assert_eq!(sweep(&app, &memory, Duration::from_secs(30)), 0);
    assert_eq!(sweep(&app, &memory, Duration::from_secs(40)), 1);
    assert_eq!(sweep(&app, &memory, Duration::from_secs(10_000)), 0);
    let told = memory.webhooks.told();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|call| call.body == told[0].body && call.headers[1] == told[0].headers[1]));
    assert_ne!(told[0].headers[2], told[2].headers[2], "each try is signed with its own time");
    assert_eq!(migration(&app, &memory).webhook.unwrap().trouble, None);
}

#[test]
fn a_webhook_is_given_up_in_the_end_and_the_migration_says_so_until_it_takes_something() {
    use mailcrane_testkit::webhook::Answer::{Fails, Gone};
    let (app, memory) = hooked();
    memory.webhooks.answer([Fails; 100]);
    assert_eq!(deliver(&app, &memory, SUBMITTED), Answer::default());
    for _ in 0..60 {
        sweep(&app, &memory, Duration::from_secs(3_600));
    }
    assert_eq!(memory.webhooks.told().len(), mailcrane_engine::webhook::TRIES as usize);
    let trouble = migration(&app, &memory).webhook.unwrap().trouble.unwrap();
    assert_eq!((trouble.event.as_str(), trouble.code.as_str()), ("submitted", "webhook.refused"));

    let (app, memory) = hooked();
    memory.webhooks.answer([Gone]);
    assert_eq!(deliver(&app, &memory, SUBMITTED), Answer::default());
    assert_eq!(sweep(&app, &memory, Duration::from_secs(10_000)), 0);
    assert_eq!(migration(&app, &memory).webhook.unwrap().trouble.unwrap().code, "webhook.gone");
    assert_eq!(deliver(&app, &memory, &SUBMITTED.replace("submitted", "started")), Answer::default());
    assert_eq!(migration(&app, &memory).webhook.unwrap().trouble, None);
}

#[test]
fn a_webhook_that_is_taken_away_is_not_told_what_waits_for_it() {
    let (app, memory) = hooked();
    memory.webhooks.answer([mailcrane_testkit::webhook::Answer::Fails]);
    assert_eq!(deliver(&app, &memory, SUBMITTED), Answer::default());
    let change = intake::MigrationChange { webhook: Some(None), ..Default::default() };
    memory.clock.block_on(intake::amend(&app.world, &app.vault, &id(), &change)).unwrap();
    for _ in 0..2 {
        assert_eq!(sweep(&app, &memory, Duration::from_secs(600)), 0);
    }
    assert_eq!(memory.webhooks.told().len(), 1);
    assert!(!format!("{:?}", memory.table.snapshot()).contains("HOOK#"));
}

#[test]
fn an_attention_names_its_account_to_a_webhook_and_there_are_not_too_many() {
    let (app, memory) = hooked();
    for no in 0..9 {
        let event = SUBMITTED
            .replace("submitted", "attention")
            .replace(r#"\"detail\":\"\""#, &format!(r#"\"detail\":\"0:source.code{no}\""#));
        assert_eq!(deliver(&app, &memory, &event), Answer::default());
    }
    let told = memory.webhooks.told();
    assert_eq!(told.len(), 5);
    assert!(told[0].body.contains(r#""account":{"code":"source.code0","message":"","no":0}"#), "{}", told[0].body);
}

#[test]
fn whatever_fails_between_two_writes_a_webhook_is_told_and_mail_and_migration_go_on() {
    use mailcrane_testkit::faults::{Mishap, Port};
    for (method, nth) in [("get", 1), ("write", 0), ("write", 1), ("write", 2)] {
        let (app, memory) = hooked();
        memory.plan.on(Port::Table, method, nth, Mishap::FailBefore);
        deliver(&app, &memory, SUBMITTED);
        deliver(&app, &memory, SUBMITTED);
        for _ in 0..3 {
            sweep(&app, &memory, Duration::from_secs(120));
        }
        let told = memory.webhooks.told();
        assert!((1..=2).contains(&told.len()), "{method} {nth}: {}", told.len());
        assert!(told.iter().all(|call| call.headers[1] == told[0].headers[1]), "the receiver can tell a repetition");
    }
}
