//! Data of any age is accepted and kept; retention drops whole dates, old ones only.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::support::messages::{MILLISECOND, log_record, logs_request, span, trace_request};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server, wait_for};

const DAY: u64 = 86_400_000_000_000;
/// 1975-06-01T00:00:00Z
const LONG_AGO: u64 = 170_812_800_000_000_000;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970").as_nanos() as u64
}

/// One span and one log record at that time.
fn send(server: &Server, time: u64, name: &str) {
    let id = u128::from(time) + 1;
    let span = Span { start_time_unix_nano: time, end_time_unix_nano: time + MILLISECOND, ..span(id, 1, name) };
    server.export("/v1/traces", &trace_request("age", vec![span]).encode_to_vec());
    let record = LogRecord { time_unix_nano: time, observed_time_unix_nano: 0, ..log_record(name) };
    server.export("/v1/logs", &logs_request("age", vec![record]).encode_to_vec());
}

fn names(server: &Server) -> [Vec<String>; 2] {
    ["SELECT name FROM spans ORDER BY start_time", "SELECT body FROM logs ORDER BY time"].map(|sql| {
        let rows = server.sql(sql).unwrap_or_else(|error| panic!("{error}"));
        (0..rows.rows.len()).map(|row| rows.text(row, 0).expect("a name")).collect()
    })
}

#[test]
fn data_of_any_age_is_kept_until_retention_drops_its_date() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let now = now();
    let ages = [
        ("1975", LONG_AGO),
        ("forty days", now - 40 * DAY),
        ("thirty-two days", now - 32 * DAY),
        ("twenty-nine days", now - 29 * DAY),
        ("now", now),
        ("tomorrow", now + DAY),
        ("in ten years", now + 3652 * DAY),
    ];
    ages.iter().for_each(|(name, time)| send(&server, *time, name));
    let all: Vec<String> = ages.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&server), [all.clone(), all.clone()], "from the memtable");
    server.flush();
    assert_eq!(names(&server), [all.clone(), all.clone()], "from segments");
    server.compact();
    assert!(server.stop().success());
    let server = home.start_ready(NO_FLUSH);
    assert_eq!(names(&server), [all.clone(), all.clone()], "without --retention nothing is dropped");
    let found = server.get_json("/api/v1/traces?from=1975-01-01T00:00:00Z&to=1976-01-01T00:00:00Z").expect("a search");
    assert_eq!(found["traces"][0]["root"]["name"], "1975");
    let kept = |server: &Server| server.get_json("/api/v1/status").expect("the status")["retention_seconds"].clone();
    assert!(kept(&server).is_null());
    assert!(server.stop().success());

    let server = home.start_ready(&["--retention", "30d", "--flush-interval", "200ms"]);
    assert_eq!(kept(&server), 30 * 86_400);
    let kept = all[3..].to_vec();
    // Retention looks once a minute.
    wait_for("retention to drop the old dates", Duration::from_secs(100), || {
        (names(&server).iter().all(|left| left.len() <= kept.len())).then_some(())
    });
    assert_eq!(names(&server), [kept.clone(), kept.clone()]);
    // It stays so, and what comes now is kept.
    send(&server, now + 1, "later");
    server.flush();
    server.compact();
    assert!(server.stop().success());
    let server = home.start_ready(&["--retention", "30d"]);
    let mut expected = kept;
    expected.insert(2, "later".to_owned());
    assert_eq!(names(&server), [expected.clone(), expected]);
}

/// Times no calendar reaches: accepted, or refused record by record, but never a crash or a stop of the flush.
#[test]
fn impossible_times_hurt_nobody() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let mut stored = 0;
    for (index, time) in [0, 1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX].into_iter().enumerate() {
        let odd = Span { start_time_unix_nano: time, end_time_unix_nano: 0, ..span(1 + index as u128, 1, "odd") };
        let reply = server.otlp(
            "/v1/traces",
            &[("content-type", "application/x-protobuf")],
            &trace_request("age", vec![odd]).encode_to_vec(),
        );
        assert_eq!(reply.status, 200, "start time {time}: {}", reply.excerpt());
        stored += i64::from(reply.body.is_empty());
    }
    send(&server, now(), "usual");
    server.flush();
    assert_eq!(server.count("SELECT count(*) FROM spans"), stored + 1);
    assert!(server.stop().success());
    let server = home.start_ready(NO_FLUSH);
    assert_eq!(server.count("SELECT count(*) FROM spans"), stored + 1);
    assert_eq!(server.count("SELECT count(*) FROM spans WHERE name = 'usual'"), 1);
}
