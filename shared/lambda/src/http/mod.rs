//! The HTTP API: requests as API Gateway hands them over, answers, problems, and JSON bodies read field by field.

mod fields;
mod problem;
mod request;
mod response;

pub use fields::{Faults, Fields};
pub use problem::{Part, Problem};
pub use request::{BODY_LIMIT, Request};
pub use response::Response;
