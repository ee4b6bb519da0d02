//! *Acknowledged means replayable, and a row is visible exactly once*: kill -9 at random moments.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use prost::Message as _;

use crate::support::messages::{log_record, logs_request, span, trace_request};
use crate::support::packs::Signal;
use crate::support::random::Random;
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server, wait_for};

/// Small enough that a kill meets flush, commit and compaction.
const BUSY: &[&str] = &["--flush-interval", "150ms", "--flush-rows", "1500"];
const ROUNDS: u64 = 24;
const ITEMS_MAX: u64 = 120;

/// One request of the ledger: which trace id it used, how many items it held, whether it was acknowledged.
#[derive(Clone, Copy)]
struct Sent {
    items: i64,
    acknowledged: bool,
}

/// Trace id in hex to what was sent under it: every request has a trace id of its own.
type Ledger = BTreeMap<String, Sent>;

/// Round, worker and sequence number in one trace id, so that a round is a prefix.
fn trace_id(round: u64, worker: u64, sequence: u64) -> u128 {
    (u128::from(round + 1) << 96) | (u128::from(worker + 1) << 64) | u128::from(sequence + 1)
}

fn request(signal: Signal, trace: u128, items: u64) -> Vec<u8> {
    let spans = || (1..=items).map(|id| span(trace, id, "crash")).collect();
    let logs = || {
        let one = |id: u64| {
            let mut record = log_record(&format!("crash record {id}"));
            record.trace_id = trace.to_be_bytes().to_vec();
            record.span_id = id.to_be_bytes().to_vec();
            record
        };
        (1..=items).map(one).collect()
    };
    match signal {
        Signal::Spans => trace_request("crash", spans()).encode_to_vec(),
        Signal::Logs => logs_request("crash", logs()).encode_to_vec(),
    }
}

/// Sends until the server is gone, over HTTP (even workers) or gRPC (odd ones).
fn send_until_killed(server: &Server, signal: Signal, round: u64, worker: u64, seed: u64, stop: &AtomicBool) -> Ledger {
    let mut random = Random::new(seed ^ (worker << 32) ^ round);
    let mut ledger = Ledger::new();
    let grpc = server.grpc();
    for sequence in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let trace = trace_id(round, worker, sequence);
        let items = random.between(1, ITEMS_MAX);
        let body = request(signal, trace, items);
        let acknowledged = if worker.is_multiple_of(2) {
            let headers = [("content-type", "application/x-protobuf")];
            server.try_otlp("POST", signal.http_path(), &headers, &body).is_ok_and(|reply| reply.status == 200)
        } else {
            grpc.call(signal.grpc_method(), &body, None).is_ok()
        };
        ledger.insert(format!("{trace:032x}"), Sent { items: items as i64, acknowledged });
    }
    ledger
}

/// One life of a server: four senders, one operator who asks for flush and compaction, and the kill.
fn one_round(server: Server, round: u64, random: &mut Random, seed: u64) -> [Ledger; 2] {
    let life = Duration::from_millis(random.between(60, 1800));
    let stop = AtomicBool::new(false);
    let ledgers = Mutex::new([Ledger::new(), Ledger::new()]);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (server, stop, ledgers) = (&server, &stop, &ledgers);
            scope.spawn(move || {
                let which = (worker / 2) as usize;
                let sent = send_until_killed(server, Signal::ALL[which], round, worker, seed, stop);
                ledgers.lock().expect("no sender panicked")[which].extend(sent);
            });
        }
        let operator = random.next();
        let (asked, stopped) = (&server, &stop);
        scope.spawn(move || operate(asked, operator, stopped));
        std::thread::sleep(life);
        server.kill_now();
        stop.store(true, Ordering::Relaxed);
    });
    ledgers.into_inner().expect("no sender panicked")
}

/// Flushes and compacts at random moments until the kill; no answer is expected then.
fn operate(server: &Server, seed: u64, stop: &AtomicBool) {
    let mut random = Random::new(seed);
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(random.between(20, 400)));
        let path = ["flush", "compact", "compact?force=true"][random.between(0, 3) as usize];
        let _ = server.post_json(&format!("/api/v1/admin/{path}"), &serde_json::json!({}), "application/json");
    }
}

/// Every acknowledged request is there whole and once; every other one whole and once, or not at all.
fn compare(server: &Server, signal: Signal, round: u64, ledger: &Ledger) -> i64 {
    let table = signal.table();
    let prefix = format!("{:08x}", round + 1);
    let sql = format!(
        "SELECT trace_id, count(*), count(DISTINCT span_id) FROM {table} WHERE trace_id LIKE '{prefix}%' GROUP BY trace_id"
    );
    let rows = server.sql(&sql).unwrap_or_else(|error| panic!("{error}"));
    let mut wrong = Vec::new();
    let mut found = BTreeMap::new();
    for index in 0..rows.rows.len() {
        let id = rows.text(index, 0).expect("trace ids are text");
        let counts = (rows.i64(index, 1).expect("a count"), rows.i64(index, 2).expect("a count"));
        match ledger.get(&id) {
            None => wrong.push(format!("{id} was never sent, {counts:?} rows")),
            Some(sent) if counts != (sent.items, sent.items) => {
                wrong.push(format!(
                    "{id}: sent {} items (acknowledged: {}), found {counts:?} (rows, distinct)",
                    sent.items, sent.acknowledged
                ));
            }
            Some(_) => {}
        }
        found.insert(id, counts.0);
    }
    let lost = ledger.iter().filter(|(id, sent)| sent.acknowledged && !found.contains_key(*id));
    wrong.extend(lost.map(|(id, sent)| format!("{id}: {} acknowledged items are lost", sent.items)));
    assert!(wrong.is_empty(), "round {round}, {table}: {} requests are wrong:\n{}", wrong.len(), wrong.join("\n"));
    found.values().sum()
}

/// Starts a server and measures until it has accepted a request; the promise is 5 s whatever the log holds.
fn start_and_accept(home: &Home, round: u64, arguments: &[&str]) -> (Server, Duration) {
    let server = home.start(arguments);
    let body = request(Signal::Spans, u128::from(round + 1), 1);
    wait_for("the first accepted request after a start", Duration::from_secs(30), || {
        let headers = [("content-type", "application/x-protobuf")];
        let reply = server.try_otlp("POST", "/v1/traces", &headers, &body);
        reply.is_ok_and(|reply| reply.status == 200).then_some(())
    });
    let elapsed = server.spawned.elapsed();
    (server, elapsed)
}

#[test]
fn acknowledged_means_replayable_and_visible_exactly_once() {
    let seed = Random::seed();
    println!("repeat with SPANLAKE_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let home = Home::new();
    // What each earlier round has settled on: it must not change any more.
    let mut settled: Vec<[i64; 2]> = Vec::new();
    let mut acknowledged = 0;
    let mut server = home.start(BUSY);
    for round in 0..ROUNDS {
        let ledgers = one_round(server, round, &mut random, seed);
        let (restarted, accepting_after) = start_and_accept(&home, round, BUSY);
        assert!(
            accepting_after < Duration::from_secs(5),
            "round {round}: accepting only after {accepting_after:?} (seed {seed})"
        );
        restarted.wait_ready();
        let counts = [0, 1].map(|which| compare(&restarted, Signal::ALL[which], round, &ledgers[which]));
        settled.push(counts);
        acknowledged += ledgers.iter().flat_map(BTreeMap::values).filter(|sent| sent.acknowledged).count();
        earlier_rounds_are_unchanged(&restarted, &settled);
        server = restarted;
    }
    println!("{ROUNDS} kills, {acknowledged} acknowledged requests, all there once");
    assert!(
        acknowledged > 20 * ROUNDS as usize,
        "only {acknowledged} requests were acknowledged: the test tested little"
    );
    let segments = server.status("spans", "segments") + server.status("logs", "segments");
    assert!(segments > 0, "no kill met a segment");
    assert!(server.stop().success(), "a graceful stop after all the kills");
}

fn earlier_rounds_are_unchanged(server: &Server, settled: &[[i64; 2]]) {
    for (which, signal) in Signal::ALL.iter().enumerate() {
        let sql = format!("SELECT substr(trace_id, 1, 8), count(*) FROM {} GROUP BY 1", signal.table());
        let counts = server.sql(&sql).and_then(|rows| rows.counts()).unwrap_or_else(|error| panic!("{error}"));
        for (round, expected) in settled.iter().enumerate() {
            let got = counts.get(&format!("{:08x}", round + 1)).copied().unwrap_or_default();
            assert_eq!(got, expected[which], "{} of round {round} changed later", signal.table());
        }
    }
}

/// Exporters give up after about ten seconds: a start must accept within five, however much there is to replay.
#[test]
fn the_ports_accept_before_the_replay_has_ended() {
    const REQUESTS: u64 = 150;
    const ITEMS: u64 = 2000;
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    for sequence in 0..REQUESTS {
        server.export("/v1/traces", &request(Signal::Spans, trace_id(500, 0, sequence), ITEMS));
    }
    server.kill();

    let started = Instant::now();
    let (server, accepting_after) = start_and_accept(&home, 900, NO_FLUSH);
    let ready_at_accept = server.ready();
    server.wait_ready();
    let ready_after = started.elapsed();
    println!("accepting after {accepting_after:?}, ready (replay ended) after {ready_after:?}");
    assert!(accepting_after < Duration::from_secs(5), "accepting only after {accepting_after:?}");
    assert!(
        !ready_at_accept || ready_after < Duration::from_secs(2),
        "nothing was accepted before the replay had ended, after {ready_after:?}"
    );
    let sql = "SELECT count(*) FROM spans WHERE trace_id LIKE '000001f5%'";
    assert_eq!(server.count(sql), (REQUESTS * ITEMS) as i64, "all replayed");
    assert_eq!(server.count("SELECT count(*) FROM spans WHERE trace_id = '00000000000000000000000000000385'"), 1);
}
