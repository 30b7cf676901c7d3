//! What the function is told by its environment.

use mailcrane_lambda::environment::{Incomplete, Reader, Worker};

/// The configuration.
pub(crate) struct Config {
    pub(crate) worker: Worker,
    pub(crate) bucket: String,
}

/// Reads the environment once.
pub(crate) fn read() -> Result<Config, Incomplete> {
    let look_up = |name: &str| std::env::var(name).ok();
    let mut reader = Reader::new(look_up);
    let bucket = reader.need("BUCKET");
    reader.end()?;
    Ok(Config { worker: Worker::read(look_up)?, bucket })
}
