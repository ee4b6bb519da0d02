//! Where a span stands in its trace, as SQL.

use super::place::{Cause, Place};
use super::resolve::OutcomeName;
use super::sql::{self, Written};

/// What stands behind WITH, in the order in which it is needed.
#[derive(Default)]
pub(super) struct Named(Vec<(String, String)>);

impl Named {
    /// `header`: the name, and its columns when it refers to itself.
    pub(super) fn add(&mut self, header: &str, query: String) {
        if self.0.iter().all(|(known, _)| known != header) {
            self.0.push((header.to_owned(), query));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The clause, with a blank behind it; nothing when nothing has been named.
    pub(super) fn with(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let queries: Vec<String> = self.0.iter().map(|(header, query)| format!("{header} AS ({query})")).collect();
        format!("WITH RECURSIVE {} ", queries.join(", "))
    }
}

/// The root of each trace, as columns of its span: the earliest without a parent, of equals the longest.
pub(super) const ROOTS: &str = "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY trace_id \
     ORDER BY start_time, duration_ns DESC, span_id) AS nth FROM spans WHERE parent_span_id IS NULL) WHERE nth = 1";

/// `None`: SQL cannot say it in a way that anybody would learn from. `table` qualifies the columns: `c.` or nothing.
pub(super) fn place(table: &str, place: &Place, named: &mut Named) -> Option<Written> {
    let id = format!("concat({table}trace_id, {table}span_id)");
    let and = |text: String| Some(Written { text, is_or: false });
    match place {
        Place::Inferred => and(format!(
            "{table}kind IN ('CLIENT', 'PRODUCER') AND ({}) AND {id} NOT IN (SELECT concat(p.trace_id, p.span_id) \
             FROM spans p JOIN spans c ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id \
             WHERE c.span_id <> p.span_id AND (c.service <> p.service OR c.kind IN ('SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER')))",
            names_callee(table)
        )),
        Place::Depth(op, number) => and(format!("{id} IN ({} WHERE depth {} {number})", in_tree(named), op.text())),
        Place::Hop(op, number) => and(format!("{id} IN ({} WHERE hop {} {number})", in_tree(named), op.text())),
        Place::Coverage(op, number) => and(format!(
            "{id} IN (SELECT concat(s.trace_id, s.span_id) FROM spans s JOIN ({ROOTS}) r ON r.trace_id = s.trace_id \
             WHERE r.duration_ns > 0 AND CAST(s.duration_ns AS DOUBLE) / r.duration_ns {} {number})",
            op.text()
        )),
        Place::Path(cause) => {
            let above = above(*cause, named)?;
            let failed = sql::outcome(table, outcome_of(*cause)?);
            Some(Written { text: format!("{failed} OR {id} IN ({above})"), is_or: true })
        }
        Place::Cause(cause) => {
            let above = above(*cause, named)?;
            and(format!("({}) AND {id} NOT IN ({above})", sql::outcome(table, outcome_of(*cause)?)))
        }
        Place::CauseService(_) => None,
    }
}

fn names_callee(table: &str) -> String {
    let keys = ["messaging.system", "db.system.name", "db.system", "server.address", "peer.service"];
    keys.map(|key| format!("{table}attributes['{key}'] <> ''")).join(" OR ")
}

/// Of the slowest way there is none: it takes the time that a span shares with no child.
fn outcome_of(cause: Cause) -> Option<OutcomeName> {
    match cause {
        Cause::Time => None,
        Cause::Error => Some(OutcomeName::Error),
        Cause::Fault => Some(OutcomeName::Fault),
    }
}

/// The spans below which something failed.
fn above(cause: Cause, named: &mut Named) -> Option<String> {
    let failed = sql::outcome("c.", outcome_of(cause)?);
    let name = format!("above_{}", cause.text());
    let parents = "JOIN spans p ON p.trace_id = c.trace_id AND p.span_id = c.parent_span_id";
    let columns = "SELECT p.trace_id, p.span_id, p.parent_span_id";
    named.add(
        &format!("{name}(trace_id, span_id, parent_span_id)"),
        format!(
            "{columns} FROM spans c {parents} WHERE p.span_id <> c.span_id AND ({failed}) \
             UNION {columns} FROM {name} c {parents}"
        ),
    );
    Some(format!("SELECT concat(trace_id, span_id) FROM {name}"))
}

fn in_tree(named: &mut Named) -> &'static str {
    named.add(
        "tree(trace_id, span_id, service, depth, hop)",
        "SELECT s.trace_id, s.span_id, s.service, 0 AS depth, 0 AS hop FROM spans s \
         LEFT JOIN spans p ON p.trace_id = s.trace_id AND p.span_id = s.parent_span_id WHERE p.span_id IS NULL \
         UNION SELECT c.trace_id, c.span_id, c.service, p.depth + 1, \
         p.hop + CASE WHEN c.service <> p.service THEN 1 ELSE 0 END \
         FROM tree p JOIN spans c ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id"
            .to_owned(),
    );
    "SELECT concat(trace_id, span_id) FROM tree"
}
