//! The vault over a DynamoDB and a KMS.

use crate::dynamodb::{self, SECRETS};
use crate::kms;
use crate::server::Server;
use mailcrane_aws::{DynamoTable, KmsVault};
use mailcrane_core::fault::Remedy;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::ports::table::{Body, Expect, Item, Key, Table, Write};
use mailcrane_core::ports::vault::Vault;
use mailcrane_core::secret::Secret;

/// What a vault stands on; every vault of it is an instance of a function of its own.
struct Ground {
    kms: Server,
    dynamodb: Server,
}

impl Ground {
    fn new() -> Self {
        Self { kms: kms::start(), dynamodb: dynamodb::start() }
    }

    fn vault(&self) -> KmsVault<DynamoTable> {
        KmsVault::new(aws_sdk_kms::Client::new(&self.kms.config()), kms::KEY, self.table())
    }

    fn table(&self) -> DynamoTable {
        self.dynamodb.clients().table(SECRETS)
    }

    fn kms_calls(&self) -> Vec<String> {
        self.kms.requests().iter().map(|request| request.operation().to_owned()).collect()
    }

    async fn items(&self) -> Vec<Item> {
        self.table().query("M#0123456789abcdef", "", None, 1000).await.unwrap().items
    }
}

fn migration() -> MigrationId {
    MigrationId::new("0123456789abcdef").unwrap()
}

fn secrets(count: u32) -> Vec<(AccountNo, Secret)> {
    (0..count).map(|no| (AccountNo(no), Secret::new(format!("{{\"password\":\"hunter{no}\"}}")))).collect()
}

#[tokio::test]
async fn secrets_are_opened_by_another_instance() {
    let ground = Ground::new();
    ground.vault().seal(&migration(), &secrets(60)).await.unwrap();
    let vault = ground.vault();
    for (no, secret) in secrets(60) {
        assert_eq!(vault.open(&migration(), no).await.unwrap(), secret);
    }
    assert_eq!(ground.kms_calls(), ["GenerateDataKey", "Decrypt"]);
}

#[tokio::test]
async fn the_keys_of_the_items_stay_as_they_are_and_nothing_is_in_clear() {
    let ground = Ground::new();
    ground.vault().seal(&migration(), &secrets(2)).await.unwrap();
    let items = ground.items().await;
    let keys: Vec<&str> = items.iter().map(|item| item.key.sk.as_str()).collect();
    assert_eq!(keys, ["A#00000", "A#00001", "KEY"]);
    for item in &items {
        let Body::Packed(octets) = &item.body else { panic!("{item:?}") };
        assert!(!octets.windows(6).any(|part| part == b"hunter"), "{item:?}");
    }
    let context = ground.kms.requests()[0].json()["EncryptionContext"].clone();
    assert_eq!(context, serde_json::json!({ "migration": "0123456789abcdef" }));
}

#[tokio::test]
async fn a_second_seal_replaces_and_uses_the_same_key() {
    let ground = Ground::new();
    ground.vault().seal(&migration(), &secrets(2)).await.unwrap();
    let new = [(AccountNo(1), Secret::new("new"))];
    ground.vault().seal(&migration(), &new).await.unwrap();
    let vault = ground.vault();
    assert_eq!(vault.open(&migration(), AccountNo(1)).await.unwrap().expose(), "new");
    assert_eq!(vault.open(&migration(), AccountNo(0)).await.unwrap(), secrets(1)[0].1);
    assert_eq!(ground.kms_calls().iter().filter(|call| *call == "GenerateDataKey").count(), 1);
}

#[tokio::test]
async fn two_instances_that_seal_at_once_agree_on_one_key() {
    let ground = Ground::new();
    let (first, second) = (ground.vault(), ground.vault());
    let (mut one, mut two) = (secrets(2), secrets(2));
    one.truncate(1);
    two.remove(0);
    let id = migration();
    let (a, b) = tokio::join!(first.seal(&id, &one), second.seal(&id, &two));
    a.unwrap();
    b.unwrap();
    let vault = ground.vault();
    for (no, secret) in secrets(2) {
        assert_eq!(vault.open(&id, no).await.unwrap(), secret);
    }
}

#[tokio::test]
async fn what_is_shredded_is_gone_also_for_instances_that_know_the_key() {
    let ground = Ground::new();
    let vault = ground.vault();
    vault.seal(&migration(), &secrets(250)).await.unwrap();
    vault.open(&migration(), AccountNo(0)).await.unwrap();
    ground.vault().shred(&migration()).await.unwrap();
    assert_eq!(ground.items().await, []);
    let fault = vault.open(&migration(), AccountNo(0)).await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("vault.shredded", Remedy::GiveUp));
    ground.vault().shred(&migration()).await.unwrap();
}

#[tokio::test]
async fn the_key_goes_before_the_documents() {
    let ground = Ground::new();
    ground.vault().seal(&migration(), &secrets(2)).await.unwrap();
    let before = ground.dynamodb.requests().len();
    ground.vault().shred(&migration()).await.unwrap();
    let first = &ground.dynamodb.requests()[before];
    assert_eq!(first.operation(), "DeleteItem");
    assert_eq!(first.json()["Key"]["sk"]["S"], "KEY");
}

#[tokio::test]
async fn new_secrets_after_shredding_get_a_new_key() {
    let ground = Ground::new();
    let vault = ground.vault();
    vault.seal(&migration(), &secrets(1)).await.unwrap();
    vault.shred(&migration()).await.unwrap();
    vault.seal(&migration(), &secrets(1)).await.unwrap();
    assert_eq!(ground.vault().open(&migration(), AccountNo(0)).await.unwrap(), secrets(1)[0].1);
    assert_eq!(ground.kms_calls().iter().filter(|call| *call == "GenerateDataKey").count(), 2);
}

#[tokio::test]
async fn a_document_put_in_the_place_of_another_does_not_open() {
    let ground = Ground::new();
    let vault = ground.vault();
    vault.seal(&migration(), &secrets(2)).await.unwrap();
    let mut item = ground.items().await.remove(0);
    item.key = Key::new("M#0123456789abcdef", "A#00001");
    ground.table().write(Write::Put(item, Expect::Anything)).await.unwrap();
    let fault = vault.open(&migration(), AccountNo(1)).await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("vault.damaged", Remedy::GiveUp));
}

#[tokio::test]
async fn a_key_put_in_the_place_of_another_migrations_does_not_open() {
    let ground = Ground::new();
    let other = MigrationId::new("fedcba9876543210").unwrap();
    ground.vault().seal(&migration(), &secrets(1)).await.unwrap();
    for mut item in ground.items().await {
        item.key.pk = format!("M#{other}");
        ground.table().write(Write::Put(item, Expect::Anything)).await.unwrap();
    }
    let fault = ground.vault().open(&other, AccountNo(0)).await.unwrap_err();
    assert_eq!((fault.code.as_ref(), fault.remedy), ("vault.refused", Remedy::GiveUp));
}

#[tokio::test]
async fn an_account_without_secrets_is_told_as_shredded() {
    let ground = Ground::new();
    ground.vault().seal(&migration(), &secrets(1)).await.unwrap();
    let fault = ground.vault().open(&migration(), AccountNo(7)).await.unwrap_err();
    assert_eq!(fault.code, "vault.shredded");
}
