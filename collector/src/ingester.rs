//! The conductor of the write path: convert, log, buffer, acknowledge; and the same conversion at replay.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use metrics::counter;
use proto::{Signal, UnixNanos};
use storage::{ReplayOutcome, StorageError, Store};

use crate::admission::{Admission, Reservation};
use crate::columns::{Converted, to_record_batch, with_arrival};
use crate::error::IngestError;
use crate::received::{LastRequest, Received};
use crate::receiver::body::{Compression, Encoded, Format};

/// Up to this size a plain protobuf request is converted where it is: a tenth of a millisecond, about what the way to
/// another thread and back costs.
const INLINE_BYTES_MAX: usize = 32 << 10;

/// Bounds of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLimits {
    /// After inflating, and as sent.
    pub(crate) request_bytes_max: usize,
    /// From the header to the last byte of the body.
    pub(crate) body_time_max: Duration,
    /// For rows to leave a full memtable before the request is refused.
    pub(crate) room_wait: Duration,
}

/// What became of a request that was acknowledged.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub accepted: u64,
    pub rejected: u64,
    /// English; present exactly when records were rejected.
    pub rejected_reason: Option<String>,
}

/// A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Ingester {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    admission: Admission,
    limits: RequestLimits,
    received: Arc<Received>,
}

impl Ingester {
    pub(crate) fn new(store: Store, admission: Admission, limits: RequestLimits, received: Arc<Received>) -> Self {
        Self { shared: Arc::new(Shared { store, admission, limits, received }) }
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.shared.admission
    }

    pub(crate) fn limits(&self) -> RequestLimits {
        self.shared.limits
    }

    /// Returns once the request's rows are on disk and visible to queries; on an error none of them are.
    /// `reservation`: of the bytes of `encoded`; held until then.
    pub(crate) async fn ingest(
        &self,
        signal: Signal,
        encoded: Encoded,
        reservation: Reservation,
    ) -> Result<Outcome, IngestError> {
        counter!("spanlake_ingest_request_bytes_total", "signal" => signal.name())
            .increment(encoded.bytes.len() as u64);
        self.shared.store.wait_for_room(self.shared.limits.room_wait).await;
        let arrival = now();
        let plain = encoded.compression == Compression::Identity && encoded.format == Format::Protobuf;
        let work = Work { signal, encoded, bytes_max: self.shared.limits.request_bytes_max, reservation, arrival };
        let ready = if plain && work.encoded.bytes.len() <= INLINE_BYTES_MAX {
            work.convert()?
        } else {
            let conversion = tokio::task::spawn_blocking(|| work.convert());
            conversion
                .await
                .map_err(|error| IngestError::Internal(format!("the conversion ended early: {error}")))??
        };
        let Ready { payload, converted, reservation } = ready;
        let outcome = Outcome {
            accepted: converted.accepted,
            rejected: converted.rejected,
            rejected_reason: converted.rejected_reason,
        };
        let last = newest(signal, &converted.batch).map(|newest| LastRequest { arrival, newest });
        if outcome.accepted > 0 {
            self.shared.store.append(signal, payload, converted.batch).await?;
        }
        drop(reservation);
        self.shared.received.acknowledged(signal, &outcome, last);
        counter!("spanlake_ingest_accepted_total", "signal" => signal.name()).increment(outcome.accepted);
        if outcome.rejected > 0 {
            counter!("spanlake_ingest_rejected_total", "signal" => signal.name(), "reason" => "invalid_id")
                .increment(outcome.rejected);
        }
        Ok(outcome)
    }

    pub(crate) fn count_refused(&self, signal: Signal, error: &IngestError) {
        self.shared.received.refused(signal, error);
        counter!("spanlake_ingest_refused_requests_total", "signal" => signal.name(), "code" => error.label())
            .increment(1);
    }
}

/// Time of the newest row.
fn newest(signal: Signal, batch: &RecordBatch) -> Option<UnixNanos> {
    let times = batch.column_by_name(signal.spec().time_column)?.as_primitive_opt::<Int64Type>()?;
    arrow::compute::max(times)
}

/// The part that burns CPU, to be done on whichever thread.
struct Work {
    signal: Signal,
    encoded: Encoded,
    bytes_max: usize,
    reservation: Reservation,
    arrival: UnixNanos,
}

struct Ready {
    payload: Bytes,
    converted: Converted,
    reservation: Reservation,
}

impl Work {
    fn convert(mut self) -> Result<Ready, IngestError> {
        let mut payload = self.encoded.into_protobuf(self.signal, self.bytes_max, &mut self.reservation)?;
        let converted = to_record_batch(self.signal, &payload, self.arrival)?;
        if converted.depends_on_arrival {
            payload = with_arrival(&payload, self.arrival);
        }
        Ok(Ready { payload, converted, reservation: self.reservation })
    }
}

/// Makes the rows of what the log holds beyond the lake visible again.
pub(crate) async fn replay(store: &Store) -> Result<ReplayOutcome, StorageError> {
    let convert = |signal, payload: &[u8]| {
        // Every payload that needs a time of arrival carries it.
        to_record_batch(signal, payload, 0).map(|converted| converted.batch).map_err(|error| error.to_string())
    };
    store.replay(convert).await
}

fn now() -> UnixNanos {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixNanos::try_from(since_epoch.as_nanos()).unwrap_or(UnixNanos::MAX)
}
