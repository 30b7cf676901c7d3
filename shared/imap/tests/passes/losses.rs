//! The eight ways in which mail is lost in silence (and how servers bring them about), each to the end of a pass.

use crate::server::{Answer, Asked, Message, Server, Tree};
use crate::stage::Stage;
use mailcrane_core::manifest::Outcome;
use mailcrane_core::record::PassKind;
use std::collections::BTreeMap;

/// What no parser knows, or what panics one.
const UNPARSABLE: [&str; 12] = [
    "* NAMESPACE ((\"\" \"/\")) NIL NIL",
    "* STATUS INBOX (SIZE 5 MESSAGES 1)",
    "* ESEARCH (TAG \"A1\") UID ALL 1:2",
    "* LIST () \"/\" a (\"CHILDINFO\" (\"SUBSCRIBED\"))",
    "* QUOTA \"ROOT\" (STORAGE 1 2)",
    "* CAPABILITY IMAP4rev1  IDLE ",
    "* XSOMETHING new (and (nested))",
    "* OK [ALERT]\u{dc}berlastet",
    "* OK [HIGHESTMODSEQ 99999999999999999999] x",
    "* 1 FETCH (INTERNALDATE NIL)",
    "* 99999999999 EXISTS",
    "nonsense without a star",
];

fn message(name: &str, flags: &'static str) -> Message {
    let raw = format!(
        "Message-ID: <{name}@example.org>\r\nSubject: {name}\r\nDate: Tue, 4 Mar 2014 10:00:00 +0000\r\n\r\nText of {name}.\r\n"
    );
    Message { flags, raw: raw.into_bytes() }
}

/// Twelve messages in folders with odd names: one is marked as deleted, two are the same.
pub fn tree() -> Tree {
    let inbox = [
        (1, message("one", "\\Seen")),
        (2, message("two", "")),
        (3, message("three", "\\Deleted")),
        (4, message("four", "")),
        (5, message("four", "")),
        (7, message("seven", "\\Flagged")),
        (9, message("nine", "")),
    ];
    let quotes = (1..=3).map(|uid| (uid, message(&format!("quotes{uid}"), "")));
    let drafts = (1..=2).map(|uid| (uid, message(&format!("draft{uid}"), "\\Draft")));
    BTreeMap::from([
        (b"INBOX".to_vec(), inbox.into()),
        (b"a\"b\\c".to_vec(), quotes.collect()),
        (b"Entw\xfcrfe".to_vec(), drafts.collect()),
        (b"Empty".to_vec(), BTreeMap::new()),
    ])
}

/// Plays a full pass over that server and returns how its messages ended, besides the duplicate and the deleted one.
async fn played(tree: Tree, habit: impl Fn(Asked<'_>) -> Answer + Send + Sync + 'static) -> BTreeMap<Outcome, usize> {
    let mut stage = Stage::before(&Server::new(tree.clone(), habit)).await;
    stage.play(PassKind::Full).await;
    let mut outcomes = stage.audit(&tree).await;
    assert_eq!((outcomes.remove(&Outcome::Duplicate), outcomes.remove(&Outcome::Skipped)), (Some(1), Some(1)));
    outcomes
}

/// The same, where nothing is lost in the end.
async fn costs_nothing(habit: impl Fn(Asked<'_>) -> Answer + Send + Sync + 'static) {
    assert_eq!(played(tree(), habit).await, BTreeMap::from([(Outcome::Copied, 10)]));
}

/// Puts something in the place of every occurrence.
fn replaced(text: &[u8], from: &str, to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(from.as_bytes()) {
            out.extend(to);
            at += from.len();
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    out
}

#[tokio::test(start_paused = true)]
async fn an_honest_server_is_copied() {
    costs_nothing(|_| Answer::Honest).await;
}

// 1. A tagged NO that ends a stream as if it were complete.

#[tokio::test(start_paused = true)]
async fn it_answers_no_to_the_folders_then_to_the_messages_then_to_one_body_for_ever() {
    let habit = |asked: Asked<'_>| match asked.before {
        0 if asked.is("LIST") => asked.no("cannot"),
        0 if asked.is_for_list() => asked.no("[UNAVAILABLE] cannot at the moment"),
        _ if asked.is_for_body(7) => asked.no("[SERVERBUG] cannot read"),
        _ => Answer::Honest,
    };
    assert_eq!(played(tree(), habit).await, BTreeMap::from([(Outcome::Copied, 9), (Outcome::Failed, 1)]));
}

#[tokio::test(start_paused = true)]
async fn it_answers_ok_and_nothing_for_a_message_that_is_gone_and_for_one_that_is_there() {
    let habit = |asked: Asked<'_>| {
        if asked.is_for_body(7) {
            asked.tree.get_mut(&b"INBOX"[..]).unwrap().remove(&7);
        }
        if asked.is_for_bodies() { Answer::Say(asked.without(&[7, 9])) } else { Answer::Honest }
    };
    let expected = BTreeMap::from([(Outcome::Copied, 8), (Outcome::Vanished, 1), (Outcome::Failed, 1)]);
    assert_eq!(played(tree(), habit).await, expected);
}

#[tokio::test(start_paused = true)]
async fn it_leaves_messages_out_of_its_lists() {
    costs_nothing(|asked| if asked.is_for_list() { Answer::Say(asked.without(&[2])) } else { Answer::Honest }).await;
}

// 2. An end of the stream that looks like the end of the folder.

#[tokio::test(start_paused = true)]
async fn it_hangs_up_in_the_middle_of_every_answer_once() {
    costs_nothing(|asked| if asked.before == 0 { Answer::Close(asked.first(1)) } else { Answer::Honest }).await;
}

#[tokio::test(start_paused = true)]
async fn it_says_bye_in_the_middle_of_every_answer_once() {
    costs_nothing(|asked| match asked.before {
        0 => Answer::Close([asked.first(1), b"* BYE shutting down\r\n".to_vec()].concat()),
        _ => Answer::Honest,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn it_hangs_up_within_one_body_for_ever() {
    let habit = |asked: Asked<'_>| {
        if !asked.is_for_body(7) {
            return Answer::Honest;
        }
        let at = asked.honest.windows(13).position(|window| window == b"Text of seven").unwrap();
        Answer::Close(asked.honest[..at].to_vec())
    };
    assert_eq!(played(tree(), habit).await, BTreeMap::from([(Outcome::Copied, 9), (Outcome::Failed, 1)]));
}

// 3. A response that cannot be read, after which everything looks like success.

#[tokio::test(start_paused = true)]
async fn it_says_once_what_cannot_be_read_of_folders_and_of_how_many_messages_they_hold() {
    costs_nothing(|asked| match asked.before {
        0 if asked.is("LIST") => Answer::Say([b"* LIST () \"/\" \"broken\r\n".as_slice(), asked.honest].concat()),
        0 if asked.is("EXAMINE") => Answer::Say(replaced(asked.honest, "EXISTS", b"EXI(STS")),
        _ => Answer::Honest,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn it_lists_messages_in_lines_that_cannot_be_read() {
    costs_nothing(|asked| match asked.is_for_list() {
        true => Answer::Say(replaced(asked.honest, "UID 2 FLAGS (", b"UID 2 FLAGS ((")),
        false => Answer::Honest,
    })
    .await;
}

// 4. What does not parse and ends the session.

#[tokio::test(start_paused = true)]
async fn it_says_what_no_parser_knows_before_every_response() {
    for line in UNPARSABLE {
        costs_nothing(move |asked| Answer::Say(asked.with_lines(line))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_lines_bare_and_blanks_twice() {
    costs_nothing(|asked| {
        let bare = replaced(&replaced(asked.honest, ")\r\n", b")\n"), "done\r\n", b"done\n");
        let blanks = replaced(&replaced(&bare, "BODY[] {", b"BODY[]  {"), " FLAGS (", b"  FLAGS (");
        Answer::Say(replaced(&blanks, " FETCH (UID", b"  FETCH  ( UID"))
    })
    .await;
}

// 5. What panics the parser.

#[tokio::test(start_paused = true)]
async fn it_dates_messages_nil_and_writes_multi_byte_text_right_behind_a_code() {
    costs_nothing(|asked| {
        let undated = replaced(asked.honest, "INTERNALDATE \"17-Jul-2019 02:44:25 +0000\"", b"INTERNALDATE NIL");
        let said = replaced(&undated, " OK done", " OK [X]\u{fc}\u{1f600}".as_bytes());
        Answer::Say([b"* OK [ALERT]\xc3\x9cberlastet\r\n".as_slice(), &said].concat())
    })
    .await;
}

// 6. Names of folders that are unescaped once too often or too rarely.

#[tokio::test(start_paused = true)]
async fn it_spells_the_inbox_otherwise_and_folders_with_quotes_and_eight_bit() {
    let mut tree = tree();
    let inbox = tree.remove(&b"INBOX"[..]).unwrap();
    tree.insert(b"Inbox".to_vec(), inbox);
    for name in [&b"&AP-"[..], b"&!-", b"a*b%", b"\"", b"\\", b" blank "] {
        tree.insert(name.to_vec(), BTreeMap::from([(1, message(&format!("in {}", name.escape_ascii()), ""))]));
    }
    assert_eq!(played(tree, |_| Answer::Honest).await, BTreeMap::from([(Outcome::Copied, 16)]));
}

// 7. One odd flag or a large number that costs the others.

#[tokio::test(start_paused = true)]
async fn it_gives_flags_that_are_none_and_numbers_beyond_32_bits() {
    costs_nothing(|asked| {
        let flags = replaced(asked.honest, "FLAGS (\\Flagged)", b"FLAGS (\\Flagged odd\x80flag [x not\\ \\)");
        if !asked.is_for_list() {
            return Answer::Say(flags);
        }
        let size =
            replaced(&flags, "UID 2 FLAGS () INTERNALDATE", b"UID 2 RFC822.SIZE 5000000000 FLAGS () INTERNALDATE");
        Answer::Say([b"* 2 FETCH (UID 99999999999 FLAGS () RFC822.SIZE 1)\r\n".as_slice(), &size].concat())
    })
    .await;
}

// 8. Nobody waits for ever.

#[tokio::test(start_paused = true)]
async fn it_falls_silent_in_the_middle_of_every_answer_once() {
    costs_nothing(|asked| if asked.before == 0 { Answer::Hang(asked.first(1)) } else { Answer::Honest }).await;
}

#[tokio::test(start_paused = true)]
async fn it_falls_silent_within_one_body_for_ever() {
    let habit = |asked: Asked<'_>| {
        if !asked.is_for_body(7) {
            return Answer::Honest;
        }
        let at = asked.honest.windows(13).position(|window| window == b"Text of seven").unwrap();
        Answer::Hang(asked.honest[..at].to_vec())
    };
    assert_eq!(played(tree(), habit).await, BTreeMap::from([(Outcome::Copied, 9), (Outcome::Failed, 1)]));
}
