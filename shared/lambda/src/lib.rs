//! What every function needs: logs, configuration, queue batches, HTTP requests, answers and problems.

pub mod access;
pub mod batch;
pub mod cursor;
pub mod environment;
pub mod http;
pub mod runtime;
pub mod telemetry;
pub mod view;
