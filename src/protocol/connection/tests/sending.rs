//! Writing: batches, the queue, and answers to pings.

use super::{timeouts::ALIVE, *};

#[test]
fn batches_of_any_size_contain_every_packet_in_order() {
    let mut rig = Rig::websocket();
    let mut sent = 0;
    // The queue and the batches change buffers, or share what there is.
    for size in [1, 1023, 1024, 1025, 1, 2400, 3200, 1024, 3] {
        for ponged in [false, true] {
            let mut expected = Vec::new();
            if ponged {
                rig.packets(WEBSOCKET, vec![Packet::Ping("".into())]);
                expected.push("3".to_owned());
            }
            for _ in 0..size {
                rig.send(&sent.to_string());
                expected.push(format!("4{sent}"));
                sent += 1;
            }
            for batch in expected.chunks(BATCH.packets) {
                let write = format!("0 write {}", batch.join("|"));
                let out = rig.out();
                assert_eq!(out.iter().find(|word| word.contains("write")), Some(&write));
                rig.written(WEBSOCKET);
            }
        }
    }
    assert_eq!(rig.out(), [""; 0]);
    assert_eq!(rig.connection.waiting(), (0, 0));
}

#[test]
fn a_whole_batch_is_there_once_every_1024_messages_and_for_every_256_kib() {
    let mut rig = Rig::websocket();
    let mut at = Vec::new();
    for count in 1..=3200 {
        rig.send("");
        if rig.connection.has_batch() {
            at.push(count);
        }
    }
    assert_eq!(at, [1024, 2048, 3072]);

    let mut rig = Rig::without_max_payload(WEBSOCKET);
    rig.send(&"a".repeat(BATCH.bytes));
    assert!(rig.connection.has_batch());
    rig.out();
    rig.send(&"b".repeat(BATCH.bytes));
    assert!(!rig.connection.has_batch(), "one is in flight");
    rig.written(WEBSOCKET);
    assert!(rig.connection.has_batch());
}

#[test]
fn a_batch_for_polling_stays_within_max_payload_and_sixteen_packets() {
    let mut rig = Rig::polling("");
    rig.out();
    for at in 0..20 {
        rig.send(&format!("{at}"));
    }
    let all = (0..20).map(|at| format!("4{at}")).collect::<Vec<_>>();
    assert_eq!(rig.out(), [format!("0 write {}", all[..16].join("|"))]);
    rig.written(POLLING);
    assert_eq!(rig.out(), [format!("0 write {}", all[16..].join("|"))]);

    // `maxPayload` is 100: 49 + 1 + 50 fit, one byte more does not.
    let mut rig = Rig::polling("");
    rig.out();
    let (a, b, c) = ("a".repeat(48), "b".repeat(49), "c".repeat(50));
    rig.send(&a);
    rig.send(&b);
    rig.send(&c);
    rig.send(&b);
    assert_eq!(rig.out(), [format!("0 write 4{a}|4{b}")]);
    rig.written(POLLING);
    assert_eq!(rig.out(), [format!("0 write 4{c}")]);
}

#[test]
fn posts_grow_while_they_are_quick_and_shrink_when_one_was_slow() {
    const KIB: usize = 1 << 10;
    let mut rig = Rig::without_max_payload(POLLING);
    // Each takes 16 KiB in a POST, with its type and a separator.
    let message = "x".repeat(16 * KIB - 2);
    for _ in 0..64 {
        rig.send(&message);
    }
    let mut posted = |millis| {
        let out = rig.out();
        rig.now += Duration::from_millis(millis);
        rig.report(POLLING, ALIVE);
        rig.written(POLLING);
        out.last().expect("a POST").split('|').count()
    };
    assert_eq!([100, 9_000, 100, 4_000].map(&mut posted), [8, 16, 8, 16]);
    assert_eq!(posted(100), 16, "16 packets are the most");
}

#[test]
fn a_pong_goes_before_a_message_that_is_larger_than_a_post() {
    let mut rig = Rig::without_max_payload(POLLING);
    rig.send("first");
    rig.out();
    rig.packets(POLLING, vec![Packet::Ping("".into())]);
    let large = "x".repeat(200_000);
    rig.send(&large);
    rig.send("behind");
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 read", "0 write 3"]);
    rig.written(POLLING);
    assert_eq!(rig.out(), [format!("0 write 4{large}")]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 write 4behind"]);
}

#[test]
fn the_application_may_allow_less_in_a_post_than_the_server() {
    let mut rig = Rig::with(Limits { max_post_bytes: Some(10), ..Limits::default() });
    let params = params(rig.now, &[TransportKind::Polling, TransportKind::WebSocket]);
    rig.connection.connect(rig.now, params).unwrap();
    rig.packets(POLLING, vec![open_packet(r#""websocket""#)]);
    rig.out();
    let err = rig.connection.send(Data::from("a".repeat(10))).unwrap_err();
    assert_eq!(err.kind, SendErrorKind::TooLarge { size: 11, limit: 10 });
    rig.send("abcd");
    rig.send("efgh");
    assert_eq!(rig.out(), ["0 write 4abcd"], "with the separator, both have 11 bytes");
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 write 4efgh"]);
    rig.written(POLLING);
    // A WebSocket knows nothing of POSTs.
    rig.report(PROBE, ReportKind::Opened { protocol: None });
    rig.out();
    rig.written(PROBE);
    rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
    rig.report(POLLING, ReportKind::Paused);
    rig.out();
    rig.written(PROBE);
    rig.send(&"a".repeat(50));
    assert_eq!(rig.out().last(), Some(&format!("1 write 4{}", "a".repeat(50))));
}

#[test]
fn a_server_that_shows_it_accepts_any_number_gets_any_number() {
    let mut rig = Rig::polling("");
    rig.send("first");
    rig.out();
    for _ in 0..30 {
        rig.send("x");
    }
    rig.report(POLLING, ReportKind::Written { any_number: true });
    assert_eq!(rig.out(), [format!("0 write {}", ["4x"; 30].join("|"))]);
    // It has shown it once.
    for _ in 0..30 {
        rig.send("y");
    }
    rig.written(POLLING);
    assert_eq!(rig.out(), [format!("0 write {}", ["4y"; 30].join("|"))]);
}

#[test]
fn a_message_that_polling_cannot_carry_goes_back_to_its_sender() {
    let mut rig = Rig::polling("");
    let err = rig.connection.send(Data::from("a".repeat(100))).unwrap_err();
    assert_eq!(err.kind, SendErrorKind::TooLarge { size: 101, limit: 100 });
    assert_eq!(err.data.len(), 100);
    let err = rig.connection.send(Data::from(vec![0; 75])).unwrap_err();
    assert_eq!(err.kind, SendErrorKind::TooLarge { size: 101, limit: 100 });
    let err = rig.connection.send(Data::from("a\u{1e}b")).unwrap_err();
    assert_eq!(err.kind, SendErrorKind::NotRepresentable);
    rig.connection.send(Data::from("a".repeat(99))).unwrap();

    let mut rig = Rig::websocket();
    rig.connection.send(Data::from("a\u{1e}b")).unwrap();
}

#[test]
fn a_message_that_is_too_large_for_the_server_goes_back_to_its_sender_over_websocket_too() {
    let mut rig = Rig::websocket();
    for (data, size) in [(Data::from("a".repeat(100)), 101), (Data::from(vec![0; 101]), 101)] {
        let err = rig.connection.send(data.clone()).unwrap_err();
        assert_eq!((err.kind, err.data), (SendErrorKind::TooLarge { size, limit: 100 }, data));
    }
    rig.connection.send(Data::from("a".repeat(99))).unwrap();
    rig.connection.send(Data::from(vec![0; 100])).unwrap();
    assert!(rig.connection.is_open());
}

#[test]
fn a_server_without_max_payload_gets_messages_of_any_size() {
    for transport in [POLLING, WEBSOCKET] {
        let mut rig = Rig::without_max_payload(transport);
        rig.send(&"a".repeat(10_000_000));
        assert_eq!(rig.connection.waiting(), (1, 10_000_000));
    }
}

#[test]
fn room_in_the_queue_counts_what_is_in_flight_and_each_message() {
    let mut rig = Rig::with(Limits { send_queue: 1000, ..Limits::default() });
    let params = params(rig.now, &[TransportKind::WebSocket]);
    rig.connection.connect(rig.now, params).unwrap();
    rig.packets(WEBSOCKET, vec![open_packet("")]);
    let mut accepted = 0;
    while rig.connection.has_room() {
        rig.send("");
        accepted += 1;
        rig.out();
    }
    assert_eq!(accepted, 1000 / 64 + 1);
    rig.written(WEBSOCKET);
    assert!(rig.connection.has_room());
}

#[test]
fn a_pong_echoes_its_ping_and_goes_first() {
    let mut rig = Rig::websocket();
    rig.send("a");
    assert_eq!(rig.out(), ["0 write 4a"]);
    rig.send("b");
    rig.packets(WEBSOCKET, vec![Packet::Ping("x".into()), Packet::Ping("".into())]);
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), ["0 read", "0 write 3x|3|4b"]);
}

#[test]
fn answers_to_pings_that_wait_are_bounded_and_the_newest_ones() {
    let mut rig = Rig::websocket();
    rig.send("slow");
    assert_eq!(rig.out(), ["0 write 4slow"]);
    let pings = |data: &[String]| data.iter().map(|data| Packet::Ping(data.as_str().into())).collect();
    let small: Vec<_> = (0..100).map(|at| at.to_string()).collect();
    rig.packets(WEBSOCKET, pings(&small));
    rig.out();
    rig.written(WEBSOCKET);
    let newest: Vec<_> = (36..100).map(|at| format!("3{at}")).collect();
    assert_eq!(rig.out(), [format!("0 write {}", newest.join("|"))]);
    let large: Vec<_> = ["a", "b", "c"].map(|char| char.repeat(40 << 10)).into();
    rig.packets(WEBSOCKET, pings(&large));
    rig.out();
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), [format!("0 write 3{}", large[2])]);
    // A single one is answered whatever its size.
    let huge = ["d".repeat(1 << 20)];
    rig.packets(WEBSOCKET, pings(&huge));
    rig.out();
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), [format!("0 write 3{}", huge[0])]);
}

#[test]
fn the_round_trip_is_that_of_a_request() {
    let round_trip = |rig: &Rig| rig.connection.round_trip().map(|time| time.as_millis());
    for (transport, of_handshake, of_post) in [(POLLING, 20, 30), (WEBSOCKET, 20, 20)] {
        let mut rig = Rig::connect(&[transport.kind]);
        rig.now += Duration::from_millis(20);
        rig.packets(transport, vec![open_packet("")]);
        rig.out();
        assert_eq!(round_trip(&rig), Some(of_handshake));
        rig.send("a");
        rig.out();
        rig.now += Duration::from_millis(30);
        rig.written(transport);
        assert_eq!(round_trip(&rig), Some(of_post), "a write on a WebSocket is answered by nobody");
    }
}

#[test]
fn packets_and_bytes_are_counted_in_each_direction() {
    let mut rig = Rig::websocket();
    rig.packets(WEBSOCKET, vec![text("abc"), Packet::Ping("".into()), text("d")]);
    rig.send("ef");
    rig.out();
    rig.written(WEBSOCKET);
    let counters = rig.connection.counters();
    assert_eq!((counters.packets_received, counters.bytes_received), (4, 4), "with the open packet");
    assert_eq!((counters.packets_sent, counters.bytes_sent), (2, 2), "with the pong");
    assert_eq!(counters.sessions, 1);
}

#[test]
fn the_part_of_a_batch_that_was_sent_before_the_end_is_counted() {
    let mut rig = Rig::websocket();
    rig.packets(WEBSOCKET, vec![Packet::Ping("".into())]);
    for text in ["ab", "cde", "f", "g"] {
        rig.send(text);
    }
    rig.out();
    let outcome = BatchOutcome { sent: 3, uncertain: 1, begun: 0 };
    rig.closed(WEBSOCKET, Rig::eof(), outcome);
    let counters = rig.connection.counters();
    assert_eq!((counters.packets_sent, counters.messages_sent, counters.bytes_sent), (3, 2, 5));
}

#[test]
fn the_messages_of_an_interrupted_post_are_posted_again_half_as_many_at_a_time() {
    let mut rig = Rig::polling("");
    let first = ["4a|4b|4c|4d|4e"].as_slice();
    // In the third session every POST is answered, and the last one is not limited any more.
    let sessions = [first, &["4a|4b|4c"], &["4a|4b", "4c|4d", "4e|4f|4g"], &["4a|4b|4c|4d|4e|4f|4g"]];
    for (number, posts) in (0..).zip(sessions) {
        let id = TransportId { number, kind: TransportKind::Polling };
        if number > 0 {
            let params = params(rig.now, &[TransportKind::Polling]);
            rig.connection.connect(rig.now, params).unwrap();
            rig.opens(id, open_packet(""));
        }
        let texts =
            if number < 2 { &["a", "b", "c", "d", "e"][..] } else { &["a", "b", "c", "d", "e", "f", "g"] };
        texts.iter().for_each(|text| rig.send(text));
        for post in posts {
            let write = format!("{number} write {post}");
            assert!(rig.out().contains(&write), "{write}");
            if number >= 2 {
                rig.written(id);
            }
        }
        rig.closed(id, Rig::eof(), BatchOutcome::BEGUN);
        rig.out();
    }
}

#[test]
fn the_buffer_of_a_written_batch_is_filled_again() {
    let mut rig = Rig::websocket();
    let mut room = |messages| {
        for _ in 0..messages {
            rig.send("a");
        }
        let Some(Output::Order(WEBSOCKET, Command::Write(batch))) = rig.connection.poll_output(rig.now)
        else {
            panic!()
        };
        let room = batch.capacity();
        drop(batch);
        rig.written(WEBSOCKET);
        room
    };
    assert_eq!(room(20), room(1));
}
