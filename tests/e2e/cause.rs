//! Root cause, heatmap and comparison from outside: recorded faults, and the errors of wrong questions.

use serde_json::{Value, json};

use crate::facts::{Transport, ingest};
use crate::support::packs::Pack;
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

fn answer(server: &Server, path: &str) -> Value {
    server.get_json(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pack's time, with a second of room.
fn range(pack: &Pack) -> (i64, i64) {
    let time = |field: &str| pack.manifest["time_range"][field].as_i64().expect("the manifest names its time");
    (time("first_span_start_ns"), time("last_span_end_ns") + NANOS_PER_SECOND)
}

/// Asks about each labelled fault whose signs are named. Returns how many there were.
fn labelled_services_are_first(server: &Server, pack: &Pack) -> usize {
    let (begin, end) = range(pack);
    let faults = pack.manifest["facts"]["faults"].as_array().expect("faults");
    let visible = faults.iter().filter(|fault| fault["visible_as"].as_array().is_some_and(|signs| !signs.is_empty()));
    let mut asked = 0;
    for fault in visible {
        let time = |field: &str| fault[field].as_i64().expect("a time") * NANOS_PER_SECOND;
        let (from, to) = (time("inject_unix_s"), time("window_end_unix_s"));
        let path = format!("/api/v1/root-cause?from={from}&to={to}&base_from={begin}&base_to={end}");
        let found = answer(server, &path);
        let first = &found["services"][0];
        assert_eq!(first["service"], fault["service"], "{}: {fault}: {:#}", pack.name, found["services"]);
        let sentence = first["changes"][0]["sentence"].as_str().expect("a sentence");
        assert!(!sentence.is_empty(), "{found}");
        asked += 1;
    }
    asked
}

#[test]
fn recorded_faults_are_found_at_their_service() {
    let mut asked = 0;
    for name in ["cut-boutique", "cut-trainticket", "ci-boutique", "ci-trainticket"] {
        let (pack, home) = (Pack::shipped(name), Home::new());
        let server = home.start_ready(NO_FLUSH);
        ingest(&server, &pack, Transport::Http);
        let in_memory = labelled_services_are_first(&server, &pack);
        server.flush();
        assert_eq!(labelled_services_are_first(&server, &pack), in_memory, "from segments");
        asked += in_memory;
    }
    assert_eq!(asked, 4, "faults whose signs the manifests of the shipped packs name");
}

#[test]
fn a_comparison_that_takes_too_long_is_given_up_and_says_so() {
    let (pack, home) = (Pack::shipped("ci-trainticket"), Home::new());
    let server = home.start_ready(NO_FLUSH);
    ingest(&server, &pack, Transport::Http);
    let (from, to) = range(&pack);
    let path = format!("/api/v1/root-cause?from={from}&to={to}");
    let reply = server.get(&format!("{path}&timeout=1ms"));
    let error = &reply.json()["error"];
    assert_eq!((reply.status, &error["code"]), (504, &json!("timeout")), "{}", reply.excerpt());
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("too much data for a quick comparison") && message.contains("1ms"), "{message}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.starts_with("narrow the range")), "{error}");
    for wrong in ["0ms", "soon", "1d"] {
        let reply = server.get(&format!("{path}&timeout={wrong}"));
        assert_eq!(reply.status, 400, "{wrong}: {}", reply.excerpt());
    }
    assert_eq!(server.get(&format!("{path}&timeout=60s")).status, 200);
}

#[test]
fn a_window_without_a_baseline_or_a_selection_without_a_box_is_told() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let pack = Pack::shipped("ci-boutique");
    ingest(&server, &pack, Transport::Http);
    let (begin, end) = range(&pack);
    let found = answer(&server, &format!("/api/v1/root-cause?from={begin}&to={end}"));
    assert_eq!(found["services"].as_array().map(Vec::len), Some(0));
    assert_eq!(found["notes"][0], "there are no spans in the baseline: nothing to compare with");
    assert_eq!(found["window"]["spans"].as_i64(), Some(pack.count("spans")));
    assert_eq!(found["window"]["logs"].as_i64(), Some(pack.count("logs")));
    for (path, part) in [
        ("root-cause", "the window has no ends".to_owned()),
        (&format!("root-cause?from={end}&to={end}"), "is empty".to_owned()),
        (&format!("root-cause?from={begin}&to={end}&base_from=5&base_to=4"), "is empty".to_owned()),
        (&format!("root-cause?from={begin}&to={end}&q=(("), "missing".to_owned()),
        ("root-cause?from=x", "not a time".to_owned()),
        ("spans/compare", "nothing is selected".to_owned()),
        ("spans/compare?sel_from=5&sel_to=5", "the selection is empty".to_owned()),
        ("spans/compare?sel_outcome=bad", "not known".to_owned()),
        ("spans/heatmap?columns=241", "from 1 to 240".to_owned()),
    ] {
        let reply = server.get(&format!("/api/v1/{path}"));
        assert_eq!(reply.status, 400, "{path}");
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(path.contains("q=") || text.contains(&part), "{path}: {text}");
    }
}

/// A heatmap's cells and both sides of a comparison count the spans that SQL counts.
#[test]
fn heatmap_and_comparison_agree_with_sql() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let pack = Pack::shipped("ci-trainticket");
    ingest(&server, &pack, Transport::Http);
    server.flush();
    let (begin, end) = range(&pack);
    let heat = answer(&server, &format!("/api/v1/spans/heatmap?from={begin}&to={end}&columns=60"));
    let sum =
        |list: &str| heat["cells"][list].as_array().expect("a list").iter().filter_map(Value::as_i64).sum::<i64>();
    assert_eq!(heat["spans"].as_i64(), Some(pack.count("spans")));
    assert_eq!(sum("ok") + sum("error") + sum("throttle") + sum("fault"), pack.count("spans"));
    assert_eq!(sum("fault"), pack.count("error_spans"), "the pack's errors are faults");

    let middle = begin + (end - begin) / 2;
    let selection = format!("sel_from={begin}&sel_to={middle}&sel_min_duration=10ms&sel_max_duration=1s");
    let found = answer(&server, &format!("/api/v1/spans/compare?from={begin}&to={end}&{selection}"));
    let count = |condition: &str| server.count(&format!("SELECT count(*) FROM spans WHERE {condition}"));
    let first_half = format!("CAST(start_time AS BIGINT) < {middle}");
    let inside = count(&format!("{first_half} AND duration_ns >= 10000000 AND duration_ns < 1000000000"));
    assert_eq!(found["inside"]["spans"].as_i64(), Some(inside));
    assert_eq!(found["outside"]["spans"].as_i64(), Some(pack.count("spans") - inside));
    let differences = found["differences"].as_array().expect("differences");
    let name = differences.iter().find(|difference| difference["key"] == "name").expect("operations differ");
    let top = &name["values"][0];
    let operation = top["value"].as_str().expect("a name").replace('\'', "''");
    let of_it = count(&format!(
        "{first_half} AND duration_ns >= 10000000 AND duration_ns < 1000000000 AND name = '{operation}'"
    ));
    assert_eq!(top["inside"].as_i64(), Some(of_it), "{top}");
    let divergences: Vec<f64> = differences.iter().filter_map(|one| one["divergence"].as_f64()).collect();
    assert!(divergences.is_sorted_by(|a, b| a >= b), "{divergences:?}");
}
