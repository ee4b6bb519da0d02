//! What the trace page gives as a file comes back in as it was.

use serde_json::{Value, json};

use crate::support::packs::{Pack, Signal};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server};

const PATH: &str = "/api/v1/import";

fn import(server: &Server, body: &Value) -> (u16, Value) {
    let reply = server.post_json(PATH, body, "application/json").unwrap_or_else(|error| panic!("{error}"));
    (reply.status, reply.json())
}

fn file_of(server: &Server, id: &str) -> Value {
    server.get_json(&format!("/api/v1/traces/{id}?format=otlp")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_downloaded_trace_is_the_same_in_another_spanlake() {
    let (first, second) = (Home::new(), Home::new());
    let (from, to) = (first.start_ready(NO_FLUSH), second.start_ready(NO_FLUSH));
    let pack = Pack::shipped("ci-trainticket");
    for signal in Signal::ALL {
        for request in pack.requests(signal) {
            from.export(signal.http_path(), &request);
        }
    }
    let summaries = from.pages("/api/v1/traces?limit=200", "traces").expect("pages");
    for summary in summaries.iter().take(20) {
        let id = summary["trace_id"].as_str().expect("an id");
        let file = file_of(&from, id);
        let (status, said) = import(&to, &file);
        assert_eq!((status, &said["spans"]["accepted"]), (200, &summary["span_count"]), "{said}");
        assert_eq!((&said["spans"]["rejected"], &said["logs"]["rejected"]), (&json!(0), &json!(0)));
        assert_eq!(file_of(&to, id), file, "{id}");
        let skeleton = |server: &Server| server.get_json(&format!("/api/v1/traces/{id}?view=skeleton")).expect("one");
        assert_eq!(skeleton(&to), skeleton(&from), "{id}");
    }
    // A second time it is stored and shown once.
    let id = summaries[0]["trace_id"].as_str().expect("an id");
    let shown = file_of(&to, id)["resourceSpans"].clone();
    assert_eq!(import(&to, &json!({ "resourceSpans": shown.clone() })).0, 200);
    assert_eq!(file_of(&to, id)["resourceSpans"], shown);
}

#[test]
fn what_is_no_otlp_json_is_refused_with_the_reason() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    for (body, what) in [
        (json!({}), "no span and no log record"),
        (json!({"data": [{"traceID": "1", "spans": []}]}), "no span and no log record"),
        (json!({"resourceSpans": [{"scopeSpans": "x"}]}), "scopeSpans"),
        (json!([1]), ""),
    ] {
        let (status, said) = import(&server, &body);
        assert_eq!(status, 400, "{body}: {said}");
        assert!(said["error"]["message"].as_str().is_some_and(|message| message.contains(what)), "{body}: {said}");
    }
    let one = json!({"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "zz", "name": "x", "startTimeUnixNano": "1", "endTimeUnixNano": "2"});
    let (status, said) = import(&server, &json!({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}));
    assert!(status == 400 || said["spans"]["rejected"] == 1, "{said}");
    assert_eq!(server.count("SELECT count(*) FROM spans"), 0);
}

/// A form of another site can send text without being asked; JSON it cannot.
#[test]
fn other_content_types_are_not_imported() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let span = json!({"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "x", "startTimeUnixNano": "1", "endTimeUnixNano": "2"});
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let reply = server.post_as(PATH, content_type, body.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(reply.status, 400, "{content_type}: {}", reply.excerpt());
    }
    assert_eq!(server.count("SELECT count(*) FROM spans"), 0);
    let reply = server.post_as(PATH, "application/json; charset=utf-8", body.as_bytes()).expect("an answer");
    assert_eq!((reply.status, server.count("SELECT count(*) FROM spans")), (200, 1));
}
