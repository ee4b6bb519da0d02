//! Counts, time range and structure of the whole pack.

use serde_json::Value;

use super::{Facts, Outcome, Report, integer};

const JOIN: &str = "FROM spans c JOIN spans p ON p.trace_id = c.trace_id AND p.span_id = c.parent_span_id";

/// `manifest.counts`.
pub(super) fn counts(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let expected = facts.manifest["counts"].as_object().ok_or("the manifest has no counts")?;
    for (name, value) in expected {
        let sql = match name.as_str() {
            "traces" => "SELECT count(DISTINCT trace_id) FROM spans",
            "spans" => "SELECT count(*) FROM spans",
            "logs" => "SELECT count(*) FROM logs",
            "services" => "SELECT count(DISTINCT service) FROM spans",
            "pods" => "SELECT count(DISTINCT resource['k8s.pod.name']) FROM spans",
            "operations" => "SELECT count(*) FROM (SELECT DISTINCT service, name FROM spans)",
            "traces_with_logs" => "SELECT count(DISTINCT trace_id) FROM logs",
            "error_spans" => "SELECT count(*) FROM spans WHERE status = 'ERROR'",
            "error_traces" => "SELECT count(DISTINCT trace_id) FROM spans WHERE status = 'ERROR'",
            other => return Err(format!("no statement for the count {other:?}")),
        };
        // A program's recording has no pods; its manifest counts its services there.
        if name == "pods" && facts.manifest["pack"] == "large-trace-a" {
            continue;
        }
        report.equal(format_args!("{name} by SQL"), integer(value)?, facts.server.sql_i64(sql)?);
    }
    counts_by_api(facts, report, &|name| integer(&facts.manifest["counts"][name]))
}

fn counts_by_api(facts: &Facts<'_>, report: &mut Report, expected: &dyn Fn(&str) -> Result<i64, String>) -> Outcome {
    let summaries = facts.summaries()?;
    report.equal("traces by /api/v1/traces", expected("traces")?, summaries.len() as i64);
    let sum = |field: &str| -> i64 { summaries.iter().filter_map(|trace| trace[field].as_i64()).sum() };
    report.equal("spans by /api/v1/traces", expected("spans")?, sum("span_count"));
    report.equal("matched spans by /api/v1/traces", expected("spans")?, sum("matched_span_count"));
    report.equal("error spans by /api/v1/traces", expected("error_spans")?, sum("error_count"));
    let failing = summaries.iter().filter(|trace| trace["error_count"].as_i64() > Some(0)).count();
    report.equal("error traces by /api/v1/traces", expected("error_traces")?, failing as i64);
    let complete = summaries.iter().filter(|trace| trace["complete"] == Value::Bool(true)).count();
    report.equal("complete traces by /api/v1/traces", expected("traces")?, complete as i64);
    report.equal("logs by /api/v1/logs", expected("logs")?, facts.records()?.len() as i64);
    let status = facts.server.get_json("/api/v1/status")?;
    for signal in ["spans", "logs"] {
        let rows = integer(&status["signals"][signal]["rows"])?;
        report.equal(format_args!("{signal} by /api/v1/status"), expected(signal)?, rows);
    }
    newest_first(report, "traces", summaries, "start_time_unix_nano", "trace_id");
    newest_first(report, "logs", facts.records()?, "time_unix_nano", "id");
    Ok(())
}

/// Paging gives every item once, newest first.
fn newest_first(report: &mut Report, list: &str, items: &[Value], time: &str, id: &str) {
    let times: Vec<i64> = items.iter().filter_map(|item| item[time].as_str()?.parse().ok()).collect();
    report.equal(format_args!("{list} with a time"), items.len(), times.len());
    report.equal(format_args!("{list} newest first"), true, times.is_sorted_by(|a, b| a >= b));
    let distinct: std::collections::BTreeSet<&str> = items.iter().filter_map(|item| item[id].as_str()).collect();
    report.equal(format_args!("distinct {id} of {list}"), items.len(), distinct.len());
}

/// `manifest.time_range`.
pub(super) fn time_range(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let range = facts.manifest["time_range"].as_object().ok_or("the manifest has no time_range")?;
    for (name, value) in range {
        let sql = match name.as_str() {
            "first_span_start_ns" => "SELECT CAST(min(start_time) AS BIGINT) FROM spans",
            "last_span_end_ns" => "SELECT CAST(max(end_time) AS BIGINT) FROM spans",
            "first_log_ns" => "SELECT CAST(min(time) AS BIGINT) FROM logs",
            "last_log_ns" => "SELECT CAST(max(time) AS BIGINT) FROM logs",
            "first_span_start" => "SELECT min(start_time) FROM spans",
            "last_span_end" => "SELECT max(end_time) FROM spans",
            other => return Err(format!("no statement for the time {other:?}")),
        };
        if value.is_null() {
            continue;
        }
        let rows = facts.server.sql(sql)?;
        report.equal(format_args!("{name} by SQL"), Some(value), rows.rows.first().and_then(|row| row.first()));
    }
    Ok(())
}

/// `facts.structure`: how parents, children and logs lie in time.
pub(super) fn structure(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let expected = facts.get("structure").as_object().ok_or("the manifest has no structure")?;
    let log_join = "FROM logs l JOIN spans s ON s.trace_id = l.trace_id AND s.span_id = l.span_id";
    for (name, value) in expected {
        let sql = match name.as_str() {
            "root_spans" => "SELECT count(*) FROM spans WHERE parent_span_id IS NULL".to_owned(),
            "zero_duration_spans" => "SELECT count(*) FROM spans WHERE duration_ns = 0".to_owned(),
            "child_starts_before_parent_same_service" => child("c.start_time < p.start_time AND c.service = p.service"),
            "child_starts_before_parent_cross_service" => {
                child("c.start_time < p.start_time AND c.service <> p.service")
            }
            "child_ends_after_parent_same_service" => child("c.end_time > p.end_time AND c.service = p.service"),
            "child_ends_after_parent_cross_service" => child("c.end_time > p.end_time AND c.service <> p.service"),
            "traces_with_not_exactly_one_root" => "SELECT count(*) FROM (SELECT trace_id FROM spans GROUP BY trace_id \
                HAVING count(*) - count(parent_span_id) <> 1)"
                .to_owned(),
            "logs_whose_span_is_in_pack" => format!("SELECT count(*) {log_join}"),
            "logs_before_their_span" => format!("SELECT count(*) {log_join} WHERE l.time < s.start_time"),
            "logs_after_their_span" => format!("SELECT count(*) {log_join} WHERE l.time > s.end_time"),
            other => return Err(format!("no statement for the structure {other:?}")),
        };
        report.equal(format_args!("{name} by SQL"), integer(value)?, facts.server.sql_i64(&sql)?);
    }
    Ok(())
}

fn child(condition: &str) -> String {
    format!("SELECT count(*) {JOIN} WHERE {condition}")
}
