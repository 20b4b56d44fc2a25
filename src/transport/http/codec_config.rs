//! The configuration of the HTTP codec.

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
};

use actix_http::{ServiceConfig, h1};

thread_local! {
    static SHARED: RefCell<Weak<CodecConfig>> = const { RefCell::new(Weak::new()) };
}

/// The configuration of the codec. actix-http's configuration runs a timer, so all clients of an arbiter share one.
#[derive(Default)]
pub(crate) struct CodecConfig(ServiceConfig);

impl CodecConfig {
    /// The configuration of this arbiter. It exists as long as somebody uses it.
    pub(crate) fn shared() -> Rc<Self> {
        SHARED.with_borrow_mut(|shared| {
            shared.upgrade().unwrap_or_else(|| {
                let config = Rc::new(Self::default());
                *shared = Rc::downgrade(&config);
                config
            })
        })
    }

    /// A codec for one exchange.
    pub(super) fn codec(&self) -> h1::ClientCodec {
        h1::ClientCodec::new(self.0.clone())
    }
}
