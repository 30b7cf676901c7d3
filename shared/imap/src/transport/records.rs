//! What the guard remembers of the conversation.

use crate::wire::status::{Status, Word};
use bytes::Bytes;
use std::collections::VecDeque;

/// The most responses kept aside until somebody takes them.
const MAX_ASIDE: usize = 10_000;

/// The last answers of the server.
#[derive(Debug, Default)]
pub struct Records {
    /// The last tagged status.
    pub tagged: Option<Status>,
    /// The last BYE.
    pub bye: Option<Status>,
    /// The last untagged NO or BAD, or an OK with ALERT: what a person should know.
    pub warning: Option<Status>,
    /// The last challenge of the server while signing in, still in base64.
    pub challenge: Option<String>,
    /// Responses seen in guard mode that no tagged status is: for our own tokenizer.
    aside: VecDeque<Bytes>,
}

impl Records {
    /// Takes note of a status response.
    pub(super) fn note(&mut self, status: Status) {
        if status.tag != "*" {
            self.tagged = Some(status);
        } else if status.word == Word::Bye {
            self.bye = Some(status);
        } else if matches!(status.word, Word::No | Word::Bad) || status.code_word().as_deref() == Some("ALERT") {
            self.warning = Some(status);
        }
    }

    pub(super) fn put_aside(&mut self, response: Bytes) {
        if self.aside.len() >= MAX_ASIDE {
            self.aside.pop_front();
        }
        self.aside.push_back(response);
    }

    /// Takes the untagged responses that came in guard mode since the last call.
    pub fn take_aside(&mut self) -> Vec<Bytes> {
        self.aside.drain(..).collect()
    }
}
