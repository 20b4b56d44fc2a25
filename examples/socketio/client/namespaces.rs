//! Decides what happens in the namespaces of a connection, without an actor, a clock or a network.
//!
//! Inputs are methods. What is to be done about them comes out of [`Namespaces::outputs`], in order.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
};

use actix_engineio::{Data, DisconnectReason};
use serde_json::{Map, Value};

use super::{
    decoder::{DecodeError, Decoder, Limits},
    packet::{Args, Body, Packet},
};

/// Something to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// Ask the application what the client says about itself. `authorized` must follow, with this number.
    Authorize { namespace: String, round: u64 },
    /// Send a packet to the server.
    Send(Packet),
    /// Show this to the application.
    Show { namespace: String, event: Shown },
    /// Give the answer to this question of the application.
    Answer { id: u64, args: Args },
    /// There will be no answer to this question.
    GiveUp { id: u64 },
}

/// Something that happened in a namespace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shown {
    /// The server has let the client in. If it `recovered` the session before, the client is in the same rooms, and it has
    /// got all events that it had missed.
    Joined {
        sid: String,
        recovered: bool,
    },
    /// The client is not in the namespace, and will not try again by itself.
    Refused(JoinError),
    Event {
        id: Option<u64>,
        name: String,
        args: Args,
    },
    /// The client is not in the namespace any more. After the reason `Lost` it joins again as soon as there is another
    /// session.
    Left(LeaveReason),
}

/// Why the server did not let the client into a namespace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum JoinError {
    /// The server has refused it, with these words and this data.
    Refused { message: String, data: Option<Value> },
    /// The application's own hook has failed.
    Auth(String),
    /// The session has ended before the server answered.
    Lost(DisconnectReason),
    /// The answer did not come in time.
    TimedOut,
    /// The application does not want to join any more.
    Cancelled,
    /// The client is in this namespace, or is about to join it, for an earlier `Join`.
    AlreadyJoined,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LeaveReason {
    /// The server has ended it.
    Server,
    /// The session of Engine.IO has ended.
    Lost(DisconnectReason),
}

/// What the server needs so that it can go on where the last session ended.
#[derive(Debug, Default)]
struct Recovery {
    /// The private name of the session.
    pid: Option<String>,
    /// The last event that has arrived.
    offset: Option<String>,
}

#[derive(Debug, PartialEq)]
enum State {
    /// There is no session.
    Away,
    /// The application is asked what the client says about itself.
    Authorizing(u64),
    /// The server is asked.
    Joining,
    /// The server is asked, and the application does not want to join any more. The server closes the whole connection
    /// if a packet comes for a namespace that it has not let the client into yet, so its answer comes first.
    Leaving,
    Joined,
}

#[derive(Debug)]
struct Namespace {
    state: State,
    /// The server has let the client in before, in this session or in an earlier one.
    was_joined: bool,
    recovery: Recovery,
    /// The questions of the application that have no answer yet.
    questions: Vec<u64>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Namespaces {
    limits: Limits,
    decoder: Decoder,
    is_connected: bool,
    namespaces: BTreeMap<String, Namespace>,
    /// The last number that was used, for a question or for a hook.
    last_number: u64,
    outputs: VecDeque<Output>,
}

impl Namespaces {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, decoder: Decoder::new(limits), ..Self::default() }
    }

    pub(crate) fn outputs(&mut self) -> impl Iterator<Item = Output> + use<> {
        mem::take(&mut self.outputs).into_iter()
    }

    /// Whether the application wants to be in this namespace.
    pub(crate) fn is_wanted(&self, name: &str) -> bool {
        self.namespaces.get(name).is_some_and(|namespace| namespace.state != State::Leaving)
    }

    /// The application wants to be in a namespace, now and in every later session.
    pub(crate) fn join(&mut self, name: &str) {
        if let Some(namespace) = self.namespaces.get_mut(name) {
            if namespace.state == State::Leaving {
                namespace.state = State::Joining;
            }
            return;
        }
        let namespace = Namespace {
            state: State::Away,
            was_joined: false,
            recovery: Recovery::default(),
            questions: Vec::new(),
        };
        self.namespaces.insert(name.to_owned(), namespace);
        if self.is_connected {
            self.authorize(name);
        }
    }

    /// The application does not want to be in a namespace any more.
    pub(crate) fn leave(&mut self, name: &str) {
        self.abandon(name, JoinError::Cancelled);
    }

    /// The application does not want to be in any namespace any more.
    pub(crate) fn leave_all(&mut self) {
        let names: Vec<_> = self.namespaces.keys().cloned().collect();
        names.iter().for_each(|name| self.leave(name));
    }

    /// The application does not wait any longer for the server's answer to its `join`.
    pub(crate) fn join_timed_out(&mut self, name: &str) {
        if self.namespaces.get(name).is_some_and(|namespace| !namespace.was_joined) {
            self.abandon(name, JoinError::TimedOut);
        }
    }

    fn abandon(&mut self, name: &str, err: JoinError) {
        let Some(mut namespace) = self.namespaces.remove(name) else { return };
        self.give_up(mem::take(&mut namespace.questions));
        if !namespace.was_joined && namespace.state != State::Leaving {
            self.show(name, Shown::Refused(err));
        }
        match namespace.state {
            State::Joined => self.outputs.push_back(Output::Send(Packet::new(name, Body::Disconnect))),
            State::Joining | State::Leaving => {
                let namespace = Namespace { state: State::Leaving, was_joined: false, ..namespace };
                self.namespaces.insert(name.to_owned(), namespace);
            }
            State::Away | State::Authorizing(_) => {}
        }
    }

    /// A session of Engine.IO was opened: the server knows nothing of this client yet.
    pub(crate) fn connected(&mut self) {
        self.is_connected = true;
        self.decoder = Decoder::new(self.limits);
        let names: Vec<_> = self.namespaces.keys().cloned().collect();
        names.iter().for_each(|name| self.authorize(name));
    }

    /// The session has ended.
    pub(crate) fn disconnected(&mut self, reason: &DisconnectReason) {
        self.is_connected = false;
        for (name, mut namespace) in mem::take(&mut self.namespaces) {
            self.give_up(mem::take(&mut namespace.questions));
            if namespace.state == State::Joined {
                self.show(&name, Shown::Left(LeaveReason::Lost(reason.clone())));
            }
            let state = mem::replace(&mut namespace.state, State::Away);
            if namespace.was_joined {
                self.namespaces.insert(name, namespace);
            } else if state != State::Leaving {
                self.show(&name, Shown::Refused(JoinError::Lost(reason.clone())));
            }
        }
    }

    /// The answer of the application's hook.
    pub(crate) fn authorized(&mut self, name: &str, round: u64, answer: Result<Map<String, Value>, String>) {
        let Some(namespace) = self.namespaces.get_mut(name) else { return };
        if namespace.state != State::Authorizing(round) {
            return;
        }
        match answer {
            Ok(mut auth) => {
                // Without an offset the server cannot go on anywhere, and some servers do not accept an empty one.
                if let (Some(pid), Some(offset)) = (&namespace.recovery.pid, &namespace.recovery.offset) {
                    auth.insert("pid".to_owned(), pid.as_str().into());
                    auth.insert("offset".to_owned(), offset.as_str().into());
                }
                namespace.state = State::Joining;
                self.outputs.push_back(Output::Send(Packet::new(name, Body::Connect(auth))));
            }
            Err(err) => self.refuse(name, JoinError::Auth(err)),
        }
    }

    /// Whether the client is in this namespace, so that it can send there.
    pub(crate) fn is_joined(&self, name: &str) -> bool {
        self.namespaces.get(name).is_some_and(|namespace| namespace.state == State::Joined)
    }

    /// A number for a question that is about to be sent. `None` if the client is not in the namespace.
    pub(crate) fn question(&mut self, name: &str) -> Option<u64> {
        let namespace = self.namespaces.get_mut(name).filter(|namespace| namespace.state == State::Joined)?;
        self.last_number += 1;
        namespace.questions.push(self.last_number);
        Some(self.last_number)
    }

    /// Nobody waits for the answer to this question any more.
    pub(crate) fn forget(&mut self, name: &str, id: u64) {
        if let Some(namespace) = self.namespaces.get_mut(name) {
            namespace.questions.retain(|question| *question != id);
        }
    }

    /// A message of the server.
    ///
    /// # Errors
    /// The server does not speak Socket.IO 5. The session has to end.
    pub(crate) fn message(&mut self, data: Data) -> Result<(), DecodeError> {
        if let Some(Packet { namespace, body }) = self.decoder.decode(data)? {
            self.packet(namespace, body);
        }
        Ok(())
    }

    fn packet(&mut self, name: String, body: Body) {
        let Some(namespace) = self.namespaces.get_mut(&name) else { return };
        match body {
            Body::Connect(_) if namespace.state == State::Leaving => {
                self.namespaces.remove(&name);
                self.outputs.push_back(Output::Send(Packet::new(&name, Body::Disconnect)));
            }
            Body::ConnectError { .. } | Body::Disconnect if namespace.state == State::Leaving => {
                self.namespaces.remove(&name);
            }
            Body::Connect(answer) if namespace.state == State::Joining => {
                let text = |key: &str| answer.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
                let (sid, pid) = (text("sid").unwrap_or_default(), text("pid"));
                let recovered = pid.is_some() && pid == namespace.recovery.pid;
                if !recovered {
                    namespace.recovery = Recovery { pid, offset: None };
                }
                namespace.state = State::Joined;
                namespace.was_joined = true;
                self.show(&name, Shown::Joined { sid, recovered });
            }
            Body::ConnectError { message, data } => self.refuse(&name, JoinError::Refused { message, data }),
            Body::Disconnect => {
                if let Some(namespace) = self.namespaces.remove(&name) {
                    self.give_up(namespace.questions);
                    self.show(&name, Shown::Left(LeaveReason::Server));
                }
            }
            // What was missed comes before the server's answer, if it recovers the session.
            Body::Event { id, name: event, args }
                if matches!(namespace.state, State::Joining | State::Joined) =>
            {
                // A server that can recover sessions adds an offset to each event that it can send again.
                if let (None, Some(_), Some(Value::String(offset))) =
                    (id, &namespace.recovery.pid, args.values().last())
                {
                    namespace.recovery.offset = Some(offset.clone());
                }
                self.show(&name, Shown::Event { id, name: event, args });
            }
            Body::Ack { id, args } => {
                if let Some(at) = namespace.questions.iter().position(|question| *question == id) {
                    namespace.questions.swap_remove(at);
                    self.outputs.push_back(Output::Answer { id, args });
                }
            }
            // A second answer, or something for a client that is not there.
            Body::Connect(_) | Body::Event { .. } => {}
        }
    }

    fn authorize(&mut self, name: &str) {
        if let Some(namespace) = self.namespaces.get_mut(name) {
            self.last_number += 1;
            namespace.state = State::Authorizing(self.last_number);
            let round = self.last_number;
            self.outputs.push_back(Output::Authorize { namespace: name.to_owned(), round });
        }
    }

    fn refuse(&mut self, name: &str, err: JoinError) {
        if let Some(namespace) = self.namespaces.remove(name) {
            self.give_up(namespace.questions);
            self.show(name, Shown::Refused(err));
        }
    }

    fn give_up(&mut self, questions: Vec<u64>) {
        self.outputs.extend(questions.into_iter().map(|id| Output::GiveUp { id }));
    }

    fn show(&mut self, namespace: &str, event: Shown) {
        self.outputs.push_back(Output::Show { namespace: namespace.to_owned(), event });
    }
}
