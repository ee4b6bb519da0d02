//! Runs questions: one DataFusion session each, with bounds on how many run, how long, with how much memory and how
//! large an answer. The work runs on threads of its own, so a heavy query does not hold up ingest or other answers.

mod query;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use metrics::counter;
use storage::Store;
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::query::Clock;
pub use self::query::{Query, Rows};
use crate::error::{ErrorKind, QueryError};
use crate::running::{Registered, Registry};
use crate::session::SessionFactory;

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
    /// Bytes of an answer, in memory and as it is written.
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
        let place = Arc::new(Place { registered, _permit: place });
        Ok(Query::admitted(Arc::clone(&self.shared), place, Clock { started, deadline, timeout }, kind))
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
