//! The codecs by themselves: batches of 64 messages, or one of 64 KiB, from bytes and to bytes.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench codec`

#![allow(clippy::as_conversions, clippy::expect_used, reason = "a benchmark")]

use std::time::Duration;

use actix_engineio::{
    Data,
    codecs::{Messages, decode_frames, decode_payload},
};
use bytes::{Bytes, BytesMut};
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};

mod frame;

/// The name of a batch, a message of it, and how many it holds.
fn batches() -> [(&'static str, Data, usize); 4] {
    let text = |size| Data::from("x".repeat(size));
    let binary = |size| Data::from(Bytes::from(vec![b'x'; size]));
    [
        ("text 16 B", text(16), 64),
        ("text 1 KiB", text(1 << 10), 64),
        ("binary 1 KiB", binary(1 << 10), 64),
        ("binary 64 KiB", binary(64 << 10), 1),
    ]
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group
}

fn payload(criterion: &mut Criterion) {
    let mut group = group(criterion, "payload");
    for (name, message, count) in batches() {
        group.throughput(Throughput::Elements(count as u64));
        let messages: Messages = vec![message; count].into_iter().collect();
        let mut body = BytesMut::new();
        messages.encode_payload(&mut body);
        let body = body.freeze();
        group.bench_function(format!("decode {name}"), |bencher| {
            bencher.iter(|| assert_eq!(decode_payload(body.clone()).expect("a payload"), count));
        });
        let mut dst = BytesMut::new();
        group.bench_function(format!("encode {name}"), |bencher| {
            bencher.iter(|| {
                dst.clear();
                messages.encode_payload(&mut dst);
            });
        });
    }
}

fn websocket(criterion: &mut Criterion) {
    let mut group = group(criterion, "websocket");
    for (name, message, count) in batches() {
        group.throughput(Throughput::Elements(count as u64));
        let wire = BytesMut::from(&*frame::message(&message).repeat(count));
        group.bench_function(format!("decode {name}"), |bencher| {
            let decode = |mut wire: BytesMut| assert_eq!(decode_frames(&mut wire).expect("frames"), count);
            // One at a time: of many only the last would be in the cache, where a read has just put it.
            bencher.iter_batched(|| wire.clone(), decode, BatchSize::PerIteration);
        });
        let messages: Messages = vec![message; count].into_iter().collect();
        let mut dst = BytesMut::new();
        group.bench_function(format!("encode {name}"), |bencher| {
            bencher.iter(|| {
                dst.clear();
                messages.encode_frames(&mut dst).expect("memory has room");
            });
        });
    }
}

criterion_group!(codecs, payload, websocket);
criterion_main!(codecs);
