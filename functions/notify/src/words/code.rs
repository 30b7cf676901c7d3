//! What codes mean in German: the texts of the page, so that page and mails say the same.

/// The German texts of the page.
const PAGE: &str = include_str!("../../../status/page/texts-de.js");

/// Returns what a code means; nothing when the page has no text for it either.
pub(crate) fn german(code: &str) -> Option<String> {
    let (_, after) = PAGE.split_once(&format!("\n  'code.{code}': '"))?;
    let (text, _) = after.split_once("',\n")?;
    Some(text.replace("\\'", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_page_says() {
        assert!(german("destination.full").unwrap().starts_with("Das WorkMail-Postfach ist voll. "));
        assert_eq!(german("nothing.like.it"), None);
        assert_eq!(german(""), None);
    }
}
