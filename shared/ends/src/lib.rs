//! Opens both ends of an account: which adapter serves it is decided here, at run time.
