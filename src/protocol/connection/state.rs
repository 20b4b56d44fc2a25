//! The states of a connection.
//!
//! ```text
//!            connect                 open packet
//!   Idle ───────────────► Connecting ───────────► Open ◄─┐
//!    ▲                      │  ▲  │                │ │    │ upgrade: none → Probing → Pausing → Switching → none
//!    │     next transport   └──┘  │                │ └────┘ a failure before Switching: none, and polling goes on
//!    │                            │ failure,       │        too slow in Switching: Aborting, which decides
//!    │                            │ cancel         │ close from either side, failure, silence
//!    └─────────────────────── Ending ◄─────────────┘
//!      every transport closed
//! ```
//!
//! A graceful close stays in `Open`, with `close_requested` set, until everything is written.

use super::{connecting::Connecting, ending::Ending, open::Open};

#[derive(Debug)]
pub(super) enum State {
    Idle,
    Connecting(Connecting),
    Open(Open),
    Ending(Ending),
}
