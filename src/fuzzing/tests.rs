//! The inputs that are committed, given to the targets without a fuzzer: what a fuzzer has found once is not found again.

use std::{fs, path::Path};

/// A target by its name. A target for text ignores other bytes, as libFuzzer does.
fn target(name: &str) -> fn(&[u8]) {
    match name {
        "body" => super::body,
        "connection" => super::connection,
        "cookies" => super::cookies,
        "endpoint" => |data| str::from_utf8(data).map_or((), super::endpoint),
        "handshake" => |data| str::from_utf8(data).map_or((), super::handshake),
        "packet" => |data| str::from_utf8(data).map_or((), super::packet),
        "payload" => super::payload,
        "payload_v3_binary" => super::payload_v3_binary,
        "payload_v3_text" => super::payload_v3_text,
        "redirects" => super::redirects,
        "response" => super::response,
        "tunnel" => super::tunnel,
        "websocket_decode" => super::websocket_decode,
        "websocket_deflate" => super::websocket_deflate,
        "websocket_encode" => super::websocket_encode,
        "websocket_inflate" => super::websocket_inflate,
        _ => panic!("no such target: {name}"),
    }
}

#[test]
fn every_committed_input_passes_its_fuzz_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let Ok(folders) = fs::read_dir(&corpus) else {
        // The package contains no fuzz targets.
        return;
    };
    for folder in folders {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        let target = target(&name);
        let mut seeds = 0;
        for file in fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            let is_seed = file.file_name().to_string_lossy().starts_with("seed-");
            seeds += usize::from(is_seed);
            if is_seed {
                println!("{name}: {}", file.path().display());
                target(&fs::read(file.path()).unwrap());
            }
        }
        assert!(seeds > 0, "{name} has no seeds");
    }
}

#[test]
fn every_fuzz_target_has_committed_inputs() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let Ok(targets) = fs::read_dir(fuzz.join("fuzz_targets")) else {
        // The package contains no fuzz targets.
        return;
    };
    for file in targets {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap();
        assert!(fuzz.join("corpus").join(name).is_dir(), "{} has no seeds", file.display());
    }
}
