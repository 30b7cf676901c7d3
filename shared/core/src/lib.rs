//! The vocabulary and the ports of Mailcrane: no I/O, no clock, no environment, no async runtime.
