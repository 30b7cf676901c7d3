//! A bucket in memory.

use crate::faults::{FaultPlan, Port};
use crate::locked;
use bytes::Bytes;
use mailcrane_core::Fault;
use mailcrane_core::ports::blobs::Blobs;
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

impl Blobs for MemoryBlobs {
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
