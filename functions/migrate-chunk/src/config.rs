//! What the function is told by its environment.

use mailcrane_lambda::environment::{Incomplete, Reader, Worker};

/// The configuration.
pub(crate) struct Config {
    pub(crate) worker: Worker,
    pub(crate) bucket: String,
    /// Whether messages that are too large may be kept in the bucket.
    pub(crate) rescue: bool,
    pub(crate) public_url: String,
}

/// Reads the environment once.
pub(crate) fn read() -> Result<Config, Incomplete> {
    let look_up = |name: &str| std::env::var(name).ok();
    let mut reader = Reader::new(look_up);
    let bucket = reader.need("BUCKET");
    let rescue = reader.parsed("OVERSIZE_RESCUE", false);
    let public_url = reader.need("PUBLIC_URL").trim_end_matches('/').to_owned();
    reader.end()?;
    Ok(Config { worker: Worker::read(look_up)?, bucket, rescue, public_url })
}
