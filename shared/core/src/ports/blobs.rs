//! The bucket: exports and rescued messages.

use crate::fault::Fault;
use bytes::Bytes;
use std::future::Future;
use std::time::Duration;

/// Keeps objects.
pub trait Blobs: Send + Sync {
    /// Stores an object; replaces what was there.
    fn put(&self, name: &str, content_type: &str, octets: Bytes) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Returns a link that reads the object for that long.
    fn link(&self, name: &str, valid: Duration) -> impl Future<Output = Result<String, Fault>> + Send;

    /// Deletes every object whose name begins so. Twice is once.
    fn delete_all(&self, prefix: &str) -> impl Future<Output = Result<(), Fault>> + Send;
}
