//! SQL from strangers: read-only, bounded, and never the end of the server.

use std::time::{Duration, Instant};

use prost::Message as _;
use serde_json::json;

use crate::support::messages::{span, trace_request};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server};

fn server_with_spans(home: &Home) -> Server {
    let server = home.start_ready(NO_FLUSH);
    let spans = (1..=1000).map(|id| span(1, id, "guard")).collect();
    server.export("/v1/traces", &trace_request("guard", spans).encode_to_vec());
    server
}

/// Refused with an error that says what and what to do; the server answers the next question.
fn assert_refused(server: &Server, sql: &str, statuses: &[u16]) {
    let shown: String = sql.chars().take(120).collect();
    let started = Instant::now();
    let reply = server.sql_reply(sql, "application/json").unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert!(statuses.contains(&reply.status), "{shown}: expected {statuses:?}: {}", reply.excerpt());
    let error = &reply.json()["error"];
    for field in ["code", "message"] {
        assert!(
            error[field].as_str().is_some_and(|text| !text.is_empty()),
            "{shown}: no error.{field}: {}",
            reply.excerpt()
        );
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{shown} took {:?}", started.elapsed());
    assert_eq!(server.count("SELECT count(*) FROM spans"), 1000, "after {shown}");
}

#[test]
fn what_is_not_a_question_is_refused() {
    let home = Home::new();
    let server = server_with_spans(&home);
    let target = home.path().join("stolen");
    let target = target.display();
    let statements = [
        "CREATE TABLE t AS SELECT 1".to_owned(),
        "CREATE VIEW v AS SELECT 1".to_owned(),
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'".to_owned(),
        "CREATE SCHEMA s".to_owned(),
        "CREATE FUNCTION f() RETURNS INT RETURN 1".to_owned(),
        "DROP TABLE spans".to_owned(),
        "DROP TABLE IF EXISTS spans".to_owned(),
        "ALTER TABLE spans ADD COLUMN x INT".to_owned(),
        "INSERT INTO spans SELECT * FROM spans".to_owned(),
        "UPDATE spans SET name = 'x'".to_owned(),
        "DELETE FROM spans".to_owned(),
        "TRUNCATE TABLE spans".to_owned(),
        format!("COPY (SELECT 1) TO '{target}'"),
        format!("COPY spans TO '{target}.csv' STORED AS CSV"),
        format!("EXPLAIN ANALYZE COPY (SELECT 1) TO '{target}'"),
        "EXPLAIN CREATE TABLE t AS SELECT 1".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "RESET datafusion.execution.batch_size".to_owned(),
        "PREPARE p AS SELECT 1".to_owned(),
        "EXECUTE p".to_owned(),
        "START TRANSACTION".to_owned(),
        "COMMIT".to_owned(),
        "SELECT * FROM '/etc/passwd'".to_owned(),
        "SELECT * FROM 'file:///etc/passwd'".to_owned(),
        "SELECT * FROM \"/etc/passwd\"".to_owned(),
        "SELECT * FROM '/etc/passwd.csv'".to_owned(),
        "SELECT * FROM read_csv('/etc/passwd')".to_owned(),
        "SELECT * FROM read_parquet('/etc/passwd')".to_owned(),
        "SELECT * FROM parquet_metadata('/etc/passwd')".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        "SELECT 1; DROP TABLE spans".to_owned(),
        "SELECT 1 /* ; */; DELETE FROM spans --".to_owned(),
        "".to_owned(),
        "   -- nothing\n".to_owned(),
        ";".to_owned(),
        "SELEC 1".to_owned(),
        "SELECT nothing FROM spans".to_owned(),
        "SELECT * FROM nothing".to_owned(),
        "SELECT '".to_owned(),
    ];
    for sql in &statements {
        assert_refused(&server, sql, &[400]);
    }
    let left: Vec<_> =
        std::fs::read_dir(home.path()).expect("the home").map(|e| e.expect("an entry").file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("stolen")), "a file was written: {left:?}");
    // A trailing semicolon and a comment are no second statement.
    assert_eq!(server.count("SELECT 1 /* ; DROP TABLE spans */ ; -- x"), 1);
}

#[test]
fn too_much_text_and_too_deep_nesting_are_refused() {
    let home = Home::new();
    let server = server_with_spans(&home);
    let long = format!("SELECT '{}'", "x".repeat(1 << 20));
    assert_refused(&server, &long, &[400, 413]);
    let deep = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_refused(&server, &deep, &[400]);
    let nested = format!("{} 1 {}", "SELECT * FROM (SELECT".repeat(3_000), ")".repeat(3_000));
    assert_refused(&server, &nested, &[400, 413]);
    let reply = server.post_json("/api/v1/sql", &json!({"nothing": 1}), "application/json").expect("an answer");
    assert!(matches!(reply.status, 400 | 422), "a body without sql: {}", reply.excerpt());
    let reply = server.post_json("/api/v1/sql", &json!({"sql": 5}), "application/json").expect("an answer");
    assert!(matches!(reply.status, 400 | 422), "sql that is no text: {}", reply.excerpt());
    let reply = server
        .post_json("/api/v1/sql", &json!({"sql": "SELECT 1", "timeout_ms": -5}), "application/json")
        .expect("an answer");
    assert!(matches!(reply.status, 400 | 422), "a negative timeout: {}", reply.excerpt());
    assert_eq!(server.get("/api/v1/sql").status, 405, "GET on the SQL route");
}

/// Many alternatives are legal, if unusual: an answer or a clear refusal, not a crash.
#[test]
fn ten_thousand_alternatives_do_not_end_the_server() {
    let home = Home::new();
    let server = server_with_spans(&home);
    let many = format!("SELECT count(*) FROM spans WHERE {}", vec!["duration_ns = 1"; 3_000].join(" OR "));
    let reply = server.sql_reply(&many, "application/json").expect("an answer");
    assert!(matches!(reply.status, 200 | 400), "{}", reply.excerpt());
    assert_eq!(server.count("SELECT count(*) FROM spans"), 1000);
}

/// What would run for ever ends at its timeout, with an answer that says so; the work stops too.
#[test]
fn endless_questions_end_at_their_timeout() {
    let home = Home::new();
    let server = server_with_spans(&home);
    let endless = [
        "SELECT count(*) FROM spans a, spans b, spans c, spans d WHERE a.duration_ns + b.duration_ns + c.duration_ns + d.duration_ns = 1",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
        "SELECT sum(value) FROM generate_series(1, 1000000000000) AS t(value)",
        "SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 100000000) b",
    ];
    for sql in endless {
        let started = Instant::now();
        let reply = server
            .post_json("/api/v1/sql", &json!({"sql": sql, "timeout_ms": 1500}), "application/json")
            .expect("an answer");
        let elapsed = started.elapsed();
        // Refusing beforehand (no such function, too large) is as good as stopping.
        assert!(matches!(reply.status, 400 | 408 | 413 | 422 | 503 | 504), "{sql}: {}", reply.excerpt());
        assert!(
            !reply.json()["error"]["message"].as_str().unwrap_or_default().is_empty(),
            "{sql}: {}",
            reply.excerpt()
        );
        assert!(elapsed < Duration::from_secs(6), "{sql}: answered only after {elapsed:?}");
        // Others do not wait for what nobody waits for any more.
        let next = Instant::now();
        assert_eq!(server.count("SELECT count(*) FROM spans"), 1000, "after {sql}");
        assert!(next.elapsed() < Duration::from_secs(5), "after {sql} the next question took {:?}", next.elapsed());
    }
    assert_idle(&server);
}

/// A query that timed out does not go on in the background.
fn assert_idle(server: &Server) {
    std::thread::sleep(Duration::from_millis(500));
    let before = cpu_ticks(server);
    std::thread::sleep(Duration::from_secs(2));
    let ticks = cpu_ticks(server) - before;
    assert!(ticks < 60, "the server used {ticks} of 200 ticks of one core while nobody asked anything");
}

/// User and system time in hundredths of a second.
fn cpu_ticks(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).expect("Linux tells a process's time");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("the fields after the name").split_whitespace().collect();
    fields[11].parse::<u64>().expect("a number") + fields[12].parse::<u64>().expect("a number")
}

/// Memory, too, has a bound: these answers would be gigabytes.
#[test]
fn huge_answers_are_cut_or_refused() {
    let home = Home::new();
    let server = server_with_spans(&home);
    for sql in [
        "SELECT repeat('a', 1000000000)",
        "SELECT a.trace_id FROM spans a, spans b, spans c",
        "SELECT repeat('abcdefgh', 100000) FROM spans a, spans b",
        "SELECT array_agg(a.name || b.name || c.name) FROM spans a, spans b, spans c",
    ] {
        let body = json!({"sql": sql, "timeout_ms": 4000});
        let reply = server.post_json("/api/v1/sql", &body, "application/json").expect("an answer");
        let cut = reply.status == 200 && reply.json()["truncated"] == json!(true);
        assert!(cut || matches!(reply.status, 400 | 408 | 413 | 422 | 503 | 504), "{sql}: {}", reply.excerpt());
        assert!(reply.body.len() < 64 << 20, "{sql}: an answer of {} bytes", reply.body.len());
        assert_eq!(server.count("SELECT count(*) FROM spans"), 1000, "after {sql}");
    }
}

/// Errors of the other routes: a JSON error, not a stack trace or an empty page.
#[test]
fn bad_parameters_get_clear_errors() {
    let home = Home::new();
    let server = server_with_spans(&home);
    for path in [
        "/api/v1/traces/zz",
        "/api/v1/traces?limit=0",
        "/api/v1/traces?limit=many",
        "/api/v1/traces?from=yesterday",
        "/api/v1/traces?from=now-5",
        "/api/v1/traces?status=BROKEN",
        "/api/v1/traces?min_duration=fast",
        "/api/v1/traces?attr=noequals",
        "/api/v1/traces?cursor=nonsense",
        "/api/v1/traces?trace_id=xyz",
        "/api/v1/logs?limit=-1",
        "/api/v1/logs?min_severity=LOUD",
        "/api/v1/logs?order=sideways",
        "/api/v1/logs?cursor=%00",
        "/api/v1/logs/histogram?buckets=0",
    ] {
        assert_error(&server, path, &[400]);
    }
    assert_error(&server, "/api/v1/traces/00000000000000000000000000000fff", &[404]);
    // Above a maximum: refused or held at it, but never obeyed.
    for (path, list, most) in [
        ("/api/v1/traces?limit=1000000000", "traces", 1000),
        ("/api/v1/logs?limit=1000000000", "logs", 10_000),
        ("/api/v1/logs/histogram?buckets=1000000000", "buckets", 10_000),
    ] {
        let reply = server.get(path);
        if reply.status == 200 {
            let answered = reply.json()[list].as_array().map(Vec::len);
            assert!(answered.is_some_and(|answered| answered <= most), "{path}: {answered:?} items");
        } else {
            assert_error(&server, path, &[400]);
        }
    }
    assert_eq!(server.count("SELECT count(*) FROM spans"), 1000);
}

fn assert_error(server: &Server, path: &str, statuses: &[u16]) {
    let reply = server.get(path);
    assert!(statuses.contains(&reply.status), "{path}: expected {statuses:?}: {}", reply.excerpt());
    let message = reply.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(!message.is_empty(), "{path}: no error.message: {}", reply.excerpt());
}
