//! A bucket in memory.

use crate::faults::{FaultPlan, Port};
use crate::locked;
use bytes::Bytes;
use mailcrane_core::Fault;
use mailcrane_core::ports::blobs::{Blobs, PART, Upload};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A bucket in memory: content type and octets by name. Clones are the same bucket.
#[derive(Debug, Clone)]
pub struct MemoryBlobs {
    plan: FaultPlan,
    objects: Arc<Mutex<BTreeMap<String, (String, Bytes)>>>,
}

impl MemoryBlobs {
    /// Returns an empty bucket.
    #[must_use]
    pub fn new(plan: &FaultPlan) -> Self {
        Self { plan: plan.clone(), objects: Arc::default() }
    }

    /// Returns every object.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, (String, Bytes)> {
        locked(&self.objects).clone()
    }
}

fn lost() -> Fault {
    Fault::retry(Duration::from_secs(1), "blobs.unavailable", "the bucket did not answer, as planned")
}

/// An object on its way.
#[derive(Debug)]
pub struct MemoryUpload {
    blobs: MemoryBlobs,
    name: String,
    content_type: String,
    octets: Vec<u8>,
    ended: bool,
}

impl Upload for MemoryUpload {
    async fn part(&mut self, octets: Bytes) -> Result<(), Fault> {
        if self.ended {
            return Err(Fault::give_up("testkit.part", "a part that is not the last one is too small"));
        }
        self.ended = octets.len() < PART;
        let plan = self.blobs.plan.clone();
        plan.call(Port::Blobs, "part", lost, || {
            self.octets.extend_from_slice(&octets);
            Ok(())
        })
        .await
    }

    async fn finish(self) -> Result<(), Fault> {
        let Self { blobs, name, content_type, octets, .. } = self;
        let put = || {
            locked(&blobs.objects).insert(name, (content_type, octets.into()));
            Ok(())
        };
        blobs.plan.call(Port::Blobs, "finish", lost, put).await
    }
}

impl Blobs for MemoryBlobs {
    type Upload = MemoryUpload;

    async fn begin(&self, name: &str, content_type: &str) -> Result<MemoryUpload, Fault> {
        let (name, content_type) = (name.to_owned(), content_type.to_owned());
        let begun = || Ok(MemoryUpload { blobs: self.clone(), name, content_type, octets: Vec::new(), ended: false });
        self.plan.call(Port::Blobs, "begin", lost, begun).await
    }

    async fn put(&self, name: &str, content_type: &str, octets: Bytes) -> Result<(), Fault> {
        let put = || {
            locked(&self.objects).insert(name.to_owned(), (content_type.to_owned(), octets));
            Ok(())
        };
        self.plan.call(Port::Blobs, "put", lost, put).await
    }

    async fn link(&self, name: &str, valid: Duration) -> Result<String, Fault> {
        let link = || Ok(format!("memory:{name}?seconds={}", valid.as_secs()));
        self.plan.call(Port::Blobs, "link", lost, link).await
    }

    async fn delete_all(&self, prefix: &str) -> Result<(), Fault> {
        let pass = self.plan.enter(Port::Blobs, "delete_all").await;
        {
            let mut objects = locked(&self.objects);
            let names: Vec<String> = objects.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
            names.iter().take(pass.share(names.len())).for_each(|name| drop(objects.remove(name)));
        }
        pass.leave().await;
        if pass.loses_answer() { Err(lost()) } else { Ok(()) }
    }
}
