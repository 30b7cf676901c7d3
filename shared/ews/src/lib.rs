//! Amazon WorkMail over EWS.

pub mod soap;
