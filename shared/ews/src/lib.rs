//! Amazon WorkMail over EWS.
