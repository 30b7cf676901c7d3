//! What every table must do.

use super::join_all;
use mailcrane_core::Timestamp;
use mailcrane_core::ports::clock::Clock;
use mailcrane_core::ports::table::{Body, Expect, Item, Key, Table, TableError, Write};
use std::time::Duration;

/// Checks a table. The name keeps its items apart from those of other runs; they are left behind.
///
/// # Panics
/// Where the table breaks the contract.
pub async fn conformance(table: &impl Table, clock: &impl Clock, name: &str) {
    items_are_read_as_they_were_written(table, &format!("{name}#items")).await;
    writes_are_made_on_their_condition_only(table, &format!("{name}#conditions")).await;
    queries_go_through_a_partition_in_byte_order(table, &format!("{name}#queries")).await;
    transactions_are_made_wholly_or_not_at_all(table, &format!("{name}#transactions")).await;
    a_transaction_is_made_once_for_its_token(table, &format!("{name}#tokens")).await;
    transactions_have_a_size(table, &format!("{name}#sizes")).await;
    one_of_several_writers_is_faster(table, &format!("{name}#writers")).await;
    many_items_are_stored_at_once(table, &format!("{name}#bulk")).await;
    counters_count(table, &format!("{name}#counters")).await;
    what_is_due_comes_earliest_first(table, clock, &format!("{name}#due")).await;
}

fn item(pk: &str, sk: &str, version: u64) -> Item {
    let body = Body::Json(format!("{{\"sk\":\"{sk}\",\"version\":{version}}}"));
    Item { key: Key::new(pk, sk), version, body, due: None, expires: None }
}

fn seconds(number: i64) -> Timestamp {
    Timestamp::from_second(number).unwrap()
}

fn is_conflict(result: &Result<(), TableError>) -> bool {
    matches!(result, Err(TableError::Conflict))
}

async fn version(table: &impl Table, pk: &str, sk: &str) -> Option<u64> {
    table.get(&Key::new(pk, sk)).await.unwrap().map(|item| item.version)
}

async fn items_are_read_as_they_were_written(table: &impl Table, pk: &str) {
    assert_eq!(table.get(&Key::new(pk, "none")).await.unwrap(), None);
    let mut written = item(pk, "json", 1);
    written.body = Body::Json("{\"text\":\"Grüße 🐦 \\u0000\",\"empty\":\"\"}".to_owned());
    written.due = Some(seconds(4_000_000_000));
    written.expires = Some(seconds(4_100_000_000));
    let mut packed = item(pk, "packed", 7);
    packed.body = Body::Packed((0..=255).cycle().take(300_000).collect());
    for item in [written, packed] {
        table.write(Write::Put(item.clone(), Expect::Absent)).await.unwrap();
        assert_eq!(table.get(&item.key).await.unwrap(), Some(item));
    }
    let mut large = item(pk, "large", 1);
    large.body = Body::Packed(vec![0; 420_000]);
    let refused = table.write(Write::Put(large, Expect::Anything)).await;
    assert!(matches!(refused, Err(TableError::Refused(_))), "an item of more than 400 KB: {refused:?}");
    assert_eq!(version(table, pk, "large").await, None);
}

async fn writes_are_made_on_their_condition_only(table: &impl Table, pk: &str) {
    let put = |version, expect| table.write(Write::Put(item(pk, "a", version), expect));
    assert!(is_conflict(&put(2, Expect::Version(1)).await), "a version of what is not there");
    put(1, Expect::Absent).await.unwrap();
    assert!(is_conflict(&put(1, Expect::Absent).await), "absent, but there");
    put(2, Expect::Version(1)).await.unwrap();
    assert!(is_conflict(&put(2, Expect::Version(1)).await), "an old version");
    put(9, Expect::Anything).await.unwrap();
    let key = Key::new(pk, "a");
    table.write(Write::Check(key.clone(), Expect::Version(9))).await.unwrap();
    assert!(is_conflict(&table.write(Write::Check(key.clone(), Expect::Absent)).await));
    assert!(is_conflict(&table.write(Write::Delete(key.clone(), Expect::Version(8))).await));
    table.write(Write::Delete(key.clone(), Expect::Version(9))).await.unwrap();
    assert_eq!(table.get(&key).await.unwrap(), None);
    table.write(Write::Delete(key.clone(), Expect::Anything)).await.unwrap();
    assert!(is_conflict(&table.write(Write::Delete(key.clone(), Expect::Version(9))).await));
    table.write(Write::Check(key, Expect::Absent)).await.unwrap();
}

/// Reads a whole query page by page.
async fn all(table: &impl Table, pk: &str, prefix: &str, limit: usize) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = table.query(pk, prefix, after.as_deref(), limit).await.unwrap();
        assert!(page.items.len() <= limit, "{} items, {limit} asked", page.items.len());
        found.extend(page.items.into_iter().map(|item| item.key.sk));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

async fn queries_go_through_a_partition_in_byte_order(table: &impl Table, pk: &str) {
    let sorted = ["S#", "S#0001", "S#0001#a", "S#0002", "S#0010", "S#A", "S#a", "S#ä", "S$", "T#1"];
    for sk in sorted.iter().rev() {
        table.write(Write::Put(item(pk, sk, 1), Expect::Absent)).await.unwrap();
    }
    table.write(Write::Put(item(&format!("{pk}#"), "S#other", 1), Expect::Absent)).await.unwrap();
    for limit in [1, 3, 8, 1000] {
        assert_eq!(all(table, pk, "S#", limit).await, sorted[..8], "{limit} at once");
        assert_eq!(all(table, pk, "", limit).await, sorted, "{limit} at once");
    }
    assert_eq!(all(table, pk, "X", 10).await, [""; 0]);
    let behind = table.query(pk, "S#", Some("S#0001"), 2).await.unwrap();
    assert_eq!(behind.items.iter().map(|item| item.key.sk.as_str()).collect::<Vec<_>>(), ["S#0001#a", "S#0002"]);
    let between = table.query(pk, "S#", Some("S#0003"), 1).await.unwrap();
    assert_eq!(between.items[0].key.sk, "S#0010", "after a key that is not there");
}

async fn transactions_are_made_wholly_or_not_at_all(table: &impl Table, pk: &str) {
    let first = vec![Write::Put(item(pk, "a", 1), Expect::Absent), Write::Put(item(pk, "b", 1), Expect::Absent)];
    table.transact(&format!("{pk}-1"), first).await.unwrap();
    let failing = [
        Write::Check(Key::new(pk, "a"), Expect::Version(7)),
        Write::Put(item(pk, "a", 8), Expect::Version(7)),
        Write::Delete(Key::new(pk, "a"), Expect::Version(7)),
        Write::Put(item(pk, "a", 1), Expect::Absent),
    ];
    for (n, write) in failing.into_iter().enumerate() {
        let writes = vec![Write::Put(item(pk, "b", 2), Expect::Version(1)), write];
        let result = table.transact(&format!("{pk}-2-{n}"), writes).await;
        assert!(is_conflict(&result), "{n}: {result:?}");
        assert_eq!(version(table, pk, "b").await, Some(1), "{n}");
    }
    let last = vec![
        Write::Delete(Key::new(pk, "a"), Expect::Version(1)),
        Write::Check(Key::new(pk, "c"), Expect::Absent),
        Write::Put(item(pk, "b", 2), Expect::Version(1)),
    ];
    table.transact(&format!("{pk}-3"), last).await.unwrap();
    assert_eq!((version(table, pk, "a").await, version(table, pk, "b").await), (None, Some(2)));
}

async fn a_transaction_is_made_once_for_its_token(table: &impl Table, pk: &str) {
    let writes = |n| vec![Write::Put(item(pk, "a", n + 1), if n == 0 { Expect::Absent } else { Expect::Version(n) })];
    let token = format!("{pk}-once");
    table.transact(&token, writes(0)).await.unwrap();
    table.transact(&token, writes(0)).await.expect("the same again is known by its token");
    let other = table.transact(&format!("{pk}-other"), writes(0)).await;
    assert!(is_conflict(&other), "the same under another token: {other:?}");
    let reused = table.transact(&token, writes(1)).await;
    assert!(matches!(reused, Err(TableError::Refused(_))), "other writes under the token: {reused:?}");
    assert_eq!(version(table, pk, "a").await, Some(1));
}

async fn transactions_have_a_size(table: &impl Table, pk: &str) {
    let writes = |n: usize| (0..n).map(|i| Write::Put(item(pk, &format!("{i:03}"), 1), Expect::Absent)).collect();
    for (n, token) in [(0, "none"), (101, "many")] {
        let result = table.transact(&format!("{pk}-{token}"), writes(n)).await;
        assert!(matches!(result, Err(TableError::Refused(_))), "{n} writes: {result:?}");
    }
    table.transact(&format!("{pk}-most"), writes(100)).await.unwrap();
    assert_eq!(all(table, pk, "", 1000).await.len(), 100);
    let twice = vec![Write::Put(item(pk, "x", 1), Expect::Absent), Write::Check(Key::new(pk, "x"), Expect::Absent)];
    let result = table.transact(&format!("{pk}-twice"), twice).await;
    assert!(matches!(result, Err(TableError::Refused(_))), "one item twice: {result:?}");
}

async fn one_of_several_writers_is_faster(table: &impl Table, pk: &str) {
    table.write(Write::Put(item(pk, "a", 1), Expect::Absent)).await.unwrap();
    let writer = |n: u32| async move {
        let own = format!("own-{n}");
        let writes =
            vec![Write::Put(item(pk, "a", 2), Expect::Version(1)), Write::Put(item(pk, &own, 1), Expect::Absent)];
        table.transact(&format!("{pk}-{own}"), writes).await
    };
    let results = join_all((0..8).map(writer)).await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1, "{results:?}");
    assert_eq!(results.iter().filter(|r| is_conflict(r)).count(), 7, "{results:?}");
    assert_eq!(all(table, pk, "own-", 100).await.len(), 1);
}

async fn many_items_are_stored_at_once(table: &impl Table, pk: &str) {
    let mut items: Vec<Item> = (0..60).map(|n| item(pk, &format!("{n:03}"), 1)).collect();
    items.push(item(pk, "000", 2));
    table.put_all(items).await.unwrap();
    assert_eq!(all(table, pk, "", 1000).await.len(), 60);
    assert_eq!(version(table, pk, "000").await, Some(2), "the last item of a key stays");
    table.put_all(Vec::new()).await.unwrap();
}

async fn counters_count(table: &impl Table, pk: &str) {
    let key = Key::new(pk, "n");
    assert_eq!(table.add(&key, 3, Some(seconds(4_000_000_000))).await.unwrap(), 3);
    assert_eq!(table.add(&key, -5, None).await.unwrap(), -2);
    let mut sums: Vec<i64> = join_all((0..10).map(|_| table.add(&key, 1, None))).await.into_iter().flatten().collect();
    sums.sort_unstable();
    assert_eq!(sums, (-1..=8).collect::<Vec<_>>());
    assert_eq!(table.add(&Key::new(pk, "other"), 1, None).await.unwrap(), 1);
}

/// Asks until the index has what is expected, for some seconds: it may lag.
async fn due(table: &impl Table, clock: &impl Clock, pk: &str, until: i64, expected: &[&str]) {
    let mut found = Vec::new();
    for _ in 0..50 {
        let keys = table.due(seconds(until), 1_000).await.unwrap();
        found = keys.into_iter().filter(|key| key.pk == pk).map(|key| key.sk).collect();
        if found == expected {
            return;
        }
        clock.sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(found, expected, "due until {until}");
}

async fn what_is_due_comes_earliest_first(table: &impl Table, clock: &impl Clock, pk: &str) {
    let at = |sk: &str, time: i64| Item { due: Some(seconds(time)), ..item(pk, sk, 1) };
    let items = vec![at("d", 1_001), at("c", 1_003), at("a", 1_002), at("later", 2_000), item(pk, "never", 1)];
    table.put_all(items).await.unwrap();
    due(table, clock, pk, 1_003, &["d", "a", "c"]).await;
    due(table, clock, pk, 1_002, &["d", "a"]).await;
    assert_eq!(table.due(seconds(1_003), 2).await.unwrap().len(), 2);
    table.write(Write::Put(item(pk, "d", 2), Expect::Version(1))).await.unwrap();
    table.write(Write::Put(Item { version: 2, ..at("a", 3_000) }, Expect::Version(1))).await.unwrap();
    table.write(Write::Delete(Key::new(pk, "c"), Expect::Version(1))).await.unwrap();
    due(table, clock, pk, 2_500, &["later"]).await;
    table.write(Write::Delete(Key::new(pk, "later"), Expect::Anything)).await.unwrap();
    table.write(Write::Delete(Key::new(pk, "a"), Expect::Anything)).await.unwrap();
    due(table, clock, pk, 3_500, &[]).await;
}
