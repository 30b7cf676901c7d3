//! The two ends of an account: looks up its credentials, picks the adapter, connects and signs in. Also what else is
//! asked of servers that users name: OAuth 2 tokens, and webhooks.

mod credentials;
mod destination;
mod guarded;
mod kept;
mod oauth;
mod opener;
mod pace;
mod self_test;
mod source;
mod webhook;

pub use destination::AnyDestination;
pub use guarded::BadUrl;
pub use opener::{Administrator, BadSettings, Opener, Settings};
pub use source::AnySource;
pub use webhook::{PublicWebhooks, webhook_url};
