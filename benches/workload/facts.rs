//! The answers to the benchmark's questions, kept while the workload is generated.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::landscape::{Landscape, asked_users};
use super::templates::{COMMON_WORDS, RARE_WORDS, TEMPLATES};
use super::{NANOS_PER_MINUTE, Plan, VALUES};

/// Rows that a page of the newest has, at most.
pub(crate) const NEWEST_MAX: usize = 100 + VALUES;
/// Rows of a page.
pub(crate) const PAGE: usize = 100;
/// Traces of a page, and spans where few are asked for.
pub(crate) const SHORT_PAGE: usize = 20;

/// The greatest of what was offered, at most `limit` of them.
#[derive(Debug)]
pub(crate) struct Newest<T> {
    limit: usize,
    kept: BinaryHeap<Reverse<T>>,
}

impl<T: Ord + Clone> Newest<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, kept: BinaryHeap::with_capacity(limit + 1) }
    }

    pub(crate) fn offer(&mut self, item: &T) {
        if self.kept.len() == self.limit {
            if self.kept.peek().is_some_and(|Reverse(least)| least >= item) {
                return;
            }
            self.kept.pop();
        }
        self.kept.push(Reverse(item.clone()));
    }

    /// Greatest first.
    pub(crate) fn descending(&self) -> Vec<T> {
        let mut all: Vec<T> = self.kept.iter().map(|Reverse(item)| item.clone()).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all
    }
}

/// A span, ordered by its start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SpanKey {
    pub(crate) start: u64,
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
}

/// A trace, ordered by its start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TraceKey {
    pub(crate) start: u64,
    pub(crate) trace_id: [u8; 16],
    pub(crate) spans: u64,
}

/// Errors of a service in a minute since the epoch.
pub(crate) type ErrorCounts = HashMap<(usize, u64), u64>;

/// What is counted of a span.
pub(crate) struct SpanSeen {
    pub(crate) key: SpanKey,
    pub(crate) service: usize,
    pub(crate) duration: u64,
    /// A server or consumer span.
    pub(crate) is_served: bool,
    pub(crate) is_error: bool,
    pub(crate) http_status: Option<u64>,
    /// Number of the user whose id it carries.
    pub(crate) user: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct SpanFacts {
    pub(crate) errors: ErrorCounts,
    /// Nanoseconds, by service, in any order.
    pub(crate) durations: Vec<Vec<u64>>,
    /// Server and consumer spans, by service.
    pub(crate) served: Vec<u64>,
    pub(crate) newest: Newest<SpanKey>,
    pub(crate) newest_traces: Newest<TraceKey>,
    /// By service: spans with status ERROR and an HTTP status of at least 500.
    pub(crate) failed: Vec<Newest<SpanKey>>,
    /// By service: traces with a span of status ERROR and HTTP status 500.
    pub(crate) failed_traces: Vec<Newest<TraceKey>>,
    pub(crate) users: HashMap<u64, Newest<SpanKey>>,
    pub(crate) user_traces: HashMap<u64, Newest<TraceKey>>,
    /// Some whole traces.
    pub(crate) traces: Vec<Vec<SpanKey>>,
    /// The span sent last.
    pub(crate) last: Option<SpanKey>,
}

impl SpanFacts {
    pub(crate) fn new(plan: Plan, landscape: &Landscape) -> Self {
        let services = landscape.services.len();
        Self {
            errors: HashMap::new(),
            durations: vec![Vec::new(); services],
            served: vec![0; services],
            newest: Newest::new(NEWEST_MAX),
            newest_traces: Newest::new(NEWEST_MAX),
            failed: (0..services).map(|_| Newest::new(SHORT_PAGE)).collect(),
            failed_traces: (0..services).map(|_| Newest::new(SHORT_PAGE)).collect(),
            users: asked_users(plan).map(|user| (user, Newest::new(PAGE))).collect(),
            user_traces: asked_users(plan).map(|user| (user, Newest::new(SHORT_PAGE))).collect(),
            traces: Vec::new(),
            last: None,
        }
    }

    /// All spans of one trace. `is_sample`: keep it to ask for it.
    pub(crate) fn count(&mut self, trace: &[SpanSeen], is_sample: bool) {
        for span in trace {
            self.count_span(span);
        }
        let Some(first) = trace.iter().map(|span| &span.key).min() else { return };
        let key = TraceKey { start: first.start, trace_id: first.trace_id, spans: trace.len() as u64 };
        self.newest_traces.offer(&key);
        for (service, newest) in self.failed_traces.iter_mut().enumerate() {
            let failed = |span: &SpanSeen| span.service == service && span.is_error && span.http_status == Some(500);
            if trace.iter().any(failed) {
                newest.offer(&key);
            }
        }
        let user = trace.iter().find_map(|span| span.user);
        if let Some(newest) = user.and_then(|user| self.user_traces.get_mut(&user)) {
            newest.offer(&key);
        }
        if is_sample {
            self.traces.push(trace.iter().map(|span| span.key.clone()).collect());
        }
    }

    fn count_span(&mut self, span: &SpanSeen) {
        self.durations[span.service].push(span.duration);
        self.served[span.service] += u64::from(span.is_served);
        self.newest.offer(&span.key);
        if span.is_error {
            *self.errors.entry((span.service, span.key.start / NANOS_PER_MINUTE)).or_default() += 1;
        }
        if span.is_error && span.http_status.is_some_and(|status| status >= 500) {
            self.failed[span.service].offer(&span.key);
        }
        if let Some(newest) = span.user.and_then(|user| self.users.get_mut(&user)) {
            newest.offer(&span.key);
        }
    }
}

/// The smallest value that at least 99 in 100 do not exceed; `None` of nothing.
pub(crate) fn p99(values: &[u64]) -> Option<u64> {
    let mut values = values.to_vec();
    let rank = (values.len() * 99).div_ceil(100);
    let nth = rank.checked_sub(1)?;
    Some(*values.select_nth_unstable(nth).1)
}

/// A word, a service and ten minutes.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) word: &'static str,
    pub(crate) service: usize,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) newest: Newest<u64>,
}

/// What is counted of a log record. Its time tells it from all others.
pub(crate) struct RecordSeen {
    pub(crate) time: u64,
    pub(crate) service: usize,
    pub(crate) is_error: bool,
    pub(crate) user: u64,
    /// Index of its template.
    pub(crate) template: usize,
    /// Index of its rare word.
    pub(crate) rare: Option<usize>,
    pub(crate) trace: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct LogFacts {
    pub(crate) errors: ErrorCounts,
    pub(crate) newest: Newest<u64>,
    /// By index of the common word.
    pub(crate) common: Vec<Newest<u64>>,
    /// By index of the rare word; all of them, oldest first.
    pub(crate) rare: Vec<Vec<u64>>,
    pub(crate) windows: Vec<Window>,
    pub(crate) users: HashMap<u64, Newest<u64>>,
    /// Of some traces, by number: all their records, oldest first.
    pub(crate) traces: HashMap<u64, Vec<u64>>,
    sample_every: u64,
    /// Which common words a template has, and so a record made from it.
    words_of_template: Vec<Vec<usize>>,
}

impl LogFacts {
    pub(crate) fn new(plan: Plan, landscape: &Landscape) -> Self {
        let words_of = |template: &&str| {
            let has = |word: &&str| super::templates::words(template).any(|other| other == **word);
            (0..COMMON_WORDS.len()).filter(|&at| has(&COMMON_WORDS[at])).collect()
        };
        Self {
            errors: HashMap::new(),
            newest: Newest::new(NEWEST_MAX),
            common: COMMON_WORDS.iter().map(|_| Newest::new(PAGE)).collect(),
            rare: vec![Vec::new(); RARE_WORDS],
            windows: (0..VALUES).map(|nth| Window::new(nth, plan, landscape)).collect(),
            users: asked_users(plan).map(|user| (user, Newest::new(PAGE))).collect(),
            traces: HashMap::new(),
            // A trace has 10 records on average, and 6 of 10 records have one.
            sample_every: (plan.items * 6 / 100 / (2 * VALUES as u64)).max(1),
            words_of_template: TEMPLATES.iter().map(|(_, template)| words_of(template)).collect(),
        }
    }

    pub(crate) fn count(&mut self, record: &RecordSeen) {
        let time = record.time;
        self.newest.offer(&time);
        if record.is_error {
            *self.errors.entry((record.service, time / NANOS_PER_MINUTE)).or_default() += 1;
        }
        for &word in &self.words_of_template[record.template] {
            self.common[word].offer(&time);
            for window in self.windows.iter_mut().filter(|window| window.word == COMMON_WORDS[word]) {
                if window.service == record.service && (window.from..window.to).contains(&time) {
                    window.newest.offer(&time);
                }
            }
        }
        if let Some(rare) = record.rare {
            self.rare[rare].push(time);
        }
        if let Some(newest) = self.users.get_mut(&record.user) {
            newest.offer(&time);
        }
        if let Some(trace) = record.trace.filter(|trace| trace % self.sample_every == 0) {
            self.traces.entry(trace).or_default().push(time);
        }
    }
}

impl Window {
    fn new(nth: usize, plan: Plan, landscape: &Landscape) -> Self {
        let from = plan.begin + (nth as u64 * 17 % 50) * NANOS_PER_MINUTE;
        Self {
            word: COMMON_WORDS[nth % COMMON_WORDS.len()],
            service: nth * 7 % landscape.services.len(),
            from,
            to: from + 10 * NANOS_PER_MINUTE,
            newest: Newest::new(PAGE),
        }
    }
}
