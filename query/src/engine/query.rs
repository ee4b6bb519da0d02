//! One admitted question: what it sees, what it may use, and how its work is run and ended.

use std::collections::HashSet;
use std::future::Future;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::StreamExt;
use metrics::{counter, histogram};
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use proto::Signal;
use storage::Snapshot;
use tokio::time::Instant;

use super::{Place, Shared, timed_out};
use crate::cancel::Cancelled;
use crate::error::{ErrorKind, QueryError};
use crate::newest_rows;
use crate::pruning::{self, Candidates, Selected};
use crate::row_groups::{Conditions, First, Reader};
use crate::running::{ProgressReport, Reading, WalkPlace};
use crate::table::SnapshotPair;

/// One admitted question: its session, its clock, and one snapshot of each signal that all its steps see.
///
/// Dropping it, or a future made from it, stops the work.
pub struct Query {
    shared: Arc<Shared>,
    /// Opened when a logical plan is first made: what reads without one takes half as long.
    context: OnceLock<SessionContext>,
    /// Set when nobody waits for the work any more.
    cancelled: Arc<Cancelled>,
    snapshots: Arc<SnapshotPair>,
    /// Shared with the spawned work: the place is free only when that has really ended.
    place: Arc<Place>,
    clock: Clock,
    kind: &'static str,
    outcome: Outcome,
}

/// From the beginning, waiting for a place included.
pub(super) struct Clock {
    pub(super) started: Instant,
    pub(super) deadline: Instant,
    pub(super) timeout: Duration,
}

/// The rows of an answer, or the first of them.
#[derive(Debug)]
pub struct Rows {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
    /// Whether rows were cut off.
    pub truncated: bool,
}

impl Rows {
    pub fn row_count(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

impl Query {
    pub(super) fn admitted(shared: Arc<Shared>, place: Arc<Place>, clock: Clock, kind: &'static str) -> Self {
        Self {
            context: OnceLock::new(),
            cancelled: Arc::new(Cancelled::default()),
            snapshots: Arc::new(SnapshotPair::new(shared.store.clone())),
            outcome: Outcome::new(),
            shared,
            place,
            clock,
            kind,
        }
    }

    /// The session: SQL tables `spans` and `logs` (views over the physical ones) and all functions.
    pub fn context(&self) -> Result<&SessionContext, QueryError> {
        if self.context.get().is_none() {
            let opened =
                self.shared.sessions.open(&self.snapshots, &self.cancelled, &self.place.registered.running.progress)?;
            // Somebody else may have been faster: then that one is used.
            let _ = self.context.set(opened);
        }
        self.context.get().ok_or_else(|| QueryError::internal("no session"))
    }

    /// Parts of one query that run side by side.
    pub(crate) fn threads(&self) -> usize {
        self.shared.settings.threads.max(1)
    }

    /// Memory that all queries share: whoever holds much of it registers there.
    pub(crate) fn memory_pool(&self) -> Arc<dyn MemoryPool> {
        self.shared.sessions.memory_pool()
    }

    /// The physical columns (`proto::schema`) of a signal, to build a plan upon.
    pub fn table(&self, signal: Signal) -> Result<DataFrame, QueryError> {
        let provider = self.shared.sessions.physical(signal, &self.snapshots);
        self.context()?.read_table(provider).map_err(QueryError::from)
    }

    /// Rows of a signal for which all `predicates` hold (see `filter`), without a logical plan: what a person waits for
    /// while looking at one trace or one page of records. In no order, with all physical columns or, of those, the named
    /// ones and those that the predicates read. To be awaited, and read, in [`Query::run`].
    pub(crate) fn open(
        &self,
        signal: Signal,
        columns: Option<&[&str]>,
        predicates: Vec<Expr>,
    ) -> Result<impl Future<Output = Result<SendableRecordBatchStream, QueryError>> + Send + use<>, QueryError> {
        let reader = self.reader(signal, columns, predicates)?;
        Ok(async move { Ok(reader.await?.read()) })
    }

    /// The first of them in the order of time, with their ties and in no order.
    pub(crate) fn open_first(
        &self,
        signal: Signal,
        columns: Option<&[&str]>,
        predicates: Vec<Expr>,
        first: First,
    ) -> Result<impl Future<Output = Result<SendableRecordBatchStream, QueryError>> + Send + use<>, QueryError> {
        let reader = self.reader(signal, columns, predicates)?;
        Ok(async move { Ok(reader.await?.read_first(first).await?) })
    }

    fn reader(
        &self,
        signal: Signal,
        columns: Option<&[&str]>,
        predicates: Vec<Expr>,
    ) -> Result<impl Future<Output = Result<Reader, QueryError>> + Send + use<>, QueryError> {
        let table = self.shared.sessions.physical(signal, &self.snapshots);
        let shared = Arc::clone(&self.shared);
        let predicates = predicates.into_iter().map(pruning::to_physical_columns).collect::<Result<Vec<_>, _>>()?;
        let columns = columns_read(signal, columns, &predicates);
        let progress = Arc::clone(&self.place.registered.running.progress);
        Ok(async move { Ok(table.reader(shared.sessions.template(), &columns, &predicates, &progress).await?) })
    }

    /// `predicates`, all of which have to hold, to be asked of rows that have been read.
    pub(crate) fn conditions(&self, signal: Signal, predicates: Vec<Expr>) -> Result<Conditions, QueryError> {
        let predicates = predicates.into_iter().map(pruning::to_physical_columns).collect::<Result<Vec<_>, _>>()?;
        Ok(Conditions::new(self.shared.sessions.template(), signal, &predicates)?)
    }

    /// Bytes in memory that an answer may take.
    pub(crate) fn result_bytes_max(&self) -> usize {
        self.shared.settings.result_bytes_max
    }

    /// What is said of an answer that takes more.
    pub(crate) fn too_large(&self) -> QueryError {
        too_large(self.result_bytes_max())
    }

    /// [`Query::open`], until it has given `rows_max` rows. Errors with `TooLarge` as [`Query::collect`] does.
    pub(crate) async fn read(
        &self,
        signal: Signal,
        columns: Option<&[&str]>,
        predicates: Vec<Expr>,
        rows_max: usize,
    ) -> Result<Rows, QueryError> {
        let rows = self.open(signal, columns, predicates)?;
        self.collect_stream(rows, rows_max).await
    }

    /// What [`Query::open`] or [`Query::open_first`] gives, until it has given `rows_max` rows.
    pub(crate) async fn collect_stream(
        &self,
        rows: impl Future<Output = Result<SendableRecordBatchStream, QueryError>> + Send + 'static,
        rows_max: usize,
    ) -> Result<Rows, QueryError> {
        let bytes_max = self.shared.settings.result_bytes_max;
        self.run(async move { collect_stream(rows.await?, rows_max, bytes_max).await }).await
    }

    /// The row groups that can hold rows for which all `predicates` hold, newest first, each with the footer of its file:
    /// for who reads them in an order of its own and counts that in `reading`.
    pub(crate) async fn row_groups(
        &self,
        signal: Signal,
        predicates: Vec<Expr>,
        reading: &Arc<Reading>,
    ) -> Result<Vec<(Selected, ArrowReaderMetadata)>, QueryError> {
        let (snapshot, readers) = (self.snapshot(signal), self.shared.sessions.readers());
        let predicates = predicates.into_iter().map(pruning::to_physical_columns).collect::<Result<Vec<_>, _>>()?;
        self.place.registered.running.progress.follow_reading(reading);
        self.run(async move {
            let mut found = Vec::new();
            for selected in pruning::select(&snapshot, &predicates).await? {
                let metadata = readers.arrow_metadata(&selected.segment).await?;
                found.push((selected, metadata));
            }
            Ok(found)
        })
        .await
    }

    /// What the index leaves for `predicates`; `None` when it cannot say.
    pub(crate) async fn count_candidates(
        &self,
        signal: Signal,
        predicates: Vec<Expr>,
    ) -> Result<Option<Candidates>, QueryError> {
        let snapshot = self.snapshot(signal);
        let predicates = predicates.into_iter().map(pruning::to_physical_columns).collect::<Result<Vec<_>, _>>()?;
        self.blocking(move || pruning::count_candidates(&snapshot, &predicates)).await
    }

    /// Work that reads files or computes without a pause, such as opening and asking indexes.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, QueryError> {
        self.run(async move {
            let done = tokio::task::spawn_blocking(work).await;
            done.map_err(|error| QueryError::internal(format!("work off the query threads: {error}")))
        })
        .await
    }

    /// What this query sees of a signal.
    pub fn snapshot(&self, signal: Signal) -> Snapshot {
        self.snapshots.get(signal).clone()
    }

    /// The moment after which every step fails with `Timeout`.
    pub fn deadline(&self) -> Instant {
        self.clock.deadline
    }

    /// Names the query in [`Engine::queries`].
    pub(crate) fn id(&self) -> &str {
        &self.place.registered.running.id
    }

    /// What the list of queries shows as asked, when that is not the path of the request.
    pub(crate) fn ask(&self, text: &str) {
        self.place.registered.running.ask(text);
    }

    /// What has been read so far.
    pub(crate) fn progress(&self) -> ProgressReport {
        self.place.registered.running.progress.report()
    }

    /// Says where a search is that goes through a range part by part.
    pub(crate) fn walked(&self, place: WalkPlace) {
        self.place.registered.running.progress.walked(place);
    }

    /// Time since [`Engine::begin`].
    pub fn elapsed(&self) -> Duration {
        self.clock.started.elapsed()
    }

    /// Runs the statement of a stranger until it has given `rows_max` rows.
    /// Errors: as [`Query::sql`] and [`Query::collect_rows`] have them; `BadRequest` also where the engine fails at it.
    pub async fn answer(&self, statement: &str, rows_max: usize) -> Result<Rows, QueryError> {
        let rows = async { self.collect_rows(self.sql(statement).await?, rows_max).await };
        rows.await.map_err(QueryError::of_statement)
    }

    /// For `result`, which writes answers without a pause: errors once nobody waits, and with `TooLarge` beyond
    /// `result_bytes_max`.
    pub(crate) fn may_go_on(&self) -> impl Fn(usize) -> Result<(), ArrowError> + Send + use<> {
        let (cancelled, bytes_max) = (Arc::clone(&self.cancelled), self.shared.settings.result_bytes_max);
        move |bytes| {
            cancelled.check().map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
            if bytes > bytes_max { Err(ArrowError::ExternalError(Box::new(too_large(bytes_max)))) } else { Ok(()) }
        }
    }

    /// Plans the text of a stranger: exactly one SELECT or EXPLAIN, nothing that writes, reads files or changes
    /// settings. Errors: `BadRequest`, saying where.
    pub(crate) async fn sql(&self, text: &str) -> Result<DataFrame, QueryError> {
        let context = self.context()?.clone();
        let text = text.to_owned();
        self.run(async move { crate::sql::plan(&context, &text).await }).await
    }

    /// Runs a plan. Errors with `TooLarge` when the rows take more than `result_bytes_max`.
    pub async fn collect(&self, frame: DataFrame) -> Result<Vec<RecordBatch>, QueryError> {
        Ok(self.collect_rows(frame, usize::MAX).await?.batches)
    }

    /// Runs a plan until it has given `rows_max` rows.
    pub async fn collect_rows(&self, frame: DataFrame, rows_max: usize) -> Result<Rows, QueryError> {
        let plan = newest_rows::plan(self, first_rows_and_one(frame, rows_max)?).await?;
        let (context, bytes_max) = (self.shared.sessions.task_context(), self.shared.settings.result_bytes_max);
        self.run(async move { collect_stream(execute_stream(plan, context)?, rows_max, bytes_max).await }).await
    }

    /// Runs CPU-heavy work on the query threads, under the query's deadline, until somebody stops the query.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, QueryError>> + Send + 'static,
    ) -> Result<T, QueryError> {
        self.outcome.start();
        let place = Arc::clone(&self.place);
        let mut task = self.shared.threads.spawn(async move {
            let _place = place;
            work.await
        });
        let ended = tokio::select! {
            ended = tokio::time::timeout_at(self.clock.deadline, &mut task.0) => ended,
            stopped = self.place.registered.running.stopped() => {
                self.cancelled.set();
                self.outcome.finish(Some(&stopped));
                return Err(stopped);
            }
        };
        let result = match ended {
            Ok(Ok(result)) => result,
            Ok(Err(join)) if join.is_panic() => {
                tracing::error!(kind = self.kind, "a query panicked: {join}");
                Err(QueryError::engine("the query panicked"))
            }
            Ok(Err(_)) => {
                Err(QueryError::new(ErrorKind::Unavailable, "the server is shutting down", "try again later"))
            }
            Err(_) => {
                self.cancelled.set();
                Err(timed_out(self.clock.timeout))
            }
        };
        self.outcome.finish(result.as_ref().err());
        result
    }
}

/// One row more than wanted tells whether there are more.
fn first_rows_and_one(frame: DataFrame, rows_max: usize) -> Result<DataFrame, QueryError> {
    match rows_max.checked_add(1) {
        // An EXPLAIN must stay the root of its plan.
        Some(one_more) if !matches!(frame.logical_plan(), LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)) => {
            Ok(frame.limit(0, Some(one_more))?)
        }
        _ => Ok(frame),
    }
}

/// Positions in the signal's schema, ascending.
fn columns_read(signal: Signal, columns: Option<&[&str]>, predicates: &[Expr]) -> Vec<usize> {
    let schema = signal.schema();
    let Some(columns) = columns else { return (0..schema.fields().len()).collect() };
    let read_by_predicates: HashSet<_> = predicates.iter().flat_map(|predicate| predicate.column_refs()).collect();
    let is_read = |name: &String| {
        columns.contains(&name.as_str()) || read_by_predicates.iter().any(|column| column.name == *name)
    };
    (0..schema.fields().len()).filter(|position| is_read(schema.field(*position).name())).collect()
}

fn too_large(bytes_max: usize) -> QueryError {
    let message = format!("the answer takes more than {} MiB", bytes_max >> 20);
    QueryError::too_large(message, "select fewer columns or rows, or aggregate")
}

async fn collect_stream(
    mut stream: SendableRecordBatchStream,
    rows_max: usize,
    bytes_max: usize,
) -> Result<Rows, QueryError> {
    let schema = stream.schema();
    let mut rows = Rows { schema, batches: Vec::new(), truncated: false };
    let (mut count, mut bytes) = (0usize, 0usize);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let room = rows_max - count;
        rows.truncated = batch.num_rows() > room;
        let batch = if rows.truncated { batch.slice(0, room) } else { batch };
        count += batch.num_rows();
        bytes = bytes.saturating_add(crate::result::batch_bytes(&batch));
        if bytes > bytes_max {
            return Err(too_large(bytes_max));
        }
        rows.batches.push(batch);
        if rows.truncated {
            break;
        }
    }
    Ok(rows)
}

/// How the last step of a query ended; a step that was started and never finished was cancelled.
struct Outcome {
    code: Mutex<&'static str>,
    state: AtomicU8,
}

const IDLE: u8 = 0;
const RUNNING: u8 = 1;

impl Outcome {
    fn new() -> Self {
        Self { code: Mutex::new("ok"), state: AtomicU8::new(IDLE) }
    }

    fn start(&self) {
        self.state.store(RUNNING, Ordering::Relaxed);
    }

    fn finish(&self, error: Option<&QueryError>) {
        self.state.store(IDLE, Ordering::Relaxed);
        if let Some(error) = error {
            *self.code.lock() = error.kind.code();
        }
    }

    fn code(&self) -> &'static str {
        if self.state.load(Ordering::Relaxed) == RUNNING { "cancelled" } else { *self.code.lock() }
    }
}

impl Drop for Query {
    fn drop(&mut self) {
        self.cancelled.set();
        counter!("spanlake_queries_total", "kind" => self.kind, "result" => self.outcome.code()).increment(1);
        histogram!("spanlake_query_seconds", "kind" => self.kind).record(self.clock.started.elapsed().as_secs_f64());
    }
}
