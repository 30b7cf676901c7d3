//! What travels in queues: continuation tokens and tasks.

use mailcrane_core::token::{ContinuationToken, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// What is read is written and read again as it was.
pub fn run(data: &[u8]) {
    same::<ContinuationToken>(data);
    same::<Task>(data);
}

fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(data) else { return };
    let written = serde_json::to_vec(&value).expect("what was read can be written");
    assert_eq!(serde_json::from_slice::<T>(&written).expect("what was written can be read"), value);
}
