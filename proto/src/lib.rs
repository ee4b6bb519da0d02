//! Floor 0, the vocabulary: everything the other floors agree on and nothing that does IO.
//!
//! - [`Signal`] and [`SignalSpec`]: the two signals and what generic code may ask of them.
//! - [`schema`]: the Arrow columns of a span and of a log record, as they lie in memory and in a segment.
//! - [`promoted`]: which attribute keys have a typed column of their own.
//! - [`value`]: attribute values as text that keeps the OTLP type.
//! - [`ids`], [`time`]: trace and span ids, nanoseconds since the epoch, time ranges.
//! - [`otlp`]: the OTLP messages under their names in the specification.
//!
//! No files, no sockets, no clock.

pub mod ids;
pub mod nulls;
pub mod otlp;
pub mod promoted;
pub mod schema;
mod signal;
pub mod time;
pub mod value;

pub use ids::{SpanId, TraceId};
pub use signal::{Signal, SignalSpec};
pub use time::{TimeRange, UnixNanos};
