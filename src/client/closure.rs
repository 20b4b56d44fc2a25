//! A closure as a subscriber.

use actix::{Actor, Context, Handler, Recipient};

use super::event::Event;

/// Starts a small actor on the current arbiter that calls `handle` for each event. For programs that are too small for an
/// actor of their own.
///
/// The events come one at a time, in order, and as long as `handle` runs, no other actor of the arbiter does. The actor lives
/// until the client has stopped, or until it is unsubscribed. If `handle` panics, the actor stops and is unsubscribed.
///
/// # Panics
/// Outside of an actix system or another tokio `LocalSet`, as every actor does.
///
/// ```
/// use actix_engineio::{EngineIoClient, Event, subscriber};
///
/// # actix::System::new().block_on(async {
/// let client = EngineIoClient::builder()
///     .subscribe(subscriber(|event| {
///         if let Event::Message(data) = event {
///             println!("{data}");
///         }
///     }))
///     .start();
/// # });
/// ```
pub fn subscriber(handle: impl FnMut(Event) + 'static) -> Recipient<Event> {
    Closure(Box::new(handle)).start().recipient()
}

struct Closure(Box<dyn FnMut(Event)>);

impl Actor for Closure {
    type Context = Context<Self>;
}

impl Handler<Event> for Closure {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        (self.0)(event);
    }
}
