use super::*;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, MX, SRV};
use hickory_resolver::proto::rr::{Record, RecordType};
use tokio::net::UdpSocket;

/// A name server that knows the domain `example.org` and breaks on `broken.example.org`.
async fn name_server() -> SystemDns {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut octets = [0; 1500];
        loop {
            let (length, from) = socket.recv_from(&mut octets).await.unwrap();
            let question = Message::from_vec(octets.get(..length).unwrap()).unwrap();
            let asked = question.queries.first().unwrap().clone();
            let mut answer = Message::response(question.metadata.id, OpCode::Query);
            answer.add_query(asked.clone());
            let (code, records) = zone(&asked.name().to_utf8(), asked.query_type());
            answer.metadata.response_code = code;
            answer.add_answers(records.into_iter().map(|data| Record::from_rdata(asked.name().clone(), 60, data)));
            socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
        }
    });
    let mut connection = ConnectionConfig::udp();
    connection.port = address.port();
    let server = NameServerConfig::new(address.ip(), true, vec![connection]);
    let config = ResolverConfig::from_name_servers(vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    (options.timeout, options.attempts) = (Duration::from_secs(2), 1);
    SystemDns(builder.build().map_err(|error| error.to_string()))
}

fn zone(name: &str, kind: RecordType) -> (ResponseCode, Vec<RData>) {
    let to = |text: &str| Name::from_utf8(text).unwrap();
    let records = match (name, kind) {
        ("broken.example.org.", _) => return (ResponseCode::ServFail, Vec::new()),
        ("example.org.", RecordType::MX) => {
            vec![RData::MX(MX::new(20, to("mx2.example.net."))), RData::MX(MX::new(10, to("MX1.Example.net.")))]
        }
        ("null.example.org.", RecordType::MX) => vec![RData::MX(MX::new(0, to(".")))],
        ("_imaps._tcp.example.org.", RecordType::SRV) => {
            vec![RData::SRV(SRV::new(5, 7, 993, to("imap.example.net."))), RData::SRV(SRV::new(9, 0, 0, to(".")))]
        }
        ("imap.example.org.", RecordType::A) => vec![RData::A(A::new(192, 0, 2, 1)), RData::A(A::new(192, 0, 2, 2))],
        ("imap.example.org.", _) => Vec::new(),
        _ => return (ResponseCode::NXDomain, Vec::new()),
    };
    (ResponseCode::NoError, records)
}

#[tokio::test]
async fn mail_exchangers_come_with_the_preferred_one_first() {
    let dns = name_server().await;
    assert_eq!(dns.mx("example.org").await.unwrap(), ["mx1.example.net", "mx2.example.net"]);
    // a lone dot says that the domain takes no mail (RFC 7505)
    assert_eq!(dns.mx("null.example.org").await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn srv_records_keep_their_numbers_and_a_dot_becomes_an_empty_host() {
    let mut found = name_server().await.srv("_imaps._tcp.example.org").await.unwrap();
    found.sort_by_key(|one| one.priority);
    let offered = Srv { priority: 5, weight: 7, port: 993, host: "imap.example.net".into() };
    assert_eq!(found, [offered, Srv { priority: 9, weight: 0, port: 0, host: String::new() }]);
}

#[tokio::test]
async fn a_host_has_all_its_addresses() {
    let mut found = name_server().await.addresses("imap.example.org").await.unwrap();
    found.sort();
    assert_eq!(found, ["192.0.2.1".parse::<IpAddr>().unwrap(), "192.0.2.2".parse().unwrap()]);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_empty_and_a_broken_server_is_a_failure() {
    let dns = name_server().await;
    assert_eq!(dns.mx("nowhere.example.org").await.unwrap(), Vec::<String>::new());
    assert_eq!(dns.srv("_imap._tcp.nowhere.example.org").await.unwrap(), []);
    assert_eq!(dns.addresses("nowhere.example.org").await.unwrap(), Vec::<IpAddr>::new());
    assert!(dns.mx("broken.example.org").await.is_err());
    assert!(dns.addresses("broken.example.org").await.is_err());
}

#[tokio::test]
async fn without_name_servers_every_question_fails() {
    let dns = SystemDns(Err("no name servers are set up on this machine".into()));
    assert!(dns.mx("example.org").await.is_err() && dns.addresses("example.org").await.is_err());
}
