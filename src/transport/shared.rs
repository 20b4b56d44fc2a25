//! What the transports of one client share, over all of its sessions.

use std::sync::{Arc, Mutex, OnceLock};

use cookie_store::CookieStore;
use tokio::sync::Semaphore;

use super::known_servers::Recent;

/// See the [module](self). Each part is made when it is first needed: most servers set no cookies, and many clients connect to
/// addresses.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// The cookies, unless they are in a store of the application.
    pub(super) cookies: OnceLock<Box<Mutex<CookieStore>>>,
    /// The permits of the lookups that run at the same time.
    pub(super) lookups: OnceLock<Arc<Semaphore>>,
    /// The servers with limits that were learned.
    pub(super) servers: OnceLock<Box<Mutex<Recent>>>,
}
