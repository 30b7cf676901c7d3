//! What every function needs.
