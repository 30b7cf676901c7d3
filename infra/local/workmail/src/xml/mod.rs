//! XML in (a small tree) and out (a text builder).

mod tree;
mod writer;

pub use tree::{Element, MalformedXml, Ns, parse};
pub use writer::Writer;
