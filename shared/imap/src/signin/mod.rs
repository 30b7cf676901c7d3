//! Signing in: which words to say, in which order, and what a refusal means.

pub mod attempt;
pub mod classify;
mod sasl;

use crate::connect::Greeting;
use crate::failure::Failure;
use crate::transport::{Guard, Wire};
use crate::wire::capability::{self, Capabilities};
use attempt::{Attempt, attempts};
use mailcrane_core::ports::source::{Credentials, Endpoint, Security};
use sasl::Exchange;

/// async-imap before signing in.
pub type Client = async_imap::Client<Guard<Wire>>;
/// async-imap after signing in.
pub type Session = async_imap::Session<Guard<Wire>>;

/// What is known of the server before signing in.
#[derive(Debug)]
pub struct Before<'a> {
    /// Where it is.
    pub endpoint: &'a Endpoint,
    /// How it greeted.
    pub greeting: Greeting,
    /// What it can do.
    pub capabilities: &'a Capabilities,
}

/// Signs in; gives the session and the capabilities when the server named them with its OK.
///
/// # Errors
/// When no attempt succeeds: the failure of the attempt that tells most.
pub async fn sign_in(
    mut client: Client,
    credentials: &Credentials,
    before: &Before<'_>,
) -> Result<(Session, Option<Capabilities>), Failure> {
    if before.greeting == Greeting::Preauth {
        client.get_mut().answer_next_here();
        return match client.login("preauth", "preauth").await {
            Ok(session) => Ok((session, None)),
            Err((error, _client)) => Err(broken(error)),
        };
    }
    let attempts = attempts(credentials, before)?;
    let by_administrator = matches!(credentials, Credentials::Administrator { .. });
    let mut refusal = None;
    for (number, attempt) in attempts.iter().enumerate() {
        match try_once(client, attempt, before, by_administrator).await {
            Ok(signed_in) => return Ok(signed_in),
            Err(Refusal::Final(failure)) if failure.breaks_connection() => return Err(refusal.unwrap_or(failure)),
            Err(Refusal::Final(failure)) => return Err(failure),
            Err(Refusal::Said(failure, back)) => {
                let worth_it = match (&failure, attempts.get(number + 1)) {
                    (Failure::WrongPassword { .. }, next) => next.is_some(),
                    (Failure::NoRight { .. }, next) => next.is_some_and(|next| next != attempt),
                    _ => false,
                };
                if !worth_it {
                    return Err(failure);
                }
                refusal = Some(failure);
                client = *back;
            }
        }
    }
    Err(refusal.unwrap_or(Failure::NoMechanism { offered: offered(before.capabilities) }))
}

/// Why an attempt failed.
enum Refusal {
    /// The server said no; the connection may serve another attempt.
    Said(Failure, Box<Client>),
    /// Nothing more can be tried here.
    Final(Failure),
}

async fn try_once(
    mut client: Client,
    attempt: &Attempt,
    before: &Before<'_>,
    by_administrator: bool,
) -> Result<(Session, Option<Capabilities>), Refusal> {
    client.get_mut().records.take_aside();
    client.get_mut().records.challenge = None;
    let outcome = match attempt {
        Attempt::Login { user, password } => client.login(user, password.expose()).await,
        Attempt::Sasl { mechanism, initial } => {
            let exchange = Exchange::new(mechanism, initial.expose());
            let command = exchange.command(before.capabilities.has("SASL-IR"));
            client.authenticate(command, exchange).await
        }
    };
    match outcome {
        Ok(mut session) => {
            let named = named(&mut session);
            Ok((session, named))
        }
        Err((error, mut client)) => {
            let guard = client.get_mut();
            let bye = guard.records.bye.take();
            if !guard.usable() {
                return Err(Refusal::Final(bye.map_or_else(|| broken(error), |bye| classify::goodbye(&bye))));
            }
            let (answer, alert) = (guard.records.tagged.take(), guard.records.warning.take());
            match answer {
                Some(status) => {
                    let failure = classify::sign_in(&status, alert.as_ref(), (attempt, by_administrator), before);
                    Err(Refusal::Said(failure, Box::new(client)))
                }
                None => Err(Refusal::Final(broken(error))),
            }
        }
    }
}

/// The capabilities that came with the OK, in its code or untagged.
fn named(session: &mut Session) -> Option<Capabilities> {
    let records = &mut session.get_mut().records;
    let untagged = records.take_aside().iter().rev().find_map(|response| capability::parse(response));
    records.tagged.as_ref().and_then(capability::of_status).or(untagged)
}

fn broken(error: async_imap::error::Error) -> Failure {
    match error {
        async_imap::error::Error::Io(error) => Failure::from(error),
        other => Failure::Lost(std::io::Error::other(other.to_string())),
    }
}

/// The mechanisms of a server, for people.
pub(crate) fn offered(capabilities: &Capabilities) -> String {
    let names: Vec<&str> = capabilities.mechanisms().collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// Tells whether passwords travel unprotected.
pub(crate) fn is_plain(endpoint: &Endpoint) -> bool {
    endpoint.security == Security::None
}
