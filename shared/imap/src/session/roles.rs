//! What a folder is for: by its special-use attribute, else by a good guess from its name.

use mailcrane_core::folder::Role;

/// Reads the special use from attributes in lower case (RFC 6154, XLIST, RFC 8457).
pub(super) fn by_attribute(attributes: &[String]) -> Option<Role> {
    attributes.iter().find_map(|attribute| match attribute.as_str() {
        "\\inbox" => Some(Role::Inbox),
        "\\sent" => Some(Role::Sent),
        "\\drafts" => Some(Role::Drafts),
        "\\trash" => Some(Role::Trash),
        "\\junk" | "\\spam" => Some(Role::Junk),
        "\\archive" => Some(Role::Archive),
        "\\all" | "\\allmail" => Some(Role::All),
        "\\flagged" | "\\starred" => Some(Role::Flagged),
        "\\important" => Some(Role::Important),
        _ => None,
    })
}

/// The names that mail programs give to such folders, best first.
const NAMES: [(Role, &[&str]); 5] = [
    (
        Role::Sent,
        &[
            "sent",
            "sent items",
            "sent messages",
            "sent mail",
            "sent-mail",
            "gesendet",
            "gesendete elemente",
            "gesendete objekte",
            "\u{e9}l\u{e9}ments envoy\u{e9}s",
            "envoy\u{e9}s",
            "messages envoy\u{e9}s",
            "enviados",
            "elementos enviados",
            "posta inviata",
            "inviata",
            "verzonden",
            "verzonden items",
            "skickat",
            "sendt",
            "wys\u{142}ane",
            "\u{43e}\u{442}\u{43f}\u{440}\u{430}\u{432}\u{43b}\u{435}\u{43d}\u{43d}\u{44b}\u{435}",
            "\u{5df2}\u{53d1}\u{9001}",
        ],
    ),
    (
        Role::Drafts,
        &[
            "drafts",
            "draft",
            "entw\u{fc}rfe",
            "brouillons",
            "borradores",
            "bozze",
            "concepten",
            "utkast",
            "rascunhos",
            "\u{8349}\u{7a3f}\u{7bb1}",
        ],
    ),
    (
        Role::Trash,
        &[
            "trash",
            "deleted items",
            "deleted messages",
            "deleted",
            "papierkorb",
            "gel\u{f6}schte elemente",
            "gel\u{f6}schte objekte",
            "corbeille",
            "\u{e9}l\u{e9}ments supprim\u{e9}s",
            "papelera",
            "elementos eliminados",
            "cestino",
            "prullenbak",
            "lixeira",
        ],
    ),
    (
        Role::Junk,
        &[
            "junk",
            "spam",
            "junk e-mail",
            "junk email",
            "junk mail",
            "bulk mail",
            "spamverdacht",
            "unerw\u{fc}nscht",
            "ind\u{e9}sirables",
            "courrier ind\u{e9}sirable",
        ],
    ),
    (Role::Archive, &["archive", "archiv", "archives", "archivo", "archivio", "archief"]),
];

/// Ranks a name for a role: lower is better, nothing when it does not fit.
pub(super) fn by_name(name: &str) -> Option<(Role, usize)> {
    let lower = name.trim().to_lowercase();
    NAMES.iter().find_map(|(role, names)| Some((*role, names.iter().position(|known| *known == lower)?)))
}

/// Names under which some groupware shows what is no e-mail, by language; several have some in common.
const GROUPWARE: [&[&str]; 8] = [
    // English
    &["calendar", "contacts", "notes", "tasks", "journal", "suggested contacts", "birthdays"],
    // German
    &["kalender", "kontakte", "notizen", "aufgaben"],
    // French
    &["calendrier", "t\u{e2}ches"],
    // Spanish and Portuguese
    &["calendario", "calend\u{e1}rio", "contactos", "contatos", "notas", "tareas", "tarefas", "diario", "di\u{e1}rio"],
    // Italian
    &["contatti", "note", "attivit\u{e0}"],
    // Dutch
    &["agenda", "contactpersonen", "notities", "taken", "logboek"],
    // Polish
    &["kalendarz", "kontakty", "notatki", "zadania", "dziennik"],
    // Danish, Norwegian and Swedish
    &["kontakter", "kontaktpersoner", "noter", "notater", "anteckningar", "opgaver", "oppgaver", "uppgifter"],
];

/// Makes of servers that show such folders by IMAP, as they greet.
const MAKES: [&str; 9] =
    ["exchange", "kerio", "zimbra", "communigate", "smartermail", "icewarp", "mdaemon", "axigen", "workmail"];

/// Tells whether a folder at the top holds no e-mail at a server that greets so.
pub(super) fn is_groupware(greeting: &str, name: &str) -> bool {
    let lower = name.trim().to_lowercase();
    MAKES.iter().any(|make| greeting.contains(make)) && GROUPWARE.iter().any(|names| names.contains(&lower.as_str()))
}

/// The types of folders that hold no e-mail (Kolab format, `/vendor/kolab/folder-type`).
const TYPES: [&str; 8] = ["event", "contact", "task", "note", "journal", "configuration", "freebusy", "file"];

/// Tells whether a folder of a type such as `event.default` or `configuration` holds no e-mail.
pub(super) fn is_no_mail(kind: &str) -> bool {
    TYPES.contains(&kind.split('.').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_use_and_xlist_attributes_are_known() {
        assert_eq!(by_attribute(&["\\haschildren".to_owned(), "\\spam".to_owned()]), Some(Role::Junk));
        assert_eq!(by_attribute(&["\\marked".to_owned()]), None);
    }

    #[test]
    fn names_are_known_in_several_languages() {
        assert_eq!(by_name("Sent Items").map(|(role, _)| role), Some(Role::Sent));
        assert_eq!(by_name("ENTW\u{dc}RFE").map(|(role, _)| role), Some(Role::Drafts));
        assert_eq!(by_name("Projects"), None);
    }

    #[test]
    fn a_folder_of_mail_or_of_an_unknown_type_is_read() {
        for kind in ["event", "event.default", "contact.default", "configuration.default", "journal", "note", "task"] {
            assert!(is_no_mail(kind), "{kind}");
        }
        for kind in ["mail", "mail.inbox", "mail.sentitems", "", ".event", "events", "blog"] {
            assert!(!is_no_mail(kind), "{kind}");
        }
    }

    #[test]
    fn a_folder_called_notes_is_mail_unless_the_server_is_groupware() {
        assert!(is_groupware("* ok kerio connect 9 imap4rev1", "Notes"));
        assert!(!is_groupware("dovecot ready.", "Notes"));
        for name in ["Kalender", "Attivit\u{e0}", "Agenda", "Kalendarz", "Calend\u{e1}rio", "Uppgifter"] {
            assert!(is_groupware("* ok the microsoft exchange imap4 service is ready.", name), "{name}");
        }
    }
}
