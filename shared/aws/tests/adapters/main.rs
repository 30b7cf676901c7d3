//! The adapters against servers on loopback: what goes over the wire, and what becomes of the answers.

mod blobs;
mod directory;
mod mailer;
mod queues;
mod secret_store;
mod server;
