//! Span events and links: the two lists of structs in a span.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, FieldRef, Fields};
use proto::{Signal, schema};

use super::attributes::offset;
use super::builders::{Binaries, Ints, Texts, binaries, ints, texts};
use super::values::{KeyValue, write_attributes};
use super::wire::Reader;
use super::{ConvertError, RECORDS_MAX, array};

/// Where each row's elements begin, and how many there are.
struct Offsets {
    offsets: Vec<i32>,
    elements: usize,
}

impl Offsets {
    fn new(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, elements: 0 }
    }

    /// Announces one row. Returns the position of its first element.
    fn append(&mut self, elements: usize, name: &'static str) -> Result<usize, ConvertError> {
        let first = self.elements;
        self.elements += elements;
        if self.elements > RECORDS_MAX {
            return Err(ConvertError::TooMany(format!(
                "more than {RECORDS_MAX} {name} in one request: send smaller batches"
            )));
        }
        self.offsets.push(offset(self.elements));
        Ok(first)
    }

    fn finish(self, column: &str, fields: Fields, arrays: Vec<ArrayRef>) -> ArrayRef {
        let structs = StructArray::try_new(fields, arrays, None).expect("one array per field, equally long");
        let offsets = OffsetBuffer::new(self.offsets.into());
        array(ListArray::try_new(element_field(column), offsets, Arc::new(structs), None).expect("the schema's list"))
    }
}

fn element_field(column: &str) -> FieldRef {
    let schema = Signal::Spans.schema();
    match schema.field_with_name(column).expect("a column of spans").data_type() {
        DataType::List(element) => Arc::clone(element),
        other => unreachable!("{column} is a list, not {other}"),
    }
}

/// The attributes of events and links: JSON text, null when there are none.
struct JsonAttributes {
    column: Texts,
    json: String,
}

impl JsonAttributes {
    fn new() -> Self {
        Self { column: texts(0), json: String::new() }
    }

    fn set(&mut self, element: usize, attributes: &[KeyValue<'_>]) -> Result<(), ConvertError> {
        if !attributes.is_empty() {
            self.json.clear();
            write_attributes(&mut self.json, attributes)?;
            self.column.set(element, &self.json);
        }
        Ok(())
    }
}

pub(super) struct Events {
    offsets: Offsets,
    time: Ints,
    name: Texts,
    attributes: JsonAttributes,
    dropped_attributes: Ints,
}

impl Events {
    pub(super) fn new(rows: usize) -> Self {
        Self {
            offsets: Offsets::new(rows),
            time: ints(0),
            name: texts(0),
            attributes: JsonAttributes::new(),
            dropped_attributes: ints(0),
        }
    }

    pub(super) fn append(&mut self, events: &[&[u8]]) -> Result<(), ConvertError> {
        let first = self.offsets.append(events.len(), "span events")?;
        for (element, event) in (first..).zip(events) {
            let (mut time, mut name, mut dropped) = (0, "", 0);
            let mut attributes = Vec::new();
            let mut reader = Reader::new(event);
            while let Some(field) = reader.next_field()? {
                match field.number {
                    1 => time = field.fixed64("Event.time_unix_nano")?,
                    2 => name = field.text("Event.name")?,
                    3 => attributes.push(KeyValue::read(field.bytes("Event.attributes")?)?),
                    4 => dropped = field.uint32("Event.dropped_attributes_count")?,
                    _ => {}
                }
            }
            self.time.set(element, time as i64);
            self.name.set(element, name);
            self.attributes.set(element, &attributes)?;
            self.dropped_attributes.set_count(element, dropped);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> ArrayRef {
        let elements = self.offsets.elements;
        let arrays = vec![
            self.time.finish(elements),
            self.name.finish(elements),
            self.attributes.column.finish(elements),
            self.dropped_attributes.finish(elements),
        ];
        self.offsets.finish(schema::EVENTS, schema::event_fields(), arrays)
    }
}

pub(super) struct Links {
    offsets: Offsets,
    trace_id: Binaries,
    span_id: Binaries,
    trace_state: Texts,
    attributes: JsonAttributes,
    dropped_attributes: Ints,
    flags: Ints,
}

impl Links {
    pub(super) fn new(rows: usize) -> Self {
        Self {
            offsets: Offsets::new(rows),
            trace_id: binaries(0, 16),
            span_id: binaries(0, 8),
            trace_state: texts(0),
            attributes: JsonAttributes::new(),
            dropped_attributes: ints(0),
            flags: ints(0),
        }
    }

    /// Ids are kept as sent, whatever their length: a link is no reason to refuse a span.
    pub(super) fn append(&mut self, links: &[&[u8]]) -> Result<(), ConvertError> {
        let first = self.offsets.append(links.len(), "span links")?;
        for (element, link) in (first..).zip(links) {
            let (mut trace_id, mut span_id, mut trace_state): (&[u8], &[u8], &str) = (&[], &[], "");
            let (mut dropped, mut flags) = (0, 0);
            let mut attributes = Vec::new();
            let mut reader = Reader::new(link);
            while let Some(field) = reader.next_field()? {
                match field.number {
                    1 => trace_id = field.bytes("Link.trace_id")?,
                    2 => span_id = field.bytes("Link.span_id")?,
                    3 => trace_state = field.text("Link.trace_state")?,
                    4 => attributes.push(KeyValue::read(field.bytes("Link.attributes")?)?),
                    5 => dropped = field.uint32("Link.dropped_attributes_count")?,
                    6 => flags = field.fixed32("Link.flags")?,
                    _ => {}
                }
            }
            self.trace_id.set(element, trace_id);
            self.span_id.set(element, span_id);
            self.trace_state.set(element, trace_state);
            self.attributes.set(element, &attributes)?;
            self.dropped_attributes.set_count(element, dropped);
            self.flags.set(element, i64::from(flags));
        }
        Ok(())
    }

    pub(super) fn finish(self) -> ArrayRef {
        let elements = self.offsets.elements;
        let arrays = vec![
            self.trace_id.finish(elements),
            self.span_id.finish(elements),
            self.trace_state.finish(elements),
            self.attributes.column.finish(elements),
            self.dropped_attributes.finish(elements),
            self.flags.finish(elements),
        ];
        self.offsets.finish(schema::LINKS, schema::link_fields(), arrays)
    }
}
