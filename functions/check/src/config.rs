//! What the function is told by its environment.

use mailcrane_lambda::environment::{Incomplete, Worker};

/// Reads the environment once.
pub(crate) fn read() -> Result<Worker, Incomplete> {
    Worker::read(|name| std::env::var(name).ok())
}
