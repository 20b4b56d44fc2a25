//! The messages that could not be sent.

use actix::prelude::*;
use actix_engineio::Event;

/// Counts them and logs each. A service that must not lose them would write them to a file or to a database here.
#[derive(Default)]
pub(crate) struct Unsent {
    count: usize,
}

impl Actor for Unsent {
    type Context = Context<Self>;
}

impl Handler<Event> for Unsent {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        match event {
            Event::Disconnected(end) => {
                for data in &end.unsent {
                    log::warn!("not sent, {}: {} bytes", end.reason, data.len());
                }
                for data in &end.in_doubt {
                    log::warn!("perhaps not sent, {}: {} bytes", end.reason, data.len());
                }
                self.count += end.unsent.len() + end.in_doubt.len();
            }
            Event::Rejected(err) => {
                log::warn!("not sent, {err}: {} bytes", err.data.len());
                self.count += 1;
            }
            // This service has no `SendAll`. This arm is for programs that copy the file.
            Event::RejectedAll(err) => {
                for data in &err.data {
                    log::warn!("not sent, {}: {} bytes", err.kind, data.len());
                }
                self.count += err.data.len();
            }
            _ => {}
        }
    }
}

/// Replies with the number of messages that were not sent, or perhaps not.
#[derive(Message)]
#[rtype(result = "usize")]
pub(crate) struct Count;

impl Handler<Count> for Unsent {
    type Result = usize;

    fn handle(&mut self, _: Count, _: &mut Self::Context) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use actix_engineio::{DisconnectReason, Disconnected, SendAllError, SendError, SendErrorKind};

    use super::*;

    #[actix::test]
    async fn every_message_that_comes_back_is_counted() {
        let unsent = Unsent::default().start();
        let mut end = Disconnected::new(DisconnectReason::PingTimeout);
        end.unsent.push("one".into());
        end.in_doubt.push("two".into());
        unsent.do_send(Event::Disconnected(Arc::new(end)));
        let rejected = SendError::new(SendErrorKind::NotConnected, "three");
        unsent.do_send(Event::Rejected(Arc::new(rejected)));
        let all = SendAllError::new(SendErrorKind::NotConnected, ["four", "five"]);
        unsent.do_send(Event::RejectedAll(Arc::new(all)));
        assert_eq!(unsent.send(Count).await.unwrap(), 5);
    }
}
