use std::time::Duration;

use proto::Signal;
use serde_json::{Value as Json, json};

use super::*;
use crate::test_data::{append, engine, store};

/// Goes on until it is stopped: five thousand records four times with themselves.
const ENDLESS: &str =
    "SELECT count(*) FROM logs a, logs b, logs c, logs d WHERE a.body || b.body || c.body || d.body = 'x'";

async fn filled() -> (tempfile::TempDir, crate::Engine) {
    let (directory, store) = store().await;
    let rows: Vec<Json> = (0..5000)
        .map(|n| json!({"time_unix_nano": n, "severity_number": 9, "body": format!("line {n}"), "service": "s", "resource": "{}"}))
        .collect();
    append(&store, Signal::Logs, &rows).await;
    store.flush(Signal::Logs).await.expect("flushed");
    (directory, engine(&store))
}

async fn until_empty(engine: &crate::Engine) {
    let ended = async {
        while !engine.queries().list().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the list gets empty");
}

#[tokio::test]
async fn a_running_query_is_listed_and_stopped() {
    let (_directory, engine) = filled().await;
    let request = Request::new("GET /here".to_owned(), Some("mine-1".to_owned())).expect("an id");
    let asked = {
        let engine = engine.clone();
        let request = Arc::clone(&request);
        tokio::spawn(async move { request.scope(crate::test_data::ask(&engine, ENDLESS)).await })
    };
    let listed = loop {
        let list = engine.queries().list();
        if let Some(one) = list.first().filter(|one| one.progress.rows > 0) {
            assert_eq!(list.len(), 1);
            break one.clone();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!((listed.id.as_str(), listed.kind, listed.asked.as_str()), ("mine-1", "test", "GET /here"));
    assert_eq!((listed.state, listed.timeout_ms), ("running", 30_000));
    assert!(listed.progress.row_groups_total >= 1 && listed.progress.bytes > 0, "{:?}", listed.progress);
    assert_eq!(request.query_id().as_deref(), Some("mine-1"));

    let taken = Request::new("GET /there".to_owned(), Some("mine-1".to_owned())).expect("an id");
    let refused = taken.scope(engine.begin("test", None)).await.err().expect("the id is taken");
    assert_eq!(refused.kind, ErrorKind::BadRequest);

    engine.queries().stop("mine-1").expect("it runs");
    let error = asked.await.expect("no panic").expect_err("stopped");
    assert_eq!((error.kind, error.kind.code()), (ErrorKind::Stopped, "stopped"));
    until_empty(&engine).await;
    let gone = engine.queries().stop("mine-1").expect_err("it has ended");
    assert_eq!(gone.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn who_waits_for_a_place_is_listed_and_can_be_stopped() {
    let (_directory, store) = store().await;
    let settings = crate::EngineSettings { running_max: 1, threads: 1, ..Default::default() };
    let engine = crate::Engine::new(store, settings).expect("threads");
    let first = engine.begin("first", None).await.expect("a place");
    let second = tokio::spawn({
        let engine = engine.clone();
        async move { engine.begin("second", None).await.map(|_| ()) }
    });
    let waiting = loop {
        let list = engine.queries().list();
        if list.len() == 2 {
            break list[1].clone();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!((waiting.kind, waiting.state), ("second", "waiting"));
    assert_ne!(waiting.id, first.id());
    engine.queries().stop(&waiting.id).expect("it waits");
    assert_eq!(second.await.expect("no panic").err().map(|error| error.kind), Some(ErrorKind::Stopped));
    drop(first);
    until_empty(&engine).await;
}

#[tokio::test]
async fn a_query_that_nobody_waits_for_leaves_the_list() {
    let (_directory, engine) = filled().await;
    let asked = tokio::spawn({
        let engine = engine.clone();
        async move { crate::test_data::ask(&engine, ENDLESS).await.map(|_| ()) }
    });
    while engine.queries().list().iter().all(|one| one.progress.rows == 0) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    asked.abort();
    until_empty(&engine).await;
}

#[test]
fn a_search_is_not_done_with_before_its_end() {
    let progress = Progress::default();
    let read = |done: u64| {
        let reading = Arc::new(Reading::default());
        reading.row_groups_done.store(done, Ordering::Relaxed);
        reading.row_groups_total.store(done, Ordering::Relaxed);
        reading.rows.store(done * 100, Ordering::Relaxed);
        progress.follow_reading(&reading);
    };
    read(3);
    assert_eq!(progress.report().share, None, "how much follows is not known");
    let told = || (progress.report().row_groups_done, progress.report().share);
    let place = |done, next, rows_done, rows_here| WalkPlace {
        done,
        next,
        total: 10,
        rows_done,
        rows_here,
        rows_total: 1000.0,
    };
    progress.walked(place(0, 4, 0.0, 200.0));
    assert_eq!(told(), (0, Some(0.0)));
    // All row groups of this part have been read, but perhaps for their times only.
    read(4);
    assert_eq!(told(), (3, Some(0.19)));
    progress.walked(place(4, 10, 200.0, 800.0));
    assert_eq!(told(), (4, Some(0.2)));
    read(6);
    assert_eq!(told(), (9, Some(0.8)), "600 of the 800 rows of this part");
    progress.walked(place(10, 10, 1000.0, 0.0));
    assert_eq!(told(), (10, Some(0.99)), "what was found is still to be read");
    let in_memory = Progress::default();
    in_memory.walked(WalkPlace::default());
    assert_eq!(in_memory.report().share, None);
}

#[test]
fn ids_are_checked() {
    for id in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
        assert!(Request::new(String::new(), Some(id.to_owned())).is_err(), "{id:?}");
    }
    assert!(Request::new(String::new(), Some("A-z_0".to_owned())).is_ok());
    assert_eq!(shortened(&"ä".repeat(3000)).len(), 4096);
}
