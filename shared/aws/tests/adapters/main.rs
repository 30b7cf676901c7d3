//! The adapters against servers on loopback: what goes over the wire, and what becomes of the answers.

#[cfg(test)]
mod blobs;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod dynamodb;
#[cfg(test)]
mod kms;
#[cfg(test)]
mod mailer;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod secret_store;
#[cfg(test)]
mod server;
#[cfg(test)]
mod table;
#[cfg(test)]
mod vault;
