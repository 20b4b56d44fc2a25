//! As much of HTTP as the clients need.

use std::io::{self, BufRead, Read, Write};

/// The head of a request, and its body.
#[derive(Debug, Default)]
pub(crate) struct Request {
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Reads the next request into the memory of the last one.
    pub(crate) fn read(&mut self, reader: &mut impl BufRead) -> io::Result<()> {
        self.head.clear();
        self.body.clear();
        while !self.head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut self.head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let length = self.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        reader.take(length).read_to_end(&mut self.body)?;
        Ok(())
    }

    pub(crate) fn is_post(&self) -> bool {
        self.head.starts_with("POST")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or("")
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target().split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.parameter(name)?.parse().ok()
    }

    fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or("")
    }
}

pub(crate) fn answer(stream: impl Write, body: &[u8]) -> io::Result<()> {
    write(stream, "200 OK", body)
}

pub(crate) fn refuse(stream: impl Write) -> io::Result<()> {
    write(stream, "400 Bad Request", br#"{"code":1,"message":"Session ID unknown"}"#)
}

fn write(mut stream: impl Write, status: &str, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=UTF-8\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat())
}
