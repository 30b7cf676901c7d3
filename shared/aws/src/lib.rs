//! AWS services behind the ports.
