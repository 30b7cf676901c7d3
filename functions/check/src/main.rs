//! The `check` function.

fn main() {}
