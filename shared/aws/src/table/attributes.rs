//! How items become attributes, and attributes items.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use mailcrane_core::ports::table::{Body, Expect, Item, Key, TableError};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::str::FromStr;

/// The index of what the sweeper must look at.
pub(super) const DUE_INDEX: &str = "due";

/// Over so many partitions the index is spread, so that one hot second does not throttle.
pub(super) const DUE_SHARDS: u64 = 8;

/// The attributes of one item.
pub(super) type Attributes = HashMap<String, AttributeValue>;

/// Writes a key.
pub(super) fn of_key(key: &Key) -> Attributes {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(key.pk.clone())),
        ("sk".to_owned(), AttributeValue::S(key.sk.clone())),
    ])
}

/// Writes an item.
pub(super) fn of_item(item: &Item) -> Attributes {
    let mut attributes = of_key(&item.key);
    attributes.insert("v".to_owned(), AttributeValue::N(item.version.to_string()));
    match &item.body {
        Body::Json(json) => attributes.insert("b".to_owned(), AttributeValue::S(json.clone())),
        Body::Packed(octets) => attributes.insert("p".to_owned(), AttributeValue::B(Blob::new(octets.clone()))),
    };
    if let Some(due) = item.due {
        attributes.insert("due_shard".to_owned(), AttributeValue::S(shard(&item.key).to_string()));
        attributes.insert("due_at".to_owned(), AttributeValue::S(instant(due)));
    }
    if let Some(expires) = item.expires {
        attributes.insert("ttl".to_owned(), seconds(expires));
    }
    attributes
}

/// Reads a key.
pub(super) fn to_key(attributes: &Attributes) -> Result<Key, TableError> {
    Ok(Key::new(text(attributes, "pk")?, text(attributes, "sk")?))
}

/// Reads an item. A counter reads as the JSON of its number.
pub(super) fn to_item(attributes: &Attributes) -> Result<Item, TableError> {
    let body = match (attributes.get("b"), attributes.get("p"), attributes.get("n")) {
        (Some(AttributeValue::S(json)), _, _) => Body::Json(json.clone()),
        (_, Some(AttributeValue::B(octets)), _) => Body::Packed(octets.as_ref().to_vec()),
        (_, _, Some(AttributeValue::N(number))) => Body::Json(number.clone()),
        _ => return Err(malformed("b")),
    };
    let due = attributes
        .contains_key("due_at")
        .then(|| text(attributes, "due_at").and_then(|due| due.parse::<Timestamp>().map_err(|_| malformed("due_at"))));
    let expires = attributes
        .contains_key("ttl")
        .then(|| number(attributes, "ttl").and_then(|at| Timestamp::from_second(at).map_err(|_| malformed("ttl"))));
    Ok(Item {
        key: to_key(attributes)?,
        version: number(attributes, "v")?,
        body,
        due: due.transpose()?,
        expires: expires.transpose()?,
    })
}

/// Reads a text.
pub(super) fn text(attributes: &Attributes, name: &'static str) -> Result<String, TableError> {
    match attributes.get(name) {
        Some(AttributeValue::S(text)) => Ok(text.clone()),
        _ => Err(malformed(name)),
    }
}

/// Reads a number.
pub(super) fn number<N: FromStr>(attributes: &Attributes, name: &'static str) -> Result<N, TableError> {
    match attributes.get(name) {
        Some(AttributeValue::N(number)) => number.parse().map_err(|_| malformed(name)),
        _ => Err(malformed(name)),
    }
}

/// Writes a time so that the order of texts is the order of times: UTC, milliseconds, fixed width.
pub(super) fn instant(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Writes a time as whole seconds since 1970.
pub(super) fn seconds(time: Timestamp) -> AttributeValue {
    AttributeValue::N(time.as_second().to_string())
}

/// Writes the condition of a write, when it has one.
pub(super) fn condition(expect: Expect) -> Option<String> {
    match expect {
        Expect::Absent => Some("attribute_not_exists(pk)".to_owned()),
        Expect::Version(_) => Some("v = :expected".to_owned()),
        Expect::Anything => None,
    }
}

/// Writes what the condition compares with.
pub(super) fn condition_values(expect: Expect) -> Option<Attributes> {
    match expect {
        Expect::Version(version) => {
            Some(HashMap::from([(":expected".to_owned(), AttributeValue::N(version.to_string()))]))
        }
        Expect::Absent | Expect::Anything => None,
    }
}

fn shard(key: &Key) -> u64 {
    let digest = Sha256::new().chain_update(&key.pk).chain_update([0]).chain_update(&key.sk).finalize();
    u64::from(digest.first().copied().unwrap_or_default()) % DUE_SHARDS
}

fn malformed(name: &'static str) -> TableError {
    TableError::Refused(format!("an item of the table has no valid attribute {name}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(body: Body) -> Item {
        Item {
            key: Key::new("M#0123456789abcdef", "MIGRATION"),
            version: 7,
            body,
            due: Some("2026-11-23T12:00:00.25Z".parse().unwrap()),
            expires: Some("2026-12-24T18:00:00Z".parse().unwrap()),
        }
    }

    #[test]
    fn an_item_reads_as_it_was_written() {
        for body in [Body::Json("{\"v\":1}".to_owned()), Body::Packed(vec![0, 255, 7])] {
            let item = item(body);
            assert_eq!(to_item(&of_item(&item)).unwrap(), item);
        }
    }

    #[test]
    fn the_attributes_of_version_1_stay_as_they_are() {
        let attributes = of_item(&item(Body::Json("{}".to_owned())));
        let mut written: Vec<String> = attributes.iter().map(|(name, value)| format!("{name} {value:?}")).collect();
        written.sort();
        assert_eq!(
            written,
            [
                "b S(\"{}\")",
                "due_at S(\"2026-11-23T12:00:00.250Z\")",
                "due_shard S(\"0\")",
                "pk S(\"M#0123456789abcdef\")",
                "sk S(\"MIGRATION\")",
                "ttl N(\"1798135200\")",
                "v N(\"7\")",
            ]
        );
    }

    #[test]
    fn times_sort_as_text_as_they_do_as_times() {
        let times =
            ["1969-12-31T23:59:59.9Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.009Z", "2026-01-01T00:00:01Z"];
        let written: Vec<String> = times.iter().map(|time| instant(time.parse().unwrap())).collect();
        assert!(written.is_sorted(), "{written:?}");
        assert!(written.iter().all(|text| text.len() == 24), "{written:?}");
    }

    #[test]
    fn keys_are_spread_over_all_shards() {
        let shards: std::collections::BTreeSet<u64> =
            (0..200).map(|no| shard(&Key::new(format!("M#{no}"), "MIGRATION"))).collect();
        assert_eq!(shards.len(), 8);
    }

    #[test]
    fn an_item_without_a_body_is_refused() {
        let mut attributes = of_item(&item(Body::Json("{}".to_owned())));
        attributes.remove("b");
        assert!(matches!(to_item(&attributes), Err(TableError::Refused(_))));
    }
}
