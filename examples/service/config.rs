//! The configuration, which comes from variables of the environment.

use std::{fmt::Display, str::FromStr, time::Duration};

pub(crate) const USAGE: &str = "\
service

A web service that sends messages to an Engine.IO server. These variables of the environment configure it:

    SERVICE_LISTEN            address and port of the web service (127.0.0.1:8080)
    SERVICE_URL               URL of the Engine.IO server; without it the program starts a server of its own
    SERVICE_TOKEN_URL         URL that returns a token for the `authorization` header (none)
    SERVICE_SEND_QUEUE        bytes of messages that may wait to be sent (1048576)
    SERVICE_ANSWER_TIMEOUT    seconds that a question may take (5)
    SERVICE_CLOSE_TIMEOUT     seconds to send what is waiting when the service stops (10)";

#[derive(Debug, PartialEq)]
pub(crate) struct Config {
    pub(crate) listen: String,
    pub(crate) url: Option<String>,
    pub(crate) token_url: Option<String>,
    pub(crate) send_queue: usize,
    pub(crate) answer_timeout: Duration,
    pub(crate) close_timeout: Duration,
}

impl Config {
    /// Reads each variable with `variable`. The error names the variable that cannot be used.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        Ok(Self {
            listen: variable("SERVICE_LISTEN").unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
            url: variable("SERVICE_URL"),
            token_url: variable("SERVICE_TOKEN_URL"),
            send_queue: parse(&variable, "SERVICE_SEND_QUEUE", 1 << 20)?,
            answer_timeout: seconds(&variable, "SERVICE_ANSWER_TIMEOUT", 5)?,
            close_timeout: seconds(&variable, "SERVICE_CLOSE_TIMEOUT", 10)?,
        })
    }
}

fn seconds(variable: impl Fn(&str) -> Option<String>, name: &str, default: u32) -> Result<Duration, String> {
    parse(variable, name, default).map(|seconds| Duration::from_secs(seconds.into()))
}

fn parse<T: FromStr>(variable: impl Fn(&str) -> Option<String>, name: &str, default: T) -> Result<T, String>
where
    T::Err: Display,
{
    match variable(name) {
        Some(text) => text.parse().map_err(|err| format!("{name} is {text:?}: {err}")),
        None => Ok(default),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn without_variables_there_are_defaults() {
        let config = Config::read(|_| None).unwrap();
        assert_eq!(config.listen, "127.0.0.1:8080");
        assert_eq!(config.url, None);
        assert_eq!(config.send_queue, 1 << 20);
        assert_eq!(config.answer_timeout, Duration::from_secs(5));
    }

    #[test]
    fn the_error_names_the_variable_and_its_value() {
        let err = Config::read(|name| (name == "SERVICE_CLOSE_TIMEOUT").then(|| "10s".to_owned()));
        assert_eq!(err, Err("SERVICE_CLOSE_TIMEOUT is \"10s\": invalid digit found in string".to_owned()));
    }
}
