//! The mailer, on SES.

use crate::answer;
use aws_sdk_ses::Client;
use aws_sdk_ses::error::BuildError;
use aws_sdk_ses::types::{Body, Content, Destination, Message};
use mailcrane_core::fault::Fault;
use mailcrane_core::ports::mailer::{Mail, Mailer};

/// SES takes so many receivers in one request.
const RECEIVERS: usize = 50;

/// Who the mails come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The sender's address; its domain or itself is a verified identity of SES.
    pub from: String,
    /// Where answers go, when not to the sender.
    pub reply_to: Option<String>,
    /// The configuration set of SES to send with.
    pub configuration_set: Option<String>,
}

/// Sends mails of an HTML and a text part, in UTF-8.
#[derive(Debug, Clone)]
pub struct SesMailer {
    client: Client,
    sender: Sender,
}

impl SesMailer {
    /// Joins a client and the sender.
    #[must_use]
    pub fn new(client: Client, sender: Sender) -> Self {
        Self { client, sender }
    }
}

impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<(), Fault> {
        let message = message(mail)
            .map_err(|error| Fault::give_up("mail.refused", "the status mail could not be written").because(error))?;
        for receivers in mail.to.chunks(RECEIVERS) {
            self.client
                .send_email()
                .source(&self.sender.from)
                .set_reply_to_addresses(self.sender.reply_to.clone().map(|address| vec![address]))
                .set_configuration_set_name(self.sender.configuration_set.clone())
                .destination(Destination::builder().set_to_addresses(Some(receivers.to_vec())).build())
                .message(message.clone())
                .send()
                .await
                .map_err(explain)?;
        }
        Ok(())
    }
}

fn message(mail: &Mail) -> Result<Message, BuildError> {
    let content = |text: &str| Content::builder().charset("UTF-8").data(text).build();
    let subject = mail.subject.replace(|c: char| c.is_control(), " ");
    let body = Body::builder().html(content(&mail.html)?).text(content(&mail.text)?).build();
    Ok(Message::builder().subject(content(&subject)?).body(body).build())
}

type SendError = aws_sdk_ses::error::SdkError<aws_sdk_ses::operation::send_email::SendEmailError>;

fn explain(error: SendError) -> Fault {
    let (name, message) = match answer::code(&error) {
        Some("MessageRejected") => (
            "mail.rejected",
            "SES rejected the status mail; verify the sender, and while SES is in its sandbox the receivers too",
        ),
        Some("MailFromDomainNotVerified" | "MailFromDomainNotVerifiedException") => {
            ("mail.sender_not_verified", "SES does not know the sender's domain; verify it")
        }
        Some("AccountSendingPausedException" | "ConfigurationSetSendingPausedException") => {
            ("mail.sending_paused", "sending is paused in SES; resume it there")
        }
        Some("ConfigurationSetDoesNotExist" | "ConfigurationSetDoesNotExistException") => {
            ("mail.no_configuration_set", "the configuration set does not exist in SES")
        }
        _ => return answer::fault("mail", "the status mail could not be sent", error),
    };
    Fault::give_up(name, message).because(answer::described(error))
}
