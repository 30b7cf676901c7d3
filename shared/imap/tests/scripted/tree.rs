//! For random trees of folders and messages, what the reader yields is what the server holds, byte for byte.

use crate::feed::Feed;
use crate::model::Model;
use crate::server::password;
use mailcrane_core::digest::Digest;
use mailcrane_core::message::FetchOutcome;
use mailcrane_core::ports::source::{Endpoint, ScanDepth, Security, Source as _, Sources as _};
use mailcrane_core::uid::UidRange;
use mailcrane_imap::{ImapSources, Network, Opening, Tls, TlsSettings, Verbs};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

type Tree = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

/// Any octets that a name may hold; levels may be empty.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let octet = any::<u8>().prop_filter("no line break and no NUL", |octet| !matches!(octet, 0 | b'\r' | b'\n' | b'/'));
    let level = prop_oneof![
        prop::collection::vec(octet, 0..8),
        prop::sample::select(vec![
            b"&AP-".to_vec(),
            b"a\"b\\".to_vec(),
            b"*%".to_vec(),
            b"INBOX".to_vec(),
            vec![b'x'; 220]
        ]),
    ];
    prop::collection::vec(level, 1..12).prop_map(|levels| levels.join(&b'/'))
}

fn tree() -> impl Strategy<Value = Tree> {
    let body = prop::collection::vec(any::<u8>(), 0..400);
    let usable = |name: &Vec<u8>| !name.is_empty() && !name.eq_ignore_ascii_case(b"INBOX");
    let named = name().prop_filter("INBOX is there anyway", usable);
    prop::collection::btree_map(named, prop::collection::vec(body, 0..5), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_tree_comes_byte_for_byte_for_any_split(
        mut tree in tree(),
        inbox in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..5),
        pieces in prop::collection::vec(1_usize..600, 1..20),
        batch in 1_usize..4,
    ) {
        tree.insert(b"INBOX".to_vec(), inbox);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let read = runtime.block_on(read(&tree, pieces, batch));
        prop_assert_eq!(read, tree);
    }
}

/// Reads everything that a server with this tree shows.
async fn read(tree: &Tree, pieces: Vec<usize>, batch: usize) -> Tree {
    let model = Model { folders: tree.clone().into_iter().collect(), delimiter: '/', pieces };
    let (tls, network) = (Tls::new(&TlsSettings::default()).unwrap(), Network::default());
    let sources = ImapSources::new(Opening { dial: Arc::new(model), tls, network, verbs: Verbs::Source });
    let endpoint =
        Endpoint { host: "imap.example.org".to_owned(), port: 143, security: Security::None, fingerprint: None };
    let mut session = sources.open(&endpoint, &password()).await.unwrap();
    let mut read = Tree::new();
    for folder in session.folders().await.unwrap() {
        let examined = session.examine(&folder.wire).await.unwrap();
        let rows = session.scan(UidRange::ALL, ScanDepth::Plain).await.unwrap();
        assert_eq!(rows.len() as u64, examined.exists);
        let uids: Vec<u32> = rows.iter().map(|row| row.uid.get()).collect();
        let batches: Vec<&[u32]> = uids.chunks(batch).collect();
        let (mut kept, mut drained) = (Feed::of(&batches), Feed::of(&batches).drain_above(0));
        session.fetch(&mut kept).await.unwrap();
        session.fetch(&mut drained).await.unwrap();
        kept.assert_complete();
        drained.assert_complete();
        let mut bodies = Vec::new();
        for uid in uids {
            let FetchOutcome::Message(message) = kept.outcome(uid) else { panic!("{uid} is no message") };
            if let FetchOutcome::Drained { digest, octets, .. } = drained.outcome(uid) {
                assert_eq!((*digest, *octets), (Digest::of(&message.raw), message.raw.len() as u64));
            }
            bodies.push(message.raw.to_vec());
        }
        read.insert(folder.wire.as_bytes().to_vec(), bodies);
    }
    session.close().await;
    read
}
