//! A mailbox as its owner and the server see it: folders, messages, and everything that may happen to them.

use crate::locked;
use bytes::Bytes;
use mailcrane_core::Timestamp;
use mailcrane_core::flags::Flags;
use mailcrane_core::folder::{Role, SourceFolder, WireName};
use mailcrane_core::ports::source::Filing;
use mailcrane_core::uid::{Uid, UidValidity};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// A message of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Its octets.
    pub raw: Bytes,
    /// Its flags.
    pub flags: Flags,
    /// INTERNALDATE.
    pub received: Option<Timestamp>,
    /// The size that the server announces, when it is a wrong one.
    pub announced: Option<u64>,
    /// X-GM-MSGID.
    pub gmail_id: Option<u64>,
    /// X-GM-LABELS.
    pub gmail_labels: Vec<String>,
    /// The server lists it and does not give it out.
    pub unreadable: bool,
}

impl Message {
    /// Returns a small mail with that Message-ID and text.
    #[must_use]
    pub fn small(id: &str, text: &str) -> Self {
        let raw =
            format!("Message-ID: <{id}>\r\nSubject: {id}\r\nDate: Tue, 4 Mar 2014 10:00:00 +0000\r\n\r\n{text}\r\n");
        let received = Timestamp::from_second(1_393_927_200).ok();
        Self { raw: Bytes::from(raw), received, ..Self::default() }
    }
}

/// A folder of a mailbox.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) listed: SourceFolder,
    pub(super) uidvalidity: u32,
    pub(super) uidnext: u32,
    pub(super) messages: BTreeMap<Uid, Message>,
    /// Whether nobody may open it.
    pub(super) refused: bool,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) folders: BTreeMap<WireName, Folder>,
    /// Octets of bodies until the connection is cut.
    pub(super) cut_after: Option<u64>,
    uidvalidities: u32,
    /// What its folders are.
    pub(super) filing: Filing,
}

/// A mailbox. Clones are the same mailbox.
#[derive(Debug, Clone)]
pub struct Mailbox(Arc<Mutex<Inner>>);

impl Default for Mailbox {
    fn default() -> Self {
        let inner = Inner { folders: BTreeMap::new(), cut_after: None, uidvalidities: 1_000, filing: Filing::Folders };
        let mailbox = Self(Arc::new(Mutex::new(inner)));
        mailbox.folder("INBOX", Some(Role::Inbox));
        mailbox
    }
}

impl Mailbox {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        locked(&self.0)
    }

    /// Makes its folders labels, as Gmail's are.
    pub fn label(&self) {
        self.lock().filing = Filing::Labels;
    }

    /// Makes a folder; its levels are separated by `/`. One that exists keeps its messages.
    pub fn folder(&self, wire: &str, role: Option<Role>) {
        self.list(SourceFolder {
            wire: WireName::from(wire),
            path: wire.split('/').map(str::to_owned).collect(),
            role,
            selectable: true,
            skip: None,
        });
    }

    /// Makes a folder, or lists one that exists otherwise.
    pub fn list(&self, listed: SourceFolder) {
        let mut inner = self.lock();
        inner.uidvalidities += 1;
        let uidvalidity = inner.uidvalidities;
        let fresh =
            Folder { listed: listed.clone(), uidvalidity, uidnext: 1, messages: BTreeMap::new(), refused: false };
        let wire = listed.wire.clone();
        inner.folders.entry(wire).or_insert(fresh).listed = listed;
    }

    /// Delivers a message and returns its UID; makes the folder when there is none.
    pub fn append(&self, wire: &str, message: Message) -> Uid {
        if !self.lock().folders.contains_key(&WireName::from(wire)) {
            self.folder(wire, None);
        }
        let store = |folder: &mut Folder| {
            let uid = Uid::new(folder.uidnext).unwrap_or(Uid::MAX);
            folder.uidnext = folder.uidnext.saturating_add(1);
            folder.messages.insert(uid, message);
            uid
        };
        self.change(wire, store).unwrap_or(Uid::MIN)
    }

    /// Delivers so many small mails with Message-IDs `<wire>.<n>@example.org`.
    pub fn fill(&self, wire: &str, messages: u32) {
        for n in 1..=messages {
            let id = format!("{}.{n}@example.org", wire.replace('/', "."));
            self.append(wire, Message::small(&id, &format!("the text of message {n} in {wire}")));
        }
    }

    /// Changes a message in place (flags, size, readability).
    pub fn edit(&self, wire: &str, uid: Uid, edit: impl FnOnce(&mut Message)) {
        self.change(wire, |folder| folder.messages.get_mut(&uid).map(edit));
    }

    /// Removes a message.
    pub fn expunge(&self, wire: &str, uid: Uid) {
        self.change(wire, |folder| folder.messages.remove(&uid));
    }

    /// Moves a message into another folder, where it gets a new UID.
    pub fn move_to(&self, wire: &str, uid: Uid, to: &str) -> Option<Uid> {
        let message = self.change(wire, |folder| folder.messages.remove(&uid)).flatten()?;
        Some(self.append(to, message))
    }

    /// Gives a folder another UIDVALIDITY and its messages new UIDs from 1.
    pub fn renumber(&self, wire: &str) {
        let mut inner = self.lock();
        inner.uidvalidities += 1;
        let uidvalidity = inner.uidvalidities;
        if let Some(folder) = inner.folders.get_mut(&WireName::from(wire)) {
            folder.uidvalidity = uidvalidity;
            folder.compact();
        }
    }

    /// Sets UIDVALIDITY alone; 0 is a server that names none.
    pub fn uidvalidity(&self, wire: &str, uidvalidity: u32) {
        self.change(wire, |folder| folder.uidvalidity = uidvalidity);
    }

    /// Gives the messages of a folder new UIDs from 1 under the same UIDVALIDITY, as a badly restored server does.
    pub fn restore(&self, wire: &str) {
        self.change(wire, Folder::compact);
    }

    /// Renames a folder; UIDVALIDITY and UIDs stay.
    pub fn rename(&self, wire: &str, to: &str) {
        let mut inner = self.lock();
        if let Some(mut folder) = inner.folders.remove(&WireName::from(wire)) {
            folder.listed.wire = WireName::from(to);
            folder.listed.path = to.split('/').map(str::to_owned).collect();
            inner.folders.insert(WireName::from(to), folder);
        }
    }

    /// Lets nobody open a folder, or everybody again.
    pub fn refuse(&self, wire: &str, refused: bool) {
        if let Some(folder) = self.lock().folders.get_mut(&WireName::from(wire)) {
            folder.refused = refused;
        }
    }

    /// Deletes a folder with its messages.
    pub fn delete(&self, wire: &str) {
        self.lock().folders.remove(&WireName::from(wire));
    }

    /// Cuts the connection once that many octets of bodies have been read; then never again.
    pub fn cut_after(&self, octets: u64) {
        self.lock().cut_after = Some(octets);
    }

    /// Returns the messages of a folder; none when there is no such folder.
    #[must_use]
    pub fn messages(&self, wire: &str) -> BTreeMap<Uid, Message> {
        self.change(wire, |folder| folder.messages.clone()).unwrap_or_default()
    }

    /// Returns UIDVALIDITY of a folder.
    #[must_use]
    pub fn validity(&self, wire: &str) -> Option<UidValidity> {
        self.change(wire, |folder| UidValidity(folder.uidvalidity))
    }

    /// Returns the wire names of all folders, sorted.
    #[must_use]
    pub fn folders(&self) -> Vec<WireName> {
        self.lock().folders.keys().cloned().collect()
    }

    fn change<T>(&self, wire: &str, change: impl FnOnce(&mut Folder) -> T) -> Option<T> {
        self.lock().folders.get_mut(&WireName::from(wire)).map(change)
    }
}

impl Folder {
    fn compact(&mut self) {
        let messages = std::mem::take(&mut self.messages);
        self.messages = (1..).filter_map(Uid::new).zip(messages.into_values()).collect();
        self.uidnext = self.messages.last_key_value().map_or(1, |(uid, _)| uid.get().saturating_add(1));
    }
}
