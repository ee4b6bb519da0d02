//! What every end-to-end test stands on: the real binary on real sockets, OTLP over both transports, the recorded packs.

pub(crate) mod facts;
pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod json;
pub(crate) mod messages;
pub(crate) mod packs;
pub(crate) mod random;
pub(crate) mod server;
pub(crate) mod sql;

pub(crate) use http::Reply;
pub(crate) use server::{Home, Server};

use std::time::{Duration, Instant};

/// Asks `probe` every 20 ms until it answers; `what` names the wish in the panic after `limit`.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(started.elapsed() < limit, "waited {limit:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
