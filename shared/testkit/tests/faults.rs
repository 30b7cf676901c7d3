//! The plan, the processes and the clock together.

use mailcrane_core::ports::clock::Clock as _;
use mailcrane_core::ports::table::{Body, Expect, Item, Key, Table as _, TableError, Write};
use mailcrane_testkit::Memory;
use mailcrane_testkit::faults::{Gone, Mishap, Port, Span, cases};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn put(sk: &str) -> Write {
    let item = Item { key: Key::new("p", sk), version: 1, body: Body::Json("{}".into()), due: None, expires: None };
    Write::Put(item, Expect::Absent)
}

fn there(memory: &Memory, sk: &str) -> bool {
    memory.table.snapshot().contains_key(&Key::new("p", sk))
}

#[test]
fn a_failed_call_has_its_effect_or_not_as_planned() {
    let memory = Memory::default();
    memory.plan.at(0, Mishap::FailBefore);
    memory.plan.on(Port::Table, "write", 1, Mishap::FailAfter);
    memory.clock.block_on(async {
        for sk in ["a", "b"] {
            assert!(matches!(memory.table.write(put(sk)).await, Err(TableError::Unknown(_))));
        }
        memory.table.write(put("c")).await.unwrap();
    });
    assert_eq!([there(&memory, "a"), there(&memory, "b"), there(&memory, "c")], [false, true, true]);
    assert_eq!(memory.plan.met().len(), 2);
    assert_eq!(memory.plan.counts(), [((Port::Table, "write"), 3)].into());
}

#[test]
fn half_of_a_batch_can_happen() {
    let memory = Memory::default();
    memory.plan.at(0, Mishap::FailHalfway);
    let items = ["a", "b"].map(|sk| match put(sk) {
        Write::Put(item, _) => item,
        _ => unreachable!(),
    });
    assert!(memory.clock.block_on(memory.table.put_all(items.into())).is_err());
    assert_eq!([there(&memory, "a"), there(&memory, "b")], [true, false]);
}

#[test]
fn a_process_that_is_gone_does_nothing_more_and_others_go_on() {
    let memory = Memory::default();
    memory.plan.on(Port::Table, "write", 1, Mishap::GoneAfter);
    memory.clock.block_on(async {
        let doomed = memory.plan.process(async {
            memory.table.write(put("a")).await.unwrap();
            memory.table.write(put("b")).await.unwrap();
            memory.table.write(put("c")).await.unwrap();
        });
        assert_eq!(doomed.await, Err(Gone));
        assert_eq!(memory.plan.process(memory.table.write(put("d"))).await.map(|r| r.is_ok()), Ok(true));
    });
    assert_eq!(["a", "b", "c", "d"].map(|sk| there(&memory, sk)), [true, true, false, true]);
    assert_eq!(memory.plan.calls().iter().map(|c| c.process).collect::<Vec<_>>(), [1, 1, 2]);
}

#[test]
fn a_frozen_process_stands_still_as_a_whole_while_others_go_on() {
    let memory = Memory::default();
    let clock = &memory.clock;
    let begin = clock.now();
    let since = |clock: &mailcrane_testkit::ManualClock| clock.now().duration_since(begin).as_secs();
    memory.plan.on(Port::Table, "get", 0, Mishap::FrozenBefore(MINUTE));
    let key = Key::new("p", "a");
    clock.block_on(async {
        let frozen = memory.plan.process(async {
            let heartbeat = async {
                clock.sleep(MINUTE / 6).await;
                since(clock)
            };
            let call = async {
                memory.table.get(&key).await.unwrap();
                since(clock)
            };
            join(heartbeat, call).await
        });
        let other = memory.plan.process(async {
            clock.sleep(MINUTE / 2).await;
            memory.table.write(put("a")).await.unwrap();
            since(clock)
        });
        let (frozen, other) = join(frozen, other).await;
        assert_eq!((frozen, other), (Ok((60, 60)), Ok(30)));
    });
}

#[test]
fn calls_take_the_time_they_cost_and_hooks_come_before_them() {
    let memory = Memory::default();
    memory.plan.cost(Port::Table, Duration::from_millis(5));
    let table = memory.table.clone();
    memory.plan.when(Port::Table, "get", 1, move || table.forget_expired());
    let begin = memory.clock.now();
    let item =
        Item { key: Key::new("p", "a"), version: 1, body: Body::Json("{}".into()), due: None, expires: Some(begin) };
    memory.clock.block_on(async {
        memory.table.write(Write::Put(item.clone(), Expect::Absent)).await.unwrap();
        assert_eq!(memory.table.get(&item.key).await.unwrap(), Some(item.clone()));
        assert_eq!(memory.table.get(&item.key).await.unwrap(), None);
    });
    assert_eq!(memory.clock.now().duration_since(begin).as_millis(), 15);
}

#[test]
fn the_cases_of_a_sweep_are_those_that_make_a_difference() {
    let memory = Memory::default();
    memory.clock.block_on(async {
        memory.table.get(&Key::new("p", "a")).await.unwrap();
        memory.table.write(put("a")).await.unwrap();
        memory.table.put_all(Vec::new()).await.unwrap();
    });
    let cases = cases(&memory.plan.calls(), Span { late: MINUTE, slow: MINUTE, frozen: MINUTE });
    let of = |number: u64| cases.iter().filter(|(call, _)| call.number == number).count();
    assert_eq!([of(0), of(1), of(2)], [3, 6, 7]);
}

/// Runs two futures together.
async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    let (mut x, mut y) = (None, None);
    std::future::poll_fn(|cx| {
        if x.is_none()
            && let std::task::Poll::Ready(output) = a.as_mut().poll(cx)
        {
            x = Some(output);
        }
        if y.is_none()
            && let std::task::Poll::Ready(output) = b.as_mut().poll(cx)
        {
            y = Some(output);
        }
        match (x.take(), y.take()) {
            (Some(x), Some(y)) => std::task::Poll::Ready((x, y)),
            (left, right) => {
                (x, y) = (left, right);
                std::task::Poll::Pending
            }
        }
    })
    .await
}
