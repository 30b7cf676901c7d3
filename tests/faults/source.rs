//! A mailbox at Dovecot, and the chronicle of what was in it.

use crate::dovecot::Dovecot;
use crate::ends::PASSWORD;
use crate::imap::Imap;
use crate::schedule::Schedule;
use fastrand::Rng;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

/// What became of a message of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was there all the time.
    Stayed,
    /// It arrived during a pass.
    Arrived,
    /// It was moved to another folder.
    Moved,
    /// It was deleted.
    Expunged,
}

/// A message that the source has, or had.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    /// The SHA-256 of its octets.
    pub(crate) digest: String,
    /// The folder, as Maildir++ spells it.
    pub(crate) folder: String,
    pub(crate) fate: Fate,
    message_id: String,
    twin: bool,
}

/// A message as the server shows it at the end.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) uid: u32,
    pub(crate) digest: String,
}

/// One user's mailbox.
pub(crate) struct Mailbox<'a> {
    dovecot: &'a Dovecot,
    pub(crate) user: String,
    state: Mutex<State>,
}

struct State {
    random: Rng,
    letters: Vec<Letter>,
    born: usize,
    /// Folders that were numbered anew.
    renumbered: Vec<String>,
}

impl<'a> Mailbox<'a> {
    /// Makes the mailbox of a schedule.
    pub(crate) fn fill(dovecot: &'a Dovecot, user: &str, schedule: &Schedule) -> Self {
        let random = Rng::with_seed(schedule.seed ^ 0x736f_7572_6365);
        let state = State { random, letters: Vec::new(), born: 0, renumbered: Vec::new() };
        let mailbox = Self { dovecot, user: user.to_owned(), state: Mutex::new(state) };
        for folder in &schedule.folders {
            for (at, octets) in folder.sizes.iter().enumerate() {
                mailbox.write(folder.name, *octets, Fate::Stayed, 1 + usize::from(at < folder.twins));
            }
        }
        // Gives everything to the user whom Dovecot serves.
        dovecot.folder(user, "");
        mailbox
    }

    /// Writes a message into a folder, that many times.
    fn write(&self, folder: &str, octets: usize, fate: Fate, times: usize) {
        let mut state = self.state.lock().unwrap();
        let number = state.born;
        let message_id = format!("<{}.{number}@example.org>", self.user);
        let raw = message(&mut state.random, &message_id, number, octets);
        let path = self.path(folder);
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(path.join(part)).unwrap();
        }
        for _ in 0..times {
            let born = state.born;
            state.born += 1;
            let name = format!("{}.M{born}.host", 1_600_000_000 + born);
            let temporary = path.join("tmp").join(&name);
            let mut file = fs::File::create(&temporary).unwrap();
            file.write_all(&raw).unwrap();
            let received = 1_600_000_000 + number as u64 * 60;
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(received)).unwrap();
            let owner = fs::metadata(self.dovecot.inbox(&self.user)).unwrap();
            let _ = std::os::unix::fs::chown(&temporary, Some(owner.uid()), Some(owner.gid()));
            fs::rename(&temporary, path.join("cur").join(format!("{name}:2,S"))).unwrap();
            let (digest, folder, message_id) = (hex(&raw), folder.to_owned(), message_id.clone());
            state.letters.push(Letter { digest, folder, fate, message_id, twin: times > 1 });
        }
    }

    /// A message arrives; returns what is to be told of it.
    pub(crate) fn deliver(&self) -> String {
        let folder = self.any_folder();
        let octets = self.state.lock().unwrap().random.usize(300..30_000);
        self.write(&folder, octets, Fate::Arrived, 1);
        format!("source: a message arrived in {folder:?}")
    }

    /// A message is deleted for good.
    pub(crate) fn expunge(&self) -> String {
        let Some((at, letter)) = self.any_letter() else { return "source: nothing to expunge".to_owned() };
        let mut imap = self.imap();
        imap.open_folder(&wire(&letter.folder));
        let Some(uid) = imap.uid_of(&letter.message_id) else { return "source: nothing to expunge".to_owned() };
        imap.command(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"));
        imap.command(&format!("UID EXPUNGE {uid}"));
        self.state.lock().unwrap().letters[at].fate = Fate::Expunged;
        format!("source: {uid} of {:?} was expunged", letter.folder)
    }

    /// A message is moved to another folder.
    pub(crate) fn shift(&self) -> String {
        let (Some((at, letter)), target) = (self.any_letter(), self.any_folder()) else {
            return "source: nothing to move".to_owned();
        };
        if target == letter.folder {
            return "source: nothing to move".to_owned();
        }
        let mut imap = self.imap();
        imap.open_folder(&wire(&letter.folder));
        let Some(uid) = imap.uid_of(&letter.message_id) else { return "source: nothing to move".to_owned() };
        imap.command(&format!("UID MOVE {uid} \"{}\"", wire(&target)));
        let mut state = self.state.lock().unwrap();
        (state.letters[at].fate, state.letters[at].folder) = (Fate::Moved, target.clone());
        format!("source: {uid} of {:?} was moved to {target:?}", letter.folder)
    }

    /// A folder gets another UIDVALIDITY and other UIDs, as after a restored backup.
    pub(crate) fn renumber(&self) -> String {
        let folder = self.any_folder();
        let path = self.path(&folder);
        let list = path.join("dovecot-uidlist");
        let Ok(text) = fs::read_to_string(&list) else { return format!("source: {folder:?} has no UIDs yet") };
        let shift = self.state.lock().unwrap().random.u32(0..2) * 500;
        let Some(text) = renumbered(&text, shift) else { return "source: the list of UIDs is odd".to_owned() };
        let owner = fs::metadata(&list).unwrap();
        let new = path.join("dovecot-uidlist.new");
        fs::write(&new, text).unwrap();
        let _ = std::os::unix::fs::chown(&new, Some(owner.uid()), Some(owner.gid()));
        fs::rename(&new, &list).unwrap();
        for name in ["dovecot.index", "dovecot.index.log", "dovecot.index.log.2", "dovecot.index.cache"] {
            let _ = fs::remove_file(path.join(name));
        }
        self.state.lock().unwrap().renumbered.push(folder.clone());
        format!("source: {folder:?} has another UIDVALIDITY, UIDs are higher by {shift}")
    }

    pub(crate) fn letters(&self) -> Vec<Letter> {
        self.state.lock().unwrap().letters.clone()
    }

    pub(crate) fn renumbered(&self) -> Vec<String> {
        self.state.lock().unwrap().renumbered.clone()
    }

    /// Reads what the server shows now, folder by folder: UIDVALIDITY and messages.
    pub(crate) fn shown(&self) -> BTreeMap<String, (u32, Vec<Shown>)> {
        let mut imap = self.imap();
        let mut shown = BTreeMap::new();
        for folder in self.folders() {
            let validity = imap.open_folder(&wire(&folder));
            let messages = imap.bodies().into_iter();
            let messages = messages.map(|(uid, raw)| Shown { uid, digest: hex(&raw) }).collect();
            shown.insert(folder, (validity, messages));
        }
        shown
    }

    fn imap(&self) -> Imap {
        Imap::sign_in(self.dovecot.port, &self.user, PASSWORD)
    }

    fn path(&self, folder: &str) -> PathBuf {
        let inbox = self.dovecot.inbox(&self.user);
        if folder.is_empty() { inbox } else { inbox.join(folder) }
    }

    fn folders(&self) -> Vec<String> {
        let mut folders: Vec<String> = self.letters().into_iter().map(|l| l.folder).collect();
        folders.sort();
        folders.dedup();
        folders
    }

    fn any_folder(&self) -> String {
        let folders = self.folders();
        let at = self.state.lock().unwrap().random.usize(0..folders.len());
        folders[at].clone()
    }

    /// Picks a message that was there from the beginning and is there once.
    fn any_letter(&self) -> Option<(usize, Letter)> {
        let mut state = self.state.lock().unwrap();
        let plain = |l: &Letter| l.fate == Fate::Stayed && !l.twin;
        let letters: Vec<_> = state.letters.iter().cloned().enumerate().filter(|(_, l)| plain(l)).collect();
        if letters.is_empty() {
            return None;
        }
        let at = state.random.usize(0..letters.len());
        letters.get(at).cloned()
    }
}

/// The name of a folder on the wire.
pub(crate) fn wire(folder: &str) -> String {
    if folder.is_empty() { "INBOX".to_owned() } else { folder.trim_start_matches('.').to_owned() }
}

/// The user of a schedule.
pub(crate) fn user(seed: u64, pace: u32) -> String {
    format!("s{seed}x{pace}")
}

/// Signs up users, alike to the server's anna, and waits until Dovecot knows them.
pub(crate) fn sign_up(dovecot: &Dovecot, seeds: std::ops::Range<u64>, paces: [u32; 2]) {
    let path: PathBuf = dovecot.inbox("anna").ancestors().nth(3).map(|dir| dir.join("users")).unwrap();
    let mut users = fs::read_to_string(&path).unwrap();
    let anna = users.lines().find(|line| line.starts_with("anna:")).unwrap().to_owned();
    let last = user(seeds.end - 1, paces[1]);
    for (seed, pace) in seeds.flat_map(|seed| paces.map(|pace| (seed, pace))) {
        writeln!(users, "{}", anna.replace("anna", &user(seed, pace))).unwrap();
    }
    // It looks at the file once a second at most.
    while !Imap::lets_in(dovecot.port, &last, PASSWORD) {
        fs::write(&path, &users).unwrap();
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// The list of UIDs with the next UIDVALIDITY and shifted UIDs.
fn renumbered(list: &str, shift: u32) -> Option<String> {
    let mut lines = list.lines();
    let mut header = String::from("3");
    for word in lines.next()?.strip_prefix("3 ")?.split(' ') {
        let number = |word: &str| word.get(1..).and_then(|n| n.parse::<u32>().ok());
        match word.as_bytes().first()? {
            b'V' => write!(header, " V{}", number(word)? + 1).ok()?,
            b'N' => write!(header, " N{}", number(word)? + shift).ok()?,
            _ => write!(header, " {word}").ok()?,
        }
    }
    for line in lines {
        let (uid, rest) = line.split_once(' ')?;
        write!(header, "\n{} {rest}", uid.parse::<u32>().ok()? + shift).ok()?;
    }
    Some(header + "\n")
}

fn message(random: &mut Rng, message_id: &str, number: usize, octets: usize) -> Vec<u8> {
    let mut text = format!(
        "Message-ID: {message_id}\r\nFrom: anna@example.org\r\nTo: dora@example.org\r\nSubject: Message {number}\r\n\
         Date: Mon, 14 Sep 2020 12:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"
    );
    while text.len() < octets {
        for _ in 0..8 {
            write!(text, "{:08x} ", random.u32(..)).unwrap();
        }
        text.push_str("\r\n");
    }
    text.into_bytes()
}

fn hex(raw: &[u8]) -> String {
    Sha256::digest(raw).iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}
