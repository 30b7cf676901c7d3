//! Writes what answers hold.

mod folder;
mod item;
mod parts;

pub(super) use folder::folder;
pub(super) use item::{item, item_id};
