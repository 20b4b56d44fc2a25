//! The answer of a server to the offer of an extension (RFC 6455, section 9.1; RFC 7692, sections 5 and 7.1).

use super::compression::{AgreedCompression, Compression};

const NOT_OFFERED: &str = "a WebSocket extension that was not asked for";
const MALFORMED: &str = "a malformed sec-websocket-extensions";
const SEVERAL: &str = "more than one WebSocket extension";
const UNKNOWN_PARAMETER: &str = "a parameter of permessage-deflate that was not asked for";
const TWICE: &str = "a parameter of permessage-deflate twice";
const BAD_VALUE: &str = "a parameter of permessage-deflate with an invalid value";
const CONTEXT_NOT_GIVEN_UP: &str =
    "permessage-deflate without the server_no_context_takeover that was asked for";

/// Reads the values of all `sec-websocket-extensions` of a response. `None`: the server has accepted no extension.
///
/// RFC 7692, section 5.1: a client "MUST _Fail the WebSocket Connection_" if it does not support the parameters. The error
/// says what is wrong, without the words of the server, which may repeat a secret.
pub(crate) fn accept<'a>(
    offer: Option<Compression>,
    lines: impl Iterator<Item = &'a [u8]>,
) -> Result<Option<AgreedCompression>, &'static str> {
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let offer = offer.ok_or(NOT_OFFERED)?;
    // RFC 6455, section 9.1: several lines are one list.
    let list = lines.join(&b',');
    let mut reader = Reader(&list);
    reader.skip_empty_elements();
    if reader.token().ok_or(MALFORMED)? != b"permessage-deflate" {
        return Err(NOT_OFFERED);
    }
    let mut answer = Answer::default();
    while reader.eat(b';') {
        let name = reader.token().ok_or(MALFORMED)?;
        let value = if reader.eat(b'=') { Some(reader.value().ok_or(MALFORMED)?) } else { None };
        answer.add(offer, name, value.as_deref())?;
    }
    if !reader.eat(b',') && !reader.0.is_empty() {
        return Err(MALFORMED);
    }
    reader.skip_empty_elements();
    if !reader.0.is_empty() {
        // RFC 7692, section 5.2: the rest would be a second extension, and only one was offered.
        return Err(SEVERAL);
    }
    answer.agreed(offer).map(Some)
}

/// The parameters of an answer.
#[derive(Default)]
struct Answer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<u8>,
}

impl Answer {
    fn add(&mut self, offer: Compression, name: &[u8], value: Option<&[u8]>) -> Result<(), &'static str> {
        match name {
            // The server may add these three without having been asked (sections 7.1.1.1 to 7.1.2.1).
            b"server_no_context_takeover" => set_flag(&mut self.server_no_context_takeover, value),
            b"client_no_context_takeover" => set_flag(&mut self.client_no_context_takeover, value),
            b"server_max_window_bits" => set_bits(&mut self.server_max_window_bits, value),
            // Section 7.1.2.2: only if the client has offered it.
            b"client_max_window_bits" if offer.offers_client_context() => {
                set_bits(&mut self.client_max_window_bits, value)
            }
            _ => Err(UNKNOWN_PARAMETER),
        }
    }

    fn agreed(self, offer: Compression) -> Result<AgreedCompression, &'static str> {
        // Section 7.1.1.1: a server accepts this parameter by repeating it.
        if !offer.allows_server_context() && !self.server_no_context_takeover {
            return Err(CONTEXT_NOT_GIVEN_UP);
        }
        let agreed = AgreedCompression::default();
        Ok(AgreedCompression {
            server_context: !self.server_no_context_takeover,
            // Section 7.1.1.2: a client that has offered to use no context uses none, whatever the server answers.
            client_context: offer.offers_client_context() && !self.client_no_context_takeover,
            server_window_bits: self.server_max_window_bits.unwrap_or(agreed.server_window_bits),
            client_window_bits: self.client_max_window_bits.unwrap_or(agreed.client_window_bits),
        })
    }
}

fn set_flag(flag: &mut bool, value: Option<&[u8]>) -> Result<(), &'static str> {
    match value {
        Some(_) => Err(BAD_VALUE),
        None if *flag => Err(TWICE),
        None => {
            *flag = true;
            Ok(())
        }
    }
}

/// Section 7.1.2: "a decimal integer value without leading zeroes between 8 to 15, inclusive".
fn set_bits(bits: &mut Option<u8>, value: Option<&[u8]>) -> Result<(), &'static str> {
    let number = match value {
        Some(&[digit @ b'8'..=b'9']) => digit - b'0',
        Some(&[b'1', digit @ b'0'..=b'5']) => 10 + (digit - b'0'),
        _ => return Err(BAD_VALUE),
    };
    match bits.replace(number) {
        Some(_) => Err(TWICE),
        None => Ok(()),
    }
}

/// Reads the syntax of RFC 6455, section 9.1. It skips the blanks around everything that it reads.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Takes this byte, if it comes next.
    fn eat(&mut self, byte: u8) -> bool {
        let rest = self.0.trim_ascii_start().strip_prefix(&[byte]);
        if let Some(rest) = rest {
            self.0 = rest.trim_ascii_start();
        }
        rest.is_some()
    }

    /// RFC 9110, section 5.6.1.2: "A recipient MUST parse and ignore a reasonable number of empty list elements".
    fn skip_empty_elements(&mut self) {
        while self.eat(b',') {}
    }

    /// Takes a token.
    fn token(&mut self) -> Option<&'a [u8]> {
        let text = self.0.trim_ascii_start();
        let end = text.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(text.len());
        let (token, rest) = text.split_at_checked(end)?;
        self.0 = rest.trim_ascii_start();
        (!token.is_empty()).then_some(token)
    }

    /// Takes a token, or a quoted one: "the value after quoted-string unescaping MUST conform to the 'token' ABNF".
    fn value(&mut self) -> Option<Vec<u8>> {
        // Blanks inside of the quotes are a part of the value.
        let Some(quoted) = self.0.trim_ascii_start().strip_prefix(b"\"") else {
            return self.token().map(<[u8]>::to_vec);
        };
        let mut value = Vec::new();
        let mut bytes = quoted.iter();
        loop {
            match bytes.next()? {
                b'"' => break,
                b'\\' => value.push(*bytes.next()?),
                byte => value.push(*byte),
            }
        }
        self.0 = bytes.as_slice().trim_ascii_start();
        (!value.is_empty() && value.iter().all(|byte| is_token_byte(*byte))).then_some(value)
    }
}

/// RFC 9110, section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests;
