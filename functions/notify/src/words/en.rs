//! The letters in English.

use crate::amount::{duration, number, octets, time};
use crate::facts::{Exception, Facts, Trouble};
use crate::letter::Letter;
use mailcrane_core::record::PassKind;
use mailcrane_core::state::MigrationState;
use mailcrane_core::token::MailEvent;

/// Writes the letter.
pub(crate) fn letter(facts: &Facts) -> Letter {
    let (heading, paragraphs) = match facts.event {
        MailEvent::Submitted => submitted(facts),
        MailEvent::Started => started(facts),
        MailEvent::Ended => ended(facts),
        MailEvent::Attention => attention(facts),
        MailEvent::Confirm => confirm(),
    };
    let name = if facts.name.is_empty() { facts.id.clone() } else { facts.name.clone() };
    let left_out = facts.exceptions_total.saturating_sub(facts.exceptions.len());
    let mut exceptions: Vec<_> = facts.exceptions.iter().map(exception).collect();
    if left_out > 0 {
        exceptions.push(format!("and {left_out} more; the status page names them all"));
    }
    Letter {
        language: "en",
        brand: String::new(),
        subject: format!("{heading} ({name})"),
        heading,
        paragraphs,
        facts: rows(facts),
        exceptions_heading: "What needs your attention".into(),
        exceptions,
        link_label: "Open the status page",
        link: facts.link.clone(),
        footer: "Keep this mail: the link is the key to your migration. Whoever has it can see and control it.",
    }
}

fn submitted(facts: &Facts) -> (String, Vec<String>) {
    let accounts = accounts(facts.accounts);
    let first = format!(
        "We have received your order with {accounts}. Now both ends of each account are checked, and what is to be \
         copied is counted. Nothing is copied before you start it on the status page."
    );
    ("Your migration was submitted".into(), vec![first])
}

fn started(facts: &Facts) -> (String, Vec<String>) {
    let heading = match facts.kind {
        PassKind::Full | PassKind::Prestage => "Your migration has started",
        PassKind::Trial => "Your trial migration has started",
        PassKind::Delta => "The delta migration has started",
    };
    let text = "You may close the browser and switch off your computer; the migration goes on. The old mailboxes are \
                only read, never changed, and can be used as before.";
    (heading.into(), vec![text.into()])
}

fn ended(facts: &Facts) -> (String, Vec<String>) {
    let heading = match facts.state {
        MigrationState::Finished if facts.kind == PassKind::Delta => "The delta migration is finished",
        MigrationState::Finished if facts.kind == PassKind::Trial => "Your trial migration is finished",
        MigrationState::Finished => "Your migration is finished",
        MigrationState::Cancelled => "Your migration was cancelled",
        MigrationState::Failed => "Your migration could not be carried out",
        _ => "Your migration is finished, with exceptions",
    };
    let mut paragraphs = Vec::new();
    match facts.state {
        MigrationState::Finished => {
            paragraphs.push("Every message of the source is accounted for, and the destination was verified.".into());
        }
        MigrationState::Cancelled => paragraphs.push("What was copied until then stays where it is.".into()),
        _ => paragraphs.push("The exceptions are named below and on the status page, where you can try again.".into()),
    }
    let moved = matches!(facts.state, MigrationState::Finished | MigrationState::FinishedWithErrors);
    if moved && facts.kind == PassKind::Trial {
        let text = "Look at the result in the mailboxes. The full migration copies only what the trial left out; start it on the \
                    status page.";
        paragraphs.push(text.into());
    } else if moved {
        let text = "Mail may still have come to the old mailboxes meanwhile. Start a delta migration 24 to 48 hours \
                    after you have changed the DNS; it copies only what is new.";
        paragraphs.push(text.into());
    }
    (heading.into(), paragraphs)
}

fn attention(facts: &Facts) -> (String, Vec<String>) {
    let (heading, text) = match facts.trouble {
        Trouble::Full => (
            "A mailbox is full",
            "The destination has no room for the rest of an account. Raise the mailbox's quota or make room in it, then \
             choose \"Try again\" on the status page; what was copied stays, and the other accounts go on.",
        ),
        Trouble::SignIn => (
            "A server no longer lets us in",
            "An account cannot be signed in to any more. Enter its password or permission again on the status page, then \
             choose \"Try again\"; what was copied stays, and the other accounts go on.",
        ),
        Trouble::Server => (
            "A server keeps us waiting",
            "A server was busy, slow or silent for so long that an account waits for you. Choose \"Try again\" on the \
             status page once the server answers again; what was copied stays, and the other accounts go on.",
        ),
        Trouble::Other => (
            "Your migration needs your attention",
            "One or more accounts cannot go on without you. The others go on. Please correct what is named below on \
             the status page.",
        ),
    };
    (heading.into(), vec![text.into()])
}

fn confirm() -> (String, Vec<String>) {
    let text = "Please confirm your address by the link below. Before that nothing is signed in to anywhere.";
    ("Please confirm your address".into(), vec![text.into()])
}

fn rows(facts: &Facts) -> Vec<(&'static str, String)> {
    let count = |n: u64| number(n, ',');
    let mut rows = vec![("Order number", facts.id.clone()), ("Accounts", count(facts.accounts.into()))];
    let totals = &facts.totals;
    if facts.event == MailEvent::Submitted {
        rows.push(("Submitted", time(facts.created)));
        return rows;
    }
    if let Some(started) = facts.started {
        rows.push(("Started", time(started)));
    }
    if facts.event != MailEvent::Ended {
        return rows;
    }
    if let Some((started, ended)) = facts.started.zip(facts.ended) {
        rows.push(("Ended", time(ended)));
        rows.push(("Since the start", duration(started, ended)));
    }
    rows.push(("Messages found", count(totals.found)));
    rows.push(("Copied", count(totals.copied)));
    rows.push(("Duplicates", count(totals.duplicate)));
    rows.push(("Left out by rule", count(totals.skipped)));
    rows.push(("Failed", count(totals.failed)));
    rows.push(("Vanished meanwhile", count(totals.vanished)));
    rows.push(("Size", octets(totals.bytes_done, '.')));
    if let Some(keep_until) = facts.keep_until {
        rows.push(("Passwords and data are deleted on", time(keep_until)));
    }
    rows
}

fn exception(exception: &Exception) -> String {
    if exception.message.is_empty() {
        let messages = if exception.failed == 1 { "message" } else { "messages" };
        return format!("{}: {} {messages} could not be copied", exception.mailbox, number(exception.failed, ','));
    }
    format!("{}: {}", exception.mailbox, exception.message)
}

fn accounts(count: u32) -> String {
    if count == 1 { "one account".into() } else { format!("{} accounts", number(count.into(), ',')) }
}
