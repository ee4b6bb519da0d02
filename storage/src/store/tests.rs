//! The store against a plain list, over every order of append, flush, compact, vacuum and restart.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{ArrayRef, AsArray, BinaryArray, Int64Array, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use proto::schema;
use proto::time::NANOS_PER_DAY;

use super::*;
use crate::error::ErrorKind;
use crate::segment::Condition;
use crate::words::words;

/// A log record: its time makes it unique in these tests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    time: i64,
    body: String,
}

fn payload(lines: &[Line]) -> Bytes {
    let pairs: Vec<_> = lines.iter().map(|line| (line.time, &line.body)).collect();
    serde_json::to_vec(&pairs).expect("json").into()
}

fn convert(signal: Signal, payload: &[u8]) -> Result<RecordBatch, String> {
    let pairs: Vec<(i64, String)> = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    let schema = signal.schema();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        let text = || Arc::new(StringArray::from_iter_values(pairs.iter().map(|(_, body)| body)));
        match field.name().as_str() {
            name if name == signal.spec().time_column => {
                Arc::new(Int64Array::from_iter_values(pairs.iter().map(|(time, _)| *time)))
            }
            schema::BODY => text(),
            schema::NAME => cast(&(text() as ArrayRef), field.data_type()).expect("dictionary"),
            schema::TRACE_ID => {
                Arc::new(BinaryArray::from_iter_values(pairs.iter().map(|(time, _)| (time % 7).to_be_bytes())))
            }
            _ => new_null_array(field.data_type(), pairs.len()),
        }
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).map_err(|error| error.to_string())
}

async fn append(store: &Store, signal: Signal, lines: &[Line]) -> Result<(), StorageError> {
    let payload = payload(lines);
    let batch = convert(signal, &payload).expect("own payload");
    store.append(signal, payload, batch).await
}

async fn open(dir: &Path) -> Store {
    let mut settings = StoreSettings::new(dir);
    settings.wal_file_bytes = 400;
    settings.replay_flush_bytes = 40_000;
    settings.copy_rows_min = 5;
    settings.vacuum_grace = Duration::ZERO;
    let store = Store::open(settings).await.expect("open");
    store.replay(convert).await.expect("replay");
    store
}

/// Closes and waits until the directory is free.
async fn reopen(store: Store, dir: &Path) -> Store {
    store.close();
    drop(store);
    open(dir).await
}

fn lines_of(signal: Signal, batch: &RecordBatch) -> Vec<Line> {
    let times = batch.column_by_name(signal.spec().time_column).expect("time").as_primitive::<Int64Type>();
    let text = batch.column_by_name(signal.spec().text_columns[0]).expect("text");
    let text = cast(text, &arrow::datatypes::DataType::Utf8).expect("text");
    let text = text.as_string::<i32>();
    (0..batch.num_rows()).map(|row| Line { time: times.value(row), body: text.value(row).to_owned() }).collect()
}

fn read_segment(segment: &Segment) -> Vec<Line> {
    let file = std::fs::File::open(segment.parquet_path()).expect("live files exist");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("parquet").build().expect("reader");
    reader.flat_map(|batch| lines_of(segment.signal(), &batch.expect("rows"))).collect()
}

fn visible(store: &Store, signal: Signal) -> Vec<Line> {
    let snapshot = store.snapshot(signal);
    let memory = snapshot.batches.iter().flat_map(|batch| lines_of(signal, batch));
    let mut lines: Vec<_> = memory.chain(snapshot.segments.iter().flat_map(|segment| read_segment(segment))).collect();
    lines.sort();
    lines
}

/// Index, statistics and order of every segment agree with its rows.
fn check_segments(store: &Store, signal: Signal) {
    for segment in store.snapshot(signal).segments.iter() {
        let lines = read_segment(segment);
        let meta = segment.meta();
        assert_eq!(meta.rows, lines.len() as u64);
        assert_eq!(meta.min_time, lines.iter().map(|line| line.time).min().expect("rows"));
        assert_eq!(meta.max_time, lines.iter().map(|line| line.time).max().expect("rows"));
        let mut expected: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (row, line) in lines.iter().enumerate() {
            for word in words(&line.body) {
                let rows = expected.entry(word).or_default();
                if rows.last() != Some(&(row as u32)) {
                    rows.push(row as u32);
                }
            }
        }
        let column = signal.spec().text_columns[0];
        for (word, rows) in &expected {
            let found = candidates(segment, column, std::slice::from_ref(word)).expect("indexed");
            let is_key = word.bytes().any(|byte| byte.is_ascii_digit());
            if is_key {
                assert!(rows.iter().all(|row| found.contains(row)), "{word}");
            } else {
                assert_eq!(&found, rows, "{word}");
            }
        }
        let both = ["alpha".to_owned(), "beta".to_owned()];
        let in_both = |row: &u32| both.iter().all(|word| expected.get(word).is_some_and(|rows| rows.contains(row)));
        let rows: Vec<_> = (0..lines.len() as u32).filter(in_both).collect();
        assert_eq!(candidates(segment, column, &both), Some(rows));
        assert_eq!(candidates(segment, column, &["absent".to_owned()]), Some(vec![]));
        assert_eq!(candidates(segment, "service", &both), None);
    }
}

/// Numbers within the segment. All of them are certain, unless a word has a digit.
fn candidates(segment: &Segment, column: &str, words: &[String]) -> Option<Vec<u32>> {
    let has_digit = words.iter().any(|word| word.bytes().any(|byte| byte.is_ascii_digit()));
    let condition = Condition::Words { column: column.to_owned(), words: words.to_vec() };
    let (mut rows, mut start) = (Vec::new(), 0);
    for (number, group) in segment.row_groups().expect("an index").into_iter().enumerate() {
        let hits = segment.hits(number, &condition).expect("the index can be read")?;
        assert_eq!(hits.certain, !has_digit, "{words:?}");
        rows.extend(hits.rows.ranges().iter().cloned().flatten().map(|row| start + row));
        start += group.rows;
    }
    Some(rows)
}

#[derive(Clone, Debug)]
enum Step {
    Append(Signal, Vec<(u8, String)>),
    Flush(Signal),
    Compact(Signal),
    Vacuum,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let signal = prop_oneof![Just(Signal::Spans), Just(Signal::Logs)];
    let body = "(alpha|beta|Gamma-1|delta x|){1,3}";
    let append = (signal.clone(), prop::collection::vec((0..3u8, body), 0..12));
    let step = prop_oneof![
        6 => append.prop_map(|(signal, lines)| Step::Append(signal, lines)),
        2 => signal.clone().prop_map(Step::Flush),
        1 => signal.prop_map(Step::Compact),
        1 => Just(Step::Vacuum),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..30)
}

async fn compact_all(store: &Store, signal: Signal) {
    let snapshot = store.snapshot(signal);
    let mut days: BTreeMap<i32, Vec<SegmentIdAlias>> = BTreeMap::new();
    for segment in snapshot.segments.iter() {
        days.entry(segment.meta().day).or_default().push(segment.meta().id.clone());
    }
    drop(snapshot);
    for ids in days.into_values() {
        store.compact(signal, &ids).await.expect("compact");
    }
}

type SegmentIdAlias = crate::segment::SegmentId;

async fn run_model(steps: Vec<Step>) {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut store = open(dir.path()).await;
    let mut model: BTreeMap<Signal, Vec<Line>> = BTreeMap::new();
    let mut unique = 0;
    for step in steps {
        match step {
            Step::Append(signal, lines) => {
                let lines: Vec<_> = (lines.into_iter())
                    .map(|(day, body)| {
                        unique += 1;
                        Line { time: i64::from(day) * NANOS_PER_DAY + (unique * 7919) % 5000, body }
                    })
                    .collect();
                append(&store, signal, &lines).await.expect("append");
                model.entry(signal).or_default().extend(lines);
            }
            Step::Flush(signal) => drop(store.flush(signal).await.expect("flush")),
            Step::Compact(signal) => compact_all(&store, signal).await,
            Step::Vacuum => drop(store.vacuum().await.expect("vacuum")),
            Step::Reopen => store = reopen(store, dir.path()).await,
        }
        for signal in Signal::ALL {
            let mut expected = model.get(&signal).cloned().unwrap_or_default();
            expected.sort();
            assert_eq!(visible(&store, signal), expected, "a_row_is_visible_exactly_once");
        }
    }
    for signal in Signal::ALL {
        store.flush(signal).await.expect("flush");
        check_segments(&store, signal);
        compact_all(&store, signal).await;
        check_segments(&store, signal);
    }
    assert_eq!(store.stats().wal_bytes, 0, "everything is in segments: the log is empty");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_row_is_visible_exactly_once(steps in steps()) {
        tokio::runtime::Runtime::new().expect("runtime").block_on(run_model(steps));
    }
}

fn line(time: i64, body: &str) -> Line {
    Line { time, body: body.to_owned() }
}

#[tokio::test]
async fn acknowledged_means_replayable() {
    let dir = tempfile::tempdir().expect("tempdir");
    let copy = tempfile::tempdir().expect("tempdir");
    let store = open(dir.path()).await;
    for i in 0..50 {
        append(&store, Signal::Logs, &[line(i, "alpha")]).await.expect("append");
        // What the disk holds at this instant, as a kill would leave it.
        let crashed = copy.path().join(i.to_string());
        copy_tree(dir.path(), &crashed);
        if i % 10 == 9 {
            store.flush(Signal::Logs).await.expect("flush");
        }
    }
    for i in 0..50i64 {
        let crashed = open(&copy.path().join(i.to_string())).await;
        assert_eq!(visible(&crashed, Signal::Logs).len() as i64, i + 1);
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("create");
    for entry in std::fs::read_dir(from).expect("list") {
        let entry = entry.expect("entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("type").is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copy");
        }
    }
}

#[tokio::test]
async fn a_crash_between_publish_and_truncate_adds_nothing_twice() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(dir.path()).await;
    append(&store, Signal::Logs, &[line(1, "alpha"), line(2, "beta")]).await.expect("append");
    let wal = dir.path().join("wal");
    let saved = dir.path().join("saved");
    copy_tree(&wal, &saved);
    store.flush(Signal::Logs).await.expect("flush");
    store.close();
    drop(store);
    copy_tree(&saved, &wal);
    let store = open(dir.path()).await;
    assert_eq!(visible(&store, Signal::Logs).len(), 2);
}

#[tokio::test]
async fn a_reader_holds_its_snapshot() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(dir.path()).await;
    for i in 0..3 {
        append(&store, Signal::Logs, &[line(i, "alpha")]).await.expect("append");
        store.flush(Signal::Logs).await.expect("flush");
    }
    let snapshot = store.snapshot(Signal::Logs);
    compact_all(&store, Signal::Logs).await;
    assert_eq!(store.vacuum().await.expect("vacuum").files, 0, "a reader still needs them");
    let read: usize = snapshot.segments.iter().map(|segment| read_segment(segment).len()).sum();
    assert_eq!(read, 3);
    drop(snapshot);
    assert_eq!(store.vacuum().await.expect("vacuum").files, 6);
    assert_eq!(visible(&store, Signal::Logs).len(), 3);
}

#[tokio::test]
async fn removed_segments_stay_removed() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(dir.path()).await;
    append(&store, Signal::Logs, &[line(0, "old"), line(NANOS_PER_DAY, "new")]).await.expect("append");
    store.flush(Signal::Logs).await.expect("flush");
    let old: Vec<_> = (store.snapshot(Signal::Logs).segments.iter())
        .filter(|segment| segment.meta().day == 0)
        .map(|segment| segment.meta().id.clone())
        .collect();
    store.remove(Signal::Logs, &old).await.expect("remove");
    let store = reopen(store, dir.path()).await;
    assert_eq!(visible(&store, Signal::Logs), [line(NANOS_PER_DAY, "new")]);
}

#[tokio::test]
async fn the_index_may_be_missing_or_damaged() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(dir.path()).await;
    for body in ["alpha", "beta"] {
        append(&store, Signal::Logs, &[line(1, body)]).await.expect("append");
        store.flush(Signal::Logs).await.expect("flush");
    }
    let snapshot = store.snapshot(Signal::Logs);
    let [one, two] = snapshot.segments.as_slice() else { panic!("two segments") };
    std::fs::remove_file(one.index_path()).expect("remove");
    let mut bytes = std::fs::read(two.index_path()).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(two.index_path(), bytes).expect("write");
    for segment in [one, two] {
        let condition = Condition::Words { column: "body".to_owned(), words: vec!["alpha".to_owned()] };
        let found = segment.hits(0, &condition);
        assert!(matches!(found, Ok(None) | Err(StorageError::Corrupt { .. })), "{found:?}");
    }
}

#[tokio::test]
async fn a_full_memtable_refuses_and_loses_nothing() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut settings = StoreSettings::new(dir.path());
    settings.memtable_bytes_max = 100_000;
    let store = Store::open(settings).await.expect("open");
    store.replay(convert).await.expect("replay");
    let mut accepted = 0;
    let error = loop {
        match append(&store, Signal::Spans, &[line(accepted, "alpha")]).await {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 100_000, "the bound is never reached");
    };
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert_eq!(visible(&store, Signal::Spans).len() as i64, accepted);
    store.flush(Signal::Spans).await.expect("flush");
    append(&store, Signal::Spans, &[line(accepted, "alpha")]).await.expect("room again");
}

#[tokio::test]
async fn appends_are_accepted_while_the_log_is_replayed() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(dir.path()).await;
    for i in 0..20 {
        append(&store, Signal::Logs, &[line(i, "old")]).await.expect("append");
    }
    store.close();
    drop(store);
    let store = Store::open(StoreSettings::new(dir.path())).await.expect("open");
    assert!(store.is_replaying());
    append(&store, Signal::Logs, &[line(100, "new")]).await.expect("append before replay");
    assert_eq!(store.flush(Signal::Logs).await.expect("flush"), FlushOutcome::default(), "waits for the replay");
    let outcome = store.replay(convert).await.expect("replay");
    assert_eq!(outcome, ReplayOutcome { requests: 20, rows: 20, set_aside: 0 });
    assert_eq!(visible(&store, Signal::Logs).len(), 21);
    let store = reopen(store, dir.path()).await;
    assert_eq!(visible(&store, Signal::Logs).len(), 21);
}

#[tokio::test]
async fn requests_without_rows_do_not_keep_the_log() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = open(dir.path()).await;
    append(&store, Signal::Spans, &[]).await.expect("append");
    store.flush(Signal::Spans).await.expect("flush");
    assert_eq!(store.stats().wal_bytes, 0);
}
