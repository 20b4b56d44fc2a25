//! The packets of Socket.IO 5, and how they are written into messages of Engine.IO.
//!
//! A packet is a text, `<type>[<attachments>-][<namespace>,][<id>][<JSON>]`, and behind it one binary message for each
//! attachment. See <https://socket.io/docs/v4/socket-io-protocol/>.

use actix_engineio::{Data, bytes::Bytes};
use serde_json::{Map, Value, json};

/// The namespace that every server has. It is not written.
pub(crate) const ROOT: &str = "/";

/// One packet, in either direction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Packet {
    /// It begins with a slash.
    pub(crate) namespace: String,
    pub(crate) body: Body,
}

/// The content of a packet. It decides about the packet's type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    /// Of the client: what it says about itself. Of the server: the answer.
    Connect(Map<String, Value>),
    Disconnect,
    /// With a number if the sender wants an acknowledgement.
    Event {
        id: Option<u64>,
        name: String,
        args: Args,
    },
    Ack {
        id: u64,
        args: Args,
    },
    /// The server does not let the client into the namespace.
    ConnectError {
        message: String,
        data: Option<Value>,
    },
}

/// The arguments of an event or of an acknowledgement.
///
/// Bytes are not part of the JSON. An object such as `{"_placeholder":true,"num":0}` is in their place, and
/// [`bytes`](Self::bytes) returns the bytes for it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Args {
    pub(super) values: Vec<Value>,
    pub(super) attachments: Vec<Bytes>,
}

impl Args {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a value of JSON.
    #[must_use]
    pub(crate) fn value(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Adds bytes as an argument.
    #[must_use]
    pub(crate) fn binary(mut self, bytes: impl Into<Bytes>) -> Self {
        let placeholder = self.attach(bytes);
        self.values.push(placeholder);
        self
    }

    /// Adds bytes, and returns the object that represents them inside of a value that is added later.
    pub(crate) fn attach(&mut self, bytes: impl Into<Bytes>) -> Value {
        self.attachments.push(bytes.into());
        json!({ "_placeholder": true, "num": self.attachments.len() - 1 })
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    /// The bytes that `value` represents.
    pub(crate) fn bytes(&self, value: &Value) -> Option<&Bytes> {
        self.attachments.get(placeholder(value)?)
    }
}

/// The number of the attachment that a value represents.
pub(super) fn placeholder(value: &Value) -> Option<usize> {
    let object = value.as_object()?;
    if object.get("_placeholder") != Some(&Value::Bool(true)) {
        return None;
    }
    // A number that cannot be read counts as one that is too large: no attachment has it.
    Some(
        object
            .get("num")
            .and_then(Value::as_u64)
            .map_or(usize::MAX, |num| usize::try_from(num).unwrap_or(usize::MAX)),
    )
}

/// The number in front of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
}

impl Packet {
    pub(crate) fn new(namespace: &str, body: Body) -> Self {
        Self { namespace: namespace.to_owned(), body }
    }

    /// The messages of Engine.IO that carry the packet. No other message may go between them.
    pub(crate) fn encode(self) -> Vec<Data> {
        let (digit, id, payload, attachments) = match self.body {
            Body::Connect(auth) if auth.is_empty() => (0, None, None, Vec::new()),
            Body::Connect(auth) => (0, None, Some(Value::Object(auth)), Vec::new()),
            Body::Disconnect => (1, None, None, Vec::new()),
            Body::Event { id, name, mut args } => {
                args.values.insert(0, Value::String(name));
                (
                    if args.attachments.is_empty() { 2 } else { 5 },
                    id,
                    Some(args.values.into()),
                    args.attachments,
                )
            }
            Body::Ack { id, args } => (
                if args.attachments.is_empty() { 3 } else { 6 },
                Some(id),
                Some(args.values.into()),
                args.attachments,
            ),
            Body::ConnectError { message, data } => {
                let mut error = json!({ "message": message });
                if let (Some(data), Some(error)) = (data, error.as_object_mut()) {
                    error.insert("data".to_owned(), data);
                }
                (4, None, Some(error), Vec::new())
            }
        };
        let mut text = digit.to_string();
        if !attachments.is_empty() {
            text.push_str(&format!("{}-", attachments.len()));
        }
        if self.namespace != ROOT {
            text.push_str(&self.namespace);
            text.push(',');
        }
        if let Some(id) = id {
            text.push_str(&id.to_string());
        }
        if let Some(payload) = payload {
            text.push_str(&payload.to_string());
        }
        let attachments = attachments.into_iter().map(Data::from);
        [Data::from(text)].into_iter().chain(attachments).collect()
    }
}
