//! `GET /v1/providers`: mail providers by name, domain or host.

use mailcrane_lambda::http::{Problem, Request, Response};
use mailcrane_providers::Catalogue;
use serde_json::json;

/// The longest text that is searched for, in octets.
const LONGEST: usize = 200;

/// Searches the catalogue; without `q` it lists every provider.
pub(crate) fn search(request: &Request) -> Result<Response, Problem> {
    let text = request.query("q").unwrap_or_default();
    if text.len() > LONGEST {
        return Err(Problem::query("q", format!("is longer than {LONGEST} octets")));
    }
    let limit = request.limit(20, 500)?;
    let found = Catalogue::built_in().search(&text);
    let shown: Vec<_> = found.iter().take(limit).collect();
    let answer = json!({"providers": shown, "total": found.len()});
    Ok(Response::json(200, &answer).tagged(request))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(query: &str) -> Result<Response, Problem> {
        search(&Request::new("GET", &format!("/v1/providers{query}"), ""))
    }

    #[test]
    fn a_search_names_the_server_and_what_to_do_before() {
        let answer = get("?q=anna%40gmail.com").unwrap();
        let body: serde_json::Value = serde_json::from_str(answer.body()).unwrap();
        let first = &body["providers"][0];
        assert_eq!(
            (&first["id"], &first["host"], &first["port"]),
            (&json!("gmail"), &json!("imap.gmail.com"), &json!(993))
        );
        assert_eq!((&first["security"], &first["username"]), (&json!("tls"), &json!("email")));
        assert!(first["hint"]["de"].as_str().unwrap().contains("App-Passwort"), "{first}");
        assert!(first.get("words").is_none());
    }

    #[test]
    fn nothing_found_is_an_empty_list_and_no_search_is_every_provider() {
        let total = |query: &str| {
            let body: serde_json::Value = serde_json::from_str(get(query).unwrap().body()).unwrap();
            (body["providers"].as_array().unwrap().len(), body["total"].as_u64().unwrap())
        };
        assert_eq!(total("?q=nobody+has+this"), (0, 0));
        let (shown, all) = total("?limit=500");
        assert!(shown > 90 && u64::try_from(shown) == Ok(all), "{shown} of {all}");
        assert_eq!(total("").0, 20);
    }

    #[test]
    fn an_endless_search_is_refused() {
        assert_eq!(get(&format!("?q={}", "a".repeat(201))).unwrap_err().status(), 400);
        assert_eq!(get("?limit=none").unwrap_err().status(), 400);
    }
}
