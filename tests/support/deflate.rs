//! A server that compresses messages (RFC 7692).

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::server::{Acceptor, Peer, Received};

/// The contexts of a server, for one connection.
pub(crate) struct Deflate {
    deflater: Compress,
    inflater: Decompress,
    /// The server compresses its messages together.
    keeps_own: bool,
    /// The client compresses its messages together.
    keeps_theirs: bool,
}

impl Deflate {
    /// The contexts that an answer with these parameters means.
    pub(crate) fn new(answer: &str) -> Self {
        let bits = |name: &str| {
            let value = answer.split_once(name).map(|(_, rest)| rest.split(';').next().unwrap());
            value.map_or(15, |value| value.trim().parse().unwrap())
        };
        let level = Compression::new(6);
        Self {
            deflater: Compress::new_with_window_bits(level, false, bits("server_max_window_bits=")),
            // A client that exceeds its window is not understood.
            inflater: Decompress::new_with_window_bits(false, bits("client_max_window_bits=")),
            keeps_own: !answer.contains("server_no_context_takeover"),
            keeps_theirs: !answer.contains("client_no_context_takeover"),
        }
    }

    /// The payload of a compressed message.
    pub(crate) fn deflate(&mut self, message: &[u8]) -> Vec<u8> {
        let mut payload = Vec::with_capacity(message.len() + message.len() / 4 + 1024);
        self.deflater.compress_vec(message, &mut payload, FlushCompress::Sync).unwrap();
        if !self.keeps_own {
            self.deflater.reset();
        }
        payload.strip_suffix(b"\0\0\xff\xff").expect("all of the message").to_vec()
    }

    /// The message with this payload.
    pub(crate) fn inflate(&mut self, payload: &[u8]) -> Vec<u8> {
        let input = [payload, b"\0\0\xff\xff"].concat();
        let start = self.inflater.total_in();
        let mut message = Vec::new();
        loop {
            message.reserve(1 << 16);
            let consumed = usize::try_from(self.inflater.total_in() - start).unwrap();
            let status =
                self.inflater.decompress_vec(&input[consumed..], &mut message, FlushDecompress::None);
            assert_ne!(status.unwrap(), Status::StreamEnd);
            if message.len() < message.capacity() {
                break;
            }
        }
        if !self.keeps_theirs {
            self.inflater.reset(false);
        }
        message
    }
}

impl Acceptor {
    /// Opens a session over WebSocket with this answer to the offer of compression.
    pub(crate) fn opens_compressed(&self, open: impl ToString, answer: &str) -> (Peer, Deflate) {
        let (mut ws, _) = self.accepts_compressed(answer);
        let mut deflate = Deflate::new(answer);
        ws.send_deflated(1, deflate.deflate(open.to_string().as_bytes()));
        (ws, deflate)
    }

    /// Accepts a WebSocket with this answer to the offer of compression.
    pub(crate) fn accepts_compressed(&self, answer: &str) -> (Peer, Received) {
        let mut ws = self.accept();
        let request = ws.read_head();
        ws.switch_protocols(&request, &[("sec-websocket-extensions", answer)]);
        (ws, request)
    }
}

impl Peer {
    /// Sends a compressed message with this payload in one frame.
    pub(crate) fn send_deflated(&mut self, opcode: u8, payload: impl AsRef<[u8]>) {
        self.send_frame(true, 4, opcode, payload);
    }

    /// Expects a compressed message with this opcode, and returns it.
    pub(crate) fn reads_deflated(&mut self, opcode: u8, deflate: &mut Deflate) -> Vec<u8> {
        let (first, payload) = self.read_any_frame();
        assert_eq!(first, 0xc0 | opcode, "FIN, and compressed");
        deflate.inflate(&payload)
    }
}
