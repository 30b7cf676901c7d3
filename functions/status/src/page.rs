//! The web page, built into the function: no file is read and no other site is asked.

use mailcrane_lambda::http::{Problem, Request, Response};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Serves a part of the page.
pub(crate) fn part(request: &Request) -> Response {
    let (kind, body) = match request.segments().as_slice() {
        [] | ["index.html"] => ("text/html; charset=utf-8", include_str!("../page/index.html")),
        ["app.js"] => ("text/javascript; charset=utf-8", include_str!("../page/app.js")),
        ["style.css"] => ("text/css; charset=utf-8", include_str!("../page/style.css")),
        _ => return Problem::not_found("page").into(),
    };
    Response::new(200, kind, body)
        .tagged(request)
        .with("content-security-policy", POLICY)
        .with("cross-origin-opener-policy", "same-origin")
        .with("permissions-policy", "camera=(), geolocation=(), microphone=()")
}

/// Serves the description of the API.
pub(crate) fn openapi(request: &Request) -> Response {
    Response::new(200, "application/json", include_str!("../openapi.json")).tagged(request)
}
