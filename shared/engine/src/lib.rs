//! The use cases of a migration, over ports.
