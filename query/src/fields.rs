//! Which keys rows have and which values, counted: for completion and for facets.
//!
//! Time-boxed: what has been counted when the time is over is the answer, and it says that it is partial.

use std::collections::HashMap;
use std::time::Duration;

use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, ident};
use futures::StreamExt;
use proto::promoted::{LOG_ATTRIBUTES, SPAN_ATTRIBUTES};
use proto::value::read_json_attributes;
use proto::{Signal, schema};
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::columns::{AttributeColumns, TextColumn};
use crate::engine::Query;
use crate::error::QueryError;
use crate::matching::Matching;
use crate::search::{known_keys, values};

/// How long rows are counted.
const TIME_BOX: Duration = Duration::from_millis(1500);
/// Different keys, or values of one key, that are told apart; the rest is left out and the answer is partial.
const DISTINCT_MAX: usize = 20_000;
/// Characters of a value that are shown: longer ones are nothing to choose from a list.
const VALUE_CHARS_MAX: usize = 256;

/// Keys of the matching rows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Fields {
    /// Built-in keys first, then attributes and resource attributes, the most frequent first.
    pub(crate) fields: Vec<FieldCount>,
    pub(crate) rows: u64,
    /// Not all matching rows were counted.
    pub(crate) partial: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldCount {
    pub(crate) key: String,
    /// `field`, `attribute` or `resource`.
    pub(crate) kind: &'static str,
    /// Rows that have it; null for built-in keys.
    #[schema(required)]
    pub(crate) count: Option<u64>,
}

/// Values of one key in the matching rows.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Facet {
    pub(crate) key: String,
    /// The most frequent first.
    pub(crate) values: Vec<ValueCount>,
    /// Different values, shown or not.
    pub(crate) distinct: usize,
    /// Rows that have the key.
    pub(crate) count: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ValueCount {
    pub(crate) value: String,
    pub(crate) count: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Facets {
    pub(crate) facets: Vec<Facet>,
    pub(crate) rows: u64,
    /// Not all matching rows were counted.
    pub(crate) partial: bool,
}

/// Counts the values of `keys`, at most `limit` of each; only those that contain `part` (in any case).
pub(crate) async fn facets(
    query: &Query,
    matching: &Matching,
    keys: &[String],
    part: Option<&str>,
    limit: usize,
) -> Result<Facets, QueryError> {
    let signal = matching.signal();
    let column = |nth: usize| format!("value_{nth}");
    let expr = |(nth, key): (usize, &String)| -> Result<Expr, QueryError> {
        let values = values(signal, key).ok_or_else(|| {
            QueryError::bad_request(format!("the values of {key} cannot be listed"), "give a key whose values repeat")
        })?;
        Ok(values.alias(column(nth)))
    };
    let columns = keys.iter().enumerate().map(expr).collect::<Result<Vec<_>, _>>()?;
    let frame = matching.rows(query)?.select(columns)?;
    let (keys, part) = (keys.to_vec(), part.map(str::to_lowercase));
    query
        .run(async move {
            let mut counts: Vec<HashMap<String, u64>> = vec![HashMap::new(); keys.len()];
            let scanned = scan(frame, |batch| {
                let mut is_full = false;
                for (nth, counts) in counts.iter_mut().enumerate() {
                    let texts = TextColumn::of(batch, &column(nth))?;
                    is_full |= count_texts(&texts, batch.num_rows(), counts);
                }
                Ok(is_full)
            })
            .await?;
            let facets = keys.into_iter().zip(counts).map(|(key, counts)| facet(key, counts, part.as_deref(), limit));
            Ok(Facets { facets: facets.collect(), rows: scanned.rows, partial: scanned.partial })
        })
        .await
}

fn facet(key: String, counts: HashMap<String, u64>, part: Option<&str>, limit: usize) -> Facet {
    let (distinct, count) = (counts.len(), counts.values().sum());
    let wanted = |value: &String| part.is_none_or(|part| value.to_lowercase().contains(part));
    let counts = counts.into_iter().filter(|(value, _)| wanted(value));
    let mut values: Vec<ValueCount> = counts.map(|(value, count)| ValueCount { value, count }).collect();
    values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    values.truncate(limit);
    Facet { key, values, distinct, count }
}

/// True when a value had to be left out. Each distinct text of a dictionary is looked up once.
fn count_texts(texts: &TextColumn, rows: usize, counts: &mut HashMap<String, u64>) -> bool {
    let mut is_full = false;
    let mut of_batch: HashMap<&str, u64> = HashMap::new();
    for text in (0..rows).filter_map(|row| texts.get(row)) {
        *of_batch.entry(text).or_default() += 1;
    }
    for (text, count) in of_batch {
        if text.is_empty() || text.chars().count() > VALUE_CHARS_MAX {
            continue;
        }
        let has_room = counts.len() < DISTINCT_MAX;
        match counts.get_mut(text) {
            Some(sum) => *sum += count,
            None if !has_room => is_full = true,
            None => {
                counts.insert(text.to_owned(), count);
            }
        }
    }
    is_full
}

/// Counts the keys.
pub(crate) async fn fields(query: &Query, matching: &Matching) -> Result<Fields, QueryError> {
    let signal = matching.signal();
    let promoted = match signal {
        Signal::Spans => SPAN_ATTRIBUTES,
        Signal::Logs => LOG_ATTRIBUTES,
    };
    let mut columns = vec![ident(schema::ATTRIBUTES), ident(schema::ATTRIBUTE_TYPES), ident(schema::RESOURCE)];
    columns.extend(promoted.iter().map(|promoted| ident(promoted.column)));
    let frame = matching.rows(query)?.select(columns)?;
    query
        .run(async move {
            let (mut attributes, mut resources) = (HashMap::new(), HashMap::new());
            let scanned = scan(frame, |batch| {
                let columns = AttributeColumns::of(batch, signal)?;
                let is_full = (0..batch.num_rows())
                    .any(|row| columns.row(row).into_iter().any(|(key, _)| count_key(&mut attributes, key, 1)));
                let texts = TextColumn::of(batch, schema::RESOURCE)?;
                let mut of_batch: HashMap<&str, u64> = HashMap::new();
                for text in (0..batch.num_rows()).filter_map(|row| texts.get(row)) {
                    *of_batch.entry(text).or_default() += 1;
                }
                for (text, count) in of_batch {
                    for attribute in read_json_attributes(text).unwrap_or_default() {
                        count_key(&mut resources, &attribute.key, count);
                    }
                }
                Ok(is_full)
            })
            .await?;
            let built_in = known_keys(signal).iter();
            let mut fields: Vec<FieldCount> =
                built_in.map(|key| FieldCount { key: (*key).to_owned(), kind: "field", count: None }).collect();
            fields.extend(by_count(attributes, "attribute"));
            // `service.name` is the built-in key `service`.
            resources.remove("service.name");
            fields.extend(by_count(resources, "resource"));
            Ok(Fields { fields, rows: scanned.rows, partial: scanned.partial })
        })
        .await
}

/// True when the key had to be left out.
fn count_key(counts: &mut HashMap<String, u64>, key: &str, count: u64) -> bool {
    let has_room = counts.len() < DISTINCT_MAX;
    match counts.get_mut(key) {
        Some(sum) => *sum += count,
        None if !has_room => return true,
        None => {
            counts.insert(key.to_owned(), count);
        }
    }
    false
}

fn by_count(counts: HashMap<String, u64>, kind: &'static str) -> Vec<FieldCount> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.into_iter().map(|(key, count)| FieldCount { key, kind, count: Some(count) }).collect()
}

struct Scanned {
    rows: u64,
    partial: bool,
}

/// Gives `count` each batch until it says that it is full or the time is over.
async fn scan(
    frame: DataFrame,
    mut count: impl FnMut(&arrow::record_batch::RecordBatch) -> Result<bool, QueryError>,
) -> Result<Scanned, QueryError> {
    let until = Instant::now() + TIME_BOX;
    let mut scanned = Scanned { rows: 0, partial: false };
    let Ok(stream) = tokio::time::timeout_at(until, frame.execute_stream()).await else {
        return Ok(Scanned { rows: 0, partial: true });
    };
    let mut stream = stream?;
    loop {
        match tokio::time::timeout_at(until, stream.next()).await {
            Ok(None) => return Ok(scanned),
            Ok(Some(batch)) => {
                let batch = batch?;
                scanned.rows += batch.num_rows() as u64;
                scanned.partial |= count(&batch)?;
            }
            Err(_) => {
                scanned.partial = true;
                return Ok(scanned);
            }
        }
    }
}
