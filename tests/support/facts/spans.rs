//! Facts about spans: per service, operation, edge and minute.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Facts, Outcome, Report, integer, number, text};
use crate::support::sql::percent;

pub(super) fn per_service(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    facts.counts_by_sql(report, "spans_per_service", "SELECT service, count(*) FROM spans GROUP BY service")?;
    let answered = services(facts)?;
    let counts = answered.iter().map(|(name, service)| Ok((name.clone(), number(service, "span_count")?)));
    // A service with logs only has no spans; the source has none.
    let counts: BTreeMap<String, i64> = counts.collect::<Result<_, String>>()?;
    report.counts("by /api/v1/services", &facts.counts("spans_per_service")?, &counts);
    Ok(())
}

pub(super) fn errors_per_service(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let sql = "SELECT service, count(*) FROM spans WHERE status = 'ERROR' GROUP BY service";
    facts.counts_by_sql(report, "error_spans_per_service", sql)?;
    let mut counts = BTreeMap::new();
    for (name, service) in services(facts)? {
        let errors = number(&service, "error_count")?;
        if errors > 0 {
            counts.insert(name, errors);
        }
    }
    report.counts("by /api/v1/services", &facts.counts("error_spans_per_service")?, &counts);
    Ok(())
}

fn services(facts: &Facts<'_>) -> Result<BTreeMap<String, Value>, String> {
    let answer = facts.server.get_json("/api/v1/services")?;
    let list = answer["services"].as_array().ok_or("/api/v1/services has no services")?;
    list.iter().map(|service| Ok((text(service, "service")?.to_owned(), service.clone()))).collect()
}

/// n, p50, p95, p99, max and sum of the durations per value of `key`; nearest rank, by row number.
pub(super) fn distribution_sql(key: &str, value: &str, from: &str) -> String {
    let at = |p: u32| format!("max(CASE WHEN rank = ({p} * n + 99) / 100 THEN value END) AS p{p}");
    format!(
        "SELECT key, max(n) AS n, {}, {}, {}, max(value) AS max, sum(value) AS sum FROM (\
           SELECT {key} AS key, {value} AS value, \
             row_number() OVER (PARTITION BY {key} ORDER BY {value}) AS rank, count(*) OVER (PARTITION BY {key}) AS n \
           FROM {from}) GROUP BY key",
        at(50),
        at(95),
        at(99)
    )
}

const FIGURES: [&str; 6] = ["n", "p50", "p95", "p99", "max", "sum"];

/// Compares one distribution of the manifest with a row of `distribution_sql`.
pub(super) fn compare_distribution(report: &mut Report, what: &str, expected: &Value, row: Option<&[i64]>) -> Outcome {
    for (index, figure) in FIGURES.iter().enumerate() {
        let got = row.and_then(|row| row.get(index)).copied();
        report.equal(format_args!("{what}: {figure}"), Some(number(expected, figure)?), got);
    }
    Ok(())
}

/// Rows of `distribution_sql` by key.
pub(super) fn distributions(facts: &Facts<'_>, sql: &str) -> Result<BTreeMap<String, Vec<i64>>, String> {
    let rows = facts.server.sql(sql)?;
    let mut found = BTreeMap::new();
    for index in 0..rows.rows.len() {
        let figures = (1..=FIGURES.len()).map(|column| rows.i64(index, column)).collect::<Result<_, _>>()?;
        found.insert(rows.text(index, 0)?, figures);
    }
    Ok(found)
}

pub(super) fn durations_per_service(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let found = distributions(facts, &distribution_sql("service", "duration_ns", "spans"))?;
    let expected = facts.get("duration_ns_per_service").as_object().ok_or("not a map")?;
    for (service, figures) in expected {
        let row = found.get(service).map(Vec::as_slice);
        compare_distribution(report, &format!("{service} by SQL"), figures, row)?;
    }
    report.equal("services by SQL", expected.len(), found.len());
    for (service, answered) in services(facts)? {
        for figure in ["p50", "p95", "p99", "max"] {
            let got = answered["duration_ns"][figure].as_i64();
            let what = format_args!("{service} by /api/v1/services: {figure}");
            report.equal(what, expected.get(&service).and_then(|figures| figures[figure].as_i64()), got);
        }
    }
    Ok(())
}

pub(super) fn durations_per_operation(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let key = "concat(service, ' ', name)";
    let found = distributions(facts, &distribution_sql(key, "duration_ns", "spans"))?;
    let expected = facts.get("duration_ns_per_operation").as_object().ok_or("not a map")?;
    for (operation, figures) in expected {
        let row = found.get(operation).map(Vec::as_slice);
        compare_distribution(report, &format!("{operation} by SQL"), figures, row)?;
    }
    report.equal("operations by SQL", expected.len(), found.len());
    operations_by_api(facts, report, expected)
}

/// The API lists an operation once per kind, the manifest does not know kinds: where there are several, what can be put
/// together again is compared, which is number and maximum.
fn operations_by_api(facts: &Facts<'_>, report: &mut Report, expected: &serde_json::Map<String, Value>) -> Outcome {
    let mut answered: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for service in facts.counts("spans_per_service")?.keys() {
        let answer = facts.server.get_json(&format!("/api/v1/services/{}/operations", percent(service)))?;
        for operation in answer["operations"].as_array().ok_or("no operations")? {
            let name = format!("{service} {}", text(operation, "name")?);
            answered.entry(name).or_default().push(operation.clone());
        }
    }
    report.equal("operations by API", expected.len(), answered.len());
    for (name, kinds) in &answered {
        let figures = expected.get(name).unwrap_or(&Value::Null);
        let spans: i64 = kinds.iter().filter_map(|kind| kind["span_count"].as_i64()).sum();
        report.equal(format_args!("{name} by API: n"), figures["n"].as_i64(), Some(spans));
        let most = kinds.iter().filter_map(|kind| kind["duration_ns"]["max"].as_i64()).max();
        report.equal(format_args!("{name} by API: max"), figures["max"].as_i64(), most);
        if let [only] = kinds.as_slice() {
            for figure in ["p50", "p95", "p99"] {
                let got = only["duration_ns"][figure].as_i64();
                report.equal(format_args!("{name} by API: {figure}"), figures[figure].as_i64(), got);
            }
        }
    }
    Ok(())
}

pub(super) fn edges(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let sql = "SELECT p.service, c.service, count(*), count(DISTINCT c.trace_id) FROM spans c \
        JOIN spans p ON p.trace_id = c.trace_id AND p.span_id = c.parent_span_id \
        WHERE p.service <> c.service GROUP BY p.service, c.service";
    let rows = facts.server.sql(sql)?;
    let mut found = BTreeMap::new();
    for index in 0..rows.rows.len() {
        let edge = (rows.text(index, 0)?, rows.text(index, 1)?);
        found.insert(edge, (rows.i64(index, 2)?, rows.i64(index, 3)?));
    }
    let expected = facts.list("edges")?;
    for edge in expected {
        let (caller, callee) = (text(edge, "caller")?, text(edge, "callee")?);
        let figures = (number(edge, "count")?, number(edge, "traces")?);
        let got = found.get(&(caller.to_owned(), callee.to_owned())).copied();
        report.equal(format_args!("{caller} -> {callee} (calls, traces)"), Some(figures), got);
    }
    report.equal("number of edges", expected.len(), found.len());
    edges_of_map(facts, report)
}

/// The same calls, and the traces of each service, by `/api/v1/map`.
fn edges_of_map(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let map = facts.server.get_json("/api/v1/map?buckets=30")?;
    let mut found: BTreeMap<(&str, &str), (i64, i64)> = BTreeMap::new();
    for edge in map["edges"].as_array().ok_or("a map without edges")? {
        let ends = (text(edge, "source")?.strip_prefix("service:"), text(edge, "target")?.strip_prefix("service:"));
        if let (Some(caller), Some(callee)) = ends {
            found.insert((caller, callee), (number(edge, "requests")?, number(edge, "traces")?));
        }
    }
    let expected = facts.list("edges")?;
    for edge in expected {
        let (caller, callee) = (text(edge, "caller")?, text(edge, "callee")?);
        let figures = (number(edge, "count")?, number(edge, "traces")?);
        let got = found.get(&(caller, callee)).copied();
        report.equal(format_args!("{caller} -> {callee} on the map (calls, traces)"), Some(figures), got);
    }
    report.equal("number of edges on the map", expected.len(), found.len());
    let mut traces = BTreeMap::new();
    for node in map["nodes"].as_array().ok_or("a map without nodes")? {
        if node["inferred"] == false {
            traces.insert(text(node, "name")?.to_owned(), number(node, "traces")?);
        }
        let over_time = node["over_time"]["requests"].as_array().ok_or("a node without counts over time")?;
        let sum: i64 = over_time.iter().map(integer).sum::<Result<_, _>>()?;
        report.equal(format_args!("requests over time of {}", node["id"]), number(node, "requests")?, sum);
    }
    report.counts("traces by /api/v1/map", &facts.counts("traces_containing_service")?, &traces);
    Ok(())
}

pub(super) fn per_minute(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let sql = "SELECT CAST(start_time AS BIGINT) / 60000000000 * 60, count(*) FROM spans GROUP BY 1";
    facts.counts_by_sql(report, "spans_per_minute", sql)?;
    for (minute, count) in facts.counts("spans_per_minute")? {
        let from: i64 = minute.parse().map_err(|_| "a minute is a number")?;
        let range = format!("from={}&to={}", from * 1_000_000_000, (from + 60) * 1_000_000_000);
        let answer = facts.server.get_json(&format!("/api/v1/traces/histogram?{range}&buckets=6"))?;
        let buckets = answer["buckets"].as_array().ok_or("no buckets")?;
        let spans: i64 = buckets.iter().map(|bucket| integer(&bucket["spans"])).sum::<Result<_, _>>()?;
        report.equal(format_args!("minute {minute} by /api/v1/traces/histogram"), count, spans);
    }
    Ok(())
}
