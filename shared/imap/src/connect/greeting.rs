//! The first line of a server.

use crate::failure::Failure;
use crate::signin::classify;
use crate::transport::{Guard, Wire};
use crate::wire::capability::{self, Capabilities};
use crate::wire::status::{Status, Word};

/// How the server greets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// OK: sign in.
    Ok,
    /// PREAUTH: already signed in.
    Preauth,
}

/// A greeting that lets us in.
#[derive(Debug)]
pub struct Greeted {
    /// OK or PREAUTH.
    pub greeting: Greeting,
    /// The capabilities, when the greeting names them.
    pub capabilities: Option<Capabilities>,
    /// The text; some makes of servers are known by it.
    pub text: String,
}

/// Reads the greeting by hand: async-imap knows neither PREAUTH nor BYE here.
///
/// # Errors
/// When the server says BYE or something else than IMAP.
pub(crate) async fn read(guard: &mut Guard<Wire>) -> Result<Greeted, Failure> {
    let line = guard.response().await?;
    let status = Status::parse(&line).filter(|status| status.tag == "*");
    let Some(status) = status else { return Err(Failure::Protocol("it does not greet like an IMAP server")) };
    let greeting = match status.word {
        Word::Ok => Greeting::Ok,
        Word::Preauth => Greeting::Preauth,
        Word::Bye | Word::No | Word::Bad => return Err(classify::goodbye(&status)),
    };
    Ok(Greeted { greeting, capabilities: capability::of_status(&status), text: status.text })
}
