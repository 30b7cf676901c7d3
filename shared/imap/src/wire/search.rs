//! SEARCH and ESEARCH responses.

use super::token::tokenize;
use mailcrane_core::uid::{Uid, UidRange, UidSet};

/// Adds the UIDs of one response to the set; other responses add nothing.
pub fn collect(response: &[u8], into: &mut UidSet) {
    let Ok(tokens) = tokenize(response) else { return };
    let [star, word, rest @ ..] = tokens.as_slice() else { return };
    if !star.is_atom("*") {
        return;
    }
    if word.is_atom("SEARCH") {
        for number in rest.iter().filter_map(super::token::Token::number) {
            if let Some(uid) = u32::try_from(number).ok().and_then(Uid::new) {
                into.insert(uid);
            }
        }
    } else if word.is_atom("ESEARCH") {
        let mut rest = rest.iter();
        while let Some(token) = rest.next() {
            if token.is_atom("ALL") {
                let set = rest.next().and_then(|set| std::str::from_utf8(set.bytes()?).ok()).unwrap_or_default();
                add_set(set, into);
            }
        }
    }
}

fn add_set(text: &str, into: &mut UidSet) {
    for part in text.split(',') {
        let (first, last) = part.split_once(':').unwrap_or((part, part));
        let uid = |text: &str| text.parse().ok().and_then(Uid::new);
        if let (Some(first), Some(last)) = (uid(first), uid(last))
            && let Some(range) = UidRange::new(first.min(last), last.max(first))
        {
            into.insert_range(range);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(lines: &[&str]) -> String {
        let mut set = UidSet::new();
        for line in lines {
            collect(line.as_bytes(), &mut set);
        }
        set.to_string()
    }

    #[test]
    fn several_search_responses_are_one_answer() {
        assert_eq!(collected(&["* SEARCH 5 3 4", "* SEARCH", "* SEARCH 9 (MODSEQ 7)", "* 4 EXISTS"]), "3:5,9");
    }

    #[test]
    fn esearch_sets_are_read_in_any_order() {
        assert_eq!(collected(&["* ESEARCH (TAG \"A1\") UID ALL 9,5:3 COUNT 4"]), "3:5,9");
    }
}
