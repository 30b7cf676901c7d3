//! The account states that a listing is asked for.

use mailcrane_core::state::AccountState;
use mailcrane_lambda::http::{Problem, Request};
use serde_json::Value;

/// Which accounts a client wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum States {
    /// All of them.
    All,
    /// Those in one of these states.
    Only(Vec<AccountState>),
}

impl States {
    /// Reads `state` of the query: one state, or several with commas between them; nothing means all.
    pub(crate) fn read(request: &Request) -> Result<Self, Problem> {
        let Some(text) = request.query("state").filter(|text| !text.is_empty()) else { return Ok(Self::All) };
        let states: Result<_, _> = text.split(',').map(|word| serde_json::from_value(Value::from(word))).collect();
        let wrong = |_| Problem::query("state", "must be states of accounts such as ready or check_failed,stalled");
        states.map(Self::Only).map_err(wrong)
    }

    /// Tells whether an account in that state is wanted.
    pub(crate) fn have(&self, state: AccountState) -> bool {
        match self {
            Self::All => true,
            Self::Only(states) => states.contains(&state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<States, Problem> {
        States::read(&Request::new("GET", &format!("/?{query}"), ""))
    }

    #[test]
    fn one_state_and_several_are_taken_and_none_means_all() {
        let several = vec![AccountState::CheckFailed, AccountState::Stalled];
        assert_eq!(asked("state=ready"), Ok(States::Only(vec![AccountState::Ready])));
        assert_eq!(asked("state=check_failed%2Cstalled"), Ok(States::Only(several.clone())));
        assert_eq!(asked("state=check_failed,stalled"), Ok(States::Only(several)));
        assert_eq!((asked("limit=3"), asked("state=")), (Ok(States::All), Ok(States::All)));
    }

    #[test]
    fn every_described_state_is_taken() {
        let described: Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
        for word in described["components"]["schemas"]["AccountState"]["enum"].as_array().unwrap() {
            assert!(asked(&format!("state={}", word.as_str().unwrap())).is_ok(), "{word}");
        }
    }

    #[test]
    fn another_word_is_refused_by_the_name_of_the_parameter() {
        for text in ["lost", "Ready", "ready,", ",", "ready,lost", "ready stalled"] {
            let problem = asked(&format!("state={text}")).unwrap_err();
            assert_eq!((problem.status(), &problem.to_json()["field"]), (400, &Value::from("state")), "{text}");
        }
    }
}
