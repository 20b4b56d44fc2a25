//! Waits of a test, each with a limit.

use actix_rt::time::timeout;

use super::{
    failure::{Place, fail},
    state::{Shared, State},
};

/// Waits until `check` returns something. Fails the test if that takes too long, if `check` returns an error, and if
/// something has gone wrong on the server's side.
pub(super) async fn wait<T>(
    shared: &Shared,
    place: Place,
    what: &str,
    mut check: impl FnMut(&mut State) -> Option<Result<T, String>>,
) -> T {
    let limit = shared.lock().settings.limit;
    let found = shared.until(|state| match state.failures.take() {
        Some(words) => Some(Err(words)),
        None => check(state),
    });
    match timeout(limit, found).await {
        Ok(Ok(found)) => found,
        Ok(Err(words)) => fail(place, format_args!("waited for {what}, but {words}")),
        Err(_) => {
            let seen = shared.lock().describe();
            fail(place, format_args!("waited {limit:?} for {what}, but it did not come: {seen}"))
        }
    }
}
