//! `LogRecord` to the columns of a log record.

use arrow::array::{ArrayRef, Int32Builder};
use proto::{Signal, UnixNanos};

use super::attributes::AttributeColumns;
use super::builders::{Binaries, Ints, Texts, Words, binaries, ints, texts, times, words};
use super::values::{KeyValue, Value, write_value};
use super::wire::Reader;
use super::{ConvertError, RecordColumns, Refusal, array, read_id};

/// What one log record says, as slices of the request. Kept from record to record for its vector.
#[derive(Default)]
struct LogRecord<'a> {
    time: u64,
    observed_time: u64,
    severity_number: i32,
    severity_text: &'a str,
    body: Option<Value<'a>>,
    attributes: Vec<KeyValue<'a>>,
    dropped_attributes: u32,
    flags: u32,
    trace_id: &'a [u8],
    span_id: &'a [u8],
    event_name: &'a str,
}

impl<'a> LogRecord<'a> {
    fn read(&mut self, message: &'a [u8]) -> Result<(), ConvertError> {
        let mut reader = Reader::new(message);
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => self.time = field.fixed64("LogRecord.time_unix_nano")?,
                2 => self.severity_number = field.int32("LogRecord.severity_number")?,
                3 => self.severity_text = field.text("LogRecord.severity_text")?,
                5 => self.body = Some(Value::read(field.bytes("LogRecord.body")?)?),
                6 => self.attributes.push(KeyValue::read(field.bytes("LogRecord.attributes")?)?),
                7 => self.dropped_attributes = field.uint32("LogRecord.dropped_attributes_count")?,
                8 => self.flags = field.fixed32("LogRecord.flags")?,
                9 => self.trace_id = field.bytes("LogRecord.trace_id")?,
                10 => self.span_id = field.bytes("LogRecord.span_id")?,
                11 => self.observed_time = field.fixed64("LogRecord.observed_time_unix_nano")?,
                12 => self.event_name = field.text("LogRecord.event_name")?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Everything back to the default but the vector's memory.
    fn reset(&mut self) {
        let mut attributes = std::mem::take(&mut self.attributes);
        attributes.clear();
        *self = LogRecord { attributes, ..LogRecord::default() };
    }
}

pub(super) struct LogColumns<'a> {
    rows: usize,
    arrival: UnixNanos,
    arrival_used: bool,
    record: LogRecord<'a>,
    time: Vec<i64>,
    time_from: Words,
    observed_time: Ints,
    severity_number: Int32Builder,
    severity_text: Words,
    body: Texts,
    body_type: Words,
    trace_id: Binaries,
    span_id: Binaries,
    flags: Ints,
    event_name: Words,
    attributes: AttributeColumns,
    dropped_attributes: Ints,
    json: String,
}

impl LogColumns<'_> {
    pub(super) fn new(rows: usize, arrival: UnixNanos) -> Self {
        Self {
            rows: 0,
            arrival,
            arrival_used: false,
            record: LogRecord::default(),
            time: Vec::with_capacity(rows),
            time_from: words(0),
            observed_time: ints(rows),
            severity_number: Int32Builder::with_capacity(rows),
            severity_text: words(rows),
            body: texts(rows),
            body_type: words(0),
            trace_id: binaries(rows, 16),
            span_id: binaries(rows, 8),
            flags: ints(rows),
            event_name: words(0),
            attributes: AttributeColumns::new(Signal::Logs, rows),
            dropped_attributes: ints(0),
            json: String::new(),
        }
    }
}

impl<'a> RecordColumns<'a> for LogColumns<'a> {
    fn append(&mut self, record: &'a [u8]) -> Result<Option<Refusal>, ConvertError> {
        self.record.reset();
        self.record.read(record)?;
        let record = &self.record;
        let ids = read_id("trace_id", record.trace_id, 16)
            .and_then(|trace_id| Ok((trace_id, read_id("span_id", record.span_id, 8)?)));
        let (trace_id, span_id) = match ids {
            Ok((trace_id, span_id)) => (trace_id.unwrap_or_default(), span_id.unwrap_or_default()),
            Err(refusal) => return Ok(Some(refusal)),
        };
        let row = self.rows;
        self.rows += 1;
        let (time, from) = match (record.time, record.observed_time) {
            (0, 0) => (self.arrival, "arrival"),
            (0, observed) => (observed as i64, "observed"),
            (time, _) => (time as i64, ""),
        };
        self.arrival_used |= from == "arrival";
        self.time.push(time);
        self.time_from.set(row, from);
        if record.observed_time != 0 {
            self.observed_time.set(row, record.observed_time as i64);
        }
        self.severity_number.append_value(record.severity_number);
        self.severity_text.set(row, record.severity_text);
        match record.body {
            None => {}
            // Not `set`: an empty text was sent, which is not the same as no body.
            Some(Value::Text(text)) => self.body.at(row).append_value(text),
            Some(value) => {
                self.json.clear();
                write_value(&mut self.json, value)?;
                self.body.set(row, &self.json);
                self.body_type.set(row, "json");
            }
        }
        self.trace_id.set(row, trace_id);
        self.span_id.set(row, span_id);
        self.flags.set(row, i64::from(record.flags));
        self.event_name.set(row, record.event_name);
        self.dropped_attributes.set_count(row, record.dropped_attributes);
        self.attributes.append(row, &record.attributes)?;
        Ok(None)
    }

    fn finish(mut self) -> (Vec<ArrayRef>, Vec<ArrayRef>) {
        let rows = self.rows;
        let attributes = self.attributes.finish(rows);
        let (time, time_unix_nano) = times(self.time);
        let own = vec![
            time,
            time_unix_nano,
            self.time_from.finish(rows),
            self.observed_time.finish(rows),
            array(self.severity_number.finish()),
            self.severity_text.finish(rows),
            self.body.finish(rows),
            self.body_type.finish(rows),
            self.trace_id.finish(rows),
            self.span_id.finish(rows),
            self.flags.finish(rows),
            self.event_name.finish(rows),
        ];
        let mut last =
            vec![attributes.map, attributes.types, attributes.conflicts, self.dropped_attributes.finish(rows)];
        last.extend(attributes.promoted);
        (own, last)
    }

    fn depends_on_arrival(&self) -> bool {
        self.arrival_used
    }
}
