//! Oversize rescue: what is too large for the destination is kept in the bucket, in parts as it comes.

use bytes::{Bytes, BytesMut};
use mailcrane_core::Fault;
use mailcrane_core::digest::Digest;
use mailcrane_core::id::MigrationId;
use mailcrane_core::key::{KeyPrefix, MessageKey};
use mailcrane_core::ports::blobs::{Blobs, PART, Upload};
use mailcrane_core::record::Migration;
use mailcrane_core::uid::Uid;

/// How much of the beginning is kept in memory for the stub.
const HEAD: usize = 64 << 10;

/// What the objects of messages are.
const CONTENT_TYPE: &str = "message/rfc822";

/// Where rescued messages are kept, and how people come to them.
#[derive(Debug, Clone)]
pub struct Shelf<B> {
    /// The bucket.
    pub blobs: B,
    /// Its name.
    pub bucket: String,
    /// Where the service is, without a final slash.
    pub public_url: String,
}

/// A message that is in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescued {
    /// Its beginning, with the header.
    pub head: Bytes,
    /// Where it can be fetched.
    pub link: String,
    /// The name of its object.
    pub place: String,
    /// Why it was not copied.
    pub why: String,
}

/// Returns the name of an object in the folder of its migration. It is the same each time, and nobody guesses it: whoever
/// knows it may fetch the message.
#[must_use]
pub fn file(migration: &Migration, key: &MessageKey) -> String {
    let secret = format!("rescue\n{}\n{}\n{key}", migration.token_hash, migration.id);
    let secret: String = Digest::of(secret.as_bytes()).to_string().chars().take(32).collect();
    format!("{}-{:010}-{secret}.eml", key.prefix, key.uid.get())
}

/// Returns the name of the object; it stays when the migration is erased.
#[must_use]
pub fn object(id: &MigrationId, file: &str) -> String {
    format!("rescued/{id}/{file}")
}

/// Reads what [`file()`] made out of an address; nothing else is ever fetched.
#[must_use]
pub fn is_file(file: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit() || (b'a'..=b'f').contains(&octet));
    let Some(parts) = file.strip_suffix(".eml").map(|name| name.split('-').collect::<Vec<_>>()) else { return false };
    matches!(parts.as_slice(), [prefix, uid, secret]
        if [prefix.len(), uid.len(), secret.len()] == [16, 10, 32] && hex(prefix) && hex(uid) && hex(secret))
}

/// One message on its way into the bucket.
pub(super) struct Rescue<U> {
    link: String,
    place: String,
    head: BytesMut,
    part: BytesMut,
    upload: U,
}

impl<U: Upload> Rescue<U> {
    /// Begins with a message.
    pub(super) async fn begin<B: Blobs<Upload = U>>(
        shelf: &Shelf<B>,
        migration: &Migration,
        prefix: KeyPrefix,
        uid: Uid,
    ) -> Result<Self, Fault> {
        let file = file(migration, &MessageKey { prefix, uid });
        let object = object(&migration.id, &file);
        let upload = shelf.blobs.begin(&object, CONTENT_TYPE).await?;
        let link = format!("{}/v1/rescued/{}/{file}", shelf.public_url, migration.id);
        let place = format!("s3://{}/{object}", shelf.bucket);
        Ok(Self { link, place, head: BytesMut::new(), part: BytesMut::new(), upload })
    }

    /// Takes the next octets.
    pub(super) async fn take(&mut self, mut piece: &[u8]) -> Result<(), Fault> {
        let wanted = HEAD.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(piece.get(..wanted).unwrap_or_default());
        while !piece.is_empty() {
            let (now, later) = piece.split_at(piece.len().min(PART.saturating_sub(self.part.len())));
            self.part.extend_from_slice(now);
            piece = later;
            if self.part.len() >= PART {
                let part = std::mem::take(&mut self.part).freeze();
                self.upload.part(part).await?;
            }
        }
        Ok(())
    }

    /// Puts the object into its place.
    pub(super) async fn finish(mut self, why: String) -> Result<Rescued, Fault> {
        if !self.part.is_empty() {
            self.upload.part(self.part.freeze()).await?;
        }
        self.upload.finish().await?;
        Ok(Rescued { head: self.head.freeze(), link: self.link, place: self.place, why })
    }
}

/// No bucket: what is too large is only named.
#[derive(Debug, Clone, Copy)]
pub enum Nowhere {}

impl Upload for Nowhere {
    async fn part(&mut self, _: Bytes) -> Result<(), Fault> {
        match *self {}
    }
    async fn finish(self) -> Result<(), Fault> {
        match self {}
    }
}

impl Blobs for Nowhere {
    type Upload = Self;

    async fn begin(&self, _: &str, _: &str) -> Result<Self, Fault> {
        match *self {}
    }
    async fn put(&self, _: &str, _: &str, _: Bytes) -> Result<(), Fault> {
        match *self {}
    }
    async fn link(&self, _: &str, _: std::time::Duration) -> Result<String, Fault> {
        match *self {}
    }
    async fn delete_all(&self, _: &str) -> Result<(), Fault> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_rescued_messages_are_read() {
        let good = format!("0123456789abcdef-0000000007-{}.eml", "a".repeat(32));
        assert!(is_file(&good));
        let cut = good.replace(".eml", "");
        for wrong in
            ["", "manifest-0001.csv", cut.as_str(), "../0123456789abcdef-0000000007-a.eml", &good.to_uppercase()]
        {
            assert!(!is_file(wrong), "{wrong}");
        }
    }
}
