//! An example of a file of accounts.

use mailcrane_lambda::http::Response;

/// Serves the example.
pub(crate) fn example() -> Response {
    Response::new(200, "text/csv; charset=utf-8; header=present", include_str!("../example.csv"))
        .with("content-disposition", "attachment; filename=\"accounts.csv\"")
}
