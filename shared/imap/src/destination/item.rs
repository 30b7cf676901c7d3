//! The identity of a stored message: folder, UIDVALIDITY and UID.

use mailcrane_core::folder::WireName;
use mailcrane_core::ports::destination::ItemId;
use mailcrane_core::uid::{Uid, UidValidity};

/// Where a message lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) folder: WireName,
    pub(super) uidvalidity: UidValidity,
    pub(super) uid: Uid,
}

impl Location {
    pub(super) fn new(folder: &WireName, uidvalidity: UidValidity, uid: Uid) -> Self {
        Self { folder: folder.clone(), uidvalidity, uid }
    }

    /// Writes `uidvalidity:uid:folder`.
    pub(super) fn id(&self) -> ItemId {
        ItemId(format!("{}:{}:{}", self.uidvalidity.0, self.uid, String::from(self.folder.clone())))
    }

    pub(super) fn parse(id: &ItemId) -> Option<Self> {
        let mut parts = id.0.splitn(3, ':');
        let uidvalidity = UidValidity(parts.next()?.parse().ok()?);
        let uid = Uid::new(parts.next()?.parse().ok()?)?;
        Some(Self { folder: WireName::try_from(parts.next()?.to_owned()).ok()?, uidvalidity, uid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_written_and_read_back_whatever_the_folder_is_called() {
        for name in [&b"INBOX"[..], b"a:b", b"Entw\xfcrfe", b"x%y", b""] {
            let location = Location::new(&WireName::new(name.to_vec()), UidValidity(7), Uid::MIN);
            assert_eq!(Location::parse(&location.id()), Some(location));
        }
        assert_eq!(Location::parse(&ItemId("AAMk=".to_owned())), None);
    }
}
