//! Where a source folder goes: its place and name at the destination; pure.

use mailcrane_core::folder::{Role, SourceFolder};
use mailcrane_core::ports::source::Filing;
use mailcrane_core::record::Options;
use std::collections::BTreeMap;

/// The most characters of one level's name.
const LONGEST: usize = 200;

/// Where a folder goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The special folder that the path begins in; nothing for the top.
    pub root: Option<Role>,
    /// The names below it, level by level, legal and unique.
    pub names: Vec<String>,
}

/// What becomes of a source folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is copied there.
    Copy(Place),
    /// It is left out; the text says why.
    Skip(String),
}

/// Puts folders into the order in which they are copied: INBOX, special folders, all others; at last the folder of all
/// messages, which takes only what no other one has.
pub fn arrange(folders: &mut [SourceFolder]) {
    folders.sort_by_key(|f| (f.role == Some(Role::All), !f.wire.is_inbox(), f.role.is_none(), f.path.clone()));
}

/// Decides the fate of every folder, in the given order. The same folders in the same order get the same names.
#[must_use]
pub fn map(folders: &[SourceFolder], options: &Options, filing: Filing) -> Vec<Fate> {
    let under = options.under_folder.is_some();
    let mut mapper = Mapper { filing, under, places: BTreeMap::new(), taken: BTreeMap::new(), roles: BTreeMap::new() };
    folders.iter().map(|folder| mapper.fate(folder, folders, options)).collect()
}

/// Tells whether a folder is there only to hold special folders, as `[Gmail]` is.
fn is_bracket(folder: &SourceFolder, all: &[SourceFolder]) -> bool {
    let mut below =
        all.iter().filter(|f| f.path.len() > folder.path.len() && f.path.starts_with(&folder.path)).peekable();
    !folder.selectable && below.peek().is_some() && below.all(|f| f.role.is_some())
}

struct Mapper {
    filing: Filing,
    /// Whether everything goes under one folder, where special folders are ordinary ones.
    under: bool,
    /// Source path to place.
    places: BTreeMap<Vec<String>, Place>,
    /// Place in lower case to the source path that has it.
    taken: BTreeMap<(Option<Role>, Vec<String>), Vec<String>>,
    /// Which folder has a role: only the first one of each.
    roles: BTreeMap<Role, Vec<String>>,
}

impl Mapper {
    fn fate(&mut self, folder: &SourceFolder, all: &[SourceFolder], options: &Options) -> Fate {
        let shown = folder.path.join("/");
        if let Some(why) = &folder.skip {
            return Fate::Skip(why.clone());
        }
        let holds_the_rest = self.filing == Filing::Labels && folder.role == Some(Role::All);
        if self.filing == Filing::Labels && is_bracket(folder, all) {
            return Fate::Skip("it only holds the special folders".to_owned());
        }
        if folder.role.is_some_and(Role::is_view) && !holds_the_rest {
            return Fate::Skip("it only shows messages that are in other folders too".to_owned());
        }
        let listed = |patterns: &[String]| patterns.iter().any(|p| matches(p, &shown));
        if listed(&options.exclude_folders) {
            return Fate::Skip("left out by the user".to_owned());
        }
        if !options.include_folders.is_empty() && !listed(&options.include_folders) {
            return Fate::Skip("not among the folders that the user chose".to_owned());
        }
        if let Some(target) = options.folder_map.get(&shown) {
            let names = target.split('/').filter(|n| !n.is_empty()).map(legal).collect();
            return Fate::Copy(Place { root: None, names });
        }
        let mut place = self.place(&folder.path, folder.role);
        if let Some(under) = &options.under_folder {
            let mut names: Vec<String> = under.split('/').filter(|n| !n.is_empty()).map(legal).collect();
            names.append(&mut place.names);
            place.names = names;
        }
        Fate::Copy(place)
    }

    fn place(&mut self, path: &[String], role: Option<Role>) -> Place {
        if let Some(place) = self.places.get(path) {
            return place.clone();
        }
        if let Some(role) = role.filter(|r| !self.roles.contains_key(r)) {
            let place = match role {
                _ if self.under => self.unique(None, Vec::new(), title(role), path),
                Role::Archive | Role::All => self.unique(None, Vec::new(), title(role), path),
                _ => Place { root: Some(role), names: Vec::new() },
            };
            self.roles.insert(role, path.to_vec());
            self.places.insert(path.to_vec(), place.clone());
            return place;
        }
        let Some((name, parents)) = path.split_last() else { return Place { root: None, names: vec!["_".to_owned()] } };
        let parent = match parents {
            [] => Place { root: None, names: Vec::new() },
            [inbox] if inbox.eq_ignore_ascii_case("INBOX") && !self.under => {
                Place { root: Some(Role::Inbox), names: Vec::new() }
            }
            _ => self.place(parents, None),
        };
        let place = self.unique(parent.root, parent.names, name, path);
        self.places.insert(path.to_vec(), place.clone());
        place
    }

    /// Adds a legal name that no other source folder has in that place, compared without case.
    fn unique(&mut self, root: Option<Role>, parent: Vec<String>, name: &str, path: &[String]) -> Place {
        let wanted = legal(name);
        let mut n = 1;
        loop {
            let name = if n == 1 { wanted.clone() } else { numbered(&wanted, n) };
            let mut names = parent.clone();
            names.push(name);
            let lower: Vec<String> = names.iter().map(|n| n.to_lowercase()).collect();
            let reserved = !self.under && root.is_none() && lower.len() == 1 && is_reserved(&lower);
            match self.taken.get(&(root, lower.clone())) {
                Some(other) if other != path => n += 1,
                None if reserved => n += 1,
                _ => {
                    self.taken.insert((root, lower), path.to_vec());
                    return Place { root, names };
                }
            }
        }
    }
}

/// Adds a number to a name, which is cut where both would be too long.
fn numbered(name: &str, n: u32) -> String {
    let suffix = format!(" ({n})");
    let room = LONGEST.saturating_sub(suffix.len());
    let cut: String = name.chars().take(room).collect();
    format!("{}{suffix}", cut.trim_end())
}

/// Names at the top that mail programs and WorkMail keep for other things.
fn is_reserved(lower: &[String]) -> bool {
    const RESERVED: [&str; 9] =
        ["inbox", "calendar", "contacts", "tasks", "notes", "journal", "outbox", "sync issues", "conversation history"];
    lower.first().is_some_and(|n| RESERVED.contains(&n.as_str()))
}

/// Returns a name that every destination takes: no slashes, no control characters, not blank, not too long.
#[must_use]
pub fn legal(name: &str) -> String {
    let clean = |c: char| if c.is_control() || matches!(c, '/' | '\\' | '\u{fffe}' | '\u{ffff}') { '_' } else { c };
    let text: String = name.trim().chars().map(clean).take(LONGEST).collect();
    let text = text.trim();
    if text.is_empty() { "_".to_owned() } else { text.to_owned() }
}

/// Returns the English name of a special folder.
#[must_use]
pub fn title(role: Role) -> &'static str {
    match role {
        Role::Inbox => "Inbox",
        Role::Sent => "Sent Items",
        Role::Drafts => "Drafts",
        Role::Trash => "Deleted Items",
        Role::Junk => "Junk E-mail",
        Role::Archive => "Archive",
        Role::All => "All Mail",
        Role::Flagged => "Flagged",
        Role::Important => "Important",
    }
}

/// Tells whether a text matches a pattern in which `*` stands for anything, compared without case.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(previous) = last.replace(part) {
            match rest.find(previous) {
                Some(at) => rest = rest.get(at + previous.len()..).unwrap_or_default(),
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |end| rest.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_core::folder::WireName;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn folder(path: &str, role: Option<Role>) -> SourceFolder {
        SourceFolder {
            wire: WireName::from(path),
            path: path.split('/').map(str::to_owned).collect(),
            role,
            selectable: true,
            skip: None,
        }
    }

    fn shown(fate: &Fate) -> String {
        match fate {
            Fate::Copy(place) => format!("{}:{}", place.root.map(title).unwrap_or_default(), place.names.join("/")),
            Fate::Skip(why) => format!("skip {why}"),
        }
    }

    fn check(folders: &[(&str, Option<Role>)], expected: &[&str]) {
        let folders: Vec<_> = folders.iter().map(|(p, r)| folder(p, *r)).collect();
        assert_eq!(map(&folders, &Options::default(), Filing::Folders).iter().map(shown).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn special_folders_go_to_their_like_and_their_children_below() {
        check(
            &[("INBOX", Some(Role::Inbox)), ("INBOX/a", None), ("Gesendet", Some(Role::Sent)), ("Gesendet/2019", None)],
            &["Inbox:", "Inbox:a", "Sent Items:", "Sent Items:2019"],
        );
    }

    #[test]
    fn where_folders_are_labels_the_folder_of_all_messages_comes_last_and_is_copied() {
        let mut folders = vec![
            SourceFolder { selectable: false, ..folder("[Gmail]", None) },
            folder("[Gmail]/All Mail", Some(Role::All)),
            folder("[Gmail]/Important", Some(Role::Important)),
            folder("[Gmail]/Sent Mail", Some(Role::Sent)),
            folder("[Gmail]/Starred", Some(Role::Flagged)),
            folder("INBOX", Some(Role::Inbox)),
            folder("Work", None),
        ];
        arrange(&mut folders);
        let fates = map(&folders, &Options::default(), Filing::Labels);
        let view = "skip it only shows messages that are in other folders too";
        let expected =
            ["Inbox:", view, "Sent Items:", view, ":Work", "skip it only holds the special folders", ":All Mail"];
        let mut shown: Vec<_> = fates.iter().map(shown).collect();
        shown[4..6].sort();
        assert_eq!(shown, expected);
        assert_eq!(map(&folders, &Options::default(), Filing::Folders).last().map(self::shown).unwrap(), view);
    }

    #[test]
    fn names_that_differ_only_in_case_are_told_apart() {
        check(&[("Foo", None), ("foo", None), ("foo/x", None)], &[":Foo", ":foo (2)", ":foo (2)/x"]);
    }

    #[test]
    fn a_second_folder_of_a_role_keeps_its_name() {
        check(&[("Sent", Some(Role::Sent)), ("Sent Messages", Some(Role::Sent))], &["Sent Items:", ":Sent Messages"]);
    }

    #[test]
    fn a_folder_named_like_a_calendar_is_told_apart_from_the_calendar() {
        check(&[("Calendar", None)], &[":Calendar (2)"]);
    }

    #[test]
    fn under_one_folder_special_folders_keep_their_titles_and_others_make_way() {
        let folders: Vec<_> = [
            ("INBOX", Some(Role::Inbox)),
            ("Gesendet", Some(Role::Sent)),
            ("INBOX/a", None),
            ("Sent Items", None),
            ("Calendar", None),
        ]
        .map(|(path, role)| folder(path, role))
        .to_vec();
        let options = Options { under_folder: Some("Old".into()), ..Options::default() };
        let shown: Vec<_> = map(&folders, &options, Filing::Folders).iter().map(shown).collect();
        let expected = [":Old/Inbox", ":Old/Sent Items", ":Old/Inbox/a", ":Old/Sent Items (2)", ":Old/Calendar"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, text, expected) in [
            ("Trash", "trash", true),
            ("Trash", "Trash/old", false),
            ("Trash*", "Trash/old", true),
            ("*/old", "a/b/old", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn special_long_and_odd_names_become_legal_and_unique_and_stable(
            paths in prop::collection::btree_set(
                prop::collection::vec(
                    prop_oneof![
                        "(?i)inbox", "(?i)calendar", "Outbox", "Kalender", "Gesendet", "[.]{1,2}", "[ ]{0,3}",
                        "\\PC{0,8}", "x{198,260}( |X)?", "[\\x00-\\x1f\\x7f]{1,3}", "Ä{150,300}", "a \\([2-4]\\)", "[aA]",
                    ],
                    1..6,
                ),
                1..25,
            ),
            roles in prop::collection::vec(prop::option::of(0..6_usize), 25),
        ) {
            const ROLES: [Role; 6] =
                [Role::Inbox, Role::Sent, Role::Drafts, Role::Trash, Role::Junk, Role::Archive];
            let folders: Vec<_> = paths.iter().zip(&roles).map(|(path, role)| {
                let role = role.and_then(|n| ROLES.get(n).copied());
                SourceFolder { path: path.clone(), ..folder("x", role) }
            }).collect();
            let fates = map(&folders, &Options::default(), Filing::Folders);
            let mut seen = BTreeSet::new();
            for fate in &fates {
                let Fate::Copy(place) = fate else { panic!("skipped") };
                for name in &place.names {
                    prop_assert!(name.trim() == name && !name.is_empty() && !name.contains(char::is_control), "{name:?}");
                    prop_assert!(name.chars().count() <= LONGEST, "{name:?}");
                }
                let lower: Vec<_> = place.names.iter().map(|n| n.to_lowercase()).collect();
                prop_assert!(place.root.is_some() || lower.len() != 1 || !is_reserved(&lower), "{place:?}");
                prop_assert!(seen.insert((place.root, lower)), "{place:?}");
            }
            prop_assert_eq!(map(&folders, &Options::default(), Filing::Folders), fates);
            let under = Options { under_folder: Some("Old/Mail".to_owned()), ..Options::default() };
            let mut seen = BTreeSet::new();
            for fate in map(&folders, &under, Filing::Folders) {
                let Fate::Copy(place) = fate else { panic!("skipped") };
                prop_assert!(place.root.is_none() && place.names.starts_with(&["Old".into(), "Mail".into()]), "{place:?}");
                prop_assert!(place.names.len() > 2, "{place:?}");
                let lower: Vec<_> = place.names.iter().map(|n| n.to_lowercase()).collect();
                prop_assert!(seen.insert(lower), "{place:?}");
            }
        }

        #[test]
        fn any_names_become_legal_and_unique_and_stable(
            paths in prop::collection::btree_set(prop::collection::vec("[aA/\\\\ \\x00ÄäÖ]{0,3}", 1..4), 1..20)
        ) {
            let folders: Vec<_> = paths.iter().map(|p| SourceFolder { path: p.clone(), ..folder("x", None) }).collect();
            let fates = map(&folders, &Options::default(), Filing::Folders);
            let mut seen = BTreeSet::new();
            for fate in &fates {
                let Fate::Copy(place) = fate else { panic!("skipped") };
                prop_assert!(place.names.iter().all(|n| !n.trim().is_empty() && !n.contains(['/', '\\', '\0'])));
                let lower: Vec<_> = place.names.iter().map(|n| n.to_lowercase()).collect();
                prop_assert!(seen.insert((place.root, lower)), "{:?}", place);
            }
            prop_assert_eq!(map(&folders, &Options::default(), Filing::Folders), fates);
        }
    }
}
