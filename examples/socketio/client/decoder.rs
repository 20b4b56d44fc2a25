//! Reads packets from messages of Engine.IO.

use std::fmt;

use actix_engineio::Data;
use serde_json::{Map, Value};

use super::packet::{Args, Body, Packet, ROOT, Type, placeholder};

/// Limits for what a server can make the client store before a packet is complete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) attachments: usize,
    /// All attachments of a packet together.
    pub(crate) attachment_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { attachments: 64, attachment_bytes: 16 << 20 }
    }
}

/// What is wrong with a message of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecodeError {
    UnknownType,
    InvalidNumber,
    InvalidJson,
    /// The JSON is not what a packet of this type has.
    InvalidPayload,
    TooManyAttachments,
    TooManyBytes,
    /// The JSON refers to an attachment that does not exist.
    UnknownAttachment,
    /// A text came in place of an attachment.
    MissingAttachment,
    /// Bytes came that belong to no packet.
    UnexpectedAttachment,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownType => "a packet of an unknown type",
            Self::InvalidNumber => "an invalid number",
            Self::InvalidJson => "invalid JSON",
            Self::InvalidPayload => "JSON that does not belong to the type of its packet",
            Self::TooManyAttachments => "too many attachments",
            Self::TooManyBytes => "too many bytes in attachments",
            Self::UnknownAttachment => "a reference to an attachment that does not exist",
            Self::MissingAttachment => "a text instead of an attachment",
            Self::UnexpectedAttachment => "bytes without a packet",
        })
    }
}

/// Reads one message after the other. It has a state because the attachments of a packet come behind it.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    limits: Limits,
    incomplete: Option<Incomplete>,
}

/// A packet of which attachments are missing.
#[derive(Debug)]
struct Incomplete {
    packet: Packet,
    missing: usize,
    bytes: usize,
}

impl Decoder {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, incomplete: None }
    }

    /// Returns the packet that this message completes, if it completes one.
    ///
    /// # Errors
    /// The server does not speak Socket.IO 5. Later messages mean nothing, so the session has to end.
    pub(crate) fn decode(&mut self, data: Data) -> Result<Option<Packet>, DecodeError> {
        match (data, self.incomplete.take()) {
            (Data::Text(text), None) => {
                let (packet, missing) = self.text(&text)?;
                if missing == 0 {
                    return Ok(Some(packet));
                }
                self.incomplete = Some(Incomplete { packet, missing, bytes: 0 });
                Ok(None)
            }
            (Data::Binary(bytes), Some(mut incomplete)) => {
                incomplete.missing -= 1;
                incomplete.bytes += bytes.len();
                if incomplete.bytes > self.limits.attachment_bytes {
                    return Err(DecodeError::TooManyBytes);
                }
                if let Body::Event { args, .. } | Body::Ack { args, .. } = &mut incomplete.packet.body {
                    args.attachments.push(bytes);
                }
                if incomplete.missing == 0 {
                    return Ok(Some(incomplete.packet));
                }
                self.incomplete = Some(incomplete);
                Ok(None)
            }
            (Data::Text(_), Some(_)) => Err(DecodeError::MissingAttachment),
            (Data::Binary(_), None) => Err(DecodeError::UnexpectedAttachment),
        }
    }

    /// The packet of a text, and the number of its attachments.
    fn text(&self, text: &str) -> Result<(Packet, usize), DecodeError> {
        let mut rest = text;
        let (packet_type, is_binary) = match take_char(&mut rest) {
            Some('0') => (Type::Connect, false),
            Some('1') => (Type::Disconnect, false),
            Some('2') => (Type::Event, false),
            Some('3') => (Type::Ack, false),
            Some('4') => (Type::ConnectError, false),
            Some('5') => (Type::Event, true),
            Some('6') => (Type::Ack, true),
            _ => return Err(DecodeError::UnknownType),
        };
        let attachments = if is_binary { self.attachments(&mut rest)? } else { 0 };
        let namespace = namespace(&mut rest);
        let id = take_number(&mut rest)?;
        let payload = match rest {
            "" => None,
            json => Some(serde_json::from_str(json).map_err(|_| DecodeError::InvalidJson)?),
        };
        let body = body(packet_type, id, payload)?;
        if let Body::Event { args, .. } | Body::Ack { args, .. } = &body
            && is_binary
            && !args.values.iter().all(|value| refers_below(value, attachments))
        {
            return Err(DecodeError::UnknownAttachment);
        }
        Ok((Packet::new(namespace, body), attachments))
    }

    fn attachments(&self, rest: &mut &str) -> Result<usize, DecodeError> {
        let number = take_number(rest)?.ok_or(DecodeError::InvalidNumber)?;
        *rest = rest.strip_prefix('-').ok_or(DecodeError::InvalidNumber)?;
        match usize::try_from(number) {
            Ok(number) if number <= self.limits.attachments => Ok(number),
            _ => Err(DecodeError::TooManyAttachments),
        }
    }
}

fn take_char(rest: &mut &str) -> Option<char> {
    let mut chars = rest.chars();
    let first = chars.next();
    *rest = chars.as_str();
    first
}

fn namespace<'a>(rest: &mut &'a str) -> &'a str {
    if !rest.starts_with('/') {
        return ROOT;
    }
    let (namespace, behind) = rest.split_once(',').unwrap_or((rest, ""));
    *rest = behind;
    namespace
}

fn take_number(rest: &mut &str) -> Result<Option<u64>, DecodeError> {
    let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
    let (number, behind) = rest.split_at(end);
    *rest = behind;
    if number.is_empty() {
        Ok(None)
    } else {
        number.parse().map(Some).map_err(|_| DecodeError::InvalidNumber)
    }
}

fn body(packet_type: Type, id: Option<u64>, payload: Option<Value>) -> Result<Body, DecodeError> {
    let args = |values| Args { values, attachments: Vec::new() };
    Ok(match (packet_type, payload) {
        (Type::Connect, None) => Body::Connect(Map::new()),
        (Type::Connect, Some(Value::Object(answer))) => Body::Connect(answer),
        (Type::Disconnect, None) => Body::Disconnect,
        (Type::Event, Some(Value::Array(mut values))) if matches!(values.first(), Some(Value::String(_))) => {
            // The name.
            let Value::String(name) = values.remove(0) else { return Err(DecodeError::InvalidPayload) };
            Body::Event { id, name, args: args(values) }
        }
        (Type::Ack, Some(Value::Array(values))) => {
            Body::Ack { id: id.ok_or(DecodeError::InvalidNumber)?, args: args(values) }
        }
        // python-socketio can send the message only.
        (Type::ConnectError, Some(Value::String(message))) => Body::ConnectError { message, data: None },
        (Type::ConnectError, Some(Value::Object(mut error))) => {
            let message = match error.remove("message") {
                Some(Value::String(message)) => message,
                other => other.map_or_else(String::new, |other| other.to_string()),
            };
            Body::ConnectError { message, data: error.remove("data") }
        }
        _ => return Err(DecodeError::InvalidPayload),
    })
}

/// Whether every attachment that a value refers to has a number below `count`.
fn refers_below(value: &Value, count: usize) -> bool {
    if let Some(number) = placeholder(value) {
        return number < count;
    }
    match value {
        Value::Array(values) => values.iter().all(|value| refers_below(value, count)),
        Value::Object(object) => object.values().all(|value| refers_below(value, count)),
        _ => true,
    }
}
