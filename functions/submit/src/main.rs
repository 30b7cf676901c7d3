//! The `submit` function.

fn main() {}
