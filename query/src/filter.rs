//! What a search asks for, as predicates over the physical columns.

use arrow::datatypes::DataType;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, cast, lit};
use datafusion::prelude::{DataFrame, ident};
use datafusion::scalar::ScalarValue;
use proto::{Signal, SpanId, TimeRange, TraceId, schema};

use crate::error::QueryError;
use crate::functions::{AttributesView, attribute_call, text_match};

/// One `attr=key=value`: the record's attribute, or the resource's when the record has none; compared as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AttributeFilter {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// Spans that satisfy all of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpanFilter {
    /// Of the start.
    pub(crate) range: TimeRange,
    pub(crate) service: Option<String>,
    pub(crate) name: Option<String>,
    /// As the column has it: `UNSET`, `OK`, `ERROR`.
    pub(crate) status: Option<String>,
    /// Inclusive.
    pub(crate) min_duration_ns: Option<i64>,
    /// Inclusive.
    pub(crate) max_duration_ns: Option<i64>,
    pub(crate) attributes: Vec<AttributeFilter>,
    /// Predicates of a search, all of which must hold.
    pub(crate) search: Vec<Expr>,
    pub(crate) trace_id: Option<TraceId>,
}

/// Log records that satisfy all of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogFilter {
    pub(crate) range: TimeRange,
    pub(crate) service: Option<String>,
    /// First and last severity number.
    pub(crate) severity: Option<(i32, i32)>,
    pub(crate) attributes: Vec<AttributeFilter>,
    /// Predicates of a search, all of which must hold.
    pub(crate) search: Vec<Expr>,
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) span_id: Option<SpanId>,
}

impl SpanFilter {
    /// Whether there is a condition besides the time range.
    pub(crate) fn has_conditions(&self) -> bool {
        let Self { range: _, service, name, status, min_duration_ns, max_duration_ns, attributes, search, trace_id } =
            self;
        let texts = [service, name, status];
        texts.into_iter().any(Option::is_some)
            || min_duration_ns.is_some()
            || max_duration_ns.is_some()
            || trace_id.is_some()
            || !attributes.is_empty()
            || !search.is_empty()
    }

    pub(crate) fn apply(&self, spans: DataFrame) -> Result<DataFrame, QueryError> {
        apply_all(spans, self.predicates())
    }

    /// All of which must hold.
    pub(crate) fn predicates(&self) -> Vec<Expr> {
        let mut predicates = time_predicates(Signal::Spans, self.range);
        predicates.extend(self.conditions());
        predicates
    }

    /// All but the range.
    pub(crate) fn conditions(&self) -> Vec<Expr> {
        let mut predicates = Vec::new();
        let equal = [(schema::SERVICE, &self.service), (schema::NAME, &self.name), (schema::STATUS, &self.status)];
        for (column, text) in equal {
            predicates.extend(text.as_deref().map(|text| text_equals(column, text)));
        }
        predicates.extend(self.min_duration_ns.map(|ns| ident(schema::DURATION_NS).gt_eq(lit(ns))));
        predicates.extend(self.max_duration_ns.map(|ns| ident(schema::DURATION_NS).lt_eq(lit(ns))));
        predicates.extend(self.trace_id.map(trace_is));
        predicates.extend(self.search.iter().cloned());
        predicates.extend(self.attributes.iter().map(|filter| attribute_equals(Signal::Spans, filter)));
        predicates
    }
}

impl LogFilter {
    pub(crate) fn apply(&self, logs: DataFrame) -> Result<DataFrame, QueryError> {
        apply_all(logs, self.predicates())
    }

    /// All of which must hold.
    pub(crate) fn predicates(&self) -> Vec<Expr> {
        let mut predicates = time_predicates(Signal::Logs, self.range);
        predicates.extend(self.conditions());
        predicates
    }

    /// All but the range.
    pub(crate) fn conditions(&self) -> Vec<Expr> {
        let mut predicates = Vec::new();
        predicates.extend(self.service.as_deref().map(|service| text_equals(schema::SERVICE, service)));
        if let Some((first, last)) = self.severity {
            predicates.push(ident(schema::SEVERITY_NUMBER).gt_eq(lit(first)));
            predicates.push(ident(schema::SEVERITY_NUMBER).lt_eq(lit(last)));
        }
        predicates.extend(self.trace_id.map(trace_is));
        predicates.extend(self.span_id.map(span_is));
        predicates.extend(self.search.iter().cloned());
        predicates.extend(self.attributes.iter().map(|filter| attribute_equals(Signal::Logs, filter)));
        predicates
    }
}

/// One filter after the other: each is pushed down for itself.
fn apply_all(mut frame: DataFrame, predicates: Vec<Expr>) -> Result<DataFrame, QueryError> {
    for predicate in predicates {
        frame = frame.filter(predicate)?;
    }
    Ok(frame)
}

/// Bounds of a range on the time column of a signal.
pub(crate) fn time_predicates(signal: Signal, range: TimeRange) -> Vec<Expr> {
    let time = || ident(signal.spec().time_column);
    let start = range.start.map(|start| time().gt_eq(lit(start)));
    let end = range.end.map(|end| time().lt(lit(end)));
    start.into_iter().chain(end).collect()
}

pub(crate) fn trace_is(id: TraceId) -> Expr {
    ident(schema::TRACE_ID).eq(binary(id.as_bytes()))
}

pub(crate) fn span_is(id: SpanId) -> Expr {
    ident(schema::SPAN_ID).eq(binary(id.as_bytes()))
}

pub(crate) fn trace_is_one_of(ids: impl Iterator<Item = TraceId>) -> Expr {
    ident(schema::TRACE_ID).in_list(ids.map(|id| binary(id.as_bytes())).collect(), false)
}

fn binary(bytes: &[u8]) -> Expr {
    lit(ScalarValue::Binary(Some(bytes.to_vec())))
}

/// Equality of a dictionary column. An empty service is stored as an empty text.
pub(crate) fn text_equals(column: &str, text: &str) -> Expr {
    ident(column).eq(lit(text))
}

pub(crate) fn has_words(column: &str, words: &str) -> Expr {
    text_match().call(vec![ident(column), lit(words)])
}

pub(crate) fn attribute_equals(signal: Signal, filter: &AttributeFilter) -> Expr {
    attribute_text(signal, &filter.key).eq(lit(filter.value.as_str()))
}

/// The attribute of the record, or of its resource when the record has none, as text.
pub(crate) fn attribute_text(signal: Signal, key: &str) -> Expr {
    let of_record = attribute_call(AttributesView::attributes(signal, ident), lit(key));
    let of_resource = attribute_call(AttributesView::resource(ident), lit(key));
    coalesce(vec![of_record, of_resource])
}

/// A dictionary column as plain text, for grouping and sorting by its words.
pub(crate) fn plain_text(column: &str) -> Expr {
    cast(ident(column), DataType::Utf8)
}
