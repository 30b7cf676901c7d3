//! Memory adapters, a manual clock, fault injection and conformance suites.
