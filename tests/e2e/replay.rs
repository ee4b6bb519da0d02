//! `spanlake replay` and `spanlake serve --demo`: recorded packs through the real ports.

use std::time::Duration;

use crate::support::packs::{Pack, Signal};
use crate::support::server::{NO_FLUSH, run, stderr};
use crate::support::{Home, wait_for};

fn files(pack: &Pack) -> Vec<String> {
    let path = |signal| pack.file(signal).expect("the pack has both").to_str().expect("text").to_owned();
    Signal::ALL.map(path).to_vec()
}

#[test]
fn replay_sends_a_whole_pack() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let pack = Pack::shipped("ci-boutique");
    let files = files(&pack);
    let output = run(&["replay", &files[0], &files[1], "--to", &server.otlp_url()]);
    assert!(output.status.success(), "{}", stderr(&output));
    for signal in Signal::ALL {
        let table = signal.table();
        assert_eq!(server.count(&format!("SELECT count(*) FROM {table}")), pack.count(table), "{table}");
    }
    let first = server.count("SELECT CAST(min(start_time) AS BIGINT) FROM spans");
    assert_eq!(Some(first), pack.manifest["time_range"]["first_span_start_ns"].as_i64(), "unshifted");
}

/// Shifted, the last record is of now, and all distances are kept: between spans, and between spans and logs.
#[test]
fn replay_can_shift_to_now() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let pack = Pack::shipped("ci-trainticket");
    let files = files(&pack);
    let output = run(&["replay", &files[0], &files[1], "--to", &server.otlp_url(), "--shift-to-now"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let range = &pack.manifest["time_range"];
    let recorded = |name: &str| range[name].as_i64().expect("a time");
    let first = server.count("SELECT CAST(min(start_time) AS BIGINT) FROM spans");
    let last = server.count("SELECT CAST(max(end_time) AS BIGINT) FROM spans");
    let first_log = server.count("SELECT CAST(min(time) AS BIGINT) FROM logs");
    assert_eq!(
        last - first,
        recorded("last_span_end_ns") - recorded("first_span_start_ns"),
        "the spans keep their distances"
    );
    assert_eq!(
        first_log - first,
        recorded("first_log_ns") - recorded("first_span_start_ns"),
        "the logs keep theirs to the spans"
    );
    let recent = server.count("SELECT count(*) FROM spans WHERE end_time BETWEEN now() - INTERVAL '15 minutes' AND now() + INTERVAL '5 seconds'");
    assert_eq!(recent, pack.count("spans"), "all of it is of the last minutes");
    let found = server.get_json("/api/v1/traces?from=now-15m&status=ERROR&limit=100").expect("a search");
    assert_eq!(found["traces"].as_array().map(Vec::len), Some(pack.count("error_traces") as usize));
}

#[test]
fn replay_says_what_is_wrong() {
    let home = Home::new();
    let broken = home.path().join("broken.traces.otlp.zst");
    std::fs::write(&broken, b"not zstd").expect("a file");
    let broken = broken.to_str().expect("text");
    let output = run(&["replay", broken, "--to", "http://127.0.0.1:9"]);
    assert!(!output.status.success() && !stderr(&output).contains("panicked"), "{}", stderr(&output));
    let absent = run(&["replay", "/nowhere/x.traces.otlp.zst"]);
    assert!(!absent.status.success() && stderr(&absent).contains("/nowhere/x.traces.otlp.zst"), "{}", stderr(&absent));
    let pack = Pack::shipped("ci-boutique");
    let nobody = run(&["replay", &files(&pack)[0], "--to", "http://127.0.0.1:9"]);
    assert!(!nobody.status.success() && stderr(&nobody).contains("127.0.0.1:9"), "{}", stderr(&nobody));
}

/// A newcomer's first sight: everything of the last minutes, failing traces among it, and more coming.
#[test]
fn the_demo_fills_by_itself_and_goes_on() {
    let home = Home::new();
    let server = home.start(&["--demo"]);
    wait_for("the demo's first data", Duration::from_secs(60), || {
        let rows = |signal| server.ready() && server.status(signal, "rows") > 1000;
        (rows("spans") && rows("logs")).then_some(())
    });
    let failing = server.get_json("/api/v1/traces?from=now-15m&status=ERROR").expect("a search");
    assert!(
        failing["traces"].as_array().is_some_and(|traces| !traces.is_empty()),
        "no failing trace in the last 15 minutes"
    );
    let before = server.status("spans", "rows");
    wait_for("the demo's trickle", Duration::from_secs(60), || (server.status("spans", "rows") > before).then_some(()));
    assert!(server.stop().success());
}
