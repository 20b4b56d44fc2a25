//! The token for the `authorization` header.

use std::sync::{Mutex, PoisonError};

use actix_engineio::{Attempt, ReconnectCause, awc::Client};

/// A token that is fetched at the first attempt, and again only after the server did not accept it. The other attempts of a
/// long outage use the token that there is.
#[derive(Default)]
pub(crate) struct Token(Mutex<Option<String>>);

impl Token {
    pub(crate) async fn get(
        &self,
        attempt: &Attempt,
        fetch: impl AsyncFnOnce() -> Result<String, String>,
    ) -> Result<String, String> {
        if was_refused(attempt) {
            self.set(None);
        }
        // The lock is released before the await.
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(token) => Ok(token),
            None => {
                let token = fetch().await?;
                self.set(Some(token.clone()));
                Ok(token)
            }
        }
    }

    fn set(&self, token: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }
}

/// Whether the attempt before this one failed with the status 401 or 403.
fn was_refused(attempt: &Attempt) -> bool {
    match &attempt.cause {
        Some(ReconnectCause::Failed(err)) => {
            err.http_status().is_some_and(|status| matches!(status.status, 401 | 403))
        }
        _ => false,
    }
}

/// Fetches a token, which is the body of the response.
pub(crate) async fn fetch(url: &str) -> Result<String, String> {
    log::info!("fetching a token");
    let mut response = Client::new().get(url).send().await.map_err(|err| format!("no token: {err}"))?;
    if !response.status().is_success() {
        return Err(format!("no token: {}", response.status()));
    }
    let body = response.body().await.map_err(|err| format!("no token: {err}"))?;
    String::from_utf8(body.to_vec()).map_err(|err| format!("no token: {err}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::Cell;

    use actix_engineio::{ConnectError, DisconnectReason, HttpStatus};

    use super::*;

    fn failed(status: u16) -> Option<ReconnectCause> {
        let status = HttpStatus::new(status);
        Some(ReconnectCause::Failed(ConnectError::status("http://localhost/", status)))
    }

    #[actix::test]
    async fn a_token_is_fetched_only_when_it_is_needed() {
        let lost = Some(ReconnectCause::Lost(DisconnectReason::PingTimeout));
        // The cause of each attempt, and the number of the token that it uses.
        let attempts = [
            (None, "1"),
            (lost, "1"),
            (failed(503), "1"),
            (failed(401), "2"),
            (failed(503), "2"),
            (failed(403), "3"),
        ];
        let (token, fetched) = (Token::default(), Cell::new(0));
        for (number, (cause, expected)) in (0..).zip(attempts) {
            let fetch = async || {
                fetched.set(fetched.get() + 1);
                Ok(fetched.get().to_string())
            };
            let attempt = Attempt::new(number, cause);
            assert_eq!(token.get(&attempt, fetch).await.unwrap(), expected, "{attempt:?}");
        }
    }

    #[actix::test]
    async fn a_token_that_could_not_be_fetched_is_fetched_at_the_next_attempt() {
        let token = Token::default();
        let no_fetch = async || Err("no token".to_owned());
        token.get(&Attempt::default(), no_fetch).await.unwrap_err();
        let attempt = Attempt::new(1, Some(ReconnectCause::Failed(ConnectError::hook("no token"))));
        assert_eq!(token.get(&attempt, async || Ok("1".to_owned())).await.unwrap(), "1");
    }
}
