//! Maps any names of source folders to legal and unique names at the destination, pure and stable.

use std::collections::{BTreeMap, BTreeSet};

use mailcrane_core::digest::short;

/// The longest name in UTF-16 code units.
const MAX_LENGTH: usize = 255;

/// What a destination allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest name of one folder, in UTF-16 code units; at least 32.
    pub length: usize,
    /// The most levels.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { length: MAX_LENGTH, depth: 30 }
    }
}

/// Makes one name legal: no control characters, slashes or backslashes, no blanks at the ends, not empty, not too long.
///
/// A legal name stays as it is; the result is legal, so doing it twice changes nothing.
#[must_use]
pub fn legal(name: &str, limits: Limits) -> String {
    let plain: String = name.chars().filter_map(replace).collect();
    let plain = plain.trim();
    if plain.is_empty() {
        return "_".into();
    }
    if utf16(plain) <= limits.length {
        return plain.into();
    }
    with_mark(plain, &mark(&[name]), limits.length)
}

/// Maps the paths of all source folders. `taken` are names at the top that hold no mail (a calendar and the like).
///
/// Every path gets an own destination path, also against folding of case. The folder that keeps a disputed name is the
/// one whose name is already legal, then the first in byte order; the others get a mark made from their own name, so
/// that each keeps its name when others come or go, except where it takes the plain name that became free: pass the
/// `earlier` map to keep that too.
#[must_use]
pub fn map(
    paths: &BTreeSet<Vec<String>>,
    taken: &BTreeSet<String>,
    earlier: &BTreeMap<Vec<String>, Vec<String>>,
    limits: Limits,
) -> BTreeMap<Vec<String>, Vec<String>> {
    let mut used: BTreeSet<Vec<String>> = taken.iter().map(|name| vec![fold(name)]).collect();
    let mut mapped = BTreeMap::new();
    for path in paths {
        if let Some(kept) = earlier.get(path) {
            used.insert(folded(kept));
            mapped.insert(path.clone(), kept.clone());
        }
    }
    used.extend(earlier.values().map(|p| folded(p)));
    let mut order: Vec<&Vec<String>> = paths.iter().filter(|p| !earlier.contains_key(*p)).collect();
    order.sort_by_key(|p| (p.len(), p.last().is_none_or(|name| legal(name, limits) != *name), *p));
    for path in order {
        let place = place(path, &mapped, &used, limits);
        used.insert(folded(&place));
        mapped.insert(path.clone(), place);
    }
    mapped
}

/// Finds the place of one path, below its parent's place when the parent is mapped too.
fn place(
    path: &[String],
    mapped: &BTreeMap<Vec<String>, Vec<String>>,
    used: &BTreeSet<Vec<String>>,
    limits: Limits,
) -> Vec<String> {
    let Some((name, above)) = path.split_last() else { return vec!["_".into()] };
    let mut parent = mapped.get(above).cloned().unwrap_or_else(|| above.iter().map(|n| legal(n, limits)).collect());
    let mut name = name.clone();
    while parent.len() >= limits.depth.max(1) {
        name = format!("{} - {name}", parent.pop().unwrap_or_default());
    }
    let plain = legal(&name, limits);
    let whole: Vec<&str> = path.iter().map(String::as_str).collect();
    let own = mark(&whole);
    let numbered = (2u32..).map(|n| with_mark(&plain, &format!("{own}-{n}"), limits.length));
    let marked = with_mark(&plain, &own, limits.length);
    let candidates = [plain.clone(), marked].into_iter().chain(numbered);
    let at = |name: String| {
        let mut place = parent.clone();
        place.push(name);
        place
    };
    candidates.map(at).find(|place| !used.contains(&folded(place))).unwrap_or_else(|| at(plain))
}

/// Replaces what a name cannot hold; what has no place in XML at all is left out.
fn replace(c: char) -> Option<char> {
    match c {
        '/' | '\\' => Some('_'),
        c if c.is_control() => Some(' '),
        c if !crate::soap::xml::is_xml_char(c) => None,
        c => Some(c),
    }
}

/// Shortens `name` so that it fits with ` ~mark` behind it.
fn with_mark(name: &str, mark: &str, length: usize) -> String {
    let room = length.max(32).saturating_sub(mark.len().saturating_add(2));
    let mut short = String::new();
    let mut used = 0usize;
    for c in name.chars() {
        used = used.saturating_add(c.len_utf16());
        if used > room {
            break;
        }
        short.push(c);
    }
    format!("{} ~{mark}", short.trim_end()).trim_start().to_owned()
}

fn mark(parts: &[&str]) -> String {
    let parts: Vec<&[u8]> = parts.iter().map(|p| p.as_bytes()).collect();
    format!("{:08x}", short(&parts) >> 32)
}

fn utf16(name: &str) -> usize {
    name.chars().map(char::len_utf16).sum()
}

/// Folds case as a case-insensitive store may: upper then lower, so that ß meets SS and final sigma meets sigma.
fn fold(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}

fn folded(path: &[String]) -> Vec<String> {
    path.iter().map(|name| fold(name)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    fn paths(names: &[&[&str]]) -> BTreeSet<Vec<String>> {
        names.iter().map(|path| path.iter().map(|n| (*n).to_owned()).collect()).collect()
    }

    fn names(names: &[&[&str]]) -> Vec<String> {
        let mapped = map(&paths(names), &BTreeSet::new(), &BTreeMap::new(), Limits::default());
        names.iter().map(|path| mapped[&path.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()].join("|")).collect()
    }

    #[test]
    fn legal_names_stay_as_they_are() {
        assert_eq!(names(&[&["Projekte", "Größe & Maß"], &["Projekte"]]), ["Projekte|Größe & Maß", "Projekte"]);
    }

    #[test]
    fn slashes_control_characters_and_blanks_are_replaced() {
        assert_eq!(names(&[&["a/b\\c"], &["x\u{7}y"], &[" z\u{a0}"], &[""]]), ["a_b_c", "x y", "z", "_"]);
    }

    #[test]
    fn names_that_differ_in_case_only_are_told_apart_below_their_own_parent() {
        let mapped = names(&[&["work"], &["Work"], &["Work", "a"], &["work", "a"]]);
        assert_eq!(mapped[1], "Work");
        assert!(mapped[0].starts_with("work ~"), "{mapped:?}");
        assert_eq!(mapped[2], "Work|a");
        assert_eq!(mapped[3], format!("{}|a", mapped[0]));
    }

    #[test]
    fn a_calendar_at_the_top_keeps_its_name() {
        let taken = BTreeSet::from(["Calendar".to_owned()]);
        let mapped = map(&paths(&[&["calendar"], &["x", "calendar"]]), &taken, &BTreeMap::new(), Limits::default());
        let places: Vec<String> = mapped.values().map(|p| p.join("|")).collect();
        assert!(places[0].starts_with("calendar ~"), "{places:?}");
        assert_eq!(places[1], "x|calendar");
    }

    #[test]
    fn what_lies_too_deep_is_joined_into_the_last_level() {
        let limits = Limits { depth: 2, ..Limits::default() };
        let mapped = map(&paths(&[&["a", "b", "c"]]), &BTreeSet::new(), &BTreeMap::new(), limits);
        assert_eq!(mapped.into_values().next(), Some(vec!["a".to_owned(), "b - c".to_owned()]));
    }

    fn any_paths() -> impl Strategy<Value = BTreeSet<Vec<String>>> {
        let awkward = prop_oneof![
            "[aA/ \\\\.]{0,3}",
            "\\PC{0,6}",
            any::<String>(),
            "[xX]{250,260}",
            Just("ß".to_owned()),
            Just("SS".to_owned()),
            Just("ΣΑΣ".to_owned()),
            Just("σας".to_owned()),
        ];
        btree_set(vec(awkward, 1..5), 0..25)
    }

    proptest! {
        #[test]
        fn any_names_become_legal_unique_and_stable(paths in any_paths(), more in any_paths(), depth in 1usize..5) {
            let limits = Limits { depth, ..Limits::default() };
            let taken = BTreeSet::from(["Calendar".to_owned(), "a".to_owned()]);
            let mapped = map(&paths, &taken, &BTreeMap::new(), limits);
            prop_assert_eq!(mapped.len(), paths.len());
            let unique: BTreeSet<_> = mapped.values().map(|p| folded(p)).collect();
            prop_assert_eq!(unique.len(), paths.len());
            for (path, place) in &mapped {
                prop_assert!(!place.is_empty() && place.len() <= depth);
                for name in place {
                    prop_assert_eq!(&legal(name, limits), name);
                    prop_assert!(utf16(name) <= limits.length);
                    prop_assert!(!name.contains(['/', '\\']) && !name.chars().any(char::is_control));
                }
                prop_assert!(!(place.len() == 1 && taken.iter().any(|t| fold(t) == fold(&place[0]))), "{path:?}");
            }
            prop_assert_eq!(&map(&paths, &taken, &BTreeMap::new(), limits), &mapped);
            let all: BTreeSet<_> = paths.union(&more).cloned().collect();
            let later = map(&all, &taken, &mapped, limits);
            for (path, place) in &mapped {
                prop_assert_eq!(later.get(path), Some(place));
            }
            let unique: BTreeSet<_> = later.values().map(|p| folded(p)).collect();
            prop_assert_eq!(unique.len(), all.len());
        }

        #[test]
        fn a_legal_name_is_not_changed_again(name in any::<String>()) {
            let once = legal(&name, Limits::default());
            prop_assert_eq!(legal(&once, Limits::default()), once);
        }
    }
}
