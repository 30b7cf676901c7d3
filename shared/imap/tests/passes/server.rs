//! A server that holds a mailbox and answers as servers do, but for one bad habit.

use mailcrane_core::ports::source::Endpoint;
use mailcrane_imap::transport::Wire;
use mailcrane_imap::{Dial, Failure};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

/// A message on the server.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its flags, as they are listed.
    pub flags: &'static str,
    /// Its octets.
    pub raw: Vec<u8>,
}

/// The messages of each folder by their UIDs.
pub type Tree = BTreeMap<Vec<u8>, BTreeMap<u32, Message>>;

/// One command, and what an honest server answers.
pub struct Asked<'a> {
    /// How often this very command came before in this folder, over all connections.
    pub before: usize,
    /// The tag.
    pub tag: &'a str,
    /// The command without its tag; 8-bit octets are replaced.
    pub text: &'a str,
    /// The open folder.
    pub folder: &'a [u8],
    /// The honest answer, its tagged line included.
    pub honest: &'a [u8],
    /// What the server holds; to be changed by who works on it meanwhile.
    pub tree: &'a mut Tree,
}

/// What a server does with a command.
pub enum Answer {
    /// Answers honestly.
    Honest,
    /// Says something else.
    Say(Vec<u8>),
    /// Says that, perhaps only a part of what it should, and hangs up.
    Close(Vec<u8>),
    /// Says that and nothing more.
    Hang(Vec<u8>),
}

impl Asked<'_> {
    /// Tells whether the command begins so.
    pub fn is(&self, head: &str) -> bool {
        self.text.starts_with(head)
    }

    /// Tells whether bodies are asked for.
    pub fn is_for_bodies(&self) -> bool {
        self.is("UID FETCH") && self.text.contains("BODY.PEEK[]")
    }

    /// Tells whether a list of messages is asked for.
    pub fn is_for_list(&self) -> bool {
        self.is("UID FETCH") && self.text.contains("RFC822.SIZE")
    }

    /// Tells whether the body of a message of the INBOX is asked for, alone or with others.
    pub fn is_for_body(&self, uid: u32) -> bool {
        let set = self.text.split(' ').nth(2).unwrap_or_default();
        let within = |part: &str| {
            let (from, to) = part.split_once(':').unwrap_or((part, part));
            (from.parse().unwrap_or(u32::MAX)..=to.parse().unwrap_or(u32::MAX)).contains(&uid)
        };
        self.is_for_bodies() && self.folder == b"INBOX" && set.split(',').any(within)
    }

    /// The server's refusal.
    pub fn no(&self, text: &str) -> Answer {
        Answer::Say(format!("{} NO {text}\r\n", self.tag).into_bytes())
    }

    /// The honest answer up to the end of that many responses; a message counts as one.
    pub fn first(&self, responses: usize) -> Vec<u8> {
        let starts = starts(self.honest);
        self.honest[..starts.get(responses).copied().unwrap_or(self.honest.len())].to_vec()
    }

    /// The honest answer but for these messages.
    pub fn without(&self, uids: &[u32]) -> Vec<u8> {
        let begins: Vec<String> = uids.iter().map(|uid| format!("FETCH (UID {uid} ")).collect();
        let has = |part: &[u8], begin: &String| part.windows(begin.len()).any(|window| window == begin.as_bytes());
        let kept = |part: &&[u8]| !begins.iter().any(|begin| has(part, begin));
        let mut ends = starts(self.honest);
        ends.push(self.honest.len());
        ends.windows(2).map(|ends| &self.honest[ends[0]..ends[1]]).filter(kept).collect::<Vec<_>>().concat()
    }

    /// The honest answer with a line before each response.
    pub fn with_lines(&self, line: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut at = 0;
        for start in starts(self.honest).into_iter().chain([self.honest.len()]) {
            out.extend(&self.honest[at..start]);
            if start < self.honest.len() {
                out.extend(line.as_bytes());
                out.extend(b"\r\n");
            }
            at = start;
        }
        out
    }
}

/// Where responses start in an answer without lines of bodies that look like one.
fn starts(answer: &[u8]) -> Vec<usize> {
    let behind_line = |at: &usize| *at == 0 || answer[..*at].ends_with(b"\r\n");
    let begins = |at: &usize| answer[*at..].starts_with(b"* ") || tag_at(&answer[*at..]);
    (0..answer.len()).filter(|at| behind_line(at) && begins(at)).collect()
}

fn tag_at(rest: &[u8]) -> bool {
    let word: Vec<u8> = rest.iter().copied().take_while(|octet| *octet != b' ').collect();
    word.len() > 1 && word[0] == b'A' && word[1..].iter().all(u8::is_ascii_digit)
}

/// How often each command came, by the open folder.
type Counts = BTreeMap<(Option<Vec<u8>>, String), usize>;

type Habit = Box<dyn Fn(Asked<'_>) -> Answer + Send + Sync>;

/// A server.
pub struct Server {
    tree: Mutex<Tree>,
    asked: Mutex<Counts>,
    habit: Habit,
}

impl Server {
    pub fn new(tree: Tree, habit: impl Fn(Asked<'_>) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        let habit = Box::new(habit);
        Arc::new(Self { tree: Mutex::new(tree), asked: Mutex::default(), habit })
    }

    /// What a server does with a command, and what an honest one answers.
    fn answer(&self, tag: &str, command: &[u8], open: &mut Option<Vec<u8>>) -> Answer {
        let mut tree = self.tree.lock().unwrap();
        let honest = honest(&tree, tag, command, open);
        let text = String::from_utf8_lossy(command);
        let before = {
            let mut asked = self.asked.lock().unwrap();
            let count = asked.entry((open.clone(), text.to_string())).or_default();
            *count += 1;
            *count - 1
        };
        let folder = open.as_deref().unwrap_or_default();
        let asked = Asked { before, tag, text: &text, folder, honest: &honest, tree: &mut tree };
        match (self.habit)(asked) {
            Answer::Honest => Answer::Say(honest),
            other => other,
        }
    }

    async fn serve(self: Arc<Self>, stream: DuplexStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut open = None;
        stream.get_mut().write_all(b"* OK [CAPABILITY IMAP4rev1] ready\r\n").await.ok()?;
        while let Some(line) = command(&mut stream).await {
            let at = line.iter().position(|octet| *octet == b' ').unwrap_or(line.len());
            let tag = String::from_utf8_lossy(&line[..at]).into_owned();
            let said = self.answer(&tag, line.get(at + 1..).unwrap_or_default(), &mut open);
            let (octets, goes_on) = match said {
                Answer::Honest => unreachable!("made up already"),
                Answer::Say(octets) => (octets, true),
                Answer::Close(octets) => (octets, false),
                Answer::Hang(octets) => {
                    stream.get_mut().write_all(&octets).await.ok()?;
                    stream.read_to_end(&mut Vec::new()).await.ok()?;
                    return None;
                }
            };
            // A client that has seen enough may be gone.
            stream.get_mut().write_all(&octets).await.ok()?;
            if !goes_on {
                return None;
            }
        }
        Some(())
    }
}

/// Dials a server.
pub struct To(pub Arc<Server>);

impl Dial for To {
    fn dial<'a>(&'a self, _: &'a Endpoint) -> Pin<Box<dyn Future<Output = Result<Wire, Failure>> + Send + 'a>> {
        Box::pin(async {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            tokio::spawn(self.0.clone().serve(theirs));
            let wire: Wire = Box::new(ours);
            Ok(wire)
        })
    }
}

/// Reads a command with its literals; nothing when the client is gone.
async fn command(stream: &mut BufReader<DuplexStream>) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_ascii_end();
        let literal = line.strip_suffix(b"}").and_then(|head| {
            let at = head.iter().rposition(|octet| *octet == b'{')?;
            let length = std::str::from_utf8(&head[at + 1..]).ok()?.parse::<usize>().ok()?;
            Some((&head[..at], length))
        });
        let Some((head, length)) = literal else {
            whole.extend(line);
            return Some(whole);
        };
        whole.extend(head);
        stream.get_mut().write_all(b"+ go on\r\n").await.ok()?;
        let mut octets = vec![0; length];
        stream.read_exact(&mut octets).await.ok()?;
        whole.extend(octets);
    }
}

/// What an honest server answers.
fn honest(tree: &Tree, tag: &str, command: &[u8], open: &mut Option<Vec<u8>>) -> Vec<u8> {
    let at = command.iter().position(|octet| *octet == b' ').unwrap_or(command.len());
    let (verb, rest) = (&command[..at], command.get(at + 1..).unwrap_or_default());
    let mut out = Vec::new();
    match verb {
        b"LIST" => {
            for name in tree.keys() {
                out.extend(b"* LIST () \"/\" \"");
                for octet in name {
                    out.extend(if matches!(octet, b'"' | b'\\') { vec![b'\\', *octet] } else { vec![*octet] });
                }
                out.extend(b"\"\r\n");
            }
        }
        b"EXAMINE" => {
            let name = unquoted(rest);
            let Some(messages) = tree.get(&name) else {
                return format!("{tag} NO [NONEXISTENT] no such folder\r\n").into_bytes();
            };
            let next = messages.last_key_value().map_or(1, |(uid, _)| uid + 1);
            let count = messages.len();
            let lines =
                [format!("{count} EXISTS"), "OK [UIDVALIDITY 7] x".to_owned(), format!("OK [UIDNEXT {next}] x")];
            lines.iter().for_each(|line| out.extend(format!("* {line}\r\n").into_bytes()));
            *open = Some(name);
        }
        b"UID" => {
            let empty = BTreeMap::new();
            let messages = open.as_ref().and_then(|name| tree.get(name)).unwrap_or(&empty);
            by_uid(&String::from_utf8_lossy(rest), messages, &mut out);
        }
        b"LOGOUT" => out.extend(b"* BYE see you\r\n"),
        _ => {}
    }
    let capability = if verb == b"LOGIN" { "[CAPABILITY IMAP4rev1] " } else { "" };
    out.extend(format!("{tag} OK {capability}done\r\n").into_bytes());
    out
}

fn by_uid(rest: &str, messages: &BTreeMap<u32, Message>, out: &mut Vec<u8>) {
    let (verb, rest) = rest.split_once(' ').unwrap();
    if verb == "SEARCH" {
        let set = rest.strip_prefix("UID ").unwrap_or("1:*");
        let found: Vec<String> = chosen(set, messages).map(|(_, uid, _)| uid.to_string()).collect();
        out.extend(format!("* SEARCH {}\r\n", found.join(" ")).into_bytes());
        return;
    }
    let (set, items) = rest.split_once(' ').unwrap();
    for (number, uid, message) in chosen(set, messages) {
        out.extend(format!("* {number} FETCH (UID {uid}").into_bytes());
        for item in ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]", "BODY.PEEK[]"] {
            if !items.contains(item) {
                continue;
            }
            let literal = |octets: &[u8]| [format!("{{{}}}\r\n", octets.len()).as_bytes(), octets].concat();
            let text = match item {
                "FLAGS" => format!(" FLAGS ({})", message.flags).into_bytes(),
                "INTERNALDATE" => b" INTERNALDATE \"17-Jul-2019 02:44:25 +0000\"".to_vec(),
                "RFC822.SIZE" => format!(" RFC822.SIZE {}", message.raw.len()).into_bytes(),
                "BODY.PEEK[]" => [b" BODY[] ".as_slice(), &literal(&message.raw)].concat(),
                _ => {
                    let raw = String::from_utf8_lossy(&message.raw);
                    let id = raw.lines().find(|line| line.starts_with("Message-ID:")).unwrap_or_default();
                    let header = format!("{id}\r\n\r\n");
                    [b" BODY[HEADER.FIELDS (MESSAGE-ID)] ".as_slice(), &literal(header.as_bytes())].concat()
                }
            };
            out.extend(text);
        }
        out.extend(b")\r\n");
    }
}

/// The messages of a set: number, UID and message.
fn chosen<'a>(set: &str, messages: &'a BTreeMap<u32, Message>) -> impl Iterator<Item = (usize, u32, &'a Message)> {
    let last = messages.last_key_value().map_or(0, |(uid, _)| *uid);
    let number = move |text: &str| if text == "*" { last } else { text.parse().unwrap() };
    let ranges = set.split(',').map(move |part| {
        let (from, to) = part.split_once(':').unwrap_or((part, part));
        (number(from).min(number(to)), number(from).max(number(to)))
    });
    let ranges: Vec<(u32, u32)> = ranges.collect();
    let numbered = (1..).zip(messages).map(|(number, (uid, message))| (number, *uid, message));
    numbered.filter(move |(_, uid, _)| ranges.iter().any(|(from, to)| (from..=to).contains(&uid)))
}

/// Takes an argument out of its quotes; a literal came without any.
fn unquoted(argument: &[u8]) -> Vec<u8> {
    let Some(inner) = argument.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")) else {
        return argument.to_vec();
    };
    let mut escaped = false;
    let keep = |octet: &&u8| {
        escaped = **octet == b'\\' && !escaped;
        !escaped
    };
    inner.iter().filter(keep).copied().collect()
}
