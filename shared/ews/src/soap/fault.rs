//! A SOAP fault: the whole request was refused.

use std::time::Duration;

use super::node::Node;
use super::response_code::ResponseCode;

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server refused the request with {code}")]
pub struct Fault {
    /// `e:ResponseCode` of the detail, else the end of `faultcode`, else [`ResponseCode::NO_VALUE`].
    pub code: ResponseCode,
    /// The server's explanation; may hold personal data.
    pub text: Option<String>,
    /// How long the server asks us to wait (`BackOffMilliseconds`).
    pub back_off: Option<Duration>,
}

impl Fault {
    /// Reads `soap:Fault`, whose parts have no namespace and may all be missing.
    pub(super) fn read(fault: &Node<'_>) -> Self {
        let detail = fault.find("detail");
        let detailed = detail.and_then(|d| d.find("ResponseCode")).and_then(Node::text);
        let coarse = fault.find("faultcode").and_then(Node::text).and_then(|c| c.rsplit(':').next());
        let coarse = coarse.filter(|c| c.starts_with("Error"));
        let message = detail.and_then(|d| d.find("Message")).or_else(|| fault.find("faultstring"));
        Self {
            code: ResponseCode::new(detailed.or(coarse).unwrap_or(ResponseCode::NO_VALUE)),
            text: message.and_then(Node::text).map(str::to_owned),
            back_off: detail.and_then(|d| d.find("MessageXml")).and_then(back_off),
        }
    }
}

/// Reads `t:Value Name="BackOffMilliseconds"` inside a `MessageXml`; at most a day is believed.
pub(super) fn back_off(message_xml: &Node<'_>) -> Option<Duration> {
    let value =
        message_xml.children().find(|v| v.name() == "Value" && v.attribute("Name") == Some("BackOffMilliseconds"))?;
    let millis: u64 = value.text()?.parse().ok()?;
    Some(Duration::from_millis(millis).min(Duration::from_secs(24 * 60 * 60)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::delete_item::DeleteItem;
    use crate::soap::{Malformed, read};

    fn fault(text: &str) -> Fault {
        match read::<DeleteItem<'_>>(text).expect_err("a fault") {
            Malformed::Fault(fault) => fault,
            Malformed::Unreadable(e) => panic!("{e}"),
        }
    }

    #[test]
    fn a_busy_server_says_how_long_to_wait() {
        let fault = fault(include_str!("samples/fault.server_busy.xml"));
        assert_eq!(fault.code.as_str(), "ErrorServerBusy");
        assert_eq!(fault.back_off, Some(Duration::from_millis(62_500)));
    }

    #[test]
    fn a_refused_version_comes_without_header() {
        let text = include_str!("samples/fault.invalid_server_version.xml");
        assert!(!text.contains("Header"));
        assert_eq!(fault(text).code.as_str(), "ErrorInvalidServerVersion");
    }

    #[test]
    fn a_fault_without_detail_takes_the_code_of_faultcode() {
        let text = include_str!("samples/fault.without_detail.xml");
        let fault = fault(text);
        assert_eq!(fault.code.as_str(), "ErrorImpersonationDenied");
        assert_eq!(fault.text.as_deref(), Some("Access denied."));
    }

    #[test]
    fn a_fault_that_says_nothing_is_still_a_fault() {
        let text =
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><s:Fault/></s:Body></s:Envelope>";
        assert_eq!(fault(text).code.as_str(), ResponseCode::NO_VALUE);
    }

    #[test]
    fn a_general_client_fault_is_not_taken_for_a_response_code() {
        let text = "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><s:Fault><faultcode>s:Client</faultcode></s:Fault></s:Body></s:Envelope>";
        assert_eq!(fault(text).code.as_str(), ResponseCode::NO_VALUE);
    }
}
