//! What every answer has in common: a fault, or one response per thing asked for, in the order asked.

use std::time::Duration;

use super::fault::{Fault, back_off};
use super::node::{Node, Ns, Unreadable};
use super::response_code::ResponseCode;
use super::xml::Xml;

/// One EWS operation: writes its request and reads its answer.
pub trait Operation {
    /// What the answer is read into.
    type Answer;
    /// Local name of the answer's element, as `GetFolderResponse`.
    const RESPONSE: &'static str;
    /// Name for people and logs, as `GetFolder`.
    const NAME: &'static str;
    /// Whether doing it twice is the same as doing it once, so that it may be sent again when no answer came.
    const REPEATABLE: bool = true;
    /// Writes the content of `soap:Body`.
    fn write(&self, xml: &mut Xml);
    /// Reads the element [`Self::RESPONSE`].
    fn read(response: &Node<'_>) -> Self::Answer;
}

/// An answer that is not a result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The whole request was refused.
    #[error("{0}")]
    Fault(Fault),
    /// What came back cannot be read.
    #[error("{0}")]
    Unreadable(Unreadable),
}

/// Why one thing asked for was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}{}", text.as_deref().map(|t| format!(": {t}")).unwrap_or_default())]
pub struct Refusal {
    /// The code.
    pub code: ResponseCode,
    /// The server's explanation; may hold personal data, so it is for the protocol and not for the log.
    pub text: Option<String>,
    /// How long the server asks us to wait (`BackOffMilliseconds`).
    pub back_off: Option<Duration>,
}

/// The outcome of one thing asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<T> {
    /// Done.
    Done(T),
    /// Not done, for this reason.
    Refused(Refusal),
    /// Not tried, because an earlier item of the batch failed (`ErrorBatchProcessingStopped`): send again.
    NotTried,
}

impl<T> Reply<T> {
    /// Gives the value, or the refusal as an error; `NotTried` keeps its code.
    pub fn done(self) -> Result<T, Refusal> {
        match self {
            Self::Done(value) => Ok(value),
            Self::Refused(refusal) => Err(refusal),
            Self::NotTried => Err(Refusal { code: ResponseCode::new(STOPPED), text: None, back_off: None }),
        }
    }
}

const STOPPED: &str = "ErrorBatchProcessingStopped";

/// Reads an answer to `O`; the body decides, whatever the HTTP status was.
pub fn read<O: Operation>(text: &str) -> Result<O::Answer, Malformed> {
    let root = Node::parse(text).map_err(Malformed::Unreadable)?;
    let missing = |what| Malformed::Unreadable(Unreadable::Missing(what));
    if !root.is(Ns::Soap, "Envelope") {
        return Err(missing("SOAP envelope"));
    }
    let body = root.child(Ns::Soap, "Body").ok_or(missing("SOAP body"))?;
    if let Some(fault) = body.child(Ns::Soap, "Fault") {
        return Err(Malformed::Fault(Fault::read(fault)));
    }
    body.child(Ns::Messages, O::RESPONSE).map(O::read).ok_or(missing(O::RESPONSE))
}

/// Reads every response message in order; `value` gives what a success holds, `None` when that is missing.
pub(super) fn replies<T>(response: &Node<'_>, value: impl Fn(&Node<'_>) -> Option<T>) -> Vec<Reply<T>> {
    let Some(messages) = response.child(Ns::Messages, "ResponseMessages") else { return Vec::new() };
    messages.children().map(|message| reply(message, &value)).collect()
}

fn reply<T>(message: &Node<'_>, value: impl Fn(&Node<'_>) -> Option<T>) -> Reply<T> {
    let of = |name| message.child(Ns::Messages, name);
    let code = of("ResponseCode").and_then(Node::text);
    let refusal = |code: &str| {
        Reply::Refused(Refusal {
            code: ResponseCode::new(code),
            text: of("MessageText").and_then(Node::text).map(str::to_owned),
            back_off: of("MessageXml").and_then(back_off),
        })
    };
    match message.attribute("ResponseClass") {
        Some("Success") => value(message).map_or_else(|| refusal(ResponseCode::NO_VALUE), Reply::Done),
        Some("Warning") if code == Some(STOPPED) => Reply::NotTried,
        Some("Warning") => value(message).map_or_else(|| refusal(code.unwrap_or(ResponseCode::NO_VALUE)), Reply::Done),
        _ => refusal(code.unwrap_or(ResponseCode::NO_VALUE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::delete_item::DeleteItem;

    const ITEMS: &str = include_str!("samples/delete_item.every_class.xml");

    #[test]
    fn each_item_has_its_own_outcome_in_the_order_asked() {
        let replies = read::<DeleteItem>(ITEMS).expect("an answer");
        assert_eq!(replies.len(), 5);
        assert_eq!(replies[0], Reply::Done(()));
        let Reply::Refused(busy) = &replies[1] else { panic!("{:?}", replies[1]) };
        assert_eq!(busy.code.as_str(), "ErrorServerBusy");
        assert_eq!(busy.back_off, Some(Duration::from_millis(297_749)));
        let Reply::Refused(unknown) = &replies[2] else { panic!("{:?}", replies[2]) };
        assert_eq!(unknown.to_string(), "ErrorOfTomorrow: Nobody knows <this> one.");
        assert_eq!(replies[3], Reply::NotTried);
        assert!(matches!(&replies[4], Reply::Refused(r) if r.code.as_str() == ResponseCode::NO_VALUE));
    }

    #[test]
    fn an_answer_without_header_is_read() {
        assert!(!ITEMS.contains("Header"));
    }

    #[test]
    fn the_answer_to_something_else_is_an_error() {
        let e = read::<crate::soap::get_item::GetItem<'_>>(ITEMS).unwrap_err();
        assert_eq!(e.to_string(), "the answer holds no GetItemResponse");
    }

    #[test]
    fn other_xml_and_an_envelope_without_body_are_errors() {
        assert_eq!(read::<DeleteItem>("<ok/>").unwrap_err().to_string(), "the answer holds no SOAP envelope");
        let bare = "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'/>";
        assert_eq!(read::<DeleteItem>(bare).unwrap_err().to_string(), "the answer holds no SOAP body");
    }
}
