//! Where an analysis stands: in front of a folder, or behind a message within it.

use mailcrane_core::digest::Digest;
use mailcrane_core::folder::SourceFolder;
use mailcrane_core::uid::Uid;
use std::fmt;

/// A place in the list of folders. Written as `<place>` or `<place>:<last UID counted>:<8 digits of the name's digest>`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cursor {
    place: usize,
    inside: Option<(Uid, String)>,
}

impl Cursor {
    /// In front of the folder at that place.
    pub(super) fn before(place: usize) -> Self {
        Self { place, inside: None }
    }

    /// In the folder at that place, behind a message.
    pub(super) fn behind(uid: Uid, place: usize, folder: &SourceFolder) -> Self {
        Self { place, inside: Some((uid, name(folder))) }
    }

    /// Reads what was written; what cannot be read is the beginning.
    pub(super) fn read(text: &str) -> Self {
        let mut parts = text.split(':');
        let place = parts.next().and_then(|place| place.parse().ok()).unwrap_or(0);
        let uid = parts.next().and_then(|uid| Uid::new(uid.parse().ok()?));
        Self { place, inside: uid.zip(parts.next().map(str::to_owned)) }
    }

    /// Finds the place again: the first folder that is not counted, and the last UID of it that is.
    ///
    /// A half counted folder is known by its name, wherever others have come or gone meanwhile; when it is gone itself,
    /// the folder that is now in its place is counted whole.
    pub(super) fn find(&self, folders: &[SourceFolder]) -> (usize, Option<Uid>) {
        let Some((uid, wanted)) = &self.inside else { return (self.place, None) };
        match folders.iter().position(|folder| name(folder) == *wanted) {
            Some(place) => (place, Some(*uid)),
            None => (self.place, None),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inside {
            Some((uid, name)) => write!(f, "{}:{uid}:{name}", self.place),
            None => write!(f, "{}", self.place),
        }
    }
}

fn name(folder: &SourceFolder) -> String {
    Digest::of(folder.wire.as_bytes()).to_string().chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_core::folder::WireName;

    fn folders(names: &[&str]) -> Vec<SourceFolder> {
        let folder = |name: &&str| SourceFolder {
            wire: WireName::from(*name),
            path: vec![(*name).to_owned()],
            role: None,
            selectable: true,
            skip: None,
        };
        names.iter().map(folder).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let folders = folders(&["INBOX", "a"]);
        for cursor in [Cursor::before(3), Cursor::behind(Uid::new(40_000).unwrap(), 1, &folders[1]), Cursor::default()]
        {
            assert_eq!(Cursor::read(&cursor.to_string()), cursor);
        }
        assert_eq!(Cursor::read("7"), Cursor::before(7));
        for text in ["", "nonsense", "-1", ":::"] {
            assert_eq!(Cursor::read(text), Cursor::before(0), "{text}");
        }
    }

    #[test]
    fn a_half_counted_folder_is_found_by_its_name() {
        let uid = Uid::new(40_000).unwrap();
        let cursor = Cursor::behind(uid, 1, &folders(&["INBOX", "b"])[1]);
        assert_eq!(cursor.find(&folders(&["INBOX", "a", "b"])), (2, Some(uid)));
        assert_eq!(cursor.find(&folders(&["INBOX", "c"])), (1, None));
        assert_eq!(Cursor::before(2).find(&folders(&["INBOX"])), (2, None));
    }
}
