//! A strict stand-in for Amazon WorkMail.

fn main() {}
