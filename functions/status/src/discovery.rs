//! `GET /v1/discovery`: the IMAP server behind an e-mail address, and where it was found.

use mailcrane_core::Timestamp;
use mailcrane_core::ports::clock::Clock;
use mailcrane_core::ports::table::Table;
use mailcrane_engine::limit::{Limit, Verdict};
use mailcrane_lambda::access;
use mailcrane_lambda::http::{Problem, Request, Response};
use mailcrane_providers::Discovery;
use mailcrane_providers::discovery::Address;
use mailcrane_providers::network::{Dns, Web};
use std::time::Duration;

/// Addresses that may be looked up from one place.
const LOOK_UPS: Limit = Limit::new("discovery", 20, Duration::from_secs(60));

/// Answers for the address `email`; anybody may ask, a few times a minute.
pub(crate) async fn find<T: Table, D: Dns, W: Web, C: Clock>(
    table: &T,
    discovery: &Discovery<D, W, C>,
    request: &Request,
) -> Result<Response, Problem> {
    let email = request.query("email").unwrap_or_default();
    let address = Address::read(&email).map_err(|error| Problem::query("email", error.to_string()))?;
    count(table, request, discovery.clock.now()).await?;
    Ok(Response::json(200, &discovery.find(&address).await))
}

/// Counts the request to the place it came from.
async fn count<T: Table>(table: &T, request: &Request, now: Timestamp) -> Result<(), Problem> {
    let counted = LOOK_UPS.count(table, &request.place(), 1, now).await;
    let Verdict::Beyond(wait) = counted.map_err(|error| access::unavailable(&error))? else { return Ok(()) };
    let detail = format!(
        "no more than {} addresses a minute are looked up; try again in {} seconds",
        LOOK_UPS.most,
        wait.as_secs()
    );
    Err(Problem::too_many(detail, wait))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_core::address::Reach;
    use mailcrane_providers::network::{NoAnswer, Page, Srv};
    use mailcrane_testkit::{ManualClock, Memory};
    use std::net::IpAddr;

    /// An internet without anything in it.
    struct Nothing;

    impl Dns for Nothing {
        async fn mx(&self, _: &str) -> Result<Vec<String>, NoAnswer> {
            Ok(Vec::new())
        }
        async fn srv(&self, _: &str) -> Result<Vec<Srv>, NoAnswer> {
            Ok(Vec::new())
        }
        async fn addresses(&self, _: &str) -> Result<Vec<IpAddr>, NoAnswer> {
            Ok(Vec::new())
        }
    }

    impl Web for Nothing {
        async fn get(&self, _: &str) -> Result<Page, NoAnswer> {
            Ok(Page::Absent("nothing".into()))
        }
    }

    fn ask(memory: &Memory, query: &str, from: &str) -> Response {
        let sample = serde_json::json!({
            "rawPath": "/v1/discovery", "rawQueryString": query,
            "requestContext": {"http": {"method": "GET", "sourceIp": from}},
        });
        let request: Request = serde_json::from_value(sample).unwrap();
        let clock: ManualClock = memory.clock.clone();
        let (reach, budget) = (Reach::Public, Duration::from_secs(8));
        let discovery = Discovery { dns: Nothing, web: Nothing, reach, clock: clock.clone(), budget };
        clock.block_on(find(&memory.table, &discovery, &request)).into()
    }

    #[test]
    fn the_answer_says_what_was_found_where() {
        let memory = Memory::default();
        let answer = ask(&memory, "email=anna%40gmx.de", "192.0.2.1");
        let body: serde_json::Value = serde_json::from_str(answer.body()).unwrap();
        let first = &body["candidates"][0];
        assert_eq!((&first["host"], &first["place"]), (&"imap.gmx.net".into(), &"preset".into()), "{body}");
        assert_eq!(body["steps"][0]["outcome"], "found");
        let answer = ask(&memory, "email=anna%40example.org", "192.0.2.1");
        let body: serde_json::Value = serde_json::from_str(answer.body()).unwrap();
        assert_eq!((body["candidates"].as_array().unwrap().len(), body["steps"].as_array().unwrap().len()), (0, 6));
    }

    #[test]
    fn what_is_no_address_is_refused_by_name_and_not_counted() {
        let memory = Memory::default();
        for query in ["", "email=", "email=anna", "email=anna%40127.0.0.1"] {
            let answer = ask(&memory, query, "192.0.2.1");
            assert_eq!(answer.status(), 400, "{query}");
            assert!(answer.body().contains(r#""field":"email""#), "{}", answer.body());
        }
        assert!(memory.table.snapshot().is_empty());
    }

    #[test]
    fn one_place_may_ask_a_few_times_a_minute_and_others_still_may() {
        let memory = Memory::default();
        let status = |from: &str| ask(&memory, "email=anna%40gmx.de", from).status();
        for _ in 0..LOOK_UPS.most {
            assert_eq!(status("2a00:1:2:3::1"), 200);
        }
        let refused = ask(&memory, "email=anna%40gmx.de", "2a00:1:2:3:ffff::9");
        assert_eq!(refused.status(), 429);
        let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!((status("2a00:1:2:4::1"), status("192.0.2.1")), (200, 200));
        memory.clock.advance(Duration::from_secs(60));
        assert_eq!(status("2a00:1:2:3::1"), 200);
        memory.clock.advance(Duration::from_secs(300));
        memory.table.forget_expired();
        assert!(memory.table.snapshot().is_empty(), "counters go by themselves");
    }

    #[test]
    fn the_counter_holds_no_address() {
        let memory = Memory::default();
        ask(&memory, "email=anna%40gmx.de", "192.0.2.77");
        let kept = format!("{:?}", memory.table.snapshot());
        assert!(!kept.contains("192.0.2.77") && !kept.contains("anna") && kept.contains("RATE#discovery#"), "{kept}");
    }
}
