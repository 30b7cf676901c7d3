//! Raw message bytes to facts.
