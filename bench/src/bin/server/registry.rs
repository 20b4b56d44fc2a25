//! The sessions of all connections.

use std::{
    collections::HashMap,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::{
    counts::Counts,
    flood::{Compression, Documents},
    http::Request,
    session::Session,
};

#[derive(Debug, Default)]
pub(crate) struct Registry {
    sessions: Mutex<HashMap<String, Arc<Session>>>,
    opened: AtomicUsize,
    /// Sent by a flood instead of its usual message, if there are some of the size.
    pub(crate) documents: Documents,
    pub(crate) gate: Gate,
    pub(crate) counts: Counts,
}

impl Registry {
    pub(crate) fn new(documents: Documents) -> Self {
        Self { documents, ..Self::default() }
    }

    /// What is agreed with a client about compression, and the header that says so. Only documents are compressed.
    pub(crate) fn accept_compression(&self, request: &Request) -> (Compression, String) {
        let offer = request.header("sec-websocket-extensions").filter(|_| !self.documents.is_empty());
        Compression::accept(offer)
    }

    pub(crate) fn open(&self, request: &Request) -> Arc<Session> {
        let sid = format!("bench-{}", self.opened.fetch_add(1, Relaxed));
        let session = Arc::new(Session::new(sid.clone(), request, self.gate.openings()));
        self.sessions.lock().unwrap().insert(sid, session.clone());
        session
    }

    /// The session that a request belongs to.
    pub(crate) fn find(&self, request: &Request) -> Option<Arc<Session>> {
        self.sessions.lock().unwrap().get(request.parameter("sid")?).cloned()
    }

    pub(crate) fn close(&self, session: &Session) {
        self.sessions.lock().unwrap().remove(&session.sid);
        session.close();
    }
}

/// A gate at which floods wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    openings: Mutex<usize>,
    opened: Condvar,
}

impl Gate {
    pub(crate) fn open(&self) {
        *self.openings.lock().unwrap() += 1;
        self.opened.notify_all();
    }

    fn openings(&self) -> usize {
        *self.openings.lock().unwrap()
    }

    /// Waits until the gate has been opened more often than this.
    pub(crate) fn pass(&self, after: usize) {
        let openings = self.openings.lock().unwrap();
        drop(self.opened.wait_while(openings, |openings| *openings <= after).unwrap());
    }
}
