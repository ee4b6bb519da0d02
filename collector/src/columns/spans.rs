//! `Span` to the columns of a span.

use arrow::array::ArrayRef;
use proto::Signal;

use super::attributes::AttributeColumns;
use super::builders::{Binaries, Ints, Words, binaries, ints, times, words};
use super::span_lists::{Events, Links};
use super::values::KeyValue;
use super::wire::Reader;
use super::{ConvertError, RecordColumns, Refusal, read_id};

/// What one span says, as slices of the request. Kept from span to span for its vectors.
#[derive(Default)]
struct Span<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_span_id: &'a [u8],
    trace_state: &'a str,
    flags: u32,
    name: &'a str,
    kind: i32,
    start: u64,
    end: u64,
    attributes: Vec<KeyValue<'a>>,
    dropped_attributes: u32,
    events: Vec<&'a [u8]>,
    dropped_events: u32,
    links: Vec<&'a [u8]>,
    dropped_links: u32,
    status: i32,
    status_message: &'a str,
}

impl<'a> Span<'a> {
    fn read(&mut self, message: &'a [u8]) -> Result<(), ConvertError> {
        let mut reader = Reader::new(message);
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => self.trace_id = field.bytes("Span.trace_id")?,
                2 => self.span_id = field.bytes("Span.span_id")?,
                3 => self.trace_state = field.text("Span.trace_state")?,
                4 => self.parent_span_id = field.bytes("Span.parent_span_id")?,
                5 => self.name = field.text("Span.name")?,
                6 => self.kind = field.int32("Span.kind")?,
                7 => self.start = field.fixed64("Span.start_time_unix_nano")?,
                8 => self.end = field.fixed64("Span.end_time_unix_nano")?,
                9 => self.attributes.push(KeyValue::read(field.bytes("Span.attributes")?)?),
                10 => self.dropped_attributes = field.uint32("Span.dropped_attributes_count")?,
                11 => self.events.push(field.bytes("Span.events")?),
                12 => self.dropped_events = field.uint32("Span.dropped_events_count")?,
                13 => self.links.push(field.bytes("Span.links")?),
                14 => self.dropped_links = field.uint32("Span.dropped_links_count")?,
                15 => self.read_status(field.bytes("Span.status")?)?,
                16 => self.flags = field.fixed32("Span.flags")?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_status(&mut self, message: &'a [u8]) -> Result<(), ConvertError> {
        let mut reader = Reader::new(message);
        while let Some(field) = reader.next_field()? {
            match field.number {
                2 => self.status_message = field.text("Status.message")?,
                3 => self.status = field.int32("Status.code")?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Everything back to the default but the vectors' memory.
    fn reset(&mut self) {
        let (mut attributes, mut events, mut links) =
            (std::mem::take(&mut self.attributes), std::mem::take(&mut self.events), std::mem::take(&mut self.links));
        attributes.clear();
        events.clear();
        links.clear();
        *self = Span { attributes, events, links, ..Span::default() };
    }

    fn check_ids(&self) -> Result<(), Refusal> {
        for (field, bytes, expected) in [("trace_id", self.trace_id, 16), ("span_id", self.span_id, 8)] {
            if bytes.is_empty() {
                return Err(Refusal::IdLength { field, bytes: 0, expected });
            }
            if read_id(field, bytes, expected)?.is_none() {
                return Err(Refusal::IdZero { field });
            }
        }
        read_id("parent_span_id", self.parent_span_id, 8).map(drop)
    }
}

pub(super) struct SpanColumns<'a> {
    rows: usize,
    span: Span<'a>,
    trace_id: Binaries,
    span_id: Binaries,
    parent_span_id: Binaries,
    trace_state: Words,
    flags: Ints,
    name: Words,
    kind: Words,
    start: Vec<i64>,
    duration: Ints,
    status: Words,
    status_message: Words,
    events: Events,
    links: Links,
    dropped_events: Ints,
    dropped_links: Ints,
    attributes: AttributeColumns,
    dropped_attributes: Ints,
}

impl SpanColumns<'_> {
    pub(super) fn new(rows: usize) -> Self {
        Self {
            rows: 0,
            span: Span::default(),
            trace_id: binaries(rows, 16),
            span_id: binaries(rows, 8),
            parent_span_id: binaries(rows, 8),
            trace_state: words(0),
            flags: ints(rows),
            name: words(rows),
            kind: words(rows),
            start: Vec::with_capacity(rows),
            duration: ints(rows),
            status: words(rows),
            status_message: words(0),
            events: Events::new(rows),
            links: Links::new(rows),
            dropped_events: ints(0),
            dropped_links: ints(0),
            attributes: AttributeColumns::new(Signal::Spans, rows),
            dropped_attributes: ints(0),
        }
    }
}

impl<'a> RecordColumns<'a> for SpanColumns<'a> {
    fn append(&mut self, record: &'a [u8]) -> Result<Option<Refusal>, ConvertError> {
        let span = &mut self.span;
        span.reset();
        span.read(record)?;
        if let Err(refusal) = span.check_ids() {
            return Ok(Some(refusal));
        }
        let row = self.rows;
        self.rows += 1;
        self.trace_id.set(row, span.trace_id);
        self.span_id.set(row, span.span_id);
        if span.parent_span_id.iter().any(|byte| *byte != 0) {
            self.parent_span_id.set(row, span.parent_span_id);
        }
        self.trace_state.set(row, span.trace_state);
        self.flags.set(row, i64::from(span.flags));
        self.name.set(row, span.name);
        set_enum(&mut self.kind, row, span.kind, KINDS);
        self.start.push(span.start as i64);
        self.duration.set(row, span.end.wrapping_sub(span.start) as i64);
        set_enum(&mut self.status, row, span.status, STATUSES);
        self.status_message.set(row, span.status_message);
        self.dropped_attributes.set_count(row, span.dropped_attributes);
        self.dropped_events.set_count(row, span.dropped_events);
        self.dropped_links.set_count(row, span.dropped_links);
        self.attributes.append(row, &span.attributes)?;
        self.events.append(&span.events)?;
        self.links.append(&span.links)?;
        Ok(None)
    }

    fn finish(self) -> (Vec<ArrayRef>, Vec<ArrayRef>) {
        let rows = self.rows;
        let attributes = self.attributes.finish(rows);
        let (start_time, start) = times(self.start);
        let own = vec![
            self.trace_id.finish(rows),
            self.span_id.finish(rows),
            self.parent_span_id.finish(rows),
            self.trace_state.finish(rows),
            self.flags.finish(rows),
            self.name.finish(rows),
            self.kind.finish(rows),
            start_time,
            start,
            self.duration.finish(rows),
            self.status.finish(rows),
            self.status_message.finish(rows),
            self.events.finish(),
            self.links.finish(),
            self.dropped_events.finish(rows),
            self.dropped_links.finish(rows),
        ];
        let mut last =
            vec![attributes.map, attributes.types, attributes.conflicts, self.dropped_attributes.finish(rows)];
        last.extend(attributes.promoted);
        (own, last)
    }

    fn depends_on_arrival(&self) -> bool {
        false
    }
}

/// OTLP's names without their prefix, by number.
const KINDS: &[&str] = &["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const STATUSES: &[&str] = &["UNSET", "OK", "ERROR"];

fn set_enum(column: &mut Words, row: usize, number: i32, names: &[&str]) {
    match usize::try_from(number).ok().and_then(|index| names.get(index)) {
        Some(name) => column.set(row, name),
        None => column.set(row, &number.to_string()),
    }
}
