//! Questions to the server, and its answers. A number connects them, because the protocol has only messages.

use std::{collections::HashMap, fmt, time::Duration};

use actix::prelude::*;
use actix_engineio::{
    self as engineio, DisconnectReason, EngineIoClient, Event, EventKind, SendError, Subscribe,
};
use actix_rt::time::timeout;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;

/// A question that is sent as `{"id":7,"question":..}`. Replies with the answer of the server.
#[derive(Message)]
#[rtype(result = "Result<Value, AskError>")]
pub(crate) struct Ask(pub(crate) Value);

/// Why there is no answer. After all of these but `NotAccepted` the server may have received the question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AskError {
    NotAccepted(SendError),
    TimedOut,
    Disconnected(DisconnectReason),
    Stopped,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAccepted(err) => err.fmt(f),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Disconnected(reason) => write!(f, "no answer: {reason}"),
            Self::Stopped => f.write_str("the service is stopping"),
        }
    }
}

#[derive(Serialize)]
struct Question {
    id: u64,
    question: Value,
}

#[derive(Deserialize)]
struct Answer {
    id: u64,
    answer: Value,
}

type Outcome = Result<Value, AskError>;

/// Sends the questions and passes on the answers.
pub(crate) struct Requests {
    server: Recipient<engineio::Send>,
    limit: Duration,
    last_id: u64,
    pending: HashMap<u64, oneshot::Sender<Outcome>>,
}

impl Requests {
    /// Starts the actor and subscribes it.
    ///
    /// The actor has an address of the client, so it subscribes weakly: otherwise each would keep the other alive for ever.
    pub(crate) async fn start(
        client: &Addr<EngineIoClient>,
        limit: Duration,
    ) -> Result<Addr<Self>, MailboxError> {
        let requests = Self::new(client.clone().recipient(), limit).start();
        let kinds = [EventKind::Message, EventKind::Disconnected];
        let subscribe = Subscribe::weak(requests.downgrade().recipient()).only(kinds).name("requests");
        client.send(subscribe).await?;
        Ok(requests)
    }

    pub(crate) fn new(server: Recipient<engineio::Send>, limit: Duration) -> Self {
        Self { server, limit, last_id: 0, pending: HashMap::new() }
    }
}

impl Actor for Requests {
    type Context = Context<Self>;
}

impl Handler<Ask> for Requests {
    type Result = ResponseActFuture<Self, Outcome>;

    fn handle(&mut self, Ask(question): Ask, _: &mut Self::Context) -> Self::Result {
        self.last_id += 1;
        let id = self.last_id;
        // Maps with keys that are no text cannot be JSON; a `Value` has none.
        let message = engineio::Send::json(&Question { id, question });
        let message = message.unwrap_or_else(|_| engineio::Send::text("{}"));
        let (sender, answer) = oneshot::channel();
        self.pending.insert(id, sender);
        let exchange = timeout(self.limit, exchange(self.server.send(message), answer));
        Box::pin(exchange.into_actor(self).map(move |outcome, requests, _| {
            requests.pending.remove(&id);
            outcome.unwrap_or(Err(AskError::TimedOut))
        }))
    }
}

/// Waits until the question was accepted, and then for the answer. The end of the session can come before both.
///
/// When this future is dropped, a question that was not accepted yet is withdrawn.
async fn exchange(
    accepted: impl Future<Output = Result<Result<(), SendError>, MailboxError>>,
    mut answer: oneshot::Receiver<Outcome>,
) -> Outcome {
    tokio::select! {
        biased;
        outcome = &mut answer => return outcome.unwrap_or(Err(AskError::Stopped)),
        outcome = accepted => outcome.map_err(|_| AskError::Stopped)?.map_err(AskError::NotAccepted)?,
    }
    answer.await.unwrap_or(Err(AskError::Stopped))
}

impl Handler<Event> for Requests {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        match event {
            Event::Message(data) => {
                // Other messages are for others, and late answers for nobody.
                let Ok(Answer { id, answer }) = data.json() else { return };
                if let Some(pending) = self.pending.remove(&id) {
                    let _ = pending.send(Ok(answer));
                }
            }
            // The next session knows nothing of these questions.
            Event::Disconnected(end) => {
                for (_, pending) in self.pending.drain() {
                    let _ = pending.send(Err(AskError::Disconnected(end.reason.clone())));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, clippy::unwrap_used)]

    use std::sync::Arc;

    use actix::actors::mocker::Mocker;
    use actix_engineio::{Data, Disconnected, SendErrorKind};
    use serde_json::json;
    use tokio::sync::mpsc;

    use super::*;

    /// An actor that accepts messages as a client does, except the text `"refuse"`, and a channel with those it accepted.
    fn client() -> (Recipient<engineio::Send>, mpsc::UnboundedReceiver<Data>) {
        struct Client;
        let (sent, to_server) = mpsc::unbounded_channel();
        let client = Mocker::<Client>::mock(Box::new(move |message, _| {
            let message = message.downcast::<engineio::Send>().expect("nothing else is sent");
            let data = message.data().clone();
            let reply = if data.to_string().contains("refuse") {
                Err(SendError::new(SendErrorKind::NotConnected, data))
            } else {
                sent.send(data).expect("the test listens");
                Ok(())
            };
            Box::new(Some(reply))
        }));
        (client.start().recipient(), to_server)
    }

    fn start(limit: Duration) -> (Addr<Requests>, mpsc::UnboundedReceiver<Data>) {
        let (client, to_server) = client();
        (Requests::new(client, limit).start(), to_server)
    }

    #[derive(Message)]
    #[rtype(result = "usize")]
    struct Pending;

    impl Handler<Pending> for Requests {
        type Result = usize;

        fn handle(&mut self, _: Pending, _: &mut Self::Context) -> usize {
            self.pending.len()
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[actix::test]
    async fn answers_find_their_questions_in_any_order() {
        let (requests, mut to_server) = start(LONG);
        let first = actix_rt::spawn(requests.send(Ask(json!("first"))));
        assert_eq!(to_server.recv().await.unwrap(), Data::from(r#"{"id":1,"question":"first"}"#));
        let second = actix_rt::spawn(requests.send(Ask(json!("second"))));
        assert_eq!(to_server.recv().await.unwrap(), Data::from(r#"{"id":2,"question":"second"}"#));
        for message in
            ["news", r#"{"id":7,"answer":0}"#, r#"{"id":2,"answer":"b"}"#, r#"{"id":1,"answer":"a"}"#]
        {
            requests.do_send(Event::Message(message.into()));
        }
        assert_eq!(first.await.unwrap().unwrap(), Ok(json!("a")));
        assert_eq!(second.await.unwrap().unwrap(), Ok(json!("b")));
        assert_eq!(requests.send(Pending).await.unwrap(), 0);
    }

    #[actix::test]
    async fn the_end_of_a_session_ends_all_its_questions() {
        let (requests, mut to_server) = start(LONG);
        let asking = [1, 2].map(|number| actix_rt::spawn(requests.send(Ask(json!(number)))));
        for _ in 0..2 {
            to_server.recv().await.unwrap();
        }
        let end = Disconnected::new(DisconnectReason::PingTimeout);
        requests.do_send(Event::Disconnected(Arc::new(end)));
        for asking in asking {
            let outcome = asking.await.unwrap().unwrap();
            assert_eq!(outcome, Err(AskError::Disconnected(DisconnectReason::PingTimeout)));
        }
        assert_eq!(requests.send(Pending).await.unwrap(), 0);
    }

    #[actix::test]
    async fn a_question_without_an_answer_times_out_and_is_forgotten() {
        let (requests, _to_server) = start(Duration::from_millis(10));
        assert_eq!(requests.send(Ask(json!("?"))).await.unwrap(), Err(AskError::TimedOut));
        assert_eq!(requests.send(Pending).await.unwrap(), 0);
    }

    #[actix::test]
    async fn a_question_that_was_not_accepted_fails_at_once() {
        let (requests, _to_server) = start(LONG);
        let outcome = requests.send(Ask(json!("refuse"))).await.unwrap();
        assert!(matches!(outcome, Err(AskError::NotAccepted(_))), "{outcome:?}");
        assert_eq!(requests.send(Pending).await.unwrap(), 0);
    }
}
