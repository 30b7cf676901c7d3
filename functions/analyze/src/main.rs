//! The `analyze` function.

fn main() {}
