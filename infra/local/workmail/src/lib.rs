//! A strict stand-in for Amazon WorkMail.
