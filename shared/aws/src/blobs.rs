//! The bucket, on S3. Objects are encrypted by the bucket's own default.

use crate::answer;
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, Object, ObjectIdentifier};
use bytes::Bytes;
use mailcrane_core::fault::Fault;
use mailcrane_core::ports::blobs::{Blobs, Upload};
use std::time::Duration;

/// Keeps objects in one bucket.
#[derive(Debug, Clone)]
pub struct S3Blobs {
    client: Client,
    bucket: String,
}

impl S3Blobs {
    /// Joins a client and the bucket's name.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }

    /// Lists up to a thousand objects.
    async fn some(&self, prefix: &str) -> Result<Vec<ObjectIdentifier>, Fault> {
        let listed = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .send()
            .await
            .map_err(|error| answer::fault("blobs", "the bucket could not be listed", error))?;
        listed
            .contents()
            .iter()
            .filter_map(Object::key)
            .map(|key| ObjectIdentifier::builder().key(key).build())
            .collect::<Result<_, _>>()
            .map_err(|error| Fault::give_up("blobs.refused", "objects could not be deleted").because(error))
    }
}

/// A multipart upload. One that is left is cleared away by the bucket's rule after a day.
#[derive(Debug)]
pub struct S3Upload {
    client: Client,
    bucket: String,
    name: String,
    id: String,
    parts: Vec<CompletedPart>,
}

impl Upload for S3Upload {
    async fn part(&mut self, octets: Bytes) -> Result<(), Fault> {
        let number = i32::try_from(self.parts.len()).unwrap_or(i32::MAX).saturating_add(1);
        let sent = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(&self.name)
            .upload_id(&self.id)
            .part_number(number)
            .body(octets.into())
            .send()
            .await
            .map_err(|error| answer::fault("blobs", "a part of an object could not be stored", error))?;
        self.parts.push(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build());
        Ok(())
    }

    async fn finish(self) -> Result<(), Fault> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts)).build();
        self.client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(&self.name)
            .upload_id(&self.id)
            .multipart_upload(parts)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| answer::fault("blobs", "an object could not be put together", error))
    }
}

impl Blobs for S3Blobs {
    type Upload = S3Upload;

    async fn begin(&self, name: &str, content_type: &str) -> Result<S3Upload, Fault> {
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(name)
            .content_type(content_type)
            .send()
            .await
            .map_err(|error| answer::fault("blobs", "an object could not be begun", error))?;
        let unnamed = || Fault::retry(Duration::from_secs(10), "blobs.unavailable", "the bucket named no upload");
        let id = begun.upload_id.ok_or_else(unnamed)?;
        Ok(S3Upload {
            client: self.client.clone(),
            bucket: self.bucket.clone(),
            name: name.to_owned(),
            id,
            parts: Vec::new(),
        })
    }

    async fn put(&self, name: &str, content_type: &str, octets: Bytes) -> Result<(), Fault> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(name)
            .content_type(content_type)
            .body(octets.into())
            .send()
            .await
            .map(|_| ())
            .map_err(|error| answer::fault("blobs", "an object could not be stored", error))
    }

    /// The link is signed with the function's own credentials, so it also ends when those do (some hours at most).
    async fn link(&self, name: &str, valid: Duration) -> Result<String, Fault> {
        let unsigned = || Fault::give_up("blobs.refused", "a link to an object is valid for at most 7 days");
        let config = PresigningConfig::expires_in(valid).map_err(|error| unsigned().because(error))?;
        let link = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(name)
            .response_content_disposition(format!("attachment; filename=\"{}\"", file_name(name)))
            .presigned(config)
            .await
            .map_err(|error| answer::fault("blobs", "a link to an object could not be signed", error))?;
        Ok(link.uri().to_owned())
    }

    async fn delete_all(&self, prefix: &str) -> Result<(), Fault> {
        if prefix.is_empty() {
            return Err(Fault::give_up("blobs.refused", "the whole bucket is never deleted at once"));
        }
        loop {
            let objects = self.some(prefix).await?;
            if objects.is_empty() {
                return Ok(());
            }
            let which = Delete::builder()
                .set_objects(Some(objects))
                .quiet(true)
                .build()
                .map_err(|error| Fault::give_up("blobs.refused", "objects could not be deleted").because(error))?;
            let answer = self
                .client
                .delete_objects()
                .bucket(&self.bucket)
                .delete(which)
                .send()
                .await
                .map_err(|error| answer::fault("blobs", "objects could not be deleted", error))?;
            if let Some(failed) = answer.errors().first() {
                let message =
                    format!("an object could not be deleted ({})", failed.code().unwrap_or("no reason given"));
                return Err(Fault::retry(Duration::from_secs(10), "blobs.unavailable", message));
            }
        }
    }
}

/// Returns the last part of an object's name, in characters that a header may hold.
fn file_name(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    last.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_named_like_the_last_part_of_the_object() {
        assert_eq!(file_name("exports/0123456789/manifest.csv"), "manifest.csv");
        assert_eq!(file_name("a\"b\r\n.eml"), "a_b__.eml");
    }
}
