//! EWS on the wire, pure: one operation per file, from values to request bytes and from answer bytes to values.

pub mod answer;
pub mod body;
pub mod create_folder;
pub mod create_item;
pub mod delete_folder;
pub mod delete_item;
pub mod envelope;
pub mod fault;
pub mod field;
pub mod find_folder;
pub mod find_item;
pub mod folder;
pub mod get_folder;
pub mod get_item;
pub mod item;
pub mod move_item;
pub mod node;
pub mod paging;
pub mod response_code;
pub mod time;
pub mod xml;

pub use answer::{Malformed, Operation, Refusal, Reply, read};
pub use body::Body;
pub use envelope::{Envelope, Version};
pub use fault::Fault;
pub use folder::FolderRef;
pub use item::{Item, ItemId};
pub use response_code::{Class, ResponseCode};
