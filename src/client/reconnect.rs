//! The policy by which a client connects again, and what it says about each attempt.

mod attempt;
mod backoff;
mod cause;

use std::{fmt, sync::Arc, time::Duration};

pub(super) use self::backoff::{Backoff, NextAttempt};
pub use self::{
    attempt::Attempt,
    cause::{ReconnectCause, Reconnecting},
};

/// The application's own decision whether the client connects again.
type RetryIf = Arc<dyn Fn(&ReconnectCause) -> bool + Send + Sync>;

/// The application's own delay before an attempt.
type Delay = Arc<dyn Fn(u32, &ReconnectCause) -> Duration + Send + Sync>;

/// The policy by which a client connects again after it lost its session.
///
/// # When it connects again
///
/// Once the application's latest [`Connect`](crate::Connect) has led to [`Connected`](crate::Event::Connected), a temporary
/// failure never ends the policy, whatever it looks like: a router without its route answers 404, a captive portal answers
/// with its own certificate or a page of HTML. The client goes on until the application says stop: with
/// [`retry_if`](Self::retry_if), [`max_attempts`](Self::max_attempts), [`on_server_close`](Self::on_server_close) or
/// [`Disconnect`](crate::Disconnect). The only other errors that end it with
/// [`Event::ReconnectFailed`](crate::Event::ReconnectFailed) are those that lie in the program itself:
/// [`Invalid`](crate::ConnectError::Invalid), [`NoTransports`](crate::ConnectError::NoTransports) and
/// [`Unsupported`](crate::TransportError::Unsupported).
///
/// A `Connect` that has not led to a session may have a wrong URL. It is tried again only with
/// [`on_initial_connect`](Self::on_initial_connect), and only if its error
/// [is retryable](crate::ConnectError::is_retryable). With a
/// [`before_connect`](crate::EngineIoClientBuilder::before_connect) hook, which can fetch a new token, the statuses 401
/// and 403 are retried as well.
///
/// # The delay
///
/// Before attempt `n`, counted from 1, the client waits for a random time between zero and `initial_delay * 2^(n-1)`,
/// but not more than `max_delay`. Because of the randomness, the clients of a server that was restarted do not all come
/// back at the same moment. With [`jitter(false)`](Self::jitter) the delay is the upper end of this range.
///
/// After the statuses 401 and 407, and after a client certificate that was not accepted, the upper bound is `max_delay`
/// from the first retry, because another attempt with the same credentials seldom succeeds. With a `before_connect`
/// hook, which can bring others, the delay grows as usual.
///
/// If the server sent `Retry-After`, with an error of the handshake, of a poll or of a POST, the client waits at least
/// that long, up to [`max_retry_after`](Self::max_retry_after).
///
/// The count starts again after a session that lasted for [`stable_after`](Self::stable_after). The upper bound of every
/// delay is at least 10 milliseconds, except with a function of your own ([`delay`](Self::delay)), and no delay is longer
/// than 24 hours.
///
/// # Subscribers that are late
///
/// If a subscriber has handled no event of the last session when the delay is over, or has more than
/// [`receive_buffer`](crate::EngineIoClientBuilder::receive_buffer) bytes of events to handle, the attempt waits for this
/// subscriber. If no subscriber handles an event for [`stall_timeout`](crate::EngineIoClientBuilder::stall_timeout), a warning
/// is logged. The attempt does not wait for any other subscriber. So an actor that handles its events late can change the
/// order of its own messages:
///
/// 1. The session is lost, and [`Disconnected`](crate::Event::Disconnected) waits in the mailbox of the actor.
/// 2. The next session opens.
/// 3. The actor sends a message. It goes out in the next session.
/// 4. The actor handles `Disconnected`, and sends the messages of this event again. They go out after the newer message.
///
/// If the order is important, number the messages. To send in one session and in no other one, use
/// [`SendAll::in_session`](crate::SendAll::in_session).
///
/// ```
/// use std::time::Duration;
///
/// use actix_engineio::{EngineIoClient, Reconnect};
///
/// let builder = EngineIoClient::builder().reconnect(
///     Reconnect::exponential()
///         .initial_delay(Duration::from_millis(500))
///         .max_delay(Duration::from_secs(30))
///         .max_attempts(10),
/// );
/// ```
#[derive(Clone)]
#[must_use]
pub struct Reconnect {
    initial_delay: Duration,
    max_delay: Duration,
    max_retry_after: Duration,
    /// The duration after which a session counts as stable. `None` is `max_delay`, but at least one second.
    stable_after: Option<Duration>,
    max_attempts: Option<u32>,
    on_initial_connect: bool,
    on_server_close: bool,
    jitter: bool,
    seed: Option<u64>,
    retry_if: Option<RetryIf>,
    delay: Option<Delay>,
}

impl Reconnect {
    /// Exponential backoff with full jitter. The defaults: random delays, whose upper bound grows from 500 milliseconds to 30
    /// seconds, any number of attempts, no retries of the application's own `Connect` before its session, and reconnects also
    /// after the server closed the session.
    pub fn exponential() -> Self {
        Self {
            initial_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            max_retry_after: Duration::from_secs(10 * 60),
            stable_after: None,
            max_attempts: None,
            on_initial_connect: false,
            on_server_close: true,
            jitter: true,
            seed: None,
            retry_if: None,
            delay: None,
        }
    }

    /// The same delay before every attempt: [`exponential`](Self::exponential) with `delay` as
    /// [`initial_delay`](Self::initial_delay) and [`max_delay`](Self::max_delay), and without [`jitter`](Self::jitter).
    pub fn constant(delay: Duration) -> Self {
        Self::exponential().initial_delay(delay).max_delay(delay).jitter(false)
    }

    /// Upper bound of the first delay. With zero the delays do not grow and are at most 10 milliseconds, unless a rule
    /// [above](Self#the-delay) asks for more. Default: 500 milliseconds.
    pub fn initial_delay(mut self, delay: Duration) -> Self {
        self.initial_delay = delay;
        self
    }

    /// Upper bound of every delay, except that a server's `Retry-After` can be longer. Default: 30 seconds.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// The longest `Retry-After` of a server that the client complies with. A longer one counts as this one; zero turns
    /// the header off. Default: 10 minutes.
    pub fn max_retry_after(mut self, delay: Duration) -> Self {
        self.max_retry_after = delay;
        self
    }

    /// Whether the delays are random. Without, all clients that lost the same server come back at the same moment.
    /// Default: `true` for [`exponential`](Self::exponential), `false` for [`constant`](Self::constant).
    pub fn jitter(mut self, jitter: bool) -> Self {
        self.jitter = jitter;
        self
    }

    /// How long a session must have lasted so that the count of attempts, and with it the delay, starts again. Default:
    /// [`max_delay`](Self::max_delay), but at least one second.
    pub fn stable_after(mut self, duration: Duration) -> Self {
        self.stable_after = Some(duration);
        self
    }

    /// After this many attempts in a row without a stable session (see [`stable_after`](Self::stable_after)), the policy ends
    /// with [`ReconnectFailed`](crate::Event::ReconnectFailed). It has the error of the last attempt, or
    /// [`Exhausted`](crate::ConnectError::Exhausted) if the last attempt opened a session that was lost again. With zero the
    /// policy ends as soon as a session is lost. The application's own [`Connect`](crate::Connect) is not counted. Default: no
    /// limit.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// Whether a [`Connect`](crate::Connect) of the application that fails is retried as well. Its reply then comes when a
    /// session was opened, or when the policy gives up. An error that is not retried, such as the status 404, is in this
    /// reply. It is also in [`ReconnectFailed`](crate::Event::ReconnectFailed) if a `Reconnecting` came before. Default:
    /// `false`.
    pub fn on_initial_connect(mut self, retry: bool) -> Self {
        self.on_initial_connect = retry;
        self
    }

    /// Whether the client reconnects after the server closed the session on purpose: with a close packet, or with a
    /// close frame that has the code 1000 or 1001, or none. Default: `true`.
    pub fn on_server_close(mut self, reconnect: bool) -> Self {
        self.on_server_close = reconnect;
        self
    }

    /// Decides which failures are followed by another attempt, in place of the rule that the
    /// [documentation of this type](Self#when-it-connects-again) describes. With
    /// [`on_initial_connect`](Self::on_initial_connect) it also decides about a first connect.
    ///
    /// It is not asked after `Disconnect`, after the errors `Invalid`, `NoTransports`, `Unsupported`, `Cancelled`, `Stopped`
    /// and `AlreadyConnected`, which are never retried, and not when `on_initial_connect` or
    /// [`on_server_close`](Self::on_server_close) already forbids another attempt. If it panics, that counts as `true`.
    ///
    /// ```
    /// use actix_engineio::{ConnectError, Reconnect, ReconnectCause};
    ///
    /// // The server answers 403 to clients that are banned.
    /// let policy = Reconnect::exponential().retry_if(|cause| match cause {
    ///     ReconnectCause::Failed(ConnectError::Status { status, .. }) => status.status != 403,
    ///     _ => true,
    /// });
    /// ```
    pub fn retry_if(mut self, retry_if: impl Fn(&ReconnectCause) -> bool + Send + Sync + 'static) -> Self {
        self.retry_if = Some(Arc::new(retry_if));
        self
    }

    /// Computes the delay before each attempt, from its number (the first is 1) and its cause, in place of
    /// [`initial_delay`](Self::initial_delay), [`max_delay`](Self::max_delay) and [`jitter`](Self::jitter).
    ///
    /// The client still waits for a server's `Retry-After`, up to [`max_retry_after`](Self::max_retry_after), and never
    /// for more than 24 hours. If the function panics, that counts as a delay of zero.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use actix_engineio::{Reconnect, ReconnectCause};
    ///
    /// // At once after a lost session; then slowly.
    /// let policy = Reconnect::exponential().delay(|attempt, cause| match cause {
    ///     ReconnectCause::Lost(_) if attempt == 1 => Duration::ZERO,
    ///     _ => Duration::from_secs(u64::from(attempt)),
    /// });
    /// ```
    pub fn delay(mut self, delay: impl Fn(u32, &ReconnectCause) -> Duration + Send + Sync + 'static) -> Self {
        self.delay = Some(Arc::new(delay));
        self
    }

    /// Makes the random delays the same in every run, for tests. Default: seeded by the operating system.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect")
            .field("initial_delay", &self.initial_delay)
            .field("max_delay", &self.max_delay)
            .field("max_retry_after", &self.max_retry_after)
            .field("stable_after", &self.stable_after)
            .field("max_attempts", &self.max_attempts)
            .field("on_initial_connect", &self.on_initial_connect)
            .field("on_server_close", &self.on_server_close)
            .field("jitter", &self.jitter)
            .field("seed", &self.seed)
            .field("retry_if", &self.retry_if.as_ref().map(|_| ".."))
            .field("delay", &self.delay.as_ref().map(|_| ".."))
            .finish()
    }
}
