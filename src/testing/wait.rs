//! Waits of a test, each with a limit.

use actix_rt::time::timeout;

use super::{
    failure::{Place, fail},
    state::{SessionId, Shared, State},
};

/// A wait in the words of its failure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Awaited<'a> {
    /// The line of the test that waits.
    pub(super) place: Place,
    /// The name of what is awaited, with its article.
    pub(super) what: &'a str,
    /// The session in which it is awaited.
    pub(super) session: Option<SessionId>,
}

/// Waits until `check` returns something. Fails the test if that takes too long, if `check` returns an error, and if
/// something has gone wrong on the server's side.
///
/// A future of this that is dropped has taken nothing: what `check` returns, the future returns at once.
pub(super) async fn wait<T>(
    shared: &Shared,
    awaited: Awaited<'_>,
    mut check: impl FnMut(&mut State) -> Option<Result<T, String>>,
) -> T {
    let Awaited { place, what, session } = awaited;
    let limit = shared.lock().settings.limit;
    let found = shared.until(|state| match state.failures.take() {
        Some(words) => Some(Err(words)),
        None => check(state),
    });
    let outcome = timeout(limit, found).await;
    if let Ok(Ok(found)) = outcome {
        return found;
    }
    let (whose, seen) = {
        let state = shared.lock();
        let session = session.and_then(|id| state.peek(id));
        (session.map(|session| format!(" in session {:?}", session.sid())), state.describe(awaited.session))
    };
    let whose = whose.unwrap_or_default();
    match outcome {
        Ok(Err(words)) => fail(place, format_args!("waited{whose} for {what}, but {words}")),
        _ => fail(place, format_args!("waited {limit:?}{whose} for {what}, without success: {seen}")),
    }
}
