//! A condition on whole traces as the SQL it means.

use proto::{Signal, TimeRange};

use super::Explanation;
use super::error::SearchError;
use super::resolve::{resolve, warnings};
use super::sql;
use super::syntax::{Condition, FieldTest, Test, Tree, Value};
use super::trace_syntax::{Relation, TraceCondition, TraceLeaf};
use crate::error::QueryError;

pub(super) fn explain(condition: &TraceCondition, range: TimeRange) -> Result<Explanation, QueryError> {
    // The same errors as the search itself.
    super::TraceQuery::new(condition)?;
    let mut notes = Vec::new();
    let text = of_tree(condition, &mut notes)?;
    let sql = text.map(|text| {
        format!(
            "SELECT trace_id, min(start_time) AS start, count(*) AS spans FROM spans WHERE {text}{} \
             GROUP BY trace_id ORDER BY start DESC LIMIT 100",
            sql::and_time("", Signal::Spans, range)
        )
    });
    if sql.is_none() {
        notes.push("no SQL says the same: the root and partial traces are found by the tree of the spans".to_owned());
    }
    notes.sort();
    notes.dedup();
    Ok(Explanation { canonical: condition.to_string(), sql, warnings: notes })
}

/// `None` when SQL cannot say it.
fn of_tree(tree: &TraceCondition, notes: &mut Vec<String>) -> Result<Option<String>, SearchError> {
    Ok(match tree {
        Tree::And(parts) | Tree::Or(parts) => {
            let between = if matches!(tree, Tree::And(_)) { " AND " } else { " OR " };
            let parts = parts.iter().map(|part| of_tree(part, notes)).collect::<Result<Option<Vec<_>>, _>>()?;
            parts.map(|parts| if parts.is_empty() { "true".to_owned() } else { format!("({})", parts.join(between)) })
        }
        Tree::Not(inner) => of_tree(inner, notes)?.map(|text| format!("NOT {text}")),
        Tree::Leaf(leaf) => of_leaf(leaf, notes)?,
    })
}

fn predicate(
    table: &str,
    signal: Signal,
    condition: &Condition,
    notes: &mut Vec<String>,
) -> Result<String, SearchError> {
    notes.extend(warnings(signal, condition));
    Ok(sql::condition(table, &resolve(signal, condition)?))
}

fn of_leaf(leaf: &TraceLeaf, notes: &mut Vec<String>) -> Result<Option<String>, SearchError> {
    let among = |select: String| Some(format!("trace_id IN ({select})"));
    Ok(match leaf {
        TraceLeaf::Some(condition) => {
            let text = predicate("", Signal::Spans, condition, notes)?;
            among(format!("SELECT trace_id FROM spans WHERE {text}"))
        }
        TraceLeaf::Logs(condition) => {
            let text = predicate("", Signal::Logs, condition, notes)?;
            among(format!("SELECT trace_id FROM logs WHERE trace_id IS NOT NULL AND ({text})"))
        }
        TraceLeaf::Count { of, op, number } => {
            let text = predicate("", Signal::Spans, of, notes)?;
            let counted = format!("count(DISTINCT CASE WHEN {text} THEN span_id END)");
            among(format!("SELECT trace_id FROM spans GROUP BY trace_id HAVING {counted} {} {number}", op.text()))
        }
        TraceLeaf::Related { first, rest } if rest.iter().all(|(relation, _)| *relation == Relation::Child) => {
            let mut from = "spans s0".to_owned();
            let mut tests = vec![format!("({})", predicate("s0.", Signal::Spans, first, notes)?)];
            for (nth, (_, condition)) in rest.iter().enumerate() {
                let (above, below) = (format!("s{nth}"), format!("s{}", nth + 1));
                from.push_str(&format!(
                    " JOIN spans {below} ON {below}.trace_id = {above}.trace_id AND {below}.parent_span_id = {above}.span_id"
                ));
                tests.push(format!("({})", predicate(&format!("{below}."), Signal::Spans, condition, notes)?));
            }
            among(format!("SELECT s0.trace_id FROM {from} WHERE {}", tests.join(" AND ")))
        }
        // Descendants need a recursive statement for each relation: nobody would learn from it.
        TraceLeaf::Related { .. } | TraceLeaf::Root(_) => None,
        TraceLeaf::Figure(field) => of_figure(field).and_then(among),
    })
}

fn of_figure(field: &FieldTest) -> Option<String> {
    let (op, value) = match &field.test {
        Test::Compare(op, value) => (op.text(), value),
        Test::Has(value) | Test::Is(value) => ("=", value),
        Test::Exists => return None,
    };
    let Value::Bare(number) = value else { return None };
    let (figure, number) = match field.key.as_str() {
        "trace.duration" => (
            "CAST(max(end_time) AS BIGINT) - CAST(min(start_time) AS BIGINT)",
            super::resolve::duration(field, value).ok()?.to_string(),
        ),
        "trace.spans" => ("count(DISTINCT span_id)", number.clone()),
        "trace.services" => ("count(DISTINCT service)", number.clone()),
        "trace.errors" => ("count(DISTINCT CASE WHEN status = 'ERROR' THEN span_id END)", number.clone()),
        _ => return None,
    };
    Some(format!("SELECT trace_id FROM spans GROUP BY trace_id HAVING {figure} {op} {number}"))
}
