//! The Arrow columns of a span and of a log record, as they lie in the memtable and in a segment.
//!
//! These are the *physical* columns. What SQL shows (hex ids, nanosecond timestamps, one `attributes` value) is a view
//! over them in `query`. Types are limited to what Delta Lake knows: signed integers, text, binary, microsecond
//! timestamps, lists, structs and maps. Text that repeats is dictionary-encoded in memory and in Parquet, which is
//! still plain text to Delta and to foreign readers.
//!
//! Unsigned OTLP integers are stored as the signed integer of the same bits or a wider one:
//! `*_unix_nano` (fixed64) as `Int64` by two's complement, `flags` and dropped counts (uint32) as `Int64`.
//! A count of zero, an empty text and an absent message are null, as protobuf does not tell them apart.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use crate::promoted::{LOG_ATTRIBUTES, Promoted, SPAN_ATTRIBUTES};

// Shared by both signals.
/// `Binary`, 16 bytes; null in a log record without one.
pub const TRACE_ID: &str = "trace_id";
/// `Binary`, 8 bytes; null in a log record without one.
pub const SPAN_ID: &str = "span_id";
pub const FLAGS: &str = "flags";
/// Dictionary text: resource attribute `service.name`; `""` when it has none.
pub const SERVICE: &str = "service";
pub const SCOPE_NAME: &str = "scope_name";
pub const SCOPE_VERSION: &str = "scope_version";
/// Dictionary text: JSON object (see [`crate::value`]) of all resource attributes, `service.name` included.
pub const RESOURCE: &str = "resource";
/// Dictionary text: JSON object of what is rare about resource and scope: keys `resource_dropped_attributes_count`,
/// `resource_schema_url`, `resource_entity_refs`, `scope_attributes` (JSON object), `scope_dropped_attributes_count`,
/// `scope_schema_url`, `scope_present` (false when the message was absent). Null when none of it was sent.
pub const CONTEXT: &str = "context";
/// `Map<Utf8, Utf8>`: attributes without a column of their own, in the order sent. A string is itself;
/// every other type is JSON text as in [`crate::value`], and then [`ATTRIBUTE_TYPES`] says so.
pub const ATTRIBUTES: &str = "attributes";
/// Text with one letter for each entry of [`ATTRIBUTES`]: `s` string, `j` JSON. Null when all are strings.
pub const ATTRIBUTE_TYPES: &str = "attribute_types";
/// JSON object (see [`crate::value`]): attributes whose key has a column of its own but whose value does not fit into it,
/// being of another type or a second one. Nearly always null, and then not in a file: so who asks for one such key
/// reads its column and not the whole map.
pub const ATTRIBUTE_CONFLICTS: &str = "attribute_conflicts";
pub const DROPPED_ATTRIBUTES_COUNT: &str = "dropped_attributes_count";

// Spans.
/// `Binary`, 8 bytes; null for a root.
pub const PARENT_SPAN_ID: &str = "parent_span_id";
pub const TRACE_STATE: &str = "trace_state";
pub const NAME: &str = "name";
/// Dictionary text: `UNSPECIFIED`, `INTERNAL`, `SERVER`, `CLIENT`, `PRODUCER`, `CONSUMER`; an unknown number as digits.
pub const KIND: &str = "kind";
/// Microsecond UTC timestamp of the start, for foreign readers (Delta has no nanoseconds).
pub const START_TIME: &str = "start_time";
pub const START_TIME_UNIX_NANO: &str = "start_time_unix_nano";
/// End minus start, wrapping: start + duration is the exact end.
pub const DURATION_NS: &str = "duration_ns";
/// Dictionary text: `UNSET`, `OK`, `ERROR`; an unknown number as digits.
pub const STATUS: &str = "status";
pub const STATUS_MESSAGE: &str = "status_message";
/// `List<Struct<time_unix_nano Int64, name Utf8, attributes Utf8 (JSON object), dropped_attributes_count Int64>>`.
pub const EVENTS: &str = "events";
/// `List<Struct<trace_id Binary, span_id Binary, trace_state Utf8, attributes Utf8 (JSON object),
/// dropped_attributes_count Int64, flags Int64>>`.
pub const LINKS: &str = "links";
pub const DROPPED_EVENTS_COUNT: &str = "dropped_events_count";
pub const DROPPED_LINKS_COUNT: &str = "dropped_links_count";

// Log records.
/// Microsecond UTC timestamp, for foreign readers.
pub const TIME: &str = "time";
/// The record's time; its observed time when that was 0; the time of arrival when both were.
pub const TIME_UNIX_NANO: &str = "time_unix_nano";
/// Dictionary text: null when the time is as sent, `observed` or `arrival` when `timeUnixNano` was 0.
pub const TIME_FROM: &str = "time_from";
pub const OBSERVED_TIME_UNIX_NANO: &str = "observed_time_unix_nano";
/// `Int32`, OTLP's 0..=24.
pub const SEVERITY_NUMBER: &str = "severity_number";
pub const SEVERITY_TEXT: &str = "severity_text";
/// A string body as it is, any other value as JSON text, null when absent.
pub const BODY: &str = "body";
/// Dictionary text: `json` when [`BODY`] is the JSON text of a value that is not a string, else null.
pub const BODY_TYPE: &str = "body_type";
pub const EVENT_NAME: &str = "event_name";

/// Partition column of both tables: UTC date of the row's time, `YYYY-MM-DD`. In the path, not in the file.
pub const DATE: &str = "date";

/// The type of text that repeats.
pub fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Fields of one element of [`EVENTS`].
pub fn event_fields() -> Fields {
    Fields::from(vec![
        Field::new("time_unix_nano", DataType::Int64, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("attributes", DataType::Utf8, true),
        Field::new("dropped_attributes_count", DataType::Int64, true),
    ])
}

/// Fields of one element of [`LINKS`].
pub fn link_fields() -> Fields {
    Fields::from(vec![
        Field::new("trace_id", DataType::Binary, true),
        Field::new("span_id", DataType::Binary, true),
        Field::new("trace_state", DataType::Utf8, true),
        Field::new("attributes", DataType::Utf8, true),
        Field::new("dropped_attributes_count", DataType::Int64, true),
        Field::new("flags", DataType::Int64, true),
    ])
}

/// The struct inside [`ATTRIBUTES`]: field names as Delta and Parquet want them.
pub fn map_entry_fields() -> Fields {
    Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)])
}

fn list_of(fields: Fields) -> DataType {
    DataType::List(Arc::new(Field::new("element", DataType::Struct(fields), true)))
}

fn attributes_type() -> DataType {
    let entries = Field::new("key_value", DataType::Struct(map_entry_fields()), false);
    DataType::Map(Arc::new(entries), false)
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

fn promoted_fields(table: &'static [Promoted]) -> impl Iterator<Item = Field> {
    table.iter().map(|promoted| field(promoted.column, promoted.data_type()))
}

fn context_fields() -> Vec<Field> {
    vec![
        field(SERVICE, dictionary()),
        field(SCOPE_NAME, dictionary()),
        field(SCOPE_VERSION, dictionary()),
        field(RESOURCE, dictionary()),
        field(CONTEXT, dictionary()),
        field(ATTRIBUTES, attributes_type()),
        field(ATTRIBUTE_TYPES, dictionary()),
        field(ATTRIBUTE_CONFLICTS, DataType::Utf8),
        field(DROPPED_ATTRIBUTES_COUNT, DataType::Int64),
    ]
}

pub(crate) fn spans() -> SchemaRef {
    let mut fields = vec![
        field(TRACE_ID, DataType::Binary),
        field(SPAN_ID, DataType::Binary),
        field(PARENT_SPAN_ID, DataType::Binary),
        field(TRACE_STATE, dictionary()),
        field(FLAGS, DataType::Int64),
        field(NAME, dictionary()),
        field(KIND, dictionary()),
        field(START_TIME, timestamp()),
        field(START_TIME_UNIX_NANO, DataType::Int64),
        field(DURATION_NS, DataType::Int64),
        field(STATUS, dictionary()),
        field(STATUS_MESSAGE, dictionary()),
        field(EVENTS, list_of(event_fields())),
        field(LINKS, list_of(link_fields())),
        field(DROPPED_EVENTS_COUNT, DataType::Int64),
        field(DROPPED_LINKS_COUNT, DataType::Int64),
    ];
    fields.extend(context_fields());
    fields.extend(promoted_fields(SPAN_ATTRIBUTES));
    Arc::new(Schema::new(fields))
}

pub(crate) fn logs() -> SchemaRef {
    let mut fields = vec![
        field(TIME, timestamp()),
        field(TIME_UNIX_NANO, DataType::Int64),
        field(TIME_FROM, dictionary()),
        field(OBSERVED_TIME_UNIX_NANO, DataType::Int64),
        field(SEVERITY_NUMBER, DataType::Int32),
        field(SEVERITY_TEXT, dictionary()),
        field(BODY, DataType::Utf8),
        field(BODY_TYPE, dictionary()),
        field(TRACE_ID, DataType::Binary),
        field(SPAN_ID, DataType::Binary),
        field(FLAGS, DataType::Int64),
        field(EVENT_NAME, dictionary()),
    ];
    fields.extend(context_fields());
    fields.extend(promoted_fields(LOG_ATTRIBUTES));
    Arc::new(Schema::new(fields))
}
