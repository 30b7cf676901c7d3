//! The `migrate-chunk` function.

fn main() {}
