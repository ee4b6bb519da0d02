//! OTLP on the wire to the columns of `proto::schema`: one pass over the protobuf bytes straight into Arrow builders,
//! without a message object and without a `String` per attribute.
//!
//! [`to_record_batch`] is what makes a batch for the memtable, and the same function makes it again from the WAL, so it
//! depends on its arguments only. Both signals have the same envelope (resource, scope, records), which is walked here;
//! what a record is, only [`spans`] and [`log_records`] know.
//!
//! A singular field that occurs twice counts as its last occurrence (messages of resource, scope and status merge).

mod arrival;
mod attributes;
mod builders;
mod context;
mod log_records;
mod span_lists;
mod spans;
mod values;
mod wire;

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use proto::{Signal, UnixNanos};

pub use self::arrival::with_arrival;
use self::context::{ContextColumns, Resource, Scope};
use self::wire::Reader;

/// Records in one request, and span events and links in one request. An empty log record takes two bytes on the wire and
/// two hundred in columns, so the limit on bytes alone does not bound the memory.
pub const RECORDS_MAX: usize = 1_000_000;

/// The rows of one request.
#[derive(Debug)]
pub struct Converted {
    /// Exactly `signal.schema()`, in the order sent.
    pub batch: RecordBatch,
    /// Rows in `batch`.
    pub accepted: u64,
    /// Records that have no row.
    pub rejected: u64,
    /// English, names the first rejected record.
    pub rejected_reason: Option<String>,
    /// A record had no time of its own and got `arrival`: to make the same rows again, the payload needs
    /// [`with_arrival`].
    pub depends_on_arrival: bool,
}

/// Why a request has no rows at all. Sending it again does not help.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// Not protobuf, not UTF-8, or nested too deep.
    #[error("{0}")]
    Invalid(String),
    /// More records, events or links than [`RECORDS_MAX`].
    #[error("{0}")]
    TooMany(String),
}

/// The record type's half of the conversion; the envelope is the same for both.
trait RecordColumns<'a> {
    /// Appends one record, or says why it is refused; a refused record leaves no trace in the columns.
    fn append(&mut self, record: &'a [u8]) -> Result<Option<Refusal>, ConvertError>;
    /// Columns before and after the ones of the context, in the order of the schema.
    fn finish(self) -> (Vec<ArrayRef>, Vec<ArrayRef>);
    fn depends_on_arrival(&self) -> bool;
}

/// Why one record is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Refusal {
    IdLength { field: &'static str, bytes: usize, expected: usize },
    IdZero { field: &'static str },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdLength { field, bytes, expected } => write!(f, "{field} has {bytes} bytes instead of {expected}"),
            Self::IdZero { field } => write!(f, "{field} is all zero, which OTLP declares invalid"),
        }
    }
}

/// Makes the rows of one `Export*ServiceRequest`.
///
/// `arrival`: the time of log records that carry none; an arrival written into the payload by [`with_arrival`] wins.
pub fn to_record_batch(signal: Signal, payload: &[u8], arrival: UnixNanos) -> Result<Converted, ConvertError> {
    let envelope = Envelope::read(payload)?;
    let arrival = envelope.arrival.unwrap_or(arrival);
    match signal {
        Signal::Spans => convert(signal, payload, spans::SpanColumns::new(envelope.records)),
        Signal::Logs => convert(signal, payload, log_records::LogColumns::new(envelope.records, arrival)),
    }
}

/// What is known about a request before its records are read.
struct Envelope {
    records: usize,
    arrival: Option<UnixNanos>,
}

impl Envelope {
    /// Jumps from record to record by their lengths: some nanoseconds each, and the columns get their exact size.
    fn read(payload: &[u8]) -> Result<Self, ConvertError> {
        let mut envelope = Envelope { records: 0, arrival: None };
        let mut request = Reader::new(payload);
        while let Some(field) = request.next_field()? {
            if field.number == arrival::FIELD {
                envelope.arrival = arrival::read(field)?;
            }
            if field.number != 1 {
                continue;
            }
            let mut resource = Reader::new(field.bytes("ExportServiceRequest.resource_spans or resource_logs")?);
            while let Some(field) = resource.next_field()? {
                if field.number != 2 {
                    continue;
                }
                let mut scope = Reader::new(field.bytes("scope_spans or scope_logs")?);
                while let Some(field) = scope.next_field()? {
                    envelope.records += usize::from(field.number == 2);
                }
            }
        }
        if envelope.records > RECORDS_MAX {
            let records = envelope.records;
            return Err(ConvertError::TooMany(format!(
                "{records} records in one request, at most {RECORDS_MAX} are accepted: send smaller batches"
            )));
        }
        Ok(envelope)
    }
}

fn convert<'a>(
    signal: Signal,
    payload: &'a [u8],
    mut columns: impl RecordColumns<'a>,
) -> Result<Converted, ConvertError> {
    let mut context = ContextColumns::default();
    let mut refusals = Refusals::default();
    let mut request = Reader::new(payload);
    while let Some(field) = request.next_field()? {
        if field.number != 1 {
            continue;
        }
        let message = field.bytes("resource_spans or resource_logs")?;
        let resource = Resource::read(message)?;
        let mut reader = Reader::new(message);
        while let Some(field) = reader.next_field()? {
            if field.number != 2 {
                continue;
            }
            let message = field.bytes("scope_spans or scope_logs")?;
            let scope = Scope::read(message)?;
            let rows = append_records(message, &mut columns, &mut refusals)?;
            if rows > 0 {
                context.append(&resource, &scope, rows);
            }
        }
    }
    let depends_on_arrival = columns.depends_on_arrival();
    let (mut arrays, last) = columns.finish();
    arrays.extend(context.finish());
    arrays.extend(last);
    let batch =
        RecordBatch::try_new(signal.schema(), arrays).expect("the builders follow the schema, whatever was sent");
    Ok(Converted {
        accepted: batch.num_rows() as u64,
        batch,
        rejected: refusals.count,
        rejected_reason: refusals.reason(),
        depends_on_arrival,
    })
}

/// The records of one `ScopeSpans` or `ScopeLogs`. Returns how many rows they became.
fn append_records<'a>(
    message: &'a [u8],
    columns: &mut impl RecordColumns<'a>,
    refusals: &mut Refusals,
) -> Result<usize, ConvertError> {
    let mut rows = 0;
    let mut reader = Reader::new(message);
    while let Some(field) = reader.next_field()? {
        if field.number != 2 {
            continue;
        }
        match columns.append(field.bytes("spans or log_records")?)? {
            None => rows += 1,
            Some(refusal) => refusals.add(refusal),
        }
        refusals.position += 1;
    }
    Ok(rows)
}

#[derive(Default)]
struct Refusals {
    /// Of the record at hand among all of the request.
    position: u64,
    count: u64,
    first: Option<(u64, Refusal)>,
}

impl Refusals {
    fn add(&mut self, refusal: Refusal) {
        self.count += 1;
        self.first.get_or_insert((self.position, refusal));
    }

    fn reason(&self) -> Option<String> {
        let (position, refusal) = self.first.as_ref()?;
        Some(format!("{} refused; the first is record {position} (counted from 0): {refusal}", self.count))
    }
}

/// An id of `expected` bytes. `Ok(None)` when it was not sent or is all zero.
fn read_id<'a>(field: &'static str, bytes: &'a [u8], expected: usize) -> Result<Option<&'a [u8]>, Refusal> {
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() != expected {
        return Err(Refusal::IdLength { field, bytes: bytes.len(), expected });
    }
    Ok(bytes.iter().any(|byte| *byte != 0).then_some(bytes))
}

fn array(array: impl arrow::array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}

#[cfg(test)]
pub(crate) mod tests;
