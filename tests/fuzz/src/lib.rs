//! What every fuzz target does with its input, and what must hold besides "no panic, no hang, no flood of memory".

pub mod ews;
pub mod fetch;
pub mod mime;
pub mod token;
pub mod tokenizer;
pub mod utf7;
