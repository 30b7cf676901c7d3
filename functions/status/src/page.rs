//! The web page, built into the function: no file is read and no other site is asked.

use mailcrane_lambda::http::{Problem, Request, Response};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// One line for each file of the page.
macro_rules! parts {
    ($($name:literal),* $(,)?) => {
        /// The files of the page by their names.
        const PARTS: &[(&str, &str)] = &[$(($name, include_str!(concat!("../page/", $name)))),*];
    };
}

parts![
    "index.html",
    "style.css",
    "account-change.js",
    "account-details.js",
    "account-export.js",
    "account-list.js",
    "accounts.js",
    "actions.js",
    "administrator.js",
    "api.js",
    "app.js",
    "bulk.js",
    "certificate.js",
    "chart.js",
    "confirm.js",
    "csv.js",
    "dom.js",
    "download.js",
    "estimate.js",
    "explain.js",
    "faults.js",
    "mailbox.js",
    "migration-change.js",
    "oauth.js",
    "observe.js",
    "options.js",
    "others.js",
    "poll.js",
    "preset.js",
    "provider.js",
    "rehearsal.js",
    "service.js",
    "sign-in.js",
    "spread.js",
    "texts-de.js",
    "texts-en.js",
    "texts.js",
];

/// Serves a part of the page.
pub(crate) fn part(request: &Request) -> Response {
    let segments = request.segments();
    let asked = match segments.as_slice() {
        [] => Some("index.html"),
        [name] => Some(*name),
        _ => None,
    };
    let found = asked.and_then(|asked| PARTS.iter().find(|(name, _)| *name == asked));
    let Some((name, body)) = found else { return Problem::not_found("page").into() };
    let kind = match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        _ => "text/javascript; charset=utf-8",
    };
    Response::new(200, kind, *body)
        .tagged(request)
        .with("content-security-policy", POLICY)
        .with("cross-origin-opener-policy", "same-origin")
        .with("permissions-policy", "camera=(), geolocation=(), microphone=()")
}

/// Serves the description of the API.
pub(crate) fn openapi(request: &Request) -> Response {
    Response::new(200, "application/json", include_str!("../openapi.json")).tagged(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_imports_is_served() {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let mut files: Vec<_> =
            std::fs::read_dir(here).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        let mut served: Vec<_> = PARTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        files.sort();
        served.sort();
        assert_eq!(files, served);
    }

    #[test]
    fn nothing_of_the_page_is_inline_or_from_elsewhere() {
        let (_, html) = PARTS.iter().find(|(name, _)| *name == "index.html").unwrap();
        assert!(!html.contains("<script>") && !html.contains("style=") && !html.contains("<style"));
        for (name, body) in PARTS {
            let addresses = body.matches("https://").count() + body.matches("http://").count();
            let allowed = body.matches("http://www.w3.org/").count()
                + body.matches("without https://").count()
                + body.matches("ohne https://").count();
            assert_eq!(addresses, allowed, "{name}");
            assert!(!body.contains("innerHTML") && !body.contains("insertAdjacentHTML"), "{name}");
        }
    }
}
