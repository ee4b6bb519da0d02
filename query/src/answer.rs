//! Pieces of JSON answers that traces and logs have in common.

use std::collections::{HashMap, HashSet};

use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::columns::Stored;
use crate::error::QueryError;
use crate::rows::{LogRow, Row};

/// A 64-bit time as the decimal text that JSON needs: numbers beyond 2^53 lose digits in browsers.
pub(crate) fn unix_nano_text<S: Serializer>(time: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    // OTLP's fixed64, whose bits the column holds.
    serializer.collect_str(&(*time as u64))
}

pub(crate) fn optional_unix_nano_text<S: Serializer>(time: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => unix_nano_text(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// Any JSON value: what an attribute, a body or a cell of a result holds. It gives them a name in the OpenAPI
/// description, so that clients can say there what they read integers beyond 2^53 as.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Stored` and `JsonText` write")]
pub(crate) struct JsonValue(serde_json::Value);

/// The instrumentation scope of a span or log record.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScopeAnswer<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
}

impl<'a> ScopeAnswer<'a> {
    pub(crate) fn of(row: impl Row<'a>) -> Self {
        let origin = row.origin();
        Self { name: origin.scope_name, version: origin.scope_version }
    }
}

/// Attributes as a JSON object whose values have their own JSON types.
pub(crate) struct Attributes<'a>(pub(crate) Vec<(&'a str, Stored<'a>)>);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seen = HashSet::with_capacity(self.0.len());
        if !self.0.iter().all(|(key, _)| seen.insert(*key)) {
            // What `proto::value` does with a list in which a key repeats.
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry("$kvlist", &self.0)?;
            return map.end();
        }
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl Serialize for Stored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Stored::Text(text) => serializer.serialize_str(text),
            Stored::Int(int) => serializer.serialize_i64(*int),
            Stored::Json(text) => JsonText(text).serialize(serializer),
        }
    }
}

/// JSON text that is put into an answer as it is.
pub(crate) struct JsonText<'a>(pub(crate) &'a str);

impl Serialize for JsonText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json: Json = serde_json::from_str(self.0).map_err(S::Error::custom)?;
        json.serialize(serializer)
    }
}

/// Resources of an answer: few distinct ones, each parsed once.
pub(crate) struct Resources<'a>(HashMap<&'a str, Json>);

impl<'a> Resources<'a> {
    pub(crate) fn of<R: Row<'a>>(rows: impl Iterator<Item = R>) -> Result<Self, QueryError> {
        let mut resources = HashMap::new();
        for row in rows {
            let text = row.origin().resource;
            if !resources.contains_key(text) {
                let json = serde_json::from_str(text);
                let json = json.map_err(|error| QueryError::internal(format!("resource of a stored row: {error}")))?;
                resources.insert(text, json);
            }
        }
        Ok(Self(resources))
    }

    pub(crate) fn get(&self, row: impl Row<'a>) -> &Json {
        self.0.get(row.origin().resource).unwrap_or(&Json::Null)
    }
}

/// One log record.
#[derive(Serialize, ToSchema)]
#[schema(as = LogRecord)]
pub(crate) struct LogAnswer<'a> {
    /// Made of time and content: the same record has the same id in every answer.
    pub(crate) id: String,
    /// Decimal. The sender's time, or when it was observed, or when it arrived.
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) time_unix_nano: i64,
    #[serde(serialize_with = "optional_unix_nano_text")]
    #[schema(value_type = Option<String>, required)]
    pub(crate) observed_time_unix_nano: Option<i64>,
    pub(crate) severity_number: i32,
    /// `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`.
    #[schema(required)]
    pub(crate) severity: Option<&'static str>,
    /// What the sender calls it.
    #[schema(required)]
    pub(crate) severity_text: Option<&'a str>,
    /// A string, or the structured value that was sent.
    #[schema(value_type = JsonValue)]
    pub(crate) body: Option<Stored<'a>>,
    #[schema(required)]
    pub(crate) trace_id: Option<String>,
    #[schema(required)]
    pub(crate) span_id: Option<String>,
    pub(crate) flags: i64,
    pub(crate) service: &'a str,
    #[schema(required)]
    pub(crate) event_name: Option<&'a str>,
    pub(crate) scope: ScopeAnswer<'a>,
    #[schema(value_type = BTreeMap<String, JsonValue>)]
    pub(crate) resource: &'a Json,
    #[schema(value_type = BTreeMap<String, JsonValue>)]
    pub(crate) attributes: Attributes<'a>,
}

impl<'a> LogAnswer<'a> {
    /// `nth`: how many equal records come before this one in the answer.
    pub(crate) fn of(record: LogRow<'a>, hash: u64, nth: usize, resources: &'a Resources<'a>) -> Self {
        let hex = |id: Option<&[u8]>| id.map(const_hex::encode);
        let mut id = format!("{:016x}{hash:016x}", record.time_unix_nano());
        if nth > 0 {
            id.push_str(&format!("-{nth}"));
        }
        Self {
            id,
            time_unix_nano: record.time_unix_nano(),
            observed_time_unix_nano: record.observed_time_unix_nano(),
            severity_number: record.severity_number(),
            severity: severity_name(record.severity_number()),
            severity_text: record.severity_text(),
            body: record.body(),
            trace_id: hex(record.trace_id()),
            span_id: hex(record.span_id()),
            flags: record.flags(),
            service: record.service(),
            event_name: record.event_name(),
            scope: ScopeAnswer::of(record),
            resource: resources.get(record),
            attributes: Attributes(record.attributes()),
        }
    }
}

fn severity_name(number: i32) -> Option<&'static str> {
    let index = usize::try_from(number).ok()?.checked_sub(1)? / 4;
    crate::functions::SEVERITIES.get(index).copied()
}
