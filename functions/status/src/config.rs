//! What the function is told by its environment.

use crate::handler::Service;
use mailcrane_core::address::Reach;
use mailcrane_lambda::environment::{Incomplete, Reader};

/// The configuration, read once.
pub(crate) struct Config {
    pub(crate) main_table: String,
    pub(crate) bucket: String,
    pub(crate) operator_key: String,
    pub(crate) service: Service,
    /// Which servers a discovery may offer.
    pub(crate) reach: Reach,
    pub(crate) log: String,
}

impl Config {
    pub(crate) fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, Incomplete> {
        let mut reader = Reader::new(look_up);
        let config = Self {
            main_table: reader.need("MAIN_TABLE"),
            bucket: reader.need("BUCKET"),
            operator_key: reader.need("OPERATOR_KEY_SECRET_ARN"),
            service: Service {
                support: reader.or_empty("SUPPORT_CONTACT"),
                rescue: reader.parsed("OVERSIZE_RESCUE", false),
            },
            reach: if reader.parsed("ALLOW_PRIVATE_HOSTS", false) { Reach::Private } else { Reach::Public },
            log: reader.or_empty("RUST_LOG"),
        };
        reader.end().map(|()| config)
    }
}
