//! The fuzz target of the reader of CSV files. No part of the function: `tests/fuzz` builds it.

#![no_main]
#![allow(dead_code, reason = "the target uses the reader alone")]

mod csv;
mod endpoint;
mod oauth;

/// The account as far as a row can spoil it: its texts and the place of its server.
mod account {
    use crate::endpoint::Server;
    use mailcrane_engine::intake::NewAccount;
    use mailcrane_lambda::http::Fields;

    pub(crate) struct Context<'a> {
        pub(crate) defaults: &'a Server,
    }

    pub(crate) fn read_new(fields: Fields<'_>, context: &Context<'_>) -> Option<NewAccount> {
        if let Some(source) = fields.object("source") {
            let _ = source.need("user", 320);
            let _ = Server::read(&source).endpoint(context.defaults);
        }
        if let Some(destination) = fields.object("destination") {
            let _ = destination.need("mailbox", 320).map(|mailbox| crate::endpoint::is_address(&mailbox));
        }
        None
    }

    pub(crate) fn pair(_: &NewAccount) -> (String, String, String) {
        Default::default()
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let defaults = endpoint::Server::default();
    if let Ok(table) = csv::read(data, &account::Context { defaults: &defaults }) {
        let lines = data.iter().filter(|octet| matches!(octet, b'\n' | b'\r')).count();
        assert!(table.rows.len() <= lines.saturating_add(1), "rows out of nowhere");
        for row in &table.rows {
            let _ = serde_json::to_string(&row.view());
        }
        let _ = (table.delimiter, table.columns.len(), table.accounts(true));
    }
});
