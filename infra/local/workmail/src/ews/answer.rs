//! Answers: response messages per item, and faults for whole requests.

use crate::knobs::Trouble;
use crate::store::StoreError;
use crate::xml::Writer;

/// Why one item failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Response code.
    pub code: String,
    /// Text.
    pub text: String,
    /// Back-off told, in milliseconds.
    pub back_off_ms: Option<u64>,
}

impl Failure {
    /// Gives a failure without a back-off.
    pub fn new(code: &str, text: &str) -> Self {
        Self { code: code.to_owned(), text: text.to_owned(), back_off_ms: None }
    }
}

impl From<&Trouble> for Failure {
    fn from(trouble: &Trouble) -> Self {
        Self {
            code: trouble.code.clone(),
            text: trouble.message.clone().unwrap_or_else(|| "The stand-in was told to refuse this.".to_owned()),
            back_off_ms: trouble.back_off_ms,
        }
    }
}

/// Ends one item: told to the client, or a broken store, which ends the request.
#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    /// Told to the client.
    #[error("the item failed")]
    Failure(Failure),
    /// The store is broken.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<Failure> for ItemError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<rusqlite::Error> for ItemError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Gives the error of an item.
pub(super) fn fail<T>(code: &str, text: &str) -> Result<T, ItemError> {
    Err(ItemError::Failure(Failure::new(code, text)))
}

/// One response message.
#[derive(Debug, Clone)]
pub struct ResponseMessage {
    /// `Success`, `Warning` or `Error`.
    pub class: &'static str,
    /// Response code.
    pub code: String,
    text: String,
    /// Back-off told, in milliseconds.
    pub back_off_ms: Option<u64>,
    content: String,
}

impl ResponseMessage {
    /// Gives a success with the XML that follows the response code.
    pub(super) fn success(content: String) -> Self {
        Self { class: "Success", code: "NoError".to_owned(), text: String::new(), back_off_ms: None, content }
    }

    /// Gives an error with the XML that a failed item has.
    pub(super) fn error(failure: Failure, content: &str) -> Self {
        Self {
            class: "Error",
            code: failure.code,
            text: failure.text,
            back_off_ms: failure.back_off_ms,
            content: content.to_owned(),
        }
    }

    /// Says that an item was not tried.
    pub(super) fn not_tried(content: &str) -> Self {
        Self {
            class: "Warning",
            code: "ErrorBatchProcessingStopped".to_owned(),
            text: "Processing of the batch stopped.".to_owned(),
            back_off_ms: None,
            content: content.to_owned(),
        }
    }
}

/// Writes an operation's answer.
pub(super) fn body(operation: &str, messages: &[ResponseMessage]) -> String {
    let response = format!("m:{operation}Response");
    let message = format!("m:{operation}ResponseMessage");
    let mut w = Writer::new();
    w.open(&response, &[]).open("m:ResponseMessages", &[]);
    for m in messages {
        w.open(&message, &[("ResponseClass", m.class)]);
        if m.class != "Success" {
            w.text("m:MessageText", &m.text);
        }
        w.text("m:ResponseCode", &m.code);
        if m.class != "Success" {
            w.text("m:DescriptiveLinkKey", "0");
        }
        if let Some(back_off) = m.back_off_ms {
            w.open("m:MessageXml", &[]).raw(&back_off_value(back_off)).close("m:MessageXml");
        }
        w.raw(&m.content).close(&message);
    }
    w.close("m:ResponseMessages").close(&response);
    w.finish()
}

/// Wraps an answer in its envelope.
pub(super) fn envelope(body: &str, with_header: bool) -> String {
    let mut w = Writer::new();
    w.raw(START);
    if with_header {
        w.open("soap:Header", &[])
            .empty(
                "t:ServerVersionInfo",
                &[
                    ("MajorVersion", "14"),
                    ("MinorVersion", "2"),
                    ("MajorBuildNumber", "390"),
                    ("MinorBuildNumber", "3"),
                    ("Version", "Exchange2010_SP2"),
                ],
            )
            .close("soap:Header");
    }
    w.open("soap:Body", &[]).raw(body).close("soap:Body").close("soap:Envelope");
    w.finish()
}

const START: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\">";

fn back_off_value(millis: u64) -> String {
    format!("<t:Value Name=\"BackOffMilliseconds\">{millis}</t:Value>")
}

/// A request that failed as a whole.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Code and text.
    pub failure: Failure,
    /// HTTP status; none = that of the settings.
    pub status: Option<u16>,
    /// The envelope comes without Header.
    pub no_header: bool,
}

impl Fault {
    /// Gives a fault as the real service answers it.
    pub fn new(code: &str, text: &str) -> Self {
        Self { failure: Failure::new(code, text), status: None, no_header: true }
    }

    /// Writes the envelope.
    pub fn envelope(&self) -> String {
        let mut w = Writer::new();
        w.open("soap:Fault", &[])
            .raw("<faultcode xmlns:a=\"http://schemas.microsoft.com/exchange/services/2006/types\">a:")
            .escape(&self.failure.code)
            .raw("</faultcode><faultstring xml:lang=\"en-US\">")
            .escape(&self.failure.text)
            .raw("</faultstring><detail><e:ResponseCode xmlns:e=\"http://schemas.microsoft.com/exchange/services/2006/errors\">")
            .escape(&self.failure.code)
            .raw("</e:ResponseCode><e:Message xmlns:e=\"http://schemas.microsoft.com/exchange/services/2006/errors\">")
            .escape(&self.failure.text)
            .raw("</e:Message>");
        if let Some(back_off) = self.failure.back_off_ms {
            w.open("t:MessageXml", &[]).raw(&back_off_value(back_off)).close("t:MessageXml");
        }
        w.raw("</detail>").close("soap:Fault");
        envelope(&w.finish(), !self.no_header)
    }
}

impl From<&Trouble> for Fault {
    fn from(trouble: &Trouble) -> Self {
        Self { failure: trouble.into(), status: trouble.status, no_header: trouble.no_header }
    }
}
