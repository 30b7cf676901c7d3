//! What every route of the function works with.

use mailcrane_core::ports::vault::Vault;
use mailcrane_engine::world::World;

/// The adapters and settings of one process.
pub(crate) struct App<W: World, V: Vault> {
    pub(crate) world: W,
    pub(crate) vault: V,
    /// Where the web page is, without a final slash.
    pub(crate) public_url: String,
    /// Whether anybody may create a trial.
    pub(crate) public_trial: bool,
    /// Whether messages that are too large may be kept in the bucket.
    pub(crate) rescue: bool,
    /// Whether webhooks may have private addresses.
    pub(crate) private_hosts: bool,
}
