//! The letters in German.

use crate::amount::{duration, number, octets, time};
use crate::facts::{Exception, Facts, Trouble};
use crate::letter::Letter;
use crate::words::code;
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
        exceptions.push(format!("und {left_out} weitere; die Statusseite nennt sie alle"));
    }
    Letter {
        language: "de",
        brand: String::new(),
        subject: format!("{heading} ({name})"),
        heading,
        paragraphs,
        facts: rows(facts),
        exceptions_heading: "Konten, die Sie brauchen".into(),
        exceptions,
        link_label: "Statusseite öffnen",
        link: facts.link.clone(),
        footer: "Bewahren Sie diese E-Mail auf: Der Link ist der Schlüssel zu Ihrem Umzug. Wer ihn hat, kann den \
                 Umzug sehen und steuern.",
    }
}

fn submitted(facts: &Facts) -> (String, Vec<String>) {
    let accounts = if facts.accounts == 1 {
        "einem Konto".to_owned()
    } else {
        format!("{} Konten", number(facts.accounts.into(), '.'))
    };
    let first = format!(
        "Ihr Auftrag mit {accounts} ist eingegangen. Jetzt werden beide Enden jedes Kontos geprüft, und was zu \
         kopieren ist, wird gezählt. Kopiert wird erst, wenn Sie es auf der Statusseite starten."
    );
    ("Ihr Umzug ist eingegangen".into(), vec![first])
}

fn started(facts: &Facts) -> (String, Vec<String>) {
    let heading = match facts.kind {
        PassKind::Full | PassKind::Prestage => "Ihr Umzug hat begonnen",
        PassKind::Trial => "Ihr Versuch hat begonnen",
        PassKind::Delta => "Der Nachzug hat begonnen",
    };
    let text = "Sie können den Browser schließen und den Rechner ausschalten; der Umzug läuft weiter. Die alten \
                Postfächer werden nur gelesen, nie verändert, und lassen sich wie bisher benutzen.";
    (heading.into(), vec![text.into()])
}

fn ended(facts: &Facts) -> (String, Vec<String>) {
    let heading = match facts.state {
        MigrationState::Finished if facts.kind == PassKind::Delta => "Der Nachzug ist beendet",
        MigrationState::Finished if facts.kind == PassKind::Trial => "Ihr Versuch ist beendet",
        MigrationState::Finished => "Ihr Umzug ist beendet",
        MigrationState::Cancelled => "Ihr Umzug wurde abgebrochen",
        MigrationState::Failed => "Ihr Umzug ist gescheitert",
        _ => "Ihr Umzug ist beendet, mit Fehlern",
    };
    let mut paragraphs = Vec::new();
    match facts.state {
        MigrationState::Finished => {
            paragraphs.push(
                "Über jede Nachricht der Quelle ist Rechenschaft gegeben, und das Ziel wurde nachgeprüft.".into(),
            );
        }
        MigrationState::Cancelled => paragraphs.push("Kopiertes bleibt am Ziel.".into()),
        _ => {
            let text = "Was gescheitert ist, steht unten und auf der Statusseite, wo Sie es erneut versuchen können.";
            paragraphs.push(text.into());
        }
    }
    let moved = matches!(facts.state, MigrationState::Finished | MigrationState::FinishedWithErrors);
    if moved && facts.kind == PassKind::Trial {
        let text = "Sehen Sie sich das Ergebnis in den Postfächern an. Der volle Umzug kopiert nur, was der Versuch \
                    ausgelassen hat; starten Sie ihn auf der Statusseite.";
        paragraphs.push(text.into());
    } else if moved {
        let text = "Inzwischen kann noch Post in den alten Postfächern angekommen sein. Starten Sie 24 bis 48 \
                    Stunden nach der Änderung des MX-Eintrags einen Nachzug; er kopiert nur, was neu ist.";
        paragraphs.push(text.into());
    }
    (heading.into(), paragraphs)
}

fn attention(facts: &Facts) -> (String, Vec<String>) {
    let (heading, text) = match facts.trouble {
        Trouble::Full => (
            "Ein Postfach ist voll",
            "Das Ziel hat keinen Platz für den Rest eines Kontos. Vergrößern Sie das Kontingent des Postfachs oder schaffen \
             Sie darin Platz, und wählen Sie dann auf der Statusseite „Erneut versuchen“. Kopiertes bleibt; die \
             übrigen Konten laufen weiter.",
        ),
        Trouble::SignIn => (
            "Ein Server lässt uns nicht mehr ein",
            "An einem Konto ist keine Anmeldung mehr möglich. Geben Sie auf der Statusseite Passwort oder Berechtigung \
             neu ein, und wählen Sie dann „Erneut versuchen“. Kopiertes bleibt; die übrigen Konten laufen weiter.",
        ),
        Trouble::Server => (
            "Ein Server lässt uns warten",
            "Ein Server war so lange beschäftigt, langsam oder stumm, dass ein Konto Sie braucht. Wählen Sie auf der \
             Statusseite „Erneut versuchen“, sobald der Server wieder antwortet. Kopiertes bleibt; die übrigen \
             Konten laufen weiter.",
        ),
        Trouble::Other => (
            "Ihr Umzug braucht Sie",
            "Ein oder mehrere Konten kommen ohne Sie nicht weiter. Die übrigen laufen weiter. Bitte berichtigen Sie \
             auf der Statusseite, was unten genannt ist.",
        ),
    };
    (heading.into(), vec![text.into()])
}

fn confirm() -> (String, Vec<String>) {
    let text = "Bitte bestätigen Sie Ihre Adresse mit dem Link unten. Vorher wird nirgends etwas geöffnet.";
    ("Bitte bestätigen Sie Ihre Adresse".into(), vec![text.into()])
}

fn rows(facts: &Facts) -> Vec<(&'static str, String)> {
    let count = |n: u64| number(n, '.');
    let mut rows = vec![("Auftragsnummer", facts.id.clone()), ("Konten", count(facts.accounts.into()))];
    let totals = &facts.totals;
    if facts.event == MailEvent::Submitted {
        rows.push(("Eingegangen", time(facts.created)));
        return rows;
    }
    if let Some(started) = facts.started {
        rows.push(("Begonnen", time(started)));
    }
    if facts.event != MailEvent::Ended {
        return rows;
    }
    if let Some((started, ended)) = facts.started.zip(facts.ended) {
        rows.push(("Beendet", time(ended)));
        rows.push(("Seit dem Beginn", duration(started, ended)));
    }
    rows.push(("Gefunden", count(totals.found)));
    rows.push(("Kopiert", count(totals.copied)));
    rows.push(("Schon da", count(totals.duplicate)));
    rows.push(("Ausgelassen", count(totals.skipped)));
    rows.push(("Gescheitert", count(totals.failed)));
    rows.push(("Verschwunden", count(totals.vanished)));
    rows.push(("Größe", octets(totals.bytes_done, ',')));
    if let Some(keep_until) = facts.keep_until {
        rows.push(("Passwörter und Daten werden gelöscht am", time(keep_until)));
    }
    rows
}

fn exception(exception: &Exception) -> String {
    if exception.message.is_empty() {
        let messages = if exception.failed == 1 { "Nachricht konnte" } else { "Nachrichten konnten" };
        let failed = number(exception.failed, '.');
        return format!("{}: {failed} {messages} nicht kopiert werden", exception.mailbox);
    }
    let message = code::german(&exception.code).unwrap_or_else(|| exception.message.clone());
    format!("{}: {message}", exception.mailbox)
}
