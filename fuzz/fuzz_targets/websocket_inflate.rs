#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| actix_engineio::fuzzing::websocket_inflate(data));
