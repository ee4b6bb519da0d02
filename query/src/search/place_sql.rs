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

/// `table` qualifies the columns: `c.` or nothing.
pub(super) fn place(table: &str, place: &Place, named: &mut Named) -> Written {
    let id = id(table);
    let and = |text: String| Written { text, is_or: false };
    match place {
        Place::Inferred => and(inferred(table)),
        Place::Depth(op, number) => and(format!("{id} IN ({} WHERE depth {} {number})", in_tree(named), op.text())),
        Place::Hop(op, number) => and(format!("{id} IN ({} WHERE hop {} {number})", in_tree(named), op.text())),
        Place::Coverage(op, number) => and(format!(
            "{id} IN (SELECT concat(s.trace_id, s.span_id) FROM spans s JOIN ({ROOTS}) r ON r.trace_id = s.trace_id \
             WHERE r.duration_ns > 0 AND CAST(s.duration_ns AS DOUBLE) / r.duration_ns {} {number})",
            op.text()
        )),
        Place::Path(cause) => match outcome_of(*cause) {
            Some(outcome) => {
                let (failed, above) = (sql::outcome(table, outcome), above(*cause, outcome, named));
                Written { text: format!("{failed} OR {id} IN ({above})"), is_or: true }
            }
            None => and(format!("{id} IN ({})", slowest(named))),
        },
        Place::Cause(cause) => and(is_cause(table, *cause, named)),
        Place::CauseService(cause) => and(format!("{id} IN ({})", in_cause_service(*cause, named))),
    }
}

/// Tells spans apart, within all traces.
fn id(table: &str) -> String {
    format!("concat({table}trace_id, {table}span_id)")
}

/// What its place is said by: the outcome that failed. Of the slowest way there is none.
fn outcome_of(cause: Cause) -> Option<OutcomeName> {
    match cause {
        Cause::Time => None,
        Cause::Error => Some(OutcomeName::Error),
        Cause::Fault => Some(OutcomeName::Fault),
    }
}

fn inferred(table: &str) -> String {
    let keys = ["messaging.system", "db.system.name", "db.system", "server.address", "peer.service"];
    let names_callee = keys.map(|key| format!("{table}attributes['{key}'] <> ''")).join(" OR ");
    format!(
        "{table}kind IN ('CLIENT', 'PRODUCER') AND ({names_callee}) AND {} NOT IN \
         (SELECT concat(p.trace_id, p.span_id) \
         FROM spans p JOIN spans c ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id \
         WHERE c.span_id <> p.span_id AND (c.service <> p.service OR c.kind IN ('SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER')))",
        id(table)
    )
}

fn is_cause(table: &str, cause: Cause, named: &mut Named) -> String {
    let id = id(table);
    match outcome_of(cause) {
        Some(outcome) => {
            let above = above(cause, outcome, named);
            format!("({}) AND {id} NOT IN ({above})", sql::outcome(table, outcome))
        }
        None => {
            format!("{id} IN ({}) AND {id} NOT IN (SELECT concat(trace_id, parent_span_id) FROM steps)", slowest(named))
        }
    }
}

/// The spans below which something failed.
fn above(cause: Cause, outcome: OutcomeName, named: &mut Named) -> String {
    let failed = sql::outcome("c.", outcome);
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
    format!("SELECT concat(trace_id, span_id) FROM {name}")
}

/// The way from the root to where the time went.
///
/// `shares`: of each child how long it ran while its parent did (`shared_ns`), and how much of that no earlier child had
/// (`new_ns`): what these leave of the parent is its own time. `steps`: from a parent to its slowest child, where that
/// took longer than the parent itself.
fn slowest(named: &mut Named) -> &'static str {
    let order = "PARTITION BY trace_id, parent_span_id ORDER BY";
    named.add(
        "shares",
        format!(
            "SELECT trace_id, parent_span_id, span_id, parent_ns, greatest(to_ns - from_ns, 0) AS shared_ns, \
             greatest(to_ns - greatest(from_ns, coalesce(max(to_ns) OVER ({order} start_time, duration_ns DESC, span_id \
             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), from_ns)), 0) AS new_ns, \
             row_number() OVER ({order} greatest(to_ns - from_ns, 0) DESC, start_time, duration_ns DESC, span_id) AS nth \
             FROM (SELECT c.trace_id, c.parent_span_id, c.span_id, c.start_time, c.duration_ns, \
             p.duration_ns AS parent_ns, CAST(greatest(c.start_time, p.start_time) AS BIGINT) AS from_ns, \
             CAST(least(c.end_time, p.end_time) AS BIGINT) AS to_ns \
             FROM spans c JOIN spans p ON p.trace_id = c.trace_id AND p.span_id = c.parent_span_id \
             WHERE c.span_id <> p.span_id)"
        ),
    );
    named.add(
        "steps",
        "SELECT trace_id, parent_span_id, max(CASE WHEN nth = 1 THEN span_id END) AS span_id FROM shares \
         GROUP BY trace_id, parent_span_id HAVING max(shared_ns) > greatest(max(parent_ns) - sum(new_ns), 0)"
            .to_owned(),
    );
    named.add(
        "slowest(trace_id, span_id)",
        format!(
            "SELECT trace_id, span_id FROM ({ROOTS}) UNION SELECT s.trace_id, s.span_id \
             FROM slowest p JOIN steps s ON s.trace_id = p.trace_id AND s.parent_span_id = p.span_id"
        ),
    );
    "SELECT concat(trace_id, span_id) FROM slowest"
}

/// Up from each root cause that is a span of a service as long as the service stays the same.
fn in_cause_service(cause: Cause, named: &mut Named) -> String {
    let name = format!("service_of_{}", cause.text());
    let query = format!(
        "SELECT c.trace_id, c.span_id, c.parent_span_id, c.service FROM spans c WHERE {} AND ({}) IS NOT TRUE \
         UNION SELECT p.trace_id, p.span_id, p.parent_span_id, p.service FROM {name} c \
         JOIN spans p ON p.trace_id = c.trace_id AND p.span_id = c.parent_span_id WHERE p.service = c.service",
        is_cause("c.", cause, named),
        inferred("c.")
    );
    named.add(&format!("{name}(trace_id, span_id, parent_span_id, service)"), query);
    format!("SELECT concat(trace_id, span_id) FROM {name}")
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
