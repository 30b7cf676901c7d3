//! Answers of an EWS server, read by every operation.

use mailcrane_ews::soap::answer::Operation;
use mailcrane_ews::soap::create_folder::CreateFolder;
use mailcrane_ews::soap::create_item::CreateItem;
use mailcrane_ews::soap::delete_folder::DeleteFolder;
use mailcrane_ews::soap::delete_item::DeleteItem;
use mailcrane_ews::soap::find_folder::FindFolder;
use mailcrane_ews::soap::find_item::FindItem;
use mailcrane_ews::soap::get_folder::GetFolder;
use mailcrane_ews::soap::get_item::GetItem;
use mailcrane_ews::soap::move_item::MoveItem;
use mailcrane_ews::soap::read;

/// At most one operation finds its answer in the same text.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = [
        answers::<CreateFolder<'_>>(&text),
        answers::<CreateItem<'_>>(&text),
        answers::<DeleteFolder<'_>>(&text),
        answers::<DeleteItem<'_>>(&text),
        answers::<FindFolder<'_>>(&text),
        answers::<FindItem<'_>>(&text),
        answers::<GetFolder<'_>>(&text),
        answers::<GetItem<'_>>(&text),
        answers::<MoveItem<'_>>(&text),
    ];
    assert!(found.into_iter().filter(|found| *found).count() <= 1);
}

fn answers<O: Operation>(text: &str) -> bool {
    read::<O>(text).is_ok()
}
