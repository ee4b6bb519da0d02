//! Rows of the physical columns (`proto::schema`) as spans and log records.
//!
//! A row borrows from its batch: nothing is copied until it is written into an answer.

use std::hash::{DefaultHasher, Hash, Hasher};

use arrow::array::{Array, BinaryArray, Int32Array, Int64Array};
use arrow::record_batch::RecordBatch;
use proto::schema::{self, CONTEXT, RESOURCE, SCOPE_NAME, SCOPE_VERSION, SERVICE};
use proto::{Signal, SpanId, TraceId};

use crate::columns::{AttributeColumns, ListOfStructs, Stored, TextColumn, binary, bytes_at, int_at, int32, int64};
use crate::error::QueryError;
use crate::outcome::{Outcome, OutcomeColumns};

/// What both signals have: where a row comes from and its attributes.
pub(crate) struct CommonColumns {
    service: TextColumn,
    resource: TextColumn,
    context: TextColumn,
    scope_name: TextColumn,
    scope_version: TextColumn,
    attributes: AttributeColumns,
    dropped_attributes_count: Int64Array,
    flags: Int64Array,
}

impl CommonColumns {
    fn of(batch: &RecordBatch, signal: Signal) -> Result<Self, QueryError> {
        Ok(Self {
            service: TextColumn::of(batch, SERVICE)?,
            resource: TextColumn::of(batch, RESOURCE)?,
            context: TextColumn::of(batch, CONTEXT)?,
            scope_name: TextColumn::of(batch, SCOPE_NAME)?,
            scope_version: TextColumn::of(batch, SCOPE_VERSION)?,
            attributes: AttributeColumns::of(batch, signal)?,
            dropped_attributes_count: int64(batch, schema::DROPPED_ATTRIBUTES_COUNT)?,
            flags: int64(batch, schema::FLAGS)?,
        })
    }
}

/// Resource and scope of a row as they lie in the columns: rows with equal origins came from one resource and scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin<'a> {
    /// JSON object of `proto::value`.
    pub(crate) resource: &'a str,
    /// JSON object, `""` when nothing rare was sent; see [`schema::CONTEXT`].
    pub(crate) context: &'a str,
    pub(crate) scope_name: &'a str,
    pub(crate) scope_version: &'a str,
}

/// What a row of either signal answers.
pub(crate) trait Row<'a>: Copy {
    fn common(self) -> (&'a CommonColumns, usize);

    /// Resource attribute `service.name`, `""` without one.
    fn service(self) -> &'a str {
        let (common, row) = self.common();
        common.service.get(row).unwrap_or("")
    }

    fn origin(self) -> Origin<'a> {
        let (common, row) = self.common();
        Origin {
            resource: common.resource.get(row).unwrap_or("{}"),
            context: common.context.get(row).unwrap_or(""),
            scope_name: common.scope_name.get(row).unwrap_or(""),
            scope_version: common.scope_version.get(row).unwrap_or(""),
        }
    }

    fn attributes(self) -> Vec<(&'a str, Stored<'a>)> {
        let (common, row) = self.common();
        common.attributes.row(row)
    }

    fn dropped_attributes_count(self) -> i64 {
        let (common, row) = self.common();
        int_at(&common.dropped_attributes_count, row).unwrap_or(0)
    }

    fn flags(self) -> i64 {
        let (common, row) = self.common();
        int_at(&common.flags, row).unwrap_or(0)
    }
}

/// A batch of spans.
pub(crate) struct SpanBatch {
    rows: usize,
    common: CommonColumns,
    trace_id: BinaryArray,
    span_id: BinaryArray,
    parent_span_id: BinaryArray,
    trace_state: TextColumn,
    name: TextColumn,
    kind: TextColumn,
    start_time_unix_nano: Int64Array,
    duration_ns: Int64Array,
    status: TextColumn,
    status_message: TextColumn,
    events: ListOfStructs,
    links: ListOfStructs,
    dropped_events_count: Int64Array,
    dropped_links_count: Int64Array,
    outcome: OutcomeColumns,
}

impl SpanBatch {
    /// Errors: a column of a type that cannot be what the schema says.
    pub(crate) fn of(batch: &RecordBatch) -> Result<Self, QueryError> {
        Ok(Self {
            rows: batch.num_rows(),
            common: CommonColumns::of(batch, Signal::Spans)?,
            trace_id: binary(batch, schema::TRACE_ID)?,
            span_id: binary(batch, schema::SPAN_ID)?,
            parent_span_id: binary(batch, schema::PARENT_SPAN_ID)?,
            trace_state: TextColumn::of(batch, schema::TRACE_STATE)?,
            name: TextColumn::of(batch, schema::NAME)?,
            kind: TextColumn::of(batch, schema::KIND)?,
            start_time_unix_nano: int64(batch, schema::START_TIME_UNIX_NANO)?,
            duration_ns: int64(batch, schema::DURATION_NS)?,
            status: TextColumn::of(batch, schema::STATUS)?,
            status_message: TextColumn::of(batch, schema::STATUS_MESSAGE)?,
            events: ListOfStructs::of(batch, Signal::Spans, schema::EVENTS)?,
            links: ListOfStructs::of(batch, Signal::Spans, schema::LINKS)?,
            dropped_events_count: int64(batch, schema::DROPPED_EVENTS_COUNT)?,
            dropped_links_count: int64(batch, schema::DROPPED_LINKS_COUNT)?,
            outcome: OutcomeColumns::of(batch)?,
        })
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = SpanRow<'_>> {
        (0..self.rows).map(|row| SpanRow { batch: self, row })
    }
}

/// One span.
#[derive(Clone, Copy)]
pub(crate) struct SpanRow<'a> {
    batch: &'a SpanBatch,
    row: usize,
}

impl<'a> Row<'a> for SpanRow<'a> {
    fn common(self) -> (&'a CommonColumns, usize) {
        (&self.batch.common, self.row)
    }
}

impl<'a> SpanRow<'a> {
    pub(crate) fn trace_id(self) -> Result<TraceId, QueryError> {
        let bytes = bytes_at(&self.batch.trace_id, self.row).unwrap_or_default();
        TraceId::from_bytes(bytes).map_err(|error| QueryError::internal(format!("trace_id of a stored span: {error}")))
    }

    pub(crate) fn span_id(self) -> Result<SpanId, QueryError> {
        stored_span_id(bytes_at(&self.batch.span_id, self.row).unwrap_or_default())
    }

    pub(crate) fn parent_span_id(self) -> Result<Option<SpanId>, QueryError> {
        bytes_at(&self.batch.parent_span_id, self.row).map(stored_span_id).transpose()
    }

    pub(crate) fn trace_state(self) -> Option<&'a str> {
        self.batch.trace_state.get(self.row)
    }

    pub(crate) fn name(self) -> &'a str {
        self.batch.name.get(self.row).unwrap_or("")
    }

    /// `SERVER`, `CLIENT`, ...; an unknown number as digits.
    pub(crate) fn kind(self) -> &'a str {
        self.batch.kind.get(self.row).unwrap_or("UNSPECIFIED")
    }

    pub(crate) fn start_time_unix_nano(self) -> i64 {
        int_at(&self.batch.start_time_unix_nano, self.row).unwrap_or(0)
    }

    pub(crate) fn duration_ns(self) -> i64 {
        int_at(&self.batch.duration_ns, self.row).unwrap_or(0)
    }

    /// `UNSET`, `OK`, `ERROR`; an unknown number as digits.
    pub(crate) fn status(self) -> &'a str {
        self.batch.status.get(self.row).unwrap_or("UNSET")
    }

    pub(crate) fn status_message(self) -> Option<&'a str> {
        self.batch.status_message.get(self.row)
    }

    pub(crate) fn events(self) -> impl Iterator<Item = EventRow<'a>> {
        let events = &self.batch.events;
        events.elements(self.row).map(move |at| EventRow {
            time_unix_nano: events.int(0, at).unwrap_or(0),
            name: events.text(1, at).unwrap_or(""),
            attributes: events.text(2, at).unwrap_or("{}"),
            dropped_attributes_count: events.int(3, at).unwrap_or(0),
        })
    }

    pub(crate) fn links(self) -> impl Iterator<Item = LinkRow<'a>> {
        let links = &self.batch.links;
        links.elements(self.row).map(move |at| LinkRow {
            trace_id: links.bytes(0, at).unwrap_or_default(),
            span_id: links.bytes(1, at).unwrap_or_default(),
            trace_state: links.text(2, at),
            attributes: links.text(3, at).unwrap_or("{}"),
            dropped_attributes_count: links.int(4, at).unwrap_or(0),
            flags: links.int(5, at).unwrap_or(0),
        })
    }

    pub(crate) fn dropped_events_count(self) -> i64 {
        int_at(&self.batch.dropped_events_count, self.row).unwrap_or(0)
    }

    pub(crate) fn dropped_links_count(self) -> i64 {
        int_at(&self.batch.dropped_links_count, self.row).unwrap_or(0)
    }

    /// How the call ended.
    pub(crate) fn outcome(self) -> Outcome {
        self.batch.outcome.at(self.row)
    }

    /// Everything the row says, in a form that does not depend on which batch it lies in.
    pub(crate) fn content(self) -> impl Hash + Eq + 'a {
        let shape = (self.trace_state(), self.name(), self.kind(), self.status(), self.status_message());
        let times = (self.start_time_unix_nano(), self.duration_ns(), self.flags());
        let dropped = (self.dropped_attributes_count(), self.dropped_events_count(), self.dropped_links_count());
        let parent = bytes_at(&self.batch.parent_span_id, self.row);
        let events: Vec<_> = self.events().collect();
        let links: Vec<_> = self.links().collect();
        ((shape, times, dropped, parent), (self.origin(), self.attributes(), events, links))
    }
}

/// One event of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EventRow<'a> {
    pub(crate) time_unix_nano: i64,
    pub(crate) name: &'a str,
    /// JSON object of `proto::value`.
    pub(crate) attributes: &'a str,
    pub(crate) dropped_attributes_count: i64,
}

/// One link of a span. Ids as sent: a link may name something that is not a valid id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LinkRow<'a> {
    pub(crate) trace_id: &'a [u8],
    pub(crate) span_id: &'a [u8],
    pub(crate) trace_state: Option<&'a str>,
    /// JSON object of `proto::value`.
    pub(crate) attributes: &'a str,
    pub(crate) dropped_attributes_count: i64,
    pub(crate) flags: i64,
}

/// A batch of log records.
pub(crate) struct LogBatch {
    rows: usize,
    common: CommonColumns,
    time_unix_nano: Int64Array,
    time_from: TextColumn,
    observed_time_unix_nano: Int64Array,
    severity_number: Int32Array,
    severity_text: TextColumn,
    body: TextColumn,
    body_type: TextColumn,
    trace_id: BinaryArray,
    span_id: BinaryArray,
    event_name: TextColumn,
}

impl LogBatch {
    /// Errors: a column of a type that cannot be what the schema says.
    pub(crate) fn of(batch: &RecordBatch) -> Result<Self, QueryError> {
        Ok(Self {
            rows: batch.num_rows(),
            common: CommonColumns::of(batch, Signal::Logs)?,
            time_unix_nano: int64(batch, schema::TIME_UNIX_NANO)?,
            time_from: TextColumn::of(batch, schema::TIME_FROM)?,
            observed_time_unix_nano: int64(batch, schema::OBSERVED_TIME_UNIX_NANO)?,
            severity_number: int32(batch, schema::SEVERITY_NUMBER)?,
            severity_text: TextColumn::of(batch, schema::SEVERITY_TEXT)?,
            body: TextColumn::of(batch, schema::BODY)?,
            body_type: TextColumn::of(batch, schema::BODY_TYPE)?,
            trace_id: binary(batch, schema::TRACE_ID)?,
            span_id: binary(batch, schema::SPAN_ID)?,
            event_name: TextColumn::of(batch, schema::EVENT_NAME)?,
        })
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = LogRow<'_>> {
        (0..self.rows).map(|row| LogRow { batch: self, row })
    }
}

/// One log record.
#[derive(Clone, Copy)]
pub(crate) struct LogRow<'a> {
    batch: &'a LogBatch,
    row: usize,
}

impl<'a> Row<'a> for LogRow<'a> {
    fn common(self) -> (&'a CommonColumns, usize) {
        (&self.batch.common, self.row)
    }
}

impl<'a> LogRow<'a> {
    /// The time by which the record is ordered, see [`schema::TIME_UNIX_NANO`].
    pub(crate) fn time_unix_nano(self) -> i64 {
        int_at(&self.batch.time_unix_nano, self.row).unwrap_or(0)
    }

    /// Whether the sender gave [`Self::time_unix_nano`]; otherwise it sent 0.
    pub(crate) fn has_own_time(self) -> bool {
        self.batch.time_from.get(self.row).is_none()
    }

    pub(crate) fn observed_time_unix_nano(self) -> Option<i64> {
        int_at(&self.batch.observed_time_unix_nano, self.row)
    }

    pub(crate) fn severity_number(self) -> i32 {
        let column = &self.batch.severity_number;
        if column.is_valid(self.row) { column.value(self.row) } else { 0 }
    }

    pub(crate) fn severity_text(self) -> Option<&'a str> {
        self.batch.severity_text.get(self.row)
    }

    pub(crate) fn body(self) -> Option<Stored<'a>> {
        let body = self.batch.body.get(self.row)?;
        Some(if self.batch.body_type.get(self.row) == Some("json") { Stored::Json(body) } else { Stored::Text(body) })
    }

    pub(crate) fn trace_id(self) -> Option<&'a [u8]> {
        bytes_at(&self.batch.trace_id, self.row)
    }

    pub(crate) fn span_id(self) -> Option<&'a [u8]> {
        bytes_at(&self.batch.span_id, self.row)
    }

    pub(crate) fn event_name(self) -> Option<&'a str> {
        self.batch.event_name.get(self.row)
    }

    /// A number made of everything the record says: it orders records of one nanosecond and does not depend on where
    /// they lie. Stable between processes of one build; two different records have the same one once in 2^64.
    pub(crate) fn content_hash(self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let times = (self.time_unix_nano(), self.batch.time_from.get(self.row), self.observed_time_unix_nano());
        let severity = (self.severity_number(), self.severity_text(), self.event_name());
        (times, severity, self.body(), self.trace_id(), self.span_id()).hash(&mut hasher);
        (self.origin(), self.attributes(), self.flags(), self.dropped_attributes_count()).hash(&mut hasher);
        hasher.finish()
    }
}

fn stored_span_id(bytes: &[u8]) -> Result<SpanId, QueryError> {
    SpanId::from_bytes(bytes).map_err(|error| QueryError::internal(format!("span id of a stored span: {error}")))
}
