//! Facts about traces: by SQL, by the search and by the trace page's own answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::spans::{compare_distribution, distribution_sql, distributions};
use super::{Facts, Outcome, Report, integer, nanos, number, text};
use crate::support::sql::{percent, quoted};

pub(super) fn containing_service(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let key = "traces_containing_service";
    facts.counts_by_sql(report, key, "SELECT service, count(DISTINCT trace_id) FROM spans GROUP BY service")?;
    let mut by_summary: BTreeMap<String, i64> = BTreeMap::new();
    for trace in facts.summaries()? {
        for service in trace["services"].as_array().ok_or("a summary without services")? {
            *by_summary.entry(text(service, "service")?.to_owned()).or_default() += 1;
        }
    }
    let expected = facts.counts(key)?;
    report.counts("by /api/v1/traces", &expected, &by_summary);
    // The search by service, for the first, the rarest and the most frequent: each is a walk over pages.
    let rarest = expected.iter().min_by_key(|(_, count)| **count);
    let most = expected.iter().max_by_key(|(_, count)| **count);
    for (service, count) in expected.iter().take(1).chain(rarest).chain(most) {
        let found = search(facts, &format!("service={}", percent(service)))?;
        report.equal(format_args!("service={service} by search"), *count, found.len() as i64);
    }
    Ok(())
}

pub(super) fn containing_both(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    for pair in facts.list("traces_containing_both")? {
        let (a, b) = (text(pair, "a")?, text(pair, "b")?);
        let sql = format!(
            "SELECT count(*) FROM (SELECT trace_id FROM spans WHERE service = {} INTERSECT \
             SELECT trace_id FROM spans WHERE service = {})",
            quoted(a),
            quoted(b)
        );
        let expected = number(pair, "traces")?;
        report.equal(format_args!("{a} and {b} by SQL"), expected, facts.server.sql_i64(&sql)?);
        let text = format!("{{service:{a}}} AND {{service:{b}}}");
        let found = search(facts, &format!("q={}", percent(&text)))?;
        report.equal(format_args!("{text}"), expected, found.len() as i64);
    }
    Ok(())
}

pub(super) fn root_operations(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let sql = "SELECT concat(service, ' ', name), count(*) FROM spans WHERE parent_span_id IS NULL GROUP BY 1";
    facts.counts_by_sql(report, "root_operations", sql)?;
    let mut by_summary: BTreeMap<String, i64> = BTreeMap::new();
    for trace in facts.summaries()? {
        *by_summary.entry(root_of(trace)?).or_default() += 1;
    }
    report.counts("by /api/v1/traces", &facts.counts("root_operations")?, &by_summary);
    Ok(())
}

fn root_of(trace: &Value) -> Result<String, String> {
    Ok(format!("{} {}", text(&trace["root"], "service")?, text(&trace["root"], "name")?))
}

/// The list holds at most 50 ids, however many there are.
pub(super) fn error_ids(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let rows = facts.server.sql("SELECT DISTINCT trace_id FROM spans WHERE status = 'ERROR'")?;
    let by_sql = (0..rows.rows.len()).map(|row| rows.text(row, 0)).collect::<Result<BTreeSet<_>, _>>()?;
    let by_search = search(facts, "status=ERROR")?;
    let total = integer(&facts.manifest["counts"]["error_traces"])? as usize;
    report.equal("number by SQL", total, by_sql.len());
    report.equal("number by search", total, by_search.len());
    for id in facts.list("error_traces_ids")? {
        let id = id.as_str().ok_or("an id is text")?;
        report.equal(format_args!("{id} by SQL"), true, by_sql.contains(id));
        report.equal(format_args!("{id} by search"), true, by_search.contains(id));
    }
    Ok(())
}

/// The trace ids of a search, all pages.
pub(super) fn search(facts: &Facts<'_>, filter: &str) -> Result<BTreeSet<String>, String> {
    let path = format!("/api/v1/traces?{filter}&limit=1000");
    let found = facts.server.pages(&path, "traces")?;
    let ids: BTreeSet<String> =
        found.iter().filter_map(|trace| trace["trace_id"].as_str().map(str::to_owned)).collect();
    if ids.len() != found.len() {
        return Err(format!("GET {path}: {} traces, but {} different ids", found.len(), ids.len()));
    }
    Ok(ids)
}

pub(super) fn searches(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    for question in facts.list("searches_traces")? {
        let expected = number(question, "traces")?;
        if let Some(milliseconds) = question["min_trace_duration_ms"].as_i64() {
            whole_trace_duration(facts, report, milliseconds, expected)?;
            continue;
        }
        let service = text(question, "service")?;
        let (condition, filter, text) = match question["operation"].as_str() {
            Some(operation) => {
                let at_least = number(question, "min_duration_ns")?;
                (
                    format!("name = {} AND duration_ns >= {at_least}", quoted(operation)),
                    format!("name={}&min_duration={at_least}", percent(operation)),
                    format!("name:\"{operation}\" duration>={at_least}ns"),
                )
            }
            None if question["status"] == "error" => {
                ("status = 'ERROR'".to_owned(), "status=ERROR".to_owned(), "status:error".to_owned())
            }
            None => return Err(format!("an unknown question: {question}")),
        };
        let sql =
            format!("SELECT count(DISTINCT trace_id) FROM spans WHERE service = {} AND {condition}", quoted(service));
        report.equal(format_args!("{question} by SQL"), expected, facts.server.sql_i64(&sql)?);
        let found = search(facts, &format!("service={}&{filter}", percent(service)))?;
        report.equal(format_args!("{question} by /api/v1/traces"), expected, found.len() as i64);
        let text = format!("service:{service} {text}");
        let found = search(facts, &format!("q={}", percent(&text)))?;
        report.equal(format_args!("{text}"), expected, found.len() as i64);
    }
    Ok(())
}

/// The search's own `min_duration` is that of a span; a trace's duration stands in its summary.
fn whole_trace_duration(facts: &Facts<'_>, report: &mut Report, milliseconds: i64, expected: i64) -> Outcome {
    let at_least = milliseconds * 1_000_000;
    let sql = format!("SELECT count(*) FROM ({TRACES}) WHERE duration >= {at_least}");
    report.equal(format_args!("traces of {milliseconds} ms by SQL"), expected, facts.server.sql_i64(&sql)?);
    let long = facts.summaries()?.iter().filter(|trace| trace["duration_ns"].as_i64() >= Some(at_least)).count();
    report.equal(format_args!("traces of {milliseconds} ms by /api/v1/traces"), expected, long as i64);
    let text = format!("trace.duration>={milliseconds}ms");
    report.equal(format_args!("{text}"), expected, search(facts, &format!("q={}", percent(&text)))?.len() as i64);
    Ok(())
}

/// Duration and size of every trace.
const TRACES: &str = "SELECT trace_id, CAST(max(end_time) AS BIGINT) - CAST(min(start_time) AS BIGINT) AS duration, \
    count(*) AS size FROM spans GROUP BY trace_id";

pub(super) fn durations(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    over_traces(facts, report, "trace_duration_ns", "duration", "duration_ns")
}

pub(super) fn span_counts(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    over_traces(facts, report, "trace_span_count", "size", "span_count")
}

fn over_traces(facts: &Facts<'_>, report: &mut Report, key: &str, column: &str, field: &str) -> Outcome {
    let found = distributions(facts, &distribution_sql("'all'", column, &format!("({TRACES})")))?;
    compare_distribution(report, "by SQL", facts.get(key), found.get("all").map(Vec::as_slice))?;
    let mut values = facts.summaries()?.iter().map(|trace| number(trace, field)).collect::<Result<Vec<_>, _>>()?;
    values.sort_unstable();
    let n = values.len();
    let rank = |p: usize| values.get(((p * n).div_ceil(100)).saturating_sub(1)).copied().unwrap_or_default();
    let row = [n as i64, rank(50), rank(95), rank(99), rank(100), values.iter().sum()];
    compare_distribution(report, "by /api/v1/traces", facts.get(key), Some(&row))
}

/// Opens every trace of the pack.
pub(super) fn depth_histogram(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let mut histogram: BTreeMap<String, i64> = BTreeMap::new();
    for summary in facts.summaries()? {
        let id = text(summary, "trace_id")?;
        let trace = facts.server.get_json(&format!("/api/v1/traces/{id}"))?;
        *histogram.entry(number(&trace, "depth")?.to_string()).or_default() += 1;
        for field in
            ["span_count", "service_count", "error_count", "duration_ns", "start_time_unix_nano", "root", "complete"]
        {
            if summary[field] != trace[field] {
                report.fail(format_args!(
                    "{id}: {field} is {} in the search, {} on its page",
                    summary[field], trace[field]
                ));
            }
        }
        if let Err(error) = tree_is_right(&trace) {
            report.fail(format_args!("{id}: {error}"));
        }
    }
    report.counts("by /api/v1/traces/{trace_id}", &facts.counts("trace_depth_histogram")?, &histogram);
    Ok(())
}

/// Pre-order, depth, child counts, children by start time and self times, from the parent links alone.
fn tree_is_right(trace: &Value) -> Outcome {
    let spans = trace["spans"].as_array().ok_or("no spans")?;
    let mut children: BTreeMap<&str, Vec<(i64, i64)>> = BTreeMap::new();
    let mut depths: BTreeMap<&str, i64> = BTreeMap::new();
    for span in spans {
        let depth = match span["parent_span_id"].as_str() {
            None => 0,
            Some(parent) => {
                let above =
                    depths.get(parent).ok_or_else(|| format!("span {} stands before its parent", span["span_id"]))?;
                let start = number(span, "start_offset_ns")?;
                let siblings = children.entry(parent).or_default();
                if siblings.last().is_some_and(|(earlier, _)| *earlier > start) {
                    return Err(format!("the children of {parent} are not in order of their start"));
                }
                siblings.push((start, start + number(span, "duration_ns")?));
                above + 1
            }
        };
        if number(span, "depth")? != depth {
            return Err(format!("span {} has depth {}, not {depth}", span["span_id"], span["depth"]));
        }
        depths.insert(text(span, "span_id")?, depth);
    }
    for span in spans {
        let below = children.get(text(span, "span_id")?).map_or(&[][..], Vec::as_slice);
        if number(span, "child_count")? != below.len() as i64 {
            return Err(format!("span {} has {} children, not {}", span["span_id"], below.len(), span["child_count"]));
        }
        let start = number(span, "start_offset_ns")?;
        let own = self_time((start, start + number(span, "duration_ns")?), below);
        if number(span, "self_time_ns")? != own {
            return Err(format!("span {} has self time {}, not {own}", span["span_id"], span["self_time_ns"]));
        }
    }
    Ok(())
}

/// Duration minus the union of the children's intervals, clipped to the span. `children` are sorted by start.
fn self_time(span: (i64, i64), children: &[(i64, i64)]) -> i64 {
    let (mut covered, mut reached) = (0, span.0);
    for (start, end) in children {
        let (start, end) = ((*start).max(reached), (*end).min(span.1));
        if end > start {
            covered += end - start;
            reached = end;
        }
    }
    span.1 - span.0 - covered
}

pub(super) fn longest(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    listed(facts, report, "longest_traces")
}

pub(super) fn largest(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    listed(facts, report, "largest_traces")
}

pub(super) fn deepest(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    listed(facts, report, "deepest_traces")
}

pub(super) fn some(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    listed(facts, report, "some_traces")
}

fn listed(facts: &Facts<'_>, report: &mut Report, key: &str) -> Outcome {
    for expected in facts.list(key)? {
        let id = text(expected, "trace_id")?;
        let trace = facts.server.get_json(&format!("/api/v1/traces/{id}"))?;
        let spans = trace["spans"].as_array().ok_or("no spans")?;
        let logs = trace["logs"].as_array().ok_or("no logs")?;
        let root = spans.iter().find(|span| span["parent_span_id"].is_null()).ok_or("no root")?;
        let integers = [
            ("spans", number(&trace, "span_count")?),
            ("spans", spans.len() as i64),
            ("depth", number(&trace, "depth")?),
            ("logs", number(&trace, "log_count")?),
            ("logs", logs.len() as i64),
            ("start_ns", nanos(&trace, "start_time_unix_nano")?),
            ("duration_ns", number(&trace, "duration_ns")?),
            ("root_duration_ns", number(root, "duration_ns")?),
            ("error_spans", number(&trace, "error_count")?),
            ("error_spans", spans.iter().filter(|span| span["status"] == "ERROR").count() as i64),
        ];
        for (name, got) in integers {
            report.equal(format_args!("{id}: {name}"), number(expected, name)?, got);
        }
        report.equal(format_args!("{id}: root"), text(expected, "root")?.to_owned(), root_of(&trace)?);
        report.equal(
            format_args!("{id}: services"),
            names(&expected["services"], None),
            names(&trace["services"], Some("service")),
        );
        report.equal(
            format_args!("{id}: service_count"),
            names(&expected["services"], None).len() as i64,
            number(&trace, "service_count")?,
        );
    }
    Ok(())
}

fn names(list: &Value, field: Option<&str>) -> BTreeSet<String> {
    let items = list.as_array().map_or(&[][..], Vec::as_slice);
    let name = |item: &Value| field.map_or(item, |field| &item[field]).as_str().unwrap_or_default().to_owned();
    items.iter().map(name).collect()
}
