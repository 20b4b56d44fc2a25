//! Messages that contain JSON.

use std::collections::BTreeMap;

use actix_engineio::{self as engineio};
use serde::{Deserialize, Serialize};

use crate::support::{Client, script::OPEN, server::Server};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    items: Vec<String>,
    note: Option<String>,
}

#[actix::test]
async fn json_goes_out_as_text_and_is_read_from_text_and_binary() {
    let json = r#"{"id":18446744073709551615,"items":["a","é\u001e\n"],"note":null}"#;
    let server = Server::start(move |server| {
        let mut get = server.answers_handshake(OPEN);
        let mut post = server.accept();
        // The separator of packets is escaped, so it may be in a string.
        post.accepts(&format!("4{json}"));
        get.poll();
        // The second is base64.
        get.packets(format!("4{json}\x1ebWzEsMl0=\x1e4[1,"));
        get.poll();
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    let order = Order { id: u64::MAX, items: vec!["a".into(), "é\x1e\n".into()], note: None };
    client.addr.send(engineio::Send::json(&order).unwrap()).await.unwrap().unwrap();
    assert_eq!(client.message().await.json::<Order>().unwrap(), order);
    assert_eq!(client.message().await.json::<[u8; 2]>().unwrap(), [1, 2]);
    assert!(client.message().await.json::<Vec<u8>>().unwrap_err().is_eof());
    client.ended_cleanly().await;
    server.finish().await;
}

#[test]
fn what_json_cannot_represent_is_an_error_and_not_a_message() {
    let keys_that_are_no_strings = BTreeMap::from([(vec![1], 2)]);
    assert!(engineio::Send::json(&keys_that_are_no_strings).is_err());
}
