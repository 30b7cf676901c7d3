//! The letters in each language.

mod code;
mod de;
mod en;

pub(crate) use de::letter as german;
pub(crate) use en::letter as english;
