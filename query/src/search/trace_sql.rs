//! A condition on whole traces as the SQL it means.

use proto::{Signal, TimeRange};

use super::Explanation;
use super::error::SearchError;
use super::place_sql::{self, Named, ROOTS};
use super::resolve::{Placed, resolve, resolve_placed, warnings};
use super::sql::{self, Written};
use super::syntax::{Condition, Tree};
use super::trace_syntax::{Relation, TraceCondition, TraceLeaf};
use super::traces::{Figure, figure};
use crate::error::QueryError;

pub(super) fn explain(condition: &TraceCondition, range: TimeRange) -> Result<Explanation, QueryError> {
    // The same errors as the search itself.
    super::TraceQuery::new(condition)?;
    let mut writer = Writer::default();
    let text = writer.of_tree(condition)?;
    let sql = format!(
        "{}SELECT trace_id, min(start_time) AS start, count(*) AS spans FROM spans WHERE {text}{} \
         GROUP BY trace_id ORDER BY start DESC LIMIT 100",
        writer.named.with(),
        sql::and_time("", Signal::Spans, range)
    );
    let mut notes = writer.notes;
    notes.sort();
    notes.dedup();
    Ok(Explanation { canonical: condition.to_string(), sql, warnings: notes })
}

/// Traces with a span whose parent or end is missing.
const PARTIAL: &str = "SELECT c.trace_id FROM spans c LEFT JOIN spans p ON c.trace_id = p.trace_id \
     AND c.parent_span_id = p.span_id WHERE c.duration_ns < 0 OR (c.parent_span_id IS NOT NULL AND p.span_id IS NULL)";

const CHILD: &str = "c.trace_id = p.trace_id AND c.parent_span_id = p.span_id";

#[derive(Default)]
struct Writer {
    named: Named,
    notes: Vec<String>,
}

type Sql = Result<String, SearchError>;

impl Writer {
    fn of_tree(&mut self, tree: &TraceCondition) -> Sql {
        Ok(match tree {
            Tree::And(parts) if parts.is_empty() => "true".to_owned(),
            Tree::And(parts) | Tree::Or(parts) => {
                let between = if matches!(tree, Tree::And(_)) { " AND " } else { " OR " };
                let parts = parts.iter().map(|part| self.of_tree(part)).collect::<Result<Vec<_>, _>>()?;
                format!("({})", parts.join(between))
            }
            Tree::Not(inner) => format!("NOT {}", self.of_tree(inner)?),
            Tree::Leaf(leaf) => self.of_leaf(leaf)?,
        })
    }

    fn of_span(&mut self, table: &str, condition: &Condition) -> Result<Written, SearchError> {
        self.notes.extend(warnings(Signal::Spans, condition));
        let named = &mut self.named;
        Ok(sql::written(&resolve_placed(condition)?, &mut |leaf| match leaf {
            Placed::Column(predicate) => sql::of_predicate(table, predicate),
            Placed::Place(place) => place_sql::place(table, place, named),
        }))
    }

    fn of_leaf(&mut self, leaf: &TraceLeaf) -> Sql {
        let among = |select: String| format!("trace_id IN ({select})");
        Ok(match leaf {
            TraceLeaf::Some(condition) => {
                let test = self.of_span("", condition)?.text;
                among(format!("SELECT trace_id FROM spans WHERE {test}"))
            }
            TraceLeaf::Root(condition) => {
                let test = self.of_span("", condition)?.text;
                among(format!("SELECT trace_id FROM ({ROOTS}) WHERE {test}"))
            }
            TraceLeaf::Logs(condition) => {
                self.notes.extend(warnings(Signal::Logs, condition));
                let test = sql::condition("", &resolve(Signal::Logs, condition)?).bracketed();
                among(format!("SELECT trace_id FROM logs WHERE trace_id IS NOT NULL AND {test}"))
            }
            TraceLeaf::Count { of, op, number } => {
                // A trace without any has no row to count.
                let has_none = op.holds(0, *number);
                let (not, op) = if has_none { ("NOT ", op.inverse()) } else { ("", *op) };
                let test = self.of_span("", of)?.text;
                format!(
                    "trace_id {not}IN (SELECT trace_id FROM spans WHERE {test} GROUP BY trace_id \
                     HAVING count(DISTINCT span_id) {} {number})",
                    op.text()
                )
            }
            TraceLeaf::Related { first, rest } => among(self.related(first, rest)?),
            TraceLeaf::Figure(field) => among(of_figure(figure(field)?)),
        })
    }

    /// The traces with a last span of the relation.
    fn related(&mut self, first: &Condition, rest: &[(Relation, Condition)]) -> Sql {
        let mut here = format!("SELECT trace_id, span_id FROM spans WHERE {}", self.of_span("", first)?.text);
        for (relation, condition) in rest {
            let test = self.of_span("c.", condition)?.bracketed();
            let children = format!("FROM ({here}) p JOIN spans c ON {CHILD} WHERE c.span_id <> p.span_id");
            here = match relation {
                Relation::Child => format!("SELECT c.trace_id, c.span_id {children} AND {test}"),
                Relation::Descendant => {
                    let name = format!("below_{}", self.named.len() + 1);
                    self.named.add(
                        &format!("{name}(trace_id, span_id)"),
                        format!(
                            "SELECT c.trace_id, c.span_id {children} \
                             UNION SELECT c.trace_id, c.span_id FROM {name} p JOIN spans c ON {CHILD}"
                        ),
                    );
                    format!(
                        "SELECT c.trace_id, c.span_id FROM {name} p JOIN spans c \
                         ON c.trace_id = p.trace_id AND c.span_id = p.span_id WHERE {test}"
                    )
                }
            };
        }
        Ok(format!("SELECT trace_id FROM ({here})"))
    }
}

/// The traces that have it.
fn of_figure(figure: Figure) -> String {
    let end = "CAST(max(end_time) AS BIGINT)";
    let (value, op, number) = match figure {
        Figure::Partial => return PARTIAL.to_owned(),
        Figure::Duration(op, ns) => (format!("greatest({end} - CAST(min(start_time) AS BIGINT), 0)"), op, ns),
        Figure::RootToEnd(op, ns) => {
            let start = "CAST(min(CASE WHEN parent_span_id IS NULL THEN start_time END) AS BIGINT)";
            (format!("{end} - {start}"), op, ns)
        }
        Figure::Spans(op, number) => ("count(DISTINCT span_id)".to_owned(), op, number),
        Figure::Services(op, number) => ("count(DISTINCT service)".to_owned(), op, number),
        Figure::Errors(op, number) => {
            ("count(DISTINCT CASE WHEN status = 'ERROR' THEN span_id END)".to_owned(), op, number)
        }
    };
    format!("SELECT trace_id FROM spans GROUP BY trace_id HAVING {value} {} {number}", op.text())
}
