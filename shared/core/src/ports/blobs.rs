//! The bucket: exports and rescued messages.

use crate::fault::Fault;
use bytes::Bytes;
use std::future::Future;
use std::time::Duration;

/// How many octets every part of an [`Upload`] has at least, but for the last one (S3 asks for 5 MiB).
pub const PART: usize = 8 << 20;

/// Keeps objects.
pub trait Blobs: Send + Sync {
    /// An object on its way.
    type Upload: Upload;

    /// Begins an object that comes in parts. Before [`Upload::finish`] nothing is there, and what was there stays.
    fn begin(&self, name: &str, content_type: &str) -> impl Future<Output = Result<Self::Upload, Fault>> + Send;

    /// Stores an object; replaces what was there.
    fn put(&self, name: &str, content_type: &str, octets: Bytes) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Returns a link that reads the object for that long.
    fn link(&self, name: &str, valid: Duration) -> impl Future<Output = Result<String, Fault>> + Send;

    /// Deletes every object whose name begins so. Twice is once.
    fn delete_all(&self, prefix: &str) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// An object on its way, in bounded memory. One that is dropped comes to nothing.
pub trait Upload: Send {
    /// Takes the next octets: [`PART`] or more, less only at the end.
    fn part(&mut self, octets: Bytes) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Puts the object into its place; replaces what was there.
    fn finish(self) -> impl Future<Output = Result<(), Fault>> + Send;
}
