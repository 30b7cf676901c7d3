//! Whatever the server holds comes byte for byte, however the network splits it.

use crate::feed::Feed;
use crate::server::Server;
use mailcrane_core::message::FetchOutcome;
use mailcrane_core::ports::source::Source as _;
use proptest::prelude::*;
use std::fmt::Write as _;

/// Writes octets as the script's `M:` takes them.
fn escaped(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "\\x{octet:02x}").unwrap();
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_messages_come_byte_for_byte_for_any_split(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
        piece in 1_usize..50,
        batch in 1_usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let uids: Vec<u32> = (1..).take(bodies.len()).collect();
        let batches: Vec<&[u32]> = uids.chunks(batch).collect();
        // Two commands are in flight: the script answers each before it reads the one after the next.
        let mut script = format!("login\nexamine {}\nsplit {piece}\n", bodies.len());
        let messages = |uids: &[u32]| -> String {
            uids.iter().map(|uid| format!("M: {uid} {}\n", escaped(&bodies[*uid as usize - 1]))).collect()
        };
        script.push_str("C: UID FETCH *\n");
        for (at, uids) in batches.iter().enumerate() {
            let last = at + 1 == batches.len();
            if !last {
                script.push_str("C: UID FETCH *\n");
            }
            script.push_str(&messages(uids));
            script.push_str(if last { "S: {tag} OK done\n" } else { "S: {tag-1} OK done\n" });
        }
        let feed = runtime.block_on(async {
            let server = Server::new(&[&script]);
            let (mut session, _) = server.open_inbox().await;
            let mut feed = Feed::of(&batches);
            session.fetch(&mut feed).await.unwrap();
            drop(session);
            server.finished().await;
            feed
        });
        feed.assert_complete();
        for (uid, body) in uids.iter().zip(&bodies) {
            let FetchOutcome::Message(message) = feed.outcome(*uid) else { panic!("{uid} is no message") };
            prop_assert_eq!(&message.raw[..], &body[..]);
        }
    }
}
