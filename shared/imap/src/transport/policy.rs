//! The allow-list of commands: a source is only ever read.

/// What may be said to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbs {
    /// Reading only: nothing that could alter a mailbox, not even a \Seen flag.
    Source,
    /// What storing needs besides: CREATE, APPEND and SELECT; and of STORE and EXPUNGE only the forms by UID.
    Destination,
}

/// A command that must not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the command {0} is not allowed here")]
pub struct Forbidden(pub String);

/// Commands that read, besides UID and FETCH, which are looked at more closely.
const READING: [&str; 13] = [
    "CAPABILITY",
    "NOOP",
    "LOGOUT",
    "STARTTLS",
    "LOGIN",
    "AUTHENTICATE",
    "ID",
    "NAMESPACE",
    "LIST",
    "STATUS",
    "EXAMINE",
    "SEARCH",
    "UNSELECT",
];

/// Commands that a destination needs besides.
const STORING: [&str; 3] = ["CREATE", "APPEND", "SELECT"];

/// Parts of a message that are read without setting \Seen.
const FETCHABLE: [&str; 7] = ["UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "X-GM-MSGID", "X-GM-LABELS", "X-GM-THRID"];

/// The one question about annotations (RFC 5464), in upper case: of which type all folders are.
const FOLDER_TYPES: &str = "\"*\" (/SHARED/VENDOR/KOLAB/FOLDER-TYPE /PRIVATE/VENDOR/KOLAB/FOLDER-TYPE)";

impl Verbs {
    /// Looks at one command line with its tag and without its line end.
    ///
    /// # Errors
    /// Names the command when it is not on the list.
    pub fn check(self, line: &[u8]) -> Result<(), Forbidden> {
        let line = String::from_utf8_lossy(line).to_ascii_uppercase();
        let mut words = line.splitn(3, ' ');
        let (_tag, verb) = (words.next(), words.next().unwrap_or_default());
        let rest = words.next().unwrap_or_default();
        let allowed = match verb {
            "FETCH" => fetches_without_a_trace(rest),
            "UID" => self.allows_by_uid(rest),
            "GETMETADATA" => rest == FOLDER_TYPES,
            _ => READING.contains(&verb) || (self == Self::Destination && STORING.contains(&verb)),
        };
        if allowed { Ok(()) } else { Err(Forbidden(name(verb, rest))) }
    }

    fn allows_by_uid(self, rest: &str) -> bool {
        let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "FETCH" => fetches_without_a_trace(rest),
            "SEARCH" => true,
            "STORE" | "EXPUNGE" => self == Self::Destination,
            _ => false,
        }
    }
}

/// Tells whether `set items` asks only for what leaves the message as it is.
fn fetches_without_a_trace(rest: &str) -> bool {
    let Some((_set, items)) = rest.split_once(' ') else { return false };
    let mut rest = items.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(items);
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return true;
        }
        if let Some(section) = rest.strip_prefix("BODY.PEEK[") {
            let Some((_section, after)) = section.split_once(']') else { return false };
            if !(after.is_empty() || after.starts_with(' ')) {
                return false;
            }
            rest = after;
        } else {
            let (item, after) = rest.split_once(' ').unwrap_or((rest, ""));
            if !FETCHABLE.contains(&item) {
                return false;
            }
            rest = after;
        }
    }
}

fn name(verb: &str, rest: &str) -> String {
    let shown = if verb == "UID" { rest.split(' ').next().unwrap_or_default() } else { "" };
    let full = format!("{verb} {shown}");
    full.trim().chars().filter(|character| matches!(character, ' '..='~')).take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_commands_pass() {
        for line in [
            "A1 EXAMINE \"INBOX\"",
            "A1 uid fetch 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])",
            "A1 UID FETCH 5 (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)] X-GM-LABELS)",
            "A1 UID FETCH 5 BODY.PEEK[]",
            "A1 UID SEARCH SINCE 1-Jan-2026",
            "A1 LIST \"\" \"*\" RETURN (SPECIAL-USE)",
            "A1 LOGIN \"anna\" \"secret\"",
            "A1 GETMETADATA \"*\" (/shared/vendor/kolab/folder-type /private/vendor/kolab/folder-type)",
        ] {
            assert_eq!(Verbs::Source.check(line.as_bytes()), Ok(()), "{line}");
        }
    }

    #[test]
    fn whatever_could_alter_a_source_is_refused() {
        for line in [
            "A1 SELECT INBOX",
            "A1 STORE 1 +FLAGS (\\Seen)",
            "A1 UID STORE 1 FLAGS ()",
            "A1 EXPUNGE",
            "A1 UID EXPUNGE 1",
            "A1 CLOSE",
            "A1 APPEND INBOX {3}",
            "A1 SUBSCRIBE a",
            "A1 UNSUBSCRIBE a",
            "A1 CREATE a",
            "A1 DELETE a",
            "A1 RENAME a b",
            "A1 COPY 1 a",
            "A1 UID COPY 1 a",
            "A1 MOVE 1 a",
            "A1 UID MOVE 1 a",
            "A1 SETACL a b c",
            "A1 DELETEACL a b",
            "A1 SETQUOTA a ()",
            "A1 SETMETADATA a ()",
            "A1 SETMETADATA \"*\" (/shared/vendor/kolab/folder-type /private/vendor/kolab/folder-type)",
            "A1 GETMETADATA \"\" /shared/comment",
            "A1 GETMETADATA \"*\" (/shared/vendor/kolab/folder-type)",
            "A1 GETMETADATA (DEPTH infinity) \"*\" (/shared/vendor/kolab/folder-type)",
            "A1 GETMETADATA \"*\" {1}",
            "A1 GETMETADATA",
            "A1 SETANNOTATION a",
            "A1 ENABLE UTF8=ACCEPT",
            "A1 CHECK",
            "A1 COMPRESS DEFLATE",
            "A1 IDLE",
            "A1 NOTIFY NONE",
            "A1 REPLACE 1 a",
            "A1 UID REPLACE 1 a",
            "A1 CATENATE",
            "A1 UID THREAD",
            "A1",
            "",
            "DONE",
            "A1 UID FETCH 1 (BODY[])",
            "A1 UID FETCH 1 BODY[TEXT]",
            "A1 UID FETCH 1 (RFC822)",
            "A1 FETCH 1 RFC822.TEXT",
            "A1 UID FETCH 1 (UID BINARY[1])",
            "A1 UID FETCH 1 (BODY.PEEK[] BODY[])",
            "A1 UID FETCH 1 (BODY.PEEK[]BODY[])",
            "A1 UID FETCH 1 (FLAGS) (CHANGEDSINCE 1)",
            "A1 UID FETCH 1 ALL",
            "A1 UID FETCH 1",
            "A1  EXAMINE INBOX",
        ] {
            assert!(Verbs::Source.check(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn a_destination_may_store_and_delete_by_uid_but_not_rename_or_delete_folders() {
        for line in
            ["A1 APPEND a {3}", "A1 CREATE a", "A1 SELECT a", "A1 UID STORE 1 +FLAGS (\\Deleted)", "A1 UID EXPUNGE 1"]
        {
            assert_eq!(Verbs::Destination.check(line.as_bytes()), Ok(()), "{line}");
        }
        for line in ["A1 DELETE a", "A1 RENAME a b", "A1 EXPUNGE", "A1 CLOSE", "A1 STORE 1 FLAGS ()"] {
            assert!(Verbs::Destination.check(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn the_refusal_names_the_command_and_no_argument() {
        let refused = Verbs::Source.check(b"A1 APPEND secret-folder {3}").unwrap_err();
        assert_eq!(refused.0, "APPEND");
        assert_eq!(Verbs::Source.check(b"A1 UID STORE 1 x").unwrap_err().0, "UID STORE");
    }
}
