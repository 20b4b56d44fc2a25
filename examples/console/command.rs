//! What a line means.

use std::str::FromStr;

use actix_engineio::Data;
use base64::{Engine as _, engine::general_purpose::STANDARD};

pub(crate) const HELP: &str = "\
A line is sent as text. One that starts with a slash is a command:
  /binary BYTES      sends bytes, in hex (00 01 ff) or in base64 (AAH/)
  /status            shows the state, the transport, and the bytes in both directions
  /disconnect        closes the connection
  /connect [URL]     connects again, or to another server
  /help              shows this
  /quit              ends the program, as Ctrl-C and Ctrl-D do
  //...              sends text that starts with a slash";

pub(crate) const NAMES: [&str; 6] = ["/binary ", "/status", "/disconnect", "/connect ", "/help", "/quit"];

pub(crate) enum Command {
    Send(Data),
    Status,
    Disconnect,
    Connect(Option<String>),
    Help,
    Quit,
    /// An empty line.
    Nothing,
}

impl FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        if line.is_empty() {
            return Ok(Self::Nothing);
        }
        let Some(command) = line.strip_prefix('/') else { return Ok(Self::Send(line.into())) };
        if command.starts_with('/') {
            return Ok(Self::Send(command.into()));
        }
        let (name, argument) = command.split_once(' ').unwrap_or((command, ""));
        match (name, argument.trim()) {
            ("binary", bytes) => Ok(Self::Send(Data::from(decode(bytes)?))),
            ("connect", "") => Ok(Self::Connect(None)),
            ("connect", url) => Ok(Self::Connect(Some(url.to_owned()))),
            ("status", "") => Ok(Self::Status),
            ("disconnect", "") => Ok(Self::Disconnect),
            ("help", "") => Ok(Self::Help),
            ("quit", "") => Ok(Self::Quit),
            _ => Err(format!("no such command: {line} (/help lists them, a second slash sends it)")),
        }
    }
}

/// What can be read as hex is hex, everything else base64.
fn decode(text: &str) -> Result<Vec<u8>, String> {
    let compact: String = text.split_whitespace().collect();
    let is_hex = compact.len().is_multiple_of(2) && compact.chars().all(|digit| digit.is_ascii_hexdigit());
    if is_hex {
        let digit = |digit: char| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digits: Vec<u8> = compact.chars().filter_map(digit).collect();
        return Ok(digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect());
    }
    STANDARD.decode(compact).map_err(|err| format!("neither hex nor base64: {err}"))
}
