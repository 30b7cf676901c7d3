use super::*;
use crate::facts::{Exception, Trouble};
use mailcrane_core::record::PassKind;
use mailcrane_core::state::MigrationState;
use mailcrane_core::token::MailEvent;
use mailcrane_lambda::view::Totals;

fn facts(event: MailEvent) -> Facts {
    Facts {
        event,
        id: "0123456789ab".into(),
        name: "Office <b>&".into(),
        state: MigrationState::FinishedWithErrors,
        kind: PassKind::Full,
        accounts: 1_234,
        totals: Totals {
            found: 12_345,
            copied: 12_000,
            duplicate: 300,
            skipped: 40,
            failed: 5,
            bytes_done: 1_234_567_890,
            ..Totals::default()
        },
        created: "2026-01-01T08:00:00Z".parse().unwrap(),
        started: Some("2026-01-01T09:00:00Z".parse().unwrap()),
        ended: Some("2026-01-01T11:30:00Z".parse().unwrap()),
        keep_until: Some("2026-01-15T11:30:00Z".parse().unwrap()),
        exceptions: Vec::new(),
        exceptions_total: 0,
        link: "https://move.example.org/#0123456789ab.token".into(),
        trouble: Trouble::Other,
    }
}

fn check(name: &str, facts: &Facts) {
    for language in ["en", "de"] {
        let mail = mail(facts, "Mailcrane", language, vec!["admin@example.org".into()]).unwrap();
        assert!(!mail.html.contains("<b>"), "a name is not escaped");
        assert!(mail.text.contains("https://move.example.org/#0123456789ab.token"), "{}", mail.text);
        assert!(mail.html.contains("https://move.example.org/"), "{}", mail.html);
        let shown = format!("Subject: {}\n\n{}\n----\n{}", mail.subject, mail.text, mail.html);
        insta::assert_snapshot!(format!("{name}.{language}"), shown);
    }
}

#[test]
fn the_submission_reads_well() {
    check("submitted", &facts(MailEvent::Submitted));
}

#[test]
fn the_start_reads_well() {
    check("started", &facts(MailEvent::Started));
}

#[test]
fn the_end_reads_well_and_names_the_exceptions() {
    let exceptions = vec![
        Exception { mailbox: "anna@example.org".into(), code: String::new(), message: String::new(), failed: 5 },
        Exception {
            mailbox: "ben@example.org".into(),
            code: "mock.quota".into(),
            message: "the <quota> is full".into(),
            failed: 0,
        },
    ];
    check("ended", &Facts { exceptions, exceptions_total: 7, ..facts(MailEvent::Ended) });
}

#[test]
fn what_needs_attention_reads_well() {
    let message = "the password was refused; enter it again".into();
    let exceptions = vec![Exception { mailbox: "anna@example.org".into(), code: String::new(), message, failed: 0 }];
    check("attention", &Facts { exceptions, exceptions_total: 1, ..facts(MailEvent::Attention) });
}

#[test]
fn what_is_to_be_done_depends_on_the_trouble() {
    let troubles = [
        ("full", "destination.full", "the mailbox is full"),
        ("sign-in", "source.wrong_password", "the server refused user name or password"),
        ("server", "source.day_budget", "the provider's limit for today is reached"),
    ];
    for (name, code, message) in troubles {
        let exceptions = vec![Exception {
            mailbox: "anna@example.org".into(),
            code: code.into(),
            message: message.into(),
            failed: 0,
        }];
        let trouble = Trouble::of(code);
        let facts = Facts { exceptions, exceptions_total: 1, trouble, ..facts(MailEvent::Attention) };
        check(&format!("attention-{name}"), &facts);
    }
    assert_eq!(Trouble::of("source.oauth_scope"), Trouble::SignIn);
    assert_eq!(Trouble::of("3"), Trouble::Other);
}

#[test]
fn a_name_cannot_add_a_header() {
    let facts = Facts { name: "a\r\nBcc: b@example.org".into(), ..facts(MailEvent::Started) };
    let mail = mail(&facts, "Mailcrane", "en", Vec::new()).unwrap();
    assert!(!mail.subject.contains(['\r', '\n']), "{}", mail.subject);
}

#[test]
fn the_question_for_a_confirmation_reads_well() {
    check("confirm", &facts(MailEvent::Confirm));
}

#[test]
fn a_delta_tells_of_its_start_and_end() {
    let delta = |event| Facts { kind: PassKind::Delta, state: MigrationState::Finished, ..facts(event) };
    check("delta-started", &delta(MailEvent::Started));
    check("delta-ended", &delta(MailEvent::Ended));
}

#[test]
fn the_end_of_a_trial_says_what_comes_next() {
    let trial = Facts { kind: PassKind::Trial, state: MigrationState::Finished, ..facts(MailEvent::Ended) };
    check("trial-ended", &trial);
}

#[test]
fn what_servers_say_is_one_harmless_line() {
    let message = "<script>alert(1)</script>\r\n=cmd() \u{202e}gpj.exe \"q\"".to_owned();
    let exceptions = vec![Exception { mailbox: "anna@example.org".into(), code: String::new(), message, failed: 0 }];
    let facts = Facts { name: "\u{202e}evil".into(), exceptions, exceptions_total: 1, ..facts(MailEvent::Ended) };
    let mail = mail(&facts, "Mailcrane", "en", Vec::new()).unwrap();
    assert!(!mail.html.contains("<script>") && mail.html.contains("script&#62;"), "{}", mail.html);
    assert!(
        mail.text.contains("- anna@example.org: <script>alert(1)</script>  =cmd() gpj.exe \"q\"\n"),
        "{}",
        mail.text
    );
    for part in [&mail.subject, &mail.html, &mail.text] {
        assert!(!part.contains('\u{202e}'), "{part}");
    }
}

/// The German texts of the page.
const PAGE: &str = include_str!("../../../status/page/texts-de.js");

/// Finds a text of the page.
fn of_page(key: &str) -> &'static str {
    let after = PAGE.split_once(&format!("'{key}': '")).unwrap_or_else(|| panic!("{key} is no text of the page")).1;
    after.split_once('\'').unwrap().0
}

#[test]
fn mails_call_things_as_the_page_does() {
    let ended = mail(&facts(MailEvent::Ended), "Mailcrane", "de", vec!["admin@example.org".into()]).unwrap().text;
    let outcomes = ["copied", "duplicate", "skipped", "failed", "vanished"].map(|name| format!("outcome.{name}"));
    for word in outcomes.iter().map(|key| of_page(key)).chain([of_page("fact.order"), of_page("bytes.title")]) {
        let mut letters = word.chars();
        let label: String = letters.next().unwrap().to_uppercase().chain(letters).collect();
        assert!(ended.contains(&format!("{label}:")), "{label} is not in {ended}");
    }
    let button = format!("„{}“", of_page("account.retry"));
    for trouble in [Trouble::Full, Trouble::SignIn, Trouble::Server] {
        let asks = Facts { trouble, ..facts(MailEvent::Attention) };
        assert!(mail(&asks, "Mailcrane", "de", vec![]).unwrap().text.contains(&button));
    }
    for text in [PAGE, &include_str!("../words/de.rs").replace("PassKind::Delta", "")] {
        let others =
            ["Migration", "Probemigration", "Deltamigration", "Delta", "Dubletten", "Fehlgeschlagen", "Duplikate"];
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            assert!(!others.contains(&word), "{word}");
        }
    }
}
