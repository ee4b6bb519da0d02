//! The messages of OTLP 1.x as tables: JSON name, field number, kind. From the `.proto` files of opentelemetry-proto.

/// The fields of a message.
pub(super) type Message = &'static [Field];

#[derive(Debug, PartialEq)]
pub(super) struct Field {
    /// lowerCamelCase, the only spelling of OTLP/JSON.
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Text,
    /// Bytes in base64.
    Base64,
    /// Trace and span ids.
    Hex,
    Bool,
    Double,
    Fixed64,
    Fixed32,
    Uint32,
    Int64,
    /// Names with their numbers.
    Enum(&'static [(&'static str, i32)]),
    Message(Message),
}

use Kind::{Base64, Bool, Double, Enum, Fixed32, Fixed64, Hex, Int64, Text, Uint32};

const fn one(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, kind, repeated: false }
}

const fn many(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, kind, repeated: true }
}

// Statics and not constants where messages contain themselves.
static ANY_VALUE: [Field; 7] = [
    one("stringValue", 1, Text),
    one("boolValue", 2, Bool),
    one("intValue", 3, Int64),
    one("doubleValue", 4, Double),
    one("arrayValue", 5, Kind::Message(&ARRAY_VALUE)),
    one("kvlistValue", 6, Kind::Message(&KEY_VALUE_LIST)),
    one("bytesValue", 7, Base64),
];
static ARRAY_VALUE: [Field; 1] = [many("values", 1, Kind::Message(&ANY_VALUE))];
static KEY_VALUE_LIST: [Field; 1] = [many("values", 1, Kind::Message(&KEY_VALUE))];
static KEY_VALUE: [Field; 2] = [one("key", 1, Text), one("value", 2, Kind::Message(&ANY_VALUE))];

static ENTITY_REF: [Field; 4] =
    [one("schemaUrl", 1, Text), one("type", 2, Text), many("idKeys", 3, Text), many("descriptionKeys", 4, Text)];
static RESOURCE: [Field; 3] = [
    many("attributes", 1, Kind::Message(&KEY_VALUE)),
    one("droppedAttributesCount", 2, Uint32),
    many("entityRefs", 3, Kind::Message(&ENTITY_REF)),
];
static SCOPE: [Field; 4] = [
    one("name", 1, Text),
    one("version", 2, Text),
    many("attributes", 3, Kind::Message(&KEY_VALUE)),
    one("droppedAttributesCount", 4, Uint32),
];

const SPAN_KINDS: &[(&str, i32)] = &[
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
];
const STATUS_CODES: &[(&str, i32)] = &[("STATUS_CODE_UNSET", 0), ("STATUS_CODE_OK", 1), ("STATUS_CODE_ERROR", 2)];

static EVENT: [Field; 4] = [
    one("timeUnixNano", 1, Fixed64),
    one("name", 2, Text),
    many("attributes", 3, Kind::Message(&KEY_VALUE)),
    one("droppedAttributesCount", 4, Uint32),
];
static LINK: [Field; 6] = [
    one("traceId", 1, Hex),
    one("spanId", 2, Hex),
    one("traceState", 3, Text),
    many("attributes", 4, Kind::Message(&KEY_VALUE)),
    one("droppedAttributesCount", 5, Uint32),
    one("flags", 6, Fixed32),
];
static STATUS: [Field; 2] = [one("message", 2, Text), one("code", 3, Enum(STATUS_CODES))];
static SPAN: [Field; 16] = [
    one("traceId", 1, Hex),
    one("spanId", 2, Hex),
    one("traceState", 3, Text),
    one("parentSpanId", 4, Hex),
    one("name", 5, Text),
    one("kind", 6, Enum(SPAN_KINDS)),
    one("startTimeUnixNano", 7, Fixed64),
    one("endTimeUnixNano", 8, Fixed64),
    many("attributes", 9, Kind::Message(&KEY_VALUE)),
    one("droppedAttributesCount", 10, Uint32),
    many("events", 11, Kind::Message(&EVENT)),
    one("droppedEventsCount", 12, Uint32),
    many("links", 13, Kind::Message(&LINK)),
    one("droppedLinksCount", 14, Uint32),
    one("status", 15, Kind::Message(&STATUS)),
    one("flags", 16, Fixed32),
];
static SCOPE_SPANS: [Field; 3] =
    [one("scope", 1, Kind::Message(&SCOPE)), many("spans", 2, Kind::Message(&SPAN)), one("schemaUrl", 3, Text)];
static RESOURCE_SPANS: [Field; 3] = [
    one("resource", 1, Kind::Message(&RESOURCE)),
    many("scopeSpans", 2, Kind::Message(&SCOPE_SPANS)),
    one("schemaUrl", 3, Text),
];
static EXPORT_TRACE_SERVICE_REQUEST: [Field; 1] = [many("resourceSpans", 1, Kind::Message(&RESOURCE_SPANS))];
pub(super) static EXPORT_TRACES: Message = &EXPORT_TRACE_SERVICE_REQUEST;

const SEVERITIES: &[(&str, i32)] = &[
    ("SEVERITY_NUMBER_UNSPECIFIED", 0),
    ("SEVERITY_NUMBER_TRACE", 1),
    ("SEVERITY_NUMBER_TRACE2", 2),
    ("SEVERITY_NUMBER_TRACE3", 3),
    ("SEVERITY_NUMBER_TRACE4", 4),
    ("SEVERITY_NUMBER_DEBUG", 5),
    ("SEVERITY_NUMBER_DEBUG2", 6),
    ("SEVERITY_NUMBER_DEBUG3", 7),
    ("SEVERITY_NUMBER_DEBUG4", 8),
    ("SEVERITY_NUMBER_INFO", 9),
    ("SEVERITY_NUMBER_INFO2", 10),
    ("SEVERITY_NUMBER_INFO3", 11),
    ("SEVERITY_NUMBER_INFO4", 12),
    ("SEVERITY_NUMBER_WARN", 13),
    ("SEVERITY_NUMBER_WARN2", 14),
    ("SEVERITY_NUMBER_WARN3", 15),
    ("SEVERITY_NUMBER_WARN4", 16),
    ("SEVERITY_NUMBER_ERROR", 17),
    ("SEVERITY_NUMBER_ERROR2", 18),
    ("SEVERITY_NUMBER_ERROR3", 19),
    ("SEVERITY_NUMBER_ERROR4", 20),
    ("SEVERITY_NUMBER_FATAL", 21),
    ("SEVERITY_NUMBER_FATAL2", 22),
    ("SEVERITY_NUMBER_FATAL3", 23),
    ("SEVERITY_NUMBER_FATAL4", 24),
];

static LOG_RECORD: [Field; 11] = [
    one("timeUnixNano", 1, Fixed64),
    one("severityNumber", 2, Enum(SEVERITIES)),
    one("severityText", 3, Text),
    one("body", 5, Kind::Message(&ANY_VALUE)),
    many("attributes", 6, Kind::Message(&KEY_VALUE)),
    one("droppedAttributesCount", 7, Uint32),
    one("flags", 8, Fixed32),
    one("traceId", 9, Hex),
    one("spanId", 10, Hex),
    one("observedTimeUnixNano", 11, Fixed64),
    one("eventName", 12, Text),
];
static SCOPE_LOGS: [Field; 3] = [
    one("scope", 1, Kind::Message(&SCOPE)),
    many("logRecords", 2, Kind::Message(&LOG_RECORD)),
    one("schemaUrl", 3, Text),
];
static RESOURCE_LOGS: [Field; 3] = [
    one("resource", 1, Kind::Message(&RESOURCE)),
    many("scopeLogs", 2, Kind::Message(&SCOPE_LOGS)),
    one("schemaUrl", 3, Text),
];
static EXPORT_LOGS_SERVICE_REQUEST: [Field; 1] = [many("resourceLogs", 1, Kind::Message(&RESOURCE_LOGS))];
pub(super) static EXPORT_LOGS: Message = &EXPORT_LOGS_SERVICE_REQUEST;
