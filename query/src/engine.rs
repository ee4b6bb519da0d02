//! Runs questions: one DataFusion session each, with bounds on how many run, how long, with how much memory and how
//! large an answer. The work runs on threads of its own, so a heavy query does not hold up ingest or other answers.

use std::collections::HashSet;
use std::future::Future;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
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
use storage::{Snapshot, Store};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::cancel::Cancelled;
use crate::error::{ErrorKind, QueryError};
use crate::pruning::{Candidates, Selected};
use crate::running::{ProgressReport, Reading, Registered, Registry, WalkPlace};
use crate::session::SessionFactory;
use crate::table::SnapshotPair;
use crate::{newest_rows, pruning};

/// Deep expressions recurse in the planner; the default of 2 MiB is too small for what the parser's depth limit lets in.
const STACK_BYTES: usize = 16 << 20;

/// Bounds of the engine. The defaults suit a laptop.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Bytes that all running queries together may hold in sorts, joins and aggregations.
    pub memory_bytes_max: usize,
    /// Bytes of Parquet footers and page indexes kept for the next query.
    pub metadata_cache_bytes_max: usize,
    /// Queries that run at once.
    pub running_max: usize,
    /// Queries that wait for a place; one more is refused with [`ErrorKind::Busy`].
    pub queued_max: usize,
    /// Time for a query (waiting included) that names none.
    pub timeout: Duration,
    /// The longest time a query may ask for.
    pub timeout_max: Duration,
    /// Rows of a SQL answer; the rest is cut off and the answer says so.
    pub rows_max: usize,
    /// Bytes (in memory) of an answer.
    pub result_bytes_max: usize,
    /// Threads that compute; also the parallelism of one query.
    pub threads: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            memory_bytes_max: 512 << 20,
            metadata_cache_bytes_max: 64 << 20,
            running_max: 8,
            queued_max: 64,
            timeout: Duration::from_secs(30),
            timeout_max: Duration::from_secs(600),
            rows_max: 100_000,
            result_bytes_max: 256 << 20,
            threads: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}

/// The one way to ask: cheap to clone, shared by all handlers.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    settings: EngineSettings,
    sessions: SessionFactory,
    places: Arc<Semaphore>,
    queries: Arc<Registry>,
    waiting: AtomicUsize,
    threads: Threads,
}

/// A runtime that may be dropped from within another one.
struct Threads(Option<Runtime>);

impl Threads {
    fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Task<T> {
        Task(self.0.as_ref().expect("taken only when dropped").spawn(work))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A spawned task that ends when nobody waits for it any more.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Engine {
    /// Errors: the query threads cannot be started.
    pub fn new(store: Store, settings: EngineSettings) -> Result<Engine, QueryError> {
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(settings.threads.max(1))
            .thread_name("query")
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()
            .map_err(|error| QueryError::internal(format!("cannot start query threads: {error}")))?;
        let sessions = SessionFactory::new(&store, &settings)?;
        Ok(Engine {
            shared: Arc::new(Shared {
                places: Arc::new(Semaphore::new(settings.running_max.max(1))),
                queries: Arc::new(Registry::new()),
                waiting: AtomicUsize::new(0),
                threads: Threads(Some(threads)),
                store,
                settings,
                sessions,
            }),
        })
    }

    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    pub fn settings(&self) -> &EngineSettings {
        &self.shared.settings
    }

    /// The queries that are running or waiting.
    pub(crate) fn queries(&self) -> &Registry {
        &self.shared.queries
    }

    /// Waits for a place and opens a session.
    ///
    /// `kind` names the query in metrics (`traces`, `logs`, `sql`, ...). `timeout` (default and maximum are in the
    /// settings) counts from here and covers everything that is done with the [`Query`].
    /// From here on the query is in [`Engine::queries`].
    /// Errors: `Busy` when too many wait already, `Timeout`, `Stopped`, `BadRequest` for a timeout of zero or above the
    /// maximum or for an id that is taken.
    pub async fn begin(&self, kind: &'static str, timeout: Option<Duration>) -> Result<Query, QueryError> {
        let settings = self.settings();
        let timeout = timeout.unwrap_or(settings.timeout);
        if timeout.is_zero() || timeout > settings.timeout_max {
            return Err(QueryError::bad_request(
                format!("a timeout of {timeout:?} is not possible"),
                format!("give more than 0 and at most {:?}", settings.timeout_max),
            ));
        }
        let started = Instant::now();
        let deadline = started + timeout;
        let registered = self.shared.queries.enter(kind, started, timeout)?;
        let place = tokio::select! {
            place = self.place(deadline, timeout) => place,
            stopped = registered.running.stopped() => Err(stopped),
        };
        let place = match place {
            Ok(place) => place,
            Err(error) => {
                counter!("spanlake_queries_total", "kind" => kind, "result" => error.kind.code()).increment(1);
                return Err(error);
            }
        };
        registered.running.admit();
        let snapshots = Arc::new(SnapshotPair::new(self.store().clone()));
        let cancelled = Arc::new(Cancelled::default());
        Ok(Query {
            shared: Arc::clone(&self.shared),
            context: OnceLock::new(),
            cancelled,
            snapshots,
            place: Arc::new(Place { registered, _permit: place }),
            started,
            deadline,
            timeout,
            kind,
            outcome: Outcome::new(),
        })
    }

    async fn place(&self, deadline: Instant, timeout: Duration) -> Result<OwnedSemaphorePermit, QueryError> {
        let places = Arc::clone(&self.shared.places);
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            return Ok(place);
        }
        let _waiting = Waiting::enter(&self.shared)?;
        match tokio::time::timeout_at(deadline, places.acquire_owned()).await {
            Ok(place) => place.map_err(|_| QueryError::internal("the engine is closed")),
            Err(_) => Err(timed_out(timeout)),
        }
    }
}

/// What a query holds until its work has ended: its entry in the list and one of the places.
struct Place {
    registered: Registered,
    _permit: OwnedSemaphorePermit,
}

/// One of the callers in the queue; leaves it when dropped.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn enter(shared: &'a Shared) -> Result<Self, QueryError> {
        let before = shared.waiting.fetch_add(1, Ordering::Relaxed);
        let entered = Waiting(shared);
        if before < shared.settings.queued_max {
            return Ok(entered);
        }
        Err(QueryError::new(
            ErrorKind::Busy,
            format!("{} queries are running and {before} are waiting", shared.settings.running_max),
            "try again in a few seconds",
        ))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn timed_out(timeout: Duration) -> QueryError {
    QueryError::new(
        ErrorKind::Timeout,
        format!("the query did not finish within {timeout:?}"),
        "narrow the time range or the filters, or give a longer timeout",
    )
}

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
    started: Instant,
    deadline: Instant,
    timeout: Duration,
    kind: &'static str,
    outcome: Outcome,
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
        let table = self.shared.sessions.physical(signal, &self.snapshots);
        let shared = Arc::clone(&self.shared);
        let predicates = predicates.into_iter().map(pruning::to_physical_columns).collect::<Result<Vec<_>, _>>()?;
        let columns = columns_read(signal, columns, &predicates);
        let progress = Arc::clone(&self.place.registered.running.progress);
        Ok(async move { Ok(table.read(shared.sessions.template(), &columns, &predicates, &progress).await?) })
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
        self.deadline
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
        self.started.elapsed()
    }

    /// Plans the text of a stranger: exactly one SELECT or EXPLAIN, nothing that writes, reads files or changes
    /// settings. Errors: `BadRequest`, saying where.
    pub async fn sql(&self, text: &str) -> Result<DataFrame, QueryError> {
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
            ended = tokio::time::timeout_at(self.deadline, &mut task.0) => ended,
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
                Err(QueryError::internal("the query panicked"))
            }
            Ok(Err(_)) => {
                Err(QueryError::new(ErrorKind::Unavailable, "the server is shutting down", "try again later"))
            }
            Err(_) => {
                self.cancelled.set();
                Err(timed_out(self.timeout))
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
            return Err(QueryError::too_large(
                format!("the answer takes more than {} MiB", bytes_max >> 20),
                "select fewer columns or rows, or aggregate",
            ));
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
        histogram!("spanlake_query_seconds", "kind" => self.kind).record(self.started.elapsed().as_secs_f64());
    }
}
