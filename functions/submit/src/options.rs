//! What is copied, as users ask for it.

use mailcrane_core::record::Options;
use mailcrane_lambda::http::{Fields, Problem};
use std::collections::BTreeMap;

/// The most patterns and mapped folders.
const MOST: usize = 200;

/// Reads the object `options`; its absence means the defaults.
pub(crate) fn read(order: &Fields<'_>) -> Options {
    let Some(fields) = order.object("options") else { return Options::default() };
    let options = Options {
        include_deleted: fields.typed("include_deleted", "true or false").unwrap_or_default(),
        include_folders: patterns(&fields, "include_folders"),
        exclude_folders: patterns(&fields, "exclude_folders"),
        since: fields.typed("since", TIME),
        before: fields.typed("before", TIME),
        max_octets: fields.typed("max_octets", "a number of octets"),
        folder_map: map(&fields),
        under_folder: fields.text("under_folder", 250),
        copy_per_label: fields.typed("copy_per_label", "true or false").unwrap_or_default(),
        rescue_oversize: fields.typed("rescue_oversize", "true or false").unwrap_or_default(),
    };
    if let (Some(since), Some(before)) = (options.since, options.before)
        && since >= before
    {
        fields.fault("before", "field.invalid", "must be later than since");
    }
    fields.end();
    options
}

/// Refuses what the stack does not offer.
///
/// # Errors
/// 422 for a rescue where there is none.
pub(crate) fn offered(options: &Options, rescue: bool) -> Result<(), Problem> {
    if !options.rescue_oversize || rescue {
        return Ok(());
    }
    let text = "this stack keeps no messages in its bucket; leave the option out, or set the stack's parameter \
                OversizeRescue to true";
    Err(Problem::field("options.rescue_oversize", "rescue.off", text))
}

const TIME: &str = "a time with zone such as 2026-01-31T08:00:00Z";

fn patterns(fields: &Fields<'_>, name: &'static str) -> Vec<String> {
    let list: Vec<String> = fields.typed(name, "a list of texts").unwrap_or_default();
    if list.len() > MOST || list.iter().any(|one| one.is_empty() || one.len() > 1_000) {
        fields.fault(name, "field.invalid", format!("must have at most {MOST} patterns of 1 to 1000 characters"));
        return Vec::new();
    }
    list
}

fn map(fields: &Fields<'_>) -> BTreeMap<String, String> {
    let map: BTreeMap<String, String> =
        fields.typed("folder_map", "an object of source folder to destination folder").unwrap_or_default();
    if map.len() > MOST || map.iter().any(|(from, to)| from.is_empty() || to.is_empty() || to.len() > 1_000) {
        fields.fault("folder_map", "field.invalid", format!("must have at most {MOST} folders with names"));
        return BTreeMap::new();
    }
    map
}
