//! What goes wrong in a service: failed spans by exception type and message pattern.

use std::collections::HashMap;

use datafusion::prelude::{DataFrame, ident};
use futures::TryStreamExt;
use proto::{Signal, TimeRange, schema};
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::answer::unix_nano_text;
use crate::columns::Stored;
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::SpanFilter;
use crate::outcome::{OUTCOME_COLUMNS, OutcomeColumns, is_error, is_fault};
use crate::rows::{Row, SpanBatch, SpanRow};

/// Groups that are told apart; further ones are counted together.
const GROUPS_MAX: usize = 1_000;
/// Letters of a message that make its pattern.
const MESSAGE_CHARS_MAX: usize = 300;

/// Failed spans of a service.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ErrorGroups {
    /// Most frequent first.
    pub(crate) groups: Vec<ErrorGroup>,
    /// Failed spans in all.
    pub(crate) span_count: u64,
    /// Of those, how many belong to groups beyond the first 1,000 seen.
    pub(crate) other_count: u64,
}

/// Failures of one kind.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ErrorGroup {
    /// `exception.type` of the last exception event, else attribute `error.type`, else the status code that failed
    /// (`HTTP 503`, `gRPC 14`), else `""`.
    #[serde(rename = "type")]
    pub(crate) error_type: String,
    /// First line of `exception.message`, else of the status message, with `<n>` for numbers and `<id>` for ids.
    pub(crate) pattern: String,
    pub(crate) count: u64,
    /// Of them, faults.
    pub(crate) fault_count: u64,
    /// Span names and how often each failed so; at most 20.
    pub(crate) operations: Vec<FailedOperation>,
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) first_unix_nano: i64,
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) last_unix_nano: i64,
    /// The latest one.
    pub(crate) example: ErrorExample,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FailedOperation {
    pub(crate) name: String,
    pub(crate) count: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ErrorExample {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    /// As it was sent.
    pub(crate) message: String,
}

const OPERATIONS_MAX: usize = 20;

/// Failed (error or fault) spans of `service` that start in `range`.
pub(crate) async fn error_groups(query: &Query, service: &str, range: TimeRange) -> Result<ErrorGroups, QueryError> {
    let filter = SpanFilter { range, service: Some(service.to_owned()), ..SpanFilter::default() };
    let spans = filter.apply(query.table(Signal::Spans)?)?.filter(is_error().or(is_fault()))?;
    let spans = failed_span_columns(spans)?;
    query
        .run(async move {
            let mut grouping = Grouping::default();
            let mut batches = spans.execute_stream().await?;
            while let Some(batch) = batches.try_next().await? {
                let outcomes = OutcomeColumns::of(&batch)?;
                let rows = SpanBatch::of(&batch)?;
                for (nth, row) in rows.rows().enumerate() {
                    grouping.add(row, outcomes.at(nth).fault)?;
                }
            }
            Ok(grouping.finish())
        })
        .await
}

/// What [`what_failed`] and who counts failures read.
pub(crate) fn failed_span_columns(spans: DataFrame) -> Result<DataFrame, QueryError> {
    let mut columns = vec![
        schema::TRACE_ID,
        schema::SPAN_ID,
        schema::SERVICE,
        schema::NAME,
        schema::START_TIME_UNIX_NANO,
        schema::STATUS_MESSAGE,
        schema::EVENTS,
        "attr_error_type",
    ];
    columns.extend(OUTCOME_COLUMNS);
    Ok(spans.select(columns.into_iter().map(ident).collect::<Vec<_>>())?)
}

#[derive(Default)]
struct Grouping {
    groups: HashMap<(String, String), (ErrorGroup, HashMap<String, u64>)>,
    span_count: u64,
    other_count: u64,
}

impl Grouping {
    fn add(&mut self, row: SpanRow<'_>, is_fault: bool) -> Result<(), QueryError> {
        self.span_count += 1;
        let (error_type, message) = what_failed(row);
        let key = (error_type, pattern(&message));
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key) {
            self.other_count += 1;
            return Ok(());
        }
        let start = row.start_time_unix_nano();
        let (group, operations) = self.groups.entry(key).or_insert_with_key(|(error_type, pattern)| {
            let group = ErrorGroup {
                error_type: error_type.clone(),
                pattern: pattern.clone(),
                count: 0,
                fault_count: 0,
                operations: Vec::new(),
                first_unix_nano: start,
                last_unix_nano: start,
                example: ErrorExample::default(),
            };
            (group, HashMap::new())
        });
        group.count += 1;
        group.fault_count += u64::from(is_fault);
        group.first_unix_nano = group.first_unix_nano.min(start);
        if start >= group.last_unix_nano {
            group.last_unix_nano = start;
            let (trace_id, span_id) = (row.trace_id()?.to_string(), row.span_id()?.to_string());
            group.example = ErrorExample { trace_id, span_id, message };
        }
        if let Some(count) = operations.get_mut(row.name()) {
            *count += 1;
        } else if operations.len() < GROUPS_MAX {
            operations.insert(row.name().to_owned(), 1);
        }
        Ok(())
    }

    fn finish(self) -> ErrorGroups {
        let mut groups: Vec<ErrorGroup> = Vec::with_capacity(self.groups.len());
        for (mut group, operations) in self.groups.into_values() {
            group.operations = operations.into_iter().map(|(name, count)| FailedOperation { name, count }).collect();
            group.operations.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
            group.operations.truncate(OPERATIONS_MAX);
            groups.push(group);
        }
        groups.sort_by(|a, b| {
            b.count.cmp(&a.count).then_with(|| (&a.error_type, &a.pattern).cmp(&(&b.error_type, &b.pattern)))
        });
        ErrorGroups { groups, span_count: self.span_count, other_count: self.other_count }
    }
}

/// Type and message of a failure, from the best source there is.
pub(crate) fn what_failed(row: SpanRow<'_>) -> (String, String) {
    let exception = row.events().filter(|event| event.name == "exception").last();
    let exception = exception.and_then(|event| serde_json::from_str::<Json>(event.attributes).ok());
    let field = |key: &str| exception.as_ref().and_then(|fields| fields[key].as_str()).map(str::to_owned);
    let attributes = row.attributes();
    let attribute = |key: &str| attributes.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    let error_type = || match attribute("error.type") {
        Some(Stored::Text(text)) => Some(text.to_owned()),
        _ => None,
    };
    let code = |key: &str, word: &str, first: i64| match attribute(key) {
        Some(Stored::Int(code)) if code >= first => Some(format!("{word} {code}")),
        _ => None,
    };
    let error_type = field("exception.type")
        .or_else(error_type)
        .or_else(|| code("http.response.status_code", "HTTP", 400))
        .or_else(|| code("http.status_code", "HTTP", 400))
        .or_else(|| code("rpc.grpc.status_code", "gRPC", 1));
    let message = field("exception.message").or_else(|| row.status_message().map(str::to_owned));
    (error_type.unwrap_or_default(), message.unwrap_or_default())
}

/// The first line with `<n>` for numbers and `<id>` for words that look like ids.
pub(crate) fn pattern(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line: String = line.chars().take(MESSAGE_CHARS_MAX).collect();
    let mut pattern = String::with_capacity(line.len());
    let mut word = String::new();
    for c in line.chars().chain([' ']) {
        // Ids are written with dashes; a dash that joins words does not make an id of them.
        if c.is_alphanumeric() || (c == '-' && !word.is_empty()) {
            word.push(c);
            continue;
        }
        pattern.push_str(&masked(&word));
        word.clear();
        pattern.push(c);
    }
    pattern.truncate(pattern.trim_end().len());
    pattern
}

/// Letters and digits from which on a word of hex digits is an id.
const ID_CHARS_MIN: usize = 8;

fn masked(word: &str) -> String {
    let has_digit = word.bytes().any(|b| b.is_ascii_digit());
    if !has_digit {
        return word.to_owned();
    }
    let bare: String = word.chars().filter(|c| *c != '-').collect();
    let is_number = bare.bytes().all(|b| b.is_ascii_digit());
    if bare.len() >= ID_CHARS_MIN && !is_number && bare.bytes().all(|b| b.is_ascii_hexdigit()) {
        return "<id>".to_owned();
    }
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with("<n>") {
            out.push_str("<n>");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::test_data::{append, engine, store};

    #[test]
    fn patterns_keep_words_and_drop_what_differs() {
        for (message, expected) in [
            ("connection to 10.0.0.7:5432 refused", "connection to <n>.<n>.<n>.<n>:<n> refused"),
            ("order 4711 of user-42 not found", "order <n> of user-<n> not found"),
            ("id 7f3c9a1e-22aa-4b01-9c1d-0123456789ab is gone", "id <id> is gone"),
            ("trace deadbeef01 lost", "trace <id> lost"),
            ("time-out", "time-out"),
            ("", ""),
            ("first\nsecond", "first"),
            ("HTTP2 error", "HTTP<n> error"),
            ("größe 5 µs", "größe <n> µs"),
        ] {
            assert_eq!(pattern(message), expected, "{message}");
        }
    }

    #[tokio::test]
    async fn failures_are_grouped_by_type_and_pattern() {
        let (_directory, store) = store().await;
        let span = |id: u64, more: serde_json::Value| {
            let mut row = json!({"trace_id": format!("{:032x}", 1), "span_id": format!("{id:016x}"), "service": "shop",
                "name": format!("op{}", id % 2), "kind": "SERVER", "start_time_unix_nano": id * 10, "duration_ns": 1});
            for (key, value) in more.as_object().expect("an object") {
                row[key] = value.clone();
            }
            row
        };
        let exception = |message: &str| {
            let attributes = json!({"exception.type": "IoError", "exception.message": message}).to_string();
            json!({"status": "ERROR", "events": [{"time_unix_nano": 1, "name": "exception", "attributes": attributes}]})
        };
        let rows = [
            span(1, exception("port 80 closed")),
            span(2, exception("port 443 closed")),
            span(3, json!({"status": "ERROR", "status_message": "no luck", "attr_error_type": "timeout"})),
            span(4, json!({"attr_http_response_status_code": 404})),
            span(5, json!({"status": "OK"})),
        ];
        append(&store, Signal::Spans, &rows).await;
        let query = engine(&store).begin("test", None).await.expect("admitted");
        let found = error_groups(&query, "shop", TimeRange::default()).await.expect("grouped");
        let groups: Vec<_> = found
            .groups
            .iter()
            .map(|group| (group.error_type.as_str(), group.pattern.as_str(), group.count, group.fault_count))
            .collect();
        assert_eq!(
            groups,
            [("IoError", "port <n> closed", 2, 2), ("HTTP 404", "", 1, 0), ("timeout", "no luck", 1, 1)]
        );
        assert_eq!((found.span_count, found.other_count), (4, 0));
        let first = &found.groups[0];
        assert_eq!(first.example.message, "port 443 closed");
        assert_eq!((first.first_unix_nano, first.last_unix_nano, first.operations.len()), (10, 20, 2));
    }
}
