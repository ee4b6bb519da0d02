//! A condition on whole traces as the SQL it means.

use proto::{Signal, TimeRange};

use super::Explanation;
use super::error::SearchError;
use super::place_sql::{self, Named, ROOTS};
use super::resolve::{Placed, resolve, resolve_placed, warnings};
use super::sql::{self, Written};
use super::syntax::{Condition, FieldTest, Test, Tree, Value};
use super::trace_syntax::{Relation, TraceCondition, TraceLeaf};
use crate::error::QueryError;

pub(super) fn explain(condition: &TraceCondition, range: TimeRange) -> Result<Explanation, QueryError> {
    // The same errors as the search itself.
    super::TraceQuery::new(condition)?;
    let mut writer = Writer::default();
    let text = writer.of_tree(condition)?;
    let sql = text.map(|text| {
        format!(
            "{}SELECT trace_id, min(start_time) AS start, count(*) AS spans FROM spans WHERE {text}{} \
             GROUP BY trace_id ORDER BY start DESC LIMIT 100",
            writer.named.with(),
            sql::and_time("", Signal::Spans, range)
        )
    });
    let mut notes = writer.notes;
    if sql.is_none() {
        notes.push("no SQL says the same: where the time went is found in the tree of the spans".to_owned());
    }
    notes.sort();
    notes.dedup();
    Ok(Explanation { canonical: condition.to_string(), sql, warnings: notes })
}

const CHILD: &str = "c.trace_id = p.trace_id AND c.parent_span_id = p.span_id";

#[derive(Default)]
struct Writer {
    named: Named,
    notes: Vec<String>,
}

/// `None`: SQL cannot say it.
type Sql = Result<Option<String>, SearchError>;

impl Writer {
    fn of_tree(&mut self, tree: &TraceCondition) -> Sql {
        Ok(match tree {
            Tree::And(parts) | Tree::Or(parts) => {
                let between = if matches!(tree, Tree::And(_)) { " AND " } else { " OR " };
                let parts = parts.iter().map(|part| self.of_tree(part)).collect::<Result<Option<Vec<_>>, _>>()?;
                parts.map(
                    |parts| if parts.is_empty() { "true".to_owned() } else { format!("({})", parts.join(between)) },
                )
            }
            Tree::Not(inner) => self.of_tree(inner)?.map(|text| format!("NOT {text}")),
            Tree::Leaf(leaf) => self.of_leaf(leaf)?,
        })
    }

    fn of_span(&mut self, table: &str, condition: &Condition) -> Result<Option<Written>, SearchError> {
        self.notes.extend(warnings(Signal::Spans, condition));
        let named = &mut self.named;
        Ok(sql::written(&resolve_placed(condition)?, &mut |leaf| match leaf {
            Placed::Column(predicate) => Some(sql::of_predicate(table, predicate)),
            Placed::Place(place) => place_sql::place(table, place, named),
        }))
    }

    fn of_leaf(&mut self, leaf: &TraceLeaf) -> Sql {
        let among = |select: String| format!("trace_id IN ({select})");
        Ok(match leaf {
            TraceLeaf::Some(condition) => {
                let test = self.of_span("", condition)?;
                test.map(|test| among(format!("SELECT trace_id FROM spans WHERE {}", test.text)))
            }
            TraceLeaf::Root(condition) => {
                let test = self.of_span("", condition)?;
                test.map(|test| among(format!("SELECT trace_id FROM ({ROOTS}) WHERE {}", test.text)))
            }
            TraceLeaf::Logs(condition) => {
                self.notes.extend(warnings(Signal::Logs, condition));
                let test = sql::condition("", &resolve(Signal::Logs, condition)?).bracketed();
                Some(among(format!("SELECT trace_id FROM logs WHERE trace_id IS NOT NULL AND {test}")))
            }
            TraceLeaf::Count { of, op, number } => {
                // A trace without any has no row to count.
                let has_none = op.holds(0, *number);
                let (not, op) = if has_none { ("NOT ", op.inverse()) } else { ("", *op) };
                self.of_span("", of)?.map(|test| {
                    format!(
                        "trace_id {not}IN (SELECT trace_id FROM spans WHERE {} GROUP BY trace_id \
                         HAVING count(DISTINCT span_id) {} {number})",
                        test.text,
                        op.text()
                    )
                })
            }
            TraceLeaf::Related { first, rest } => self.related(first, rest)?.map(among),
            TraceLeaf::Figure(field) if field.key == "trace.partial" => Some(among(self.partial())),
            TraceLeaf::Figure(field) => of_figure(field).map(among),
        })
    }

    /// The traces with a last span of the relation.
    fn related(&mut self, first: &Condition, rest: &[(Relation, Condition)]) -> Sql {
        let Some(test) = self.of_span("", first)? else { return Ok(None) };
        let mut here = format!("SELECT trace_id, span_id FROM spans WHERE {}", test.text);
        for (relation, condition) in rest {
            let Some(test) = self.of_span("c.", condition)? else { return Ok(None) };
            let test = test.bracketed();
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
        Ok(Some(format!("SELECT trace_id FROM ({here})")))
    }

    /// Not one root, or a span that is not below it.
    fn partial(&mut self) -> String {
        self.named.add(
            "reached(trace_id, span_id)",
            format!(
                "SELECT trace_id, span_id FROM spans WHERE parent_span_id IS NULL \
                 UNION SELECT c.trace_id, c.span_id FROM reached p JOIN spans c ON {CHILD}"
            ),
        );
        "SELECT s.trace_id FROM spans s LEFT JOIN reached r ON r.trace_id = s.trace_id AND r.span_id = s.span_id \
         GROUP BY s.trace_id HAVING count(DISTINCT CASE WHEN s.parent_span_id IS NULL THEN s.span_id END) <> 1 \
         OR count(*) > count(r.span_id)"
            .to_owned()
    }
}

fn of_figure(field: &FieldTest) -> Option<String> {
    let (op, value) = match &field.test {
        Test::Compare(op, value) => (op.text(), value),
        Test::Has(value) | Test::Is(value) => ("=", value),
        Test::Exists => return None,
    };
    let Value::Bare(number) = value else { return None };
    let duration = || super::resolve::duration(field, value).ok().map(|ns| ns.to_string());
    let end = "CAST(max(end_time) AS BIGINT)";
    let (figure, number) = match field.key.as_str() {
        "trace.duration" => (format!("{end} - CAST(min(start_time) AS BIGINT)"), duration()?),
        "trace.root_to_end" => {
            (format!("{end} - CAST(min(CASE WHEN parent_span_id IS NULL THEN start_time END) AS BIGINT)"), duration()?)
        }
        "trace.spans" => ("count(DISTINCT span_id)".to_owned(), number.clone()),
        "trace.services" => ("count(DISTINCT service)".to_owned(), number.clone()),
        "trace.errors" => ("count(DISTINCT CASE WHEN status = 'ERROR' THEN span_id END)".to_owned(), number.clone()),
        _ => return None,
    };
    Some(format!("SELECT trace_id FROM spans GROUP BY trace_id HAVING {figure} {op} {number}"))
}
