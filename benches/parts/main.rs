//! The parts of the road of a span, one by one, on the workload of the system benchmark. Throughput is in items.
//!
//! `cargo bench --workspace --bench parts`: see `benches/README.md`.

#[path = "../workload/mod.rs"]
#[expect(dead_code, reason = "the facts are for the system benchmark")]
mod workload;

use std::hint::black_box;
use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use collector::columns::to_record_batch;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use proto::{Signal, schema};
use storage::{Condition, Segment, Store, StoreSettings};
use tempfile::TempDir;
use workload::landscape::Landscape;
use workload::requests::Request;
use workload::{Plan, logs, spans};

const ITEMS: u64 = 50_000;
const BEGIN: u64 = 1_760_000_000_000_000_000;

struct Sample {
    signal: Signal,
    requests: Vec<Request>,
}

impl Sample {
    fn all() -> [Sample; 2] {
        let plan = Plan { seed: 1, items: ITEMS, begin: BEGIN };
        let landscape = Landscape::new();
        [
            Sample { signal: Signal::Spans, requests: spans::spans(plan, &landscape).0 },
            Sample { signal: Signal::Logs, requests: logs::logs(plan, &landscape).0 },
        ]
    }

    fn convert(&self, request: &Request) -> RecordBatch {
        to_record_batch(self.signal, &request.body, 0).expect("OTLP").batch
    }

    fn batches(&self) -> Vec<RecordBatch> {
        self.requests.iter().map(|request| self.convert(request)).collect()
    }
}

/// A store of its own, with everything in its memtable.
struct Filled {
    store: Store,
    _directory: TempDir,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads")
}

fn open(runtime: &tokio::runtime::Runtime) -> Filled {
    let directory = tempfile::tempdir().expect("a directory");
    let store = runtime.block_on(async {
        let store = Store::open(StoreSettings::new(directory.path())).await.expect("an empty store");
        store.replay(|_, _| Err("nothing to replay".to_owned())).await.expect("nothing to replay");
        store
    });
    Filled { store, _directory: directory }
}

fn fill(runtime: &tokio::runtime::Runtime, sample: &Sample, batches: &[RecordBatch]) -> Filled {
    let filled = open(runtime);
    runtime.block_on(async {
        for (request, batch) in sample.requests.iter().zip(batches) {
            filled.store.append(sample.signal, request.body.clone(), batch.clone()).await.expect("room");
        }
    });
    filled
}

type Group<'a> = BenchmarkGroup<'a, measurement::WallTime>;

/// What a server would pay with the generated types, and what ours pays down to Arrow columns.
fn decode(group: &mut Group<'_>, sample: &Sample) {
    let request = &sample.requests[0];
    group.throughput(Throughput::Elements(request.items));
    group.bench_function("decode with prost, for comparison", |bencher| {
        bencher.iter(|| match sample.signal {
            Signal::Spans => {
                ExportTraceServiceRequest::decode(request.body.clone()).expect("OTLP").resource_spans.len()
            }
            Signal::Logs => ExportLogsServiceRequest::decode(request.body.clone()).expect("OTLP").resource_logs.len(),
        });
    });
    group.bench_function("columns", |bencher| bencher.iter(|| sample.convert(black_box(request))));
}

/// One request at a time, each with its own sync: the slowest a sender can be served.
fn append(group: &mut Group<'_>, sample: &Sample, batches: &[RecordBatch]) {
    let runtime = runtime();
    let mut next = 0;
    group.throughput(Throughput::Elements(sample.requests[0].items));
    group.bench_function("WAL append, one request synced", |bencher| {
        let mut filled = open(&runtime);
        bencher.iter_batched(
            || {
                next += 1;
                if next % 50 == 0 {
                    filled = open(&runtime);
                }
                (filled.store.clone(), sample.requests[0].body.clone(), batches[0].clone())
            },
            |(store, body, batch)| runtime.block_on(store.append(sample.signal, body, batch)).expect("room"),
            BatchSize::PerIteration,
        );
    });
}

/// Sorting, Parquet, index, and the Delta commit.
fn flush(group: &mut Group<'_>, sample: &Sample, batches: &[RecordBatch]) {
    let runtime = runtime();
    group.throughput(Throughput::Elements(ITEMS));
    group.bench_function("segment write, index and commit", |bencher| {
        bencher.iter_batched(
            || fill(&runtime, sample, batches),
            |filled| {
                runtime.block_on(filled.store.flush(sample.signal)).expect("flushed");
                filled
            },
            BatchSize::PerIteration,
        );
    });
}

fn index(group: &mut Group<'_>, sample: &Sample, batches: &[RecordBatch]) {
    let rows = concat_batches(&sample.signal.schema(), batches).expect("one schema");
    group.throughput(Throughput::Elements(ITEMS));
    group.bench_function("index build", |bencher| {
        bencher.iter(|| storage::index_size(sample.signal, black_box(&rows)).expect("an index"));
    });
}

/// What the index of one segment is asked for, warm.
fn look_up(group: &mut Group<'_>, sample: &Sample, batches: &[RecordBatch]) {
    let runtime = runtime();
    let filled = fill(&runtime, sample, batches);
    runtime.block_on(filled.store.flush(sample.signal)).expect("flushed");
    let segment: Arc<Segment> = filled.store.snapshot(sample.signal).segments[0].clone();
    let word = |word: &str| Condition::Words {
        column: sample.signal.spec().text_columns[0].to_owned(),
        words: vec![word.to_owned()],
    };
    let conditions = [
        ("look-up of a trace id", Condition::Bytes { column: schema::TRACE_ID.to_owned(), values: vec![vec![7; 16]] }),
        (
            "look-up of an attribute value",
            Condition::Attribute { key: "user.id".into(), values: vec!["nobody".into()] },
        ),
        ("look-up of a word", word(workload::templates::COMMON_WORDS[0])),
        ("look-up of a word with a digit", word("a1b2c3d4")),
    ];
    group.throughput(Throughput::Elements(1));
    for (name, condition) in conditions {
        group.bench_function(name, |bencher| {
            bencher.iter(|| segment.hits(0, black_box(&condition)).expect("the index can be read"));
        });
    }
}

fn parts(criterion: &mut Criterion) {
    for sample in Sample::all() {
        let batches = sample.batches();
        let mut group = criterion.benchmark_group(sample.signal.name());
        group.sample_size(20);
        decode(&mut group, &sample);
        append(&mut group, &sample, &batches);
        flush(&mut group, &sample, &batches);
        index(&mut group, &sample, &batches);
        look_up(&mut group, &sample, &batches);
        group.finish();
    }
}

criterion_group!(benches, parts);
criterion_main!(benches);
