//! Stores messages in a stream of NATS JetStream.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix_engineio::{Data, bytes::Bytes};
use actix_rt::time::sleep;
use async_nats::{
    HeaderMap,
    jetstream::{
        self, Context,
        context::{PublishAckFuture, PublishError},
        stream,
    },
};

use crate::figures::Figures;

/// How long the bridge waits before it publishes again what was not acknowledged.
const PAUSE: Duration = Duration::from_millis(500);

/// How long NATS knows the identifiers of messages, so that it stores none twice.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// Connects to NATS, however long that takes, and makes the stream if it does not exist.
pub(crate) async fn connect(url: &str, stream: &str) -> Result<Context, async_nats::Error> {
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    let context = jetstream::new(options.connect(url).await?);
    let config = stream::Config {
        name: stream.to_owned(),
        subjects: vec![format!("{stream}.*")],
        duplicate_window: DUPLICATE_WINDOW,
        ..stream::Config::default()
    };
    while let Err(err) = context.get_or_create_stream(config.clone()).await {
        log::warn!("no stream: {err}");
        sleep(PAUSE).await;
    }
    Ok(context)
}

/// The end of one feed in the stream. A clone is another handle.
#[derive(Clone)]
pub(crate) struct Store {
    context: Context,
    feed: Rc<str>,
    subject: String,
    /// The number of messages so far, for their identifiers.
    count: Rc<Cell<u64>>,
    /// The start of this process, for the identifiers: another process begins to count again.
    start: u128,
    figures: Figures,
    prints_stored: bool,
}

impl Store {
    pub(crate) fn new(
        context: Context,
        stream: &str,
        feed: &str,
        figures: Figures,
        prints_stored: bool,
    ) -> Self {
        Self {
            context,
            feed: feed.into(),
            subject: format!("{stream}.{feed}"),
            count: Rc::default(),
            start: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |start| start.as_nanos()),
            figures,
            prints_stored,
        }
    }

    /// Stores messages, in order, and returns when NATS has acknowledged all of them. While NATS does not, it goes on trying.
    ///
    /// The messages of a batch are on their way together. If one of them is not acknowledged, it and all behind it are
    /// published again; those that NATS has already are not stored twice.
    pub(crate) async fn store(&self, messages: Vec<Data>) {
        self.figures.waits_for(messages.len());
        let first = self.count.get() + 1;
        self.count.set(self.count.get() + messages.len() as u64);
        let mut waiting: Vec<_> = (first..).zip(messages).collect();
        loop {
            let stored = self.publish_all(&waiting).await;
            waiting.drain(..stored);
            if waiting.is_empty() {
                return;
            }
            self.figures.repeated();
            sleep(PAUSE).await;
        }
    }

    /// Publishes messages. Returns the number of those at the beginning that are stored.
    async fn publish_all(&self, messages: &[(u64, Data)]) -> usize {
        let mut acknowledgements = Vec::with_capacity(messages.len());
        for (number, data) in messages {
            match self.publish(*number, data).await {
                Ok(acknowledgement) => acknowledgements.push(acknowledgement),
                Err(err) => {
                    log::warn!("{}: cannot publish: {err}", self.feed);
                    break;
                }
            }
        }
        let mut stored = 0;
        for acknowledgement in acknowledgements {
            match acknowledgement.await {
                Ok(acknowledgement) => {
                    stored += 1;
                    self.figures.stored();
                    if self.prints_stored {
                        println!("stored {} {}", self.feed, acknowledgement.sequence);
                    }
                }
                Err(err) => {
                    log::warn!("{}: not acknowledged: {err}", self.feed);
                    break;
                }
            }
        }
        stored
    }

    async fn publish(&self, number: u64, data: &Data) -> Result<PublishAckFuture, PublishError> {
        let (kind, bytes) = match data {
            Data::Text(text) => ("text", text.as_bytes()),
            Data::Binary(bytes) => ("binary", bytes),
        };
        let mut headers = HeaderMap::new();
        headers.insert("Engineio-Kind", kind);
        headers.insert("Nats-Msg-Id", format!("{}-{}-{number}", self.feed, self.start));
        self.context.publish_with_headers(self.subject.clone(), headers, Bytes::clone(bytes)).await
    }
}
