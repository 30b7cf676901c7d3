//! Responses of an IMAP server, FETCH above all: cut out of the stream, then read.

use bytes::{Bytes, BytesMut};
use mailcrane_core::uid::UidSet;
use mailcrane_imap::transport::event::Assembly;
use mailcrane_imap::transport::frame::Framer;
use mailcrane_imap::wire::{capability, date, fetch, list, metadata, search, status::Status};

/// The first octet says where the network splits the stream; the responses are the same for every split.
pub fn run(data: &[u8]) {
    let Some((&step, stream)) = data.split_first() else { return };
    let whole = responses(stream, stream.len().max(1));
    assert_eq!(whole, responses(stream, usize::from(step).max(1)));
    for response in &whole {
        read(response);
    }
    read(stream);
}

fn responses(stream: &[u8], step: usize) -> Vec<Bytes> {
    let (mut framer, mut assembly, mut buffer) = (Framer::default(), Assembly::default(), BytesMut::new());
    let mut responses = Vec::new();
    for piece in stream.chunks(step) {
        buffer.extend_from_slice(piece);
        while let Ok(Some(event)) = framer.next(&mut buffer) {
            responses.extend(assembly.push(event));
        }
    }
    responses
}

fn read(response: &[u8]) {
    if let Some(attributes) = fetch::parse(response) {
        let _ = attributes.message_id();
        if let Some(received) = attributes.received {
            let written = date::date_time(received);
            assert_eq!(date::parse(written.trim_matches('"').as_bytes()), Some(received));
        }
    }
    let _ = (list::parse(response), list::namespaces(response), capability::parse(response));
    let _ = metadata::folder_types(response);
    search::collect(response, &mut UidSet::default());
    if let Some(status) = Status::parse(response) {
        let _ = (status.code_word(), status.code_value("UIDNEXT"), capability::of_status(&status));
        let _ = mailcrane_imap::signin::classify::later(&status);
        let _ = mailcrane_imap::signin::classify::examine(&status, true);
    }
}
