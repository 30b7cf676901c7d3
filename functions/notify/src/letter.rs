//! A letter in words, and the mail made of it.

use crate::facts::Facts;
use crate::words;
use askama::Template;
use mailcrane_core::ports::mailer::Mail;

/// What a mail says; the templates only lay it out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Letter {
    pub(crate) language: &'static str,
    pub(crate) subject: String,
    pub(crate) heading: String,
    pub(crate) paragraphs: Vec<String>,
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) exceptions_heading: String,
    pub(crate) exceptions: Vec<String>,
    pub(crate) link_label: &'static str,
    pub(crate) link: String,
    pub(crate) footer: &'static str,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'a> {
    letter: &'a Letter,
}

#[derive(Template)]
#[template(path = "letter.txt")]
struct Text<'a> {
    letter: &'a Letter,
}

/// Writes the mail in the language, English when it is another than `de`.
///
/// # Errors
/// When a template cannot be filled, which is a mistake of ours.
pub(crate) fn mail(facts: &Facts, language: &str, to: Vec<String>) -> Result<Mail, askama::Error> {
    let letter = if language == "de" { words::german(facts) } else { words::english(facts) };
    let html = Html { letter: &letter }.render()?;
    let text = Text { letter: &letter }.render()?;
    Ok(Mail { to, subject: one_line(&letter.subject), html, text })
}

fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests;
