//! Several hundred generated questions, answered over memtable, segments and merged segments, and by looking at every
//! row: what the index leaves out must be what nobody asked for.

use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Value as Json, json};
use storage::{Store, StoreSettings};

use super::*;
use crate::engine::{Engine, EngineSettings};
use crate::test_data::{append, rows};

const ROWS: usize = 12_000;
const QUESTIONS: usize = 400;
const T0: i64 = 1_700_000_000_000_000_000;
const WORDS: [&str; 12] =
    ["timeout", "cart", "größe", "503", "a1b2c3d4", "payment", "retry", "GET", "e", "00000017", "x9", "declined"];

/// A record as the test knows it.
struct Record {
    time: i64,
    service: String,
    severity: i32,
    body: String,
    trace: u8,
    user: Option<String>,
    order: Option<String>,
    zone: String,
}

/// What can be asked, as SQL and as a look at a record.
enum Question {
    Word(String),
    Trace(u8),
    Attribute(&'static str, String),
    Zone(String),
    Service(String),
    Severity(i32),
    Between(i64, i64),
    And(Box<Question>, Box<Question>),
    Or(Box<Question>, Box<Question>),
    Not(Box<Question>),
}

fn trace_id(trace: u8) -> String {
    format!("{:032x}", u128::from(trace) + 1)
}

impl Question {
    fn sql(&self) -> String {
        match self {
            Self::Word(words) => format!("match(body, '{words}')"),
            Self::Trace(trace) => format!("trace_id = '{}'", trace_id(*trace)),
            Self::Attribute(key, value) => format!("attributes['{key}'] = '{value}'"),
            Self::Zone(zone) => format!("resource['zone'] = '{zone}'"),
            Self::Service(service) => format!("service = '{service}'"),
            Self::Severity(severity) => format!("severity_number >= {severity}"),
            Self::Between(from, to) => {
                format!("CAST(time AS BIGINT) >= {} AND CAST(time AS BIGINT) < {}", T0 + from, T0 + to)
            }
            Self::And(a, b) => format!("({}) AND ({})", a.sql(), b.sql()),
            Self::Or(a, b) => format!("({}) OR ({})", a.sql(), b.sql()),
            Self::Not(a) => format!("coalesce(NOT ({}), true)", a.sql()),
        }
    }

    /// True only where SQL says true: null is not.
    fn holds(&self, record: &Record) -> bool {
        match self {
            Self::Word(wanted) => {
                let words: Vec<_> = storage::words(&record.body).collect();
                storage::words(wanted).all(|word| words.contains(&word))
            }
            Self::Trace(trace) => record.trace == *trace,
            Self::Attribute(key, value) => {
                let of_record = if *key == "user.id" { &record.user } else { &record.order };
                of_record.as_ref() == Some(value)
            }
            Self::Zone(zone) => record.zone == *zone,
            Self::Service(service) => record.service == *service,
            Self::Severity(severity) => record.severity >= *severity,
            Self::Between(from, to) => (*from..*to).contains(&record.time),
            Self::And(a, b) => a.holds(record) && b.holds(record),
            Self::Or(a, b) => a.holds(record) || b.holds(record),
            Self::Not(a) => !a.holds(record),
        }
    }
}

struct Generator(TestRng);

impl Generator {
    fn below(&mut self, bound: usize) -> usize {
        self.0.next_u32() as usize % bound
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| WORDS[self.below(WORDS.len())]).collect::<Vec<_>>().join(" ")
    }

    fn record(&mut self, time: i64) -> Record {
        // Most bodies have words of their own, so that the frequent ones stay rare enough for the index.
        let common = if self.below(12) == 0 { self.words(2) } else { "served from cache".to_owned() };
        let service = format!("s{}", self.below(4));
        Record {
            time,
            severity: self.below(24) as i32 + 1,
            body: format!("{common} id={:x} row {time}", self.below(1 << 20)),
            trace: self.below(200) as u8,
            user: (self.below(3) > 0).then(|| format!("user-{}", self.below(300))),
            order: (self.below(5) == 0).then(|| (10_000 + self.below(500)).to_string()),
            zone: format!("zone-{}", service.len() + self.below(3)),
            service,
        }
    }

    fn question(&mut self, depth: usize) -> Question {
        let compound = if depth == 0 { 0 } else { 5 };
        match self.below(9 + compound) {
            0 | 1 => {
                let count = 1 + self.below(2);
                Question::Word(self.words(count))
            }
            2 => Question::Word(format!("{:x}", self.below(1 << 20))),
            3 => Question::Trace(self.below(210) as u8),
            4 => Question::Attribute("user.id", format!("user-{}", self.below(310))),
            5 => Question::Attribute("order.id", (10_000 + self.below(510)).to_string()),
            6 => Question::Zone(format!("zone-{}", self.below(6))),
            7 => Question::Service(format!("s{}", self.below(5))),
            8 => {
                let from = self.below(ROWS) as i64;
                if self.below(2) == 0 {
                    Question::Severity(self.below(25) as i32)
                } else {
                    Question::Between(from, from + self.below(ROWS / 4) as i64)
                }
            }
            9 | 10 => Question::And(Box::new(self.question(depth - 1)), Box::new(self.question(depth - 1))),
            11 | 12 => Question::Or(Box::new(self.question(depth - 1)), Box::new(self.question(depth - 1))),
            _ => Question::Not(Box::new(self.question(depth - 1))),
        }
    }
}

fn row(record: &Record) -> Json {
    let mut row = json!({
        "time_unix_nano": T0 + record.time, "severity_number": record.severity, "body": record.body,
        "service": record.service, "trace_id": trace_id(record.trace),
        "resource": json!({"zone": record.zone}).to_string(),
    });
    if let Some(user) = &record.user {
        row["attr_user_id"] = json!(user);
    }
    row["attributes"] = record.order.as_ref().map_or(json!({}), |order| json!({"order.id": order}));
    row
}

async fn ids(store: &Store, compact: bool) {
    store.flush(Signal::Logs).await.expect("flushed");
    let ids: Vec<_> = store.snapshot(Signal::Logs).segments.iter().map(|segment| segment.meta().id.clone()).collect();
    if compact {
        store.compact(Signal::Logs, &ids).await.expect("compacted");
    }
}

/// A merged segment with copied and with newly sorted row groups, a segment as flushed, and rows in the memtable.
async fn fill(store: &Store, records: &[Record]) {
    let parts = [5000, 5200, 5300, 9600, 11_000];
    let mut start = 0;
    for (number, end) in parts.into_iter().enumerate() {
        for chunk in records[start..end].chunks(1000) {
            append(store, Signal::Logs, &chunk.iter().map(row).collect::<Vec<_>>()).await;
        }
        ids(store, number == 3).await;
        start = end;
    }
    append(store, Signal::Logs, &records[start..].iter().map(row).collect::<Vec<_>>()).await;
    let snapshot = store.snapshot(Signal::Logs);
    let row_groups: Vec<_> = snapshot.segments.iter().map(|s| s.row_groups().expect("indexed").len()).collect();
    assert_eq!((row_groups, snapshot.batches.len()), (vec![1, 3], 1), "newest first");
}

#[tokio::test]
async fn the_index_leaves_out_only_what_nobody_asked_for() {
    let mut generator = Generator(TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let records: Vec<_> = (0..ROWS as i64).map(|time| generator.record(time)).collect();
    let directory = tempfile::tempdir().expect("a directory");
    let settings = StoreSettings { copy_rows_min: 4000, ..StoreSettings::new(directory.path()) };
    let store = Store::open(settings).await.expect("an empty store");
    // Until then nothing is flushed.
    store.replay(|_, _| Err("there is nothing to replay".to_owned())).await.expect("nothing to replay");
    fill(&store, &records).await;
    let engine = Engine::new(store, EngineSettings { threads: 2, ..EngineSettings::default() }).expect("threads");
    let mut found_some = 0;
    for number in 0..QUESTIONS {
        let question = generator.question(2);
        let mut expected: Vec<_> = records.iter().filter(|record| question.holds(record)).map(|r| r.time).collect();
        expected.sort_unstable();
        let sql = format!("SELECT CAST(time AS BIGINT) FROM logs WHERE {} ORDER BY 1", question.sql());
        let found = rows(&engine, &sql).await;
        let found: Vec<i64> =
            found.as_array().expect("rows").iter().map(|row| row[0].as_i64().expect("an integer") - T0).collect();
        assert_eq!(found, expected, "question {number}: {sql}");
        found_some += usize::from(!expected.is_empty());
    }
    assert!(found_some > QUESTIONS / 2, "only {found_some} questions had an answer");
}
