//! A letter in words, and the mail made of it.

use crate::facts::Facts;
use crate::words;
use askama::Template;
use mailcrane_core::ports::mailer::Mail;

/// What a mail says; the templates only lay it out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Letter {
    pub(crate) language: &'static str,
    pub(crate) brand: String,
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
pub(crate) fn mail(facts: &Facts, brand: &str, language: &str, to: Vec<String>) -> Result<Mail, askama::Error> {
    let mut letter = if language == "de" { words::german(facts) } else { words::english(facts) };
    brand.clone_into(&mut letter.brand);
    letter.subject = harmless(&letter.subject);
    // Servers and users wrote a part of these.
    for exception in &mut letter.exceptions {
        *exception = harmless(exception);
    }
    let html = Html { letter: &letter }.render()?;
    let text = Text { letter: &letter }.render()?;
    Ok(Mail { to, subject: letter.subject, html, text })
}

/// Makes one line of a text that somebody else wrote, without marks that turn the direction of what follows.
fn harmless(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace(turns, "").replace(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'), " ")
}

#[cfg(test)]
mod tests;
