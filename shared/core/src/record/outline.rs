//! The folders of a source as its analysis saw them, so that it can be told where they will go before a pass plans.

use super::Record;
use crate::folder::SourceFolder;
use crate::ports::source::Filing;
use serde::{Deserialize, Serialize};

/// So many octets of names are kept.
const LONGEST: usize = 150_000;

/// The folders of a source, in the order in which they are copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// The version of this form, 1.
    pub v: u8,
    /// What the folders are.
    pub filing: Filing,
    /// The folders.
    pub folders: Vec<SourceFolder>,
    /// How many more there are, which an item has no room for.
    #[serde(default)]
    pub left_out: u32,
}

impl Record for Outline {}

impl Outline {
    /// Keeps as many folders as an item has room for.
    #[must_use]
    pub fn of(folders: &[SourceFolder], filing: Filing) -> Self {
        let mut room = LONGEST;
        let fits = |folder: &&SourceFolder| {
            let size = folder.path.iter().map(String::len).sum::<usize>().saturating_mul(2).saturating_add(100);
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        };
        let kept: Vec<_> = folders.iter().take_while(fits).cloned().collect();
        let left_out = u32::try_from(folders.len().saturating_sub(kept.len())).unwrap_or(u32::MAX);
        Self { v: 1, filing, folders: kept, left_out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::WireName;

    #[test]
    fn an_outline_of_version_1_reads_as_it_was_written_and_has_an_end() {
        let folder = |name: &str| SourceFolder {
            wire: WireName::from(name),
            path: vec![name.to_owned()],
            role: None,
            selectable: true,
            skip: None,
        };
        let outline = Outline::of(&[folder("Post")], Filing::Folders);
        let json = serde_json::to_string(&outline).unwrap();
        assert!(json.starts_with(r#"{"v":1,"filing":"folders","folders":[{"wire":"#), "{json}");
        assert_eq!(serde_json::from_str::<Outline>(&json).unwrap(), outline);
        let many: Vec<_> = (0..9_000).map(|no| folder(&format!("Folder {no}"))).collect();
        let outline = Outline::of(&many, Filing::Labels);
        assert_eq!(outline.folders.len() + outline.left_out as usize, 9_000);
        assert!(serde_json::to_string(&outline).unwrap().len() < 390_000);
    }
}
