//! Facts about log records: counts, words and searches.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Facts, Outcome, Report, integer, nanos, number, text};
use crate::support::sql::{percent, quoted};

pub(super) fn per_service(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    facts.counts_by_sql(report, "logs_per_service", "SELECT service, count(*) FROM logs GROUP BY service")?;
    let answer = facts.server.get_json("/api/v1/services")?;
    let services = answer["services"].as_array().ok_or("no services")?;
    let expected = facts.counts("logs_per_service")?;
    for service in services {
        let name = text(service, "service")?;
        let count = expected.get(name).copied().unwrap_or_default();
        report.equal(format_args!("{name} by /api/v1/services"), count, number(service, "log_count")?);
    }
    Ok(())
}

pub(super) fn per_severity(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let sql = "SELECT coalesce(severity, ''), count(*) FROM logs GROUP BY 1";
    facts.counts_by_sql(report, "logs_per_severity", sql)?;
    let answer = facts.server.get_json("/api/v1/logs/histogram?buckets=7")?;
    let mut counts = std::collections::BTreeMap::new();
    for bucket in answer["buckets"].as_array().ok_or("no buckets")? {
        for (severity, count) in bucket["counts"].as_object().ok_or("no counts")? {
            *counts.entry(severity.clone()).or_insert(0) += integer(count)?;
        }
    }
    counts.retain(|_, count| *count > 0);
    report.counts("by /api/v1/logs/histogram", &facts.counts("logs_per_severity")?, &counts);
    Ok(())
}

pub(super) fn per_service_severity(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let sql = "SELECT concat(service, ' ', coalesce(severity, '')), count(*) FROM logs GROUP BY 1";
    facts.counts_by_sql(report, "logs_per_service_severity", sql)
}

pub(super) fn per_node(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let sql = "SELECT resource['k8s.node.name'], count(*) FROM logs GROUP BY 1";
    facts.counts_by_sql(report, "logs_per_node", sql)
}

/// The manifest lists the 20 most frequent; which of several equals comes last is nobody's fact.
pub(super) fn per_logger(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let sql = "SELECT attributes['code.namespace'], count(*) FROM logs WHERE attributes['code.namespace'] IS NOT NULL GROUP BY 1";
    let found = facts.server.sql(sql)?.counts()?;
    let expected = facts.counts("logs_per_logger_top")?;
    for (logger, count) in &expected {
        report.equal(format_args!("{logger} by SQL"), Some(count), found.get(logger));
    }
    let least = expected.values().min().copied().unwrap_or_default();
    let above = found.iter().filter(|(logger, count)| **count > least && !expected.contains_key(*logger)).count();
    report.equal("loggers more frequent than the listed ones, by SQL", 0, above);
    Ok(())
}

pub(super) fn per_minute(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let sql = "SELECT CAST(time AS BIGINT) / 60000000000 * 60, count(*) FROM logs GROUP BY 1";
    facts.counts_by_sql(report, "logs_per_minute", sql)?;
    for (minute, count) in facts.counts("logs_per_minute")? {
        let from: i64 = minute.parse().map_err(|_| "a minute is a number")?;
        let found = by_search(facts, &range(from, from + 60))?;
        report.equal(format_args!("minute {minute} by /api/v1/logs"), count, found.len() as i64);
    }
    Ok(())
}

/// `from` and `to` of a search, from Unix seconds.
fn range(from: i64, to: i64) -> String {
    format!("from={}&to={}", from * 1_000_000_000, to * 1_000_000_000)
}

/// The records of a search, all pages.
fn by_search(facts: &Facts<'_>, filter: &str) -> Result<Vec<Value>, String> {
    facts.server.pages(&format!("/api/v1/logs?{filter}&limit=5000"), "logs")
}

pub(super) fn attributes_equal(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    for fact in facts.list("logs_attributes_equal")? {
        let (key, expected) = (text(fact, "attribute")?, number(fact, "logs")?);
        // A number is compared as a number, a text as a text.
        let (literal, shown) = match &fact["value"] {
            Value::String(text) => (quoted(text), text.clone()),
            other => (other.to_string(), other.to_string()),
        };
        let sql = format!("SELECT count(*) FROM logs WHERE attributes[{}] = {literal}", quoted(key));
        report.equal(format_args!("{key} = {literal} by SQL"), expected, facts.server.sql_i64(&sql)?);
        let found = by_search(facts, &format!("attr={}", percent(&format!("{key}={shown}"))))?;
        report.equal(format_args!("{key}={shown} by /api/v1/logs"), expected, found.len() as i64);
    }
    if facts.list("logs_attributes_equal")?.is_empty() {
        let sql = "SELECT count(*) FROM logs WHERE attributes['http.req.method'] IS NOT NULL";
        report.equal("records with an attribute this pack does not have", 0, facts.server.sql_i64(sql)?);
    }
    Ok(())
}

pub(super) fn body_bytes(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let rows = facts.server.sql("SELECT CAST(sum(octet_length(body)) AS BIGINT), max(octet_length(body)) FROM logs")?;
    let expected = facts.get("logs_body_bytes");
    report.equal("sum by SQL", number(expected, "sum")?, rows.i64(0, 0)?);
    report.equal("max by SQL", number(expected, "max")?, rows.i64(0, 1)?);
    Ok(())
}

pub(super) fn terms(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let terms = facts.get("log_terms").as_object().ok_or("not a map")?;
    for (term, expected) in terms {
        let pattern = quoted(&format!("%{term}%"));
        let sql = format!("SELECT count(*) FROM logs WHERE body LIKE {pattern}");
        report.equal(format_args!("{term:?} by LIKE"), number(expected, "substring_cs")?, facts.server.sql_i64(&sql)?);
        words(facts, report, term, expected)?;
    }
    Ok(())
}

/// `substring_ci` by ILIKE; `word_ci` or `words_all_ci` by `match` and by the search's `q`.
fn words(facts: &Facts<'_>, report: &mut Report, term: &str, expected: &Value) -> Outcome {
    let sql = format!("SELECT count(*) FROM logs WHERE body ILIKE {}", quoted(&format!("%{term}%")));
    report.equal(format_args!("{term:?} by ILIKE"), number(expected, "substring_ci")?, facts.server.sql_i64(&sql)?);
    let count = match expected.get("word_ci") {
        Some(count) => integer(count)?,
        None => number(expected, "words_all_ci")?,
    };
    let sql = format!("SELECT count(*) FROM logs WHERE match(body, {})", quoted(term));
    report.equal(format_args!("{term:?} by match"), count, facts.server.sql_i64(&sql)?);
    let found = by_search(facts, &format!("q={}", percent(term)))?;
    report.equal(format_args!("{term:?} by /api/v1/logs"), count, found.len() as i64);
    Ok(())
}

/// Lower-cased maximal runs of ASCII letters and digits, of the bodies as the API gives them: nothing was lost or cut.
pub(super) fn distinct_words(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    let mut words = BTreeSet::new();
    for record in facts.records()? {
        let body = text(record, "body")?.to_lowercase();
        let runs = body.split(|c: char| !c.is_ascii_alphanumeric()).filter(|run| !run.is_empty());
        words.extend(runs.map(str::to_owned));
    }
    report.equal("distinct words of all bodies", integer(facts.get("distinct_words"))?, words.len() as i64);
    Ok(())
}

pub(super) fn rare_words(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    for fact in facts.list("rare_words")? {
        let word = text(fact, "word")?;
        words(facts, report, word, fact)?;
        let Some(records) = fact["records"].as_array() else { continue };
        let expected = identities(records, |record| number(record, "time_ns"))?;
        let sql = format!(
            "SELECT CAST(time AS BIGINT) AS time_ns, service, trace_id, span_id FROM logs WHERE match(body, {})",
            quoted(word)
        );
        let rows = facts.server.sql(&sql)?;
        let mut by_sql = (0..rows.rows.len())
            .map(|row| Ok((rows.i64(row, 0)?, rows.text(row, 1)?, rows.text(row, 2)?, rows.text(row, 3)?)))
            .collect::<Result<Vec<_>, String>>()?;
        by_sql.sort();
        report.equal(format_args!("the records of {word:?} by SQL"), &expected, &by_sql);
        let found = by_search(facts, &format!("q={}", percent(word)))?;
        let by_api = identities(&found, |record| nanos(record, "time_unix_nano"))?;
        report.equal(format_args!("the records of {word:?} by /api/v1/logs"), &expected, &by_api);
    }
    Ok(())
}

type Identity = (i64, String, String, String);

fn identities(records: &[Value], time: impl Fn(&Value) -> Result<i64, String>) -> Result<Vec<Identity>, String> {
    let one = |record: &Value| -> Result<Identity, String> {
        let field = |name: &str| text(record, name).map(str::to_owned);
        Ok((time(record)?, field("service")?, field("trace_id")?, field("span_id")?))
    };
    let mut found = records.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    found.sort();
    Ok(found)
}

pub(super) fn searches(facts: &Facts<'_>, report: &mut Report) -> Outcome {
    for question in facts.list("searches_logs")? {
        let (service, expected) = (text(question, "service")?, number(question, "logs")?);
        if let Some(severity) = question["severity_at_least"].as_str() {
            let least = match severity {
                "WARN" => 13,
                "ERROR" => 17,
                other => return Err(format!("no number for severity {other}")),
            };
            let sql =
                format!("SELECT count(*) FROM logs WHERE service = {} AND severity_number >= {least}", quoted(service));
            report.equal(format_args!("{question} by SQL"), expected, facts.server.sql_i64(&sql)?);
            let found = by_search(facts, &format!("service={}&min_severity={severity}", percent(service)))?;
            report.equal(format_args!("{question} by /api/v1/logs"), expected, found.len() as i64);
            let text = format!("service:{service} severity>={severity}");
            let found = by_search(facts, &format!("q={}", percent(&text)))?;
            report.equal(format_args!("{text}"), expected, found.len() as i64);
        } else {
            substring_in_range(facts, report, question, service, expected)?;
        }
    }
    Ok(())
}

fn substring_in_range(
    facts: &Facts<'_>,
    report: &mut Report,
    question: &Value,
    service: &str,
    expected: i64,
) -> Outcome {
    let part = text(question, "substring_ci")?;
    let (from, to) = (number(question, "from_unix_s")?, number(question, "to_unix_s_exclusive")?);
    let sql = format!(
        "SELECT count(*) FROM logs WHERE service = {} AND body ILIKE {} \
         AND time >= to_timestamp_seconds({from}) AND time < to_timestamp_seconds({to})",
        quoted(service),
        quoted(&format!("%{part}%"))
    );
    report.equal(format_args!("{question} by SQL"), expected, facts.server.sql_i64(&sql)?);
    // Narrowed by service and time, the rest is done here; then by a regular expression.
    let found = by_search(facts, &format!("service={}&{}", percent(service), range(from, to)))?;
    let has = |record: &&Value| record["body"].as_str().is_some_and(|body| body.to_lowercase().contains(part));
    report.equal(format_args!("{question} by /api/v1/logs"), expected, found.iter().filter(has).count() as i64);
    let text = format!("service:{service} body:/{part}/i");
    let found = by_search(facts, &format!("q={}&{}", percent(&text), range(from, to)))?;
    report.equal(format_args!("{text}"), expected, found.len() as i64);
    Ok(())
}
