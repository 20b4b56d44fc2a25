#![no_main]

libfuzzer_sys::fuzz_target!(|data: &str| actix_engineio::fuzzing::handshake(data));
