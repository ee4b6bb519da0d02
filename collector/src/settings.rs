//! What can be set about the write path.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Offsets in Arrow lists and texts have 32 bits, and text can grow sixfold when it is written as JSON.
const REQUEST_BYTES_LIMIT: usize = 256 << 20;

/// Works as it is: `CollectorSettings::default()` listens on the loopback interface only.
#[derive(Clone, Debug)]
pub struct CollectorSettings {
    /// OTLP/gRPC. Default 127.0.0.1:4317; port 0 takes a free one.
    pub grpc: SocketAddr,
    /// OTLP/HTTP. Default 127.0.0.1:4318.
    pub http: SocketAddr,
    /// Web origins that may send from a browser, `*` for any. Default none.
    pub cors_origins: Vec<String>,
    /// Of one request, inflated and as sent; more is answered 413 / RESOURCE_EXHAUSTED. Default 64 MiB (what OTLP
    /// recommends), at most 256 MiB.
    pub request_bytes_max: usize,
    /// Of all requests that are being received, inflated and not yet answered; more is answered 429 after
    /// `admission_wait`. At least twice `request_bytes_max`. Default 128 MiB.
    pub inflight_bytes_max: usize,
    /// How long a request waits for others to end, and for room in the memtable, before it is refused. Default 2 s each:
    /// most SDKs drop a refused batch.
    pub admission_wait: Duration,
    /// From the header of a request to the last byte of its body. Default 30 s.
    pub body_time_max: Duration,
    /// Per port; more wait in the kernel's backlog. Default 2,048.
    pub connections_max: usize,
    /// For requests at hand when Spanlake stops. Default 8 s.
    pub drain_time_max: Duration,
    /// Rows of a signal are written into segments when the oldest is this old. Default 30 s.
    pub flush_interval: Duration,
    /// ... or when there are this many. Default 250,000.
    pub flush_rows: usize,
    /// ... or when they take this much memory. Default 64 MiB.
    pub flush_bytes: usize,
    /// Between two looks for segments to merge. Default 10 s.
    pub compaction_interval: Duration,
    /// Of a merged segment; larger ones are left alone. Default 4,000,000.
    pub compaction_rows_max: u64,
    /// UTC dates that ended longer ago are removed. Default `None`: nothing is.
    pub retention: Option<Duration>,
    /// Between two looks for expired dates and files to delete. Default 1 minute.
    pub cleanup_interval: Duration,
}

impl Default for CollectorSettings {
    fn default() -> Self {
        Self {
            grpc: (Ipv4Addr::LOCALHOST, 4317).into(),
            http: (Ipv4Addr::LOCALHOST, 4318).into(),
            cors_origins: Vec::new(),
            request_bytes_max: 64 << 20,
            inflight_bytes_max: 128 << 20,
            admission_wait: Duration::from_secs(2),
            body_time_max: Duration::from_secs(30),
            connections_max: 2048,
            drain_time_max: Duration::from_secs(8),
            flush_interval: Duration::from_secs(30),
            flush_rows: 250_000,
            flush_bytes: 64 << 20,
            compaction_interval: Duration::from_secs(10),
            compaction_rows_max: 4_000_000,
            retention: None,
            cleanup_interval: Duration::from_secs(60),
        }
    }
}

impl CollectorSettings {
    /// Error: which setting cannot be, and why.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.request_bytes_max > REQUEST_BYTES_LIMIT {
            let asked = self.request_bytes_max;
            return Err(format!("request_bytes_max is {asked}, it can be at most {REQUEST_BYTES_LIMIT} (256 MiB)"));
        }
        if self.inflight_bytes_max < self.request_bytes_max.saturating_mul(2) {
            return Err(format!(
                "inflight_bytes_max is {}, it must be at least twice request_bytes_max ({}): \
                 a compressed request is held together with what it inflates to",
                self.inflight_bytes_max, self.request_bytes_max
            ));
        }
        let intervals = [
            ("flush_interval", self.flush_interval),
            ("compaction_interval", self.compaction_interval),
            ("cleanup_interval", self.cleanup_interval),
        ];
        match intervals.into_iter().find(|(_, interval)| interval.is_zero()) {
            Some((name, _)) => Err(format!("{name} is 0")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fit_together_and_what_does_not_is_named() {
        assert_eq!(CollectorSettings::default().check(), Ok(()));
        let small = CollectorSettings { inflight_bytes_max: 100, ..Default::default() };
        assert!(small.check().expect_err("too small").contains("inflight_bytes_max is 100"));
        let never = CollectorSettings { flush_interval: Duration::ZERO, ..Default::default() };
        assert_eq!(never.check(), Err("flush_interval is 0".into()));
    }
}
