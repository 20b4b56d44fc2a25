//! The codec against tables and random packets, and the rules of namespaces without a network.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use actix_engineio::{Data, DisconnectReason, bytes::Bytes};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::client::{
    Args, JoinError, LeaveReason,
    codec::{Body, DecodeError, Decoder, Limits, Packet},
    namespaces::{Namespaces, Output, Shown},
};

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn event(namespace: &str, id: Option<u64>, name: &str, args: Args) -> Packet {
    Packet::new(namespace, Body::Event { id, name: name.to_owned(), args })
}

fn decode(messages: impl IntoIterator<Item = Data>) -> Result<Vec<Packet>, DecodeError> {
    let mut decoder = Decoder::new(Limits { attachments: 2, attachment_bytes: 10 });
    messages.into_iter().filter_map(|data| decoder.decode(data).transpose()).collect()
}

#[test]
fn packets_are_written_as_the_specification_shows_them_and_read_back() {
    let refused = |data| Body::ConnectError { message: "Not authorized".to_owned(), data };
    let table = [
        (Packet::new("/", Body::Connect(Map::new())), "0"),
        (Packet::new("/admin", Body::Connect(object(json!({ "sid": "oSO0" })))), r#"0/admin,{"sid":"oSO0"}"#),
        (Packet::new("/", refused(None)), r#"4{"message":"Not authorized"}"#),
        (Packet::new("/a", refused(Some(json!([1])))), r#"4/a,{"data":[1],"message":"Not authorized"}"#),
        (event("/", None, "foo", Args::new()), r#"2["foo"]"#),
        (event("/admin", None, "bar", Args::new().value(1)), r#"2/admin,["bar",1]"#),
        (event("/", Some(12), "foo", Args::new().value("2,")), r#"212["foo","2,"]"#),
        (Packet::new("/admin", Body::Ack { id: 13, args: Args::new().value("bar") }), r#"3/admin,13["bar"]"#),
        (Packet::new("/", Body::Disconnect), "1"),
        (Packet::new("/admin", Body::Disconnect), "1/admin,"),
    ];
    for (packet, text) in table {
        assert_eq!(packet.clone().encode(), [Data::from(text)]);
        assert_eq!(decode([Data::from(text)]).unwrap(), [packet]);
    }
}

#[test]
fn attachments_follow_their_packet() {
    let mut args = Args::new().binary(vec![1, 2, 3]);
    let inner = args.attach(vec![4]);
    let args = args.value(json!({ "inner": inner }));
    let text = r#"52-/admin,7["baz",{"_placeholder":true,"num":0},{"inner":{"_placeholder":true,"num":1}}]"#;
    let messages = event("/admin", Some(7), "baz", args.clone()).encode();
    assert_eq!(messages, [Data::from(text), vec![1, 2, 3].into(), vec![4].into()]);
    assert_eq!(decode(messages).unwrap(), [event("/admin", Some(7), "baz", args.clone())]);
    assert_eq!(args.bytes(&args.values()[0]).unwrap().as_ref(), [1, 2, 3]);
    assert_eq!(args.bytes(&args.values()[1]["inner"]).unwrap().as_ref(), [4]);
    assert_eq!(args.bytes(&json!("other")), None);

    let ack = Packet::new("/", Body::Ack { id: 1, args: Args::new().binary(vec![5]) });
    assert_eq!(ack.clone().encode()[0], Data::from(r#"61-1[{"_placeholder":true,"num":0}]"#));
    assert_eq!(decode(ack.clone().encode()).unwrap(), [ack]);
    // A packet that could have attachments and has none.
    assert_eq!(decode([r#"50-["foo"]"#.into()]).unwrap(), [event("/", None, "foo", Args::new())]);
}

#[test]
fn what_is_no_packet_is_an_error() {
    use DecodeError::*;
    let table = [
        ("", UnknownType),
        ("7", UnknownType),
        ("x", UnknownType),
        ("é", UnknownType),
        ("0[]", InvalidPayload),
        ("1{}", InvalidPayload),
        ("2", InvalidPayload),
        ("2[]", InvalidPayload),
        ("2[1]", InvalidPayload),
        ("2{}", InvalidPayload),
        (r#"2["foo""#, InvalidJson),
        (r#"2/admin["foo"]"#, InvalidPayload),
        ("299999999999999999999[\"foo\"]", InvalidNumber),
        ("3[]", InvalidNumber),
        ("31{}", InvalidPayload),
        ("4", InvalidPayload),
        ("5[\"foo\"]", InvalidNumber),
        ("51[\"foo\"]", InvalidNumber),
        ("53-[\"foo\"]", TooManyAttachments),
        ("599999999999999999999-[\"foo\"]", InvalidNumber),
        (r#"51-["foo",{"_placeholder":true,"num":1}]"#, UnknownAttachment),
        (r#"51-["foo",[{"_placeholder":true,"num":-1}]]"#, UnknownAttachment),
        (r#"51-["foo",{"_placeholder":true}]"#, UnknownAttachment),
    ];
    for (text, err) in table {
        assert_eq!(decode([Data::from(text)]), Err(err), "{text}");
    }
    let deep = format!("2[\"foo\",{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(decode([Data::from(deep)]), Err(InvalidJson));
    let announced = || Data::from(r#"52-["foo"]"#);
    assert_eq!(decode([vec![1].into()]), Err(UnexpectedAttachment));
    assert_eq!(decode([announced(), "2[\"foo\"]".into()]), Err(MissingAttachment));
    assert_eq!(decode([announced(), vec![0; 6].into(), vec![0; 5].into()]), Err(TooManyBytes));
    assert_eq!(decode([announced(), vec![0; 5].into(), vec![0; 5].into()]).unwrap().len(), 1);
}

/// JSON as it is written: numbers without fractions, which are read as they were.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn args() -> impl Strategy<Value = Args> {
    let bytes = prop::collection::vec(any::<u8>(), 0..4);
    let arg = prop_oneof![value().prop_map(Ok), bytes.prop_map(Err)];
    prop::collection::vec(arg, 0..4).prop_map(|list| {
        list.into_iter().fold(Args::new(), |args, arg| match arg {
            Ok(value) => args.value(value),
            Err(bytes) => args.binary(bytes),
        })
    })
}

proptest! {
    #[test]
    fn every_packet_is_read_as_it_was_written(
        namespace in "/[a-z]{0,5}",
        id in any::<Option<u64>>(),
        name in ".{0,8}",
        args in args(),
    ) {
        let packets = [
            event(&namespace, id, &name, args.clone()),
            Packet::new(&namespace, Body::Ack { id: id.unwrap_or_default(), args }),
        ];
        let mut decoder = Decoder::default();
        for packet in packets {
            let mut messages = packet.clone().encode();
            let last = messages.pop().unwrap();
            for message in messages {
                prop_assert_eq!(decoder.decode(message).unwrap(), None);
            }
            prop_assert_eq!(decoder.decode(last).unwrap(), Some(packet));
        }
    }

    #[test]
    fn nothing_that_a_server_sends_is_a_panic(
        texts in prop::collection::vec("[0-7]?[0-9]{0,2}-?(/[a-z]?,?)?[0-9]{0,2}[\\[{\"a,\\]}0-9:]{0,6}", 0..6),
        bytes in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut decoder = Decoder::default();
        for text in texts {
            let _ = decoder.decode(Data::from(text));
            let _ = decoder.decode(Data::from(Bytes::from(bytes.clone())));
        }
    }
}

/// The rules, with the packets as text.
struct Rules(Namespaces);

impl Rules {
    /// A session in which the client is asked for `/chat`.
    fn joining() -> Self {
        let mut rules = Self(Namespaces::default());
        rules.0.connected();
        rules.0.join("/chat");
        rules.authorized(json!({}));
        assert_eq!(rules.steps(), ["send 0/chat,"]);
        rules
    }

    fn joined() -> Self {
        let mut rules = Self::joining();
        rules.receives(r#"0/chat,{"sid":"s1","pid":"p1"}"#);
        assert_eq!(rules.steps(), ["joined s1, recovered: false"]);
        rules
    }

    fn receives(&mut self, text: &str) {
        self.0.message(Data::from(text)).unwrap();
    }

    /// Answers the hook.
    fn authorized(&mut self, auth: Value) {
        for output in self.0.outputs() {
            let Output::Authorize { namespace, round } = output else { panic!("{output:?}") };
            self.0.authorized(&namespace, round, Ok(object(auth.clone())));
        }
    }

    fn steps(&mut self) -> Vec<String> {
        let words = |output| match output {
            Output::Authorize { namespace, .. } => format!("authorize {namespace}"),
            Output::Send(packet) => format!("send {}", packet.encode()[0]),
            Output::Show { event: Shown::Joined { sid, recovered }, .. } => {
                format!("joined {sid}, recovered: {recovered}")
            }
            Output::Show { event: Shown::Refused(JoinError::Refused { message, data }), .. } => {
                format!("refused {message} {data:?}")
            }
            Output::Show { event: Shown::Event { name, args, .. }, .. } => {
                format!("event {name} {:?}", args.values())
            }
            Output::Show { event: Shown::Refused(err), .. } => format!("refused {err:?}"),
            Output::Show { event: Shown::Left(reason), .. } => format!("left {reason:?}"),
            Output::Answer { id, args } => format!("answer {id} {:?}", args.values()),
            Output::GiveUp { id } => format!("give up {id}"),
        };
        self.0.outputs().map(words).collect()
    }
}

const LOST: DisconnectReason = DisconnectReason::PingTimeout;

#[test]
fn a_client_joins_after_the_session_is_open_and_again_in_the_next_one() {
    let mut rules = Rules(Namespaces::default());
    rules.0.join("/chat");
    assert!(rules.steps().is_empty());
    rules.0.connected();
    rules.authorized(json!({ "token": "one" }));
    assert_eq!(rules.steps(), [r#"send 0/chat,{"token":"one"}"#]);
    assert!(!rules.0.is_joined("/chat"));
    rules.receives(r#"0/chat,{"sid":"s1"}"#);
    assert_eq!(rules.steps(), ["joined s1, recovered: false"]);
    assert!(rules.0.is_joined("/chat"));
    rules.0.disconnected(&LOST);
    assert_eq!(rules.steps(), ["left Lost(PingTimeout)"]);
    assert!(!rules.0.is_joined("/chat"));
    rules.0.connected();
    rules.authorized(json!({ "token": "two" }));
    assert_eq!(rules.steps(), [r#"send 0/chat,{"token":"two"}"#]);
}

#[test]
fn a_session_is_recovered_from_the_last_event_and_not_without_one() {
    let mut rules = Rules::joined();
    rules.0.disconnected(&LOST);
    rules.steps();
    rules.0.connected();
    rules.authorized(json!({}));
    assert_eq!(rules.steps(), ["send 0/chat,"], "there is no offset yet");
    rules.receives(r#"0/chat,{"sid":"s2","pid":"p2"}"#);
    rules.receives(r#"2/chat,["news",1,"offset 1"]"#);
    rules.receives(r#"2/chat,7["question","no offset"]"#);
    rules.steps();
    for recovered in [true, false] {
        rules.0.disconnected(&LOST);
        rules.steps();
        rules.0.connected();
        rules.authorized(json!({ "token": 1 }));
        let expected = r#"send 0/chat,{"offset":"offset 1","pid":"p2","token":1}"#;
        assert_eq!(rules.steps(), [expected]);
        if recovered {
            rules.receives(r#"2/chat,["missed","offset 1"]"#);
            assert_eq!(rules.steps(), [r#"event missed [String("offset 1")]"#]);
        }
        rules.receives(if recovered {
            r#"0/chat,{"sid":"s2","pid":"p2"}"#
        } else {
            r#"0/chat,{"sid":"s3","pid":"p3"}"#
        });
        assert_eq!(rules.steps().len(), 1);
    }
    rules.0.disconnected(&LOST);
    rules.steps();
    rules.0.connected();
    rules.authorized(json!({}));
    assert_eq!(rules.steps(), ["send 0/chat,"], "the offset belongs to a session that is gone");
}

#[test]
fn answers_find_their_questions_and_the_end_gives_up_the_rest() {
    let mut rules = Rules::joined();
    let ids = [(); 4].map(|()| rules.0.question("/chat").unwrap());
    assert_eq!(rules.0.question("/other"), None);
    rules.0.forget("/chat", ids[3]);
    for id in [ids[1], ids[1], ids[3], 999] {
        rules.receives(&format!("3/chat,{id}[true]"));
    }
    assert_eq!(rules.steps(), [format!("answer {} [Bool(true)]", ids[1])]);
    rules.0.disconnected(&LOST);
    let given_up = [ids[0], ids[2]].map(|id| format!("give up {id}"));
    assert_eq!(rules.steps(), [&given_up[0], &given_up[1], "left Lost(PingTimeout)"]);
}

#[test]
fn a_refusal_is_final_and_has_the_words_of_the_server() {
    let mut rules = Rules::joining();
    rules.receives(r#"4/chat,{"message":"not today","data":{"code":7}}"#);
    assert_eq!(rules.steps(), [r#"refused not today Some(Object {"code": Number(7)})"#]);
    rules.0.disconnected(&LOST);
    rules.0.connected();
    assert!(rules.steps().is_empty());
}

#[test]
fn a_server_that_ends_a_namespace_ends_it_for_later_sessions_too() {
    let mut rules = Rules::joined();
    rules.receives("1/chat,");
    assert_eq!(rules.steps(), [format!("left {:?}", LeaveReason::Server)]);
    rules.receives(r#"2/chat,["late"]"#);
    // socket.io's `disconnect(true)` ends the session right after the namespace.
    rules.0.disconnected(&DisconnectReason::Server);
    rules.0.connected();
    assert!(rules.steps().is_empty());
}

#[test]
fn a_namespace_that_is_left_early_is_left_when_the_server_has_answered() {
    let mut rules = Rules::joining();
    rules.0.leave("/chat");
    assert_eq!(rules.steps(), ["refused Cancelled"], "the server would close the connection");
    rules.receives(r#"0/chat,{"sid":"s1"}"#);
    assert_eq!(rules.steps(), ["send 1/chat,"]);

    let mut rules = Rules::joined();
    rules.0.join("/other");
    rules.authorized(json!({}));
    rules.steps();
    rules.0.leave_all();
    assert_eq!(rules.steps(), ["send 1/chat,", "refused Cancelled"]);

    let mut rules = Rules::joining();
    rules.0.join_timed_out("/chat");
    rules.0.join("/chat");
    rules.receives(r#"0/chat,{"sid":"s1"}"#);
    assert_eq!(rules.steps(), ["refused TimedOut", "joined s1, recovered: false"]);
    rules.0.join_timed_out("/chat");
    assert!(rules.0.is_joined("/chat"));
    rules.0.leave("/chat");
    assert_eq!(rules.steps(), ["send 1/chat,"]);
}

#[test]
fn the_answer_of_a_hook_counts_for_its_own_session_only() {
    let mut rules = Rules(Namespaces::default());
    rules.0.join("/chat");
    rules.0.connected();
    let asked: Vec<_> = rules.0.outputs().collect();
    rules.0.disconnected(&LOST);
    rules.0.join("/chat");
    rules.0.connected();
    rules.steps();
    let Output::Authorize { round, .. } = asked[0] else { panic!("{asked:?}") };
    rules.0.authorized("/chat", round, Ok(Map::new()));
    assert!(rules.steps().is_empty());
}
