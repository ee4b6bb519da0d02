//! The queries that run now: what each was asked, how far it is, and how it is stopped.
//!
//! An entry lives from [`Registry::enter`] until the work of the query has really ended, not only until nobody waits for
//! it. There are never more than run and wait at once (`EngineSettings`).

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datafusion::common::config::ConfigOptions;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::answer::unix_nano_text;
use crate::error::{ErrorKind, QueryError};

/// Bytes of what was asked that the list shows.
const ASKED_BYTES_MAX: usize = 4096;
/// Characters of an id that a client chooses.
const ID_CHARS_MAX: usize = 64;
/// Scans of one query whose figures are followed; of older ones the figures of then are kept.
const SCANS_FOLLOWED_MAX: usize = 64;

tokio::task_local! {
    static REQUEST: Arc<Request>;
}

/// The HTTP request that a query answers: so that every handler's query has its text and id without being told.
pub(crate) struct Request {
    asked: String,
    /// The id that the client wants; taken by the first query of the request.
    wanted_id: Mutex<Option<String>>,
    /// The id of the first query.
    given_id: Mutex<Option<String>>,
}

impl Request {
    /// `asked`: method and path with parameters. Errors: an id that is none.
    pub(crate) fn new(asked: String, wanted_id: Option<String>) -> Result<Arc<Self>, QueryError> {
        if let Some(id) = &wanted_id {
            let is_id = (1..=ID_CHARS_MAX).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
            if !is_id {
                return Err(QueryError::bad_request(
                    "header x-spanlake-query-id is not an id",
                    format!("give 1 to {ID_CHARS_MAX} letters, digits, - and _, or leave it out"),
                ));
            }
        }
        Ok(Arc::new(Self { asked, wanted_id: Mutex::new(wanted_id), given_id: Mutex::new(None) }))
    }

    /// Runs `work`; queries that it begins belong to this request.
    pub(crate) async fn scope<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        REQUEST.scope(Arc::clone(self), work).await
    }

    /// The id of the query that the request has begun, if any.
    pub(crate) fn query_id(&self) -> Option<String> {
        self.given_id.lock().clone()
    }
}

/// All running and waiting queries, by id.
pub(crate) struct Registry {
    next: AtomicU64,
    queries: Mutex<BTreeMap<String, Arc<Running>>>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        // Ids of an earlier start are not met again.
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        Self { next: AtomicU64::new(millis << 20), queries: Mutex::new(BTreeMap::new()) }
    }

    /// Errors: `BadRequest` when the client chose the id of a query that runs.
    pub(crate) fn enter(
        self: &Arc<Self>,
        kind: &'static str,
        started: Instant,
        timeout: Duration,
    ) -> Result<Registered, QueryError> {
        let request = REQUEST.try_with(Arc::clone).ok();
        let wanted = request.as_ref().and_then(|request| request.wanted_id.lock().take());
        let generated = || format!("{:x}", self.next.fetch_add(1, Ordering::Relaxed));
        let running = Arc::new(Running {
            id: wanted.unwrap_or_else(generated),
            kind,
            asked: Mutex::new(request.as_ref().map(|request| shortened(&request.asked)).unwrap_or_default()),
            started_at: SystemTime::now(),
            started,
            timeout,
            admitted: AtomicBool::new(false),
            stop: CancellationToken::new(),
            progress: Arc::new(Progress::default()),
        });
        let mut queries = self.queries.lock();
        if queries.contains_key(&running.id) {
            return Err(QueryError::bad_request(
                format!("a query with the id {} is running", running.id),
                "choose another id in the header x-spanlake-query-id",
            ));
        }
        queries.insert(running.id.clone(), Arc::clone(&running));
        drop(queries);
        if let Some(request) = request {
            request.given_id.lock().get_or_insert_with(|| running.id.clone());
        }
        Ok(Registered { registry: Arc::clone(self), running })
    }

    /// Oldest first.
    pub(crate) fn list(&self) -> Vec<RunningQuery> {
        let mut queries: Vec<Arc<Running>> = self.queries.lock().values().cloned().collect();
        queries.sort_by_key(|running| running.started);
        queries.iter().map(|running| running.describe()).collect()
    }

    /// Errors: `NotFound` when no query of that id runs.
    pub(crate) fn stop(&self, id: &str) -> Result<(), QueryError> {
        let running = self.queries.lock().get(id).cloned();
        let running = running.ok_or_else(|| {
            let id: String = id.chars().take(ID_CHARS_MAX).collect();
            QueryError::not_found(
                format!("no query {id:?} is running"),
                "it may have ended; GET /api/v1/queries lists what runs",
            )
        })?;
        running.stop.cancel();
        Ok(())
    }
}

/// An entry of the registry; leaves it when dropped.
pub(crate) struct Registered {
    registry: Arc<Registry>,
    pub(crate) running: Arc<Running>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.registry.queries.lock().remove(&self.running.id);
    }
}

/// A query that runs or waits for a place.
pub(crate) struct Running {
    pub(crate) id: String,
    kind: &'static str,
    asked: Mutex<String>,
    started_at: SystemTime,
    started: Instant,
    timeout: Duration,
    admitted: AtomicBool,
    stop: CancellationToken,
    pub(crate) progress: Arc<Progress>,
}

impl Running {
    pub(crate) fn admit(&self) {
        self.admitted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn ask(&self, text: &str) {
        *self.asked.lock() = shortened(text);
    }

    /// Waits until somebody stops the query.
    pub(crate) async fn stopped(&self) -> QueryError {
        self.stop.cancelled().await;
        QueryError::new(ErrorKind::Stopped, "the query was stopped", "ask again to run it once more")
    }

    fn describe(&self) -> RunningQuery {
        let started = self.started_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        RunningQuery {
            id: self.id.clone(),
            kind: self.kind,
            asked: self.asked.lock().clone(),
            state: if self.admitted.load(Ordering::Relaxed) { "running" } else { "waiting" },
            started_unix_nano: i64::try_from(started).unwrap_or(i64::MAX),
            elapsed_ms: millis(self.started.elapsed()),
            timeout_ms: millis(self.timeout),
            progress: self.progress.report(),
        }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn shortened(text: &str) -> String {
    text[..text.floor_char_boundary(ASKED_BYTES_MAX)].to_owned()
}

/// A query that is running, or waiting for a place.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RunningQuery {
    /// Stops it: `DELETE /api/v1/queries/{id}`.
    pub(crate) id: String,
    /// `traces`, `logs`, `sql`, `histogram`, ...
    pub(crate) kind: &'static str,
    /// The SQL, or method, path and parameters of the request; cut off after 4,096 bytes.
    pub(crate) asked: String,
    /// `waiting` (for a place) or `running`.
    pub(crate) state: &'static str,
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) started_unix_nano: i64,
    pub(crate) elapsed_ms: u64,
    /// It is given up when so much time has passed since its start.
    pub(crate) timeout_ms: u64,
    pub(crate) progress: ProgressReport,
}

/// What has been read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct ProgressReport {
    /// Row groups that are done with.
    pub(crate) row_groups_done: u64,
    /// Row groups that come into question as far as is known; 0 when all is in memory.
    pub(crate) row_groups_total: u64,
    /// Rows of segments that were looked at; those in memory are not counted. Those looked at twice, first for their time and then whole, count twice.
    pub(crate) rows: u64,
    /// Bytes read of segments, compressed.
    pub(crate) bytes: u64,
    /// Of the whole range, from 0 to less than 1: what is left may be read more than once. Null when it is not known,
    /// as where everything is looked at in one step, and where all is in memory.
    #[schema(required)]
    pub(crate) share: Option<f64>,
}

/// How far a query is: what its scans have read, and what a search that goes from one part of the range to the next
/// says of itself.
#[derive(Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    walked: Option<Walked>,
    /// Figures of scans that are no longer followed.
    ended: ProgressReport,
    followed: VecDeque<Followed>,
}

/// What reads rows.
enum Followed {
    Scan(Arc<dyn ExecutionPlan>),
    Reading(Arc<Reading>),
}

/// How far a reading without a plan is.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) row_groups_done: AtomicU64,
    pub(crate) row_groups_total: AtomicU64,
    /// Rows that come into question in the row groups that were opened.
    pub(crate) rows: AtomicU64,
    /// Compressed.
    pub(crate) bytes: AtomicU64,
}

/// Where a search is that goes through a range part by part.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WalkPlace {
    /// Row groups that are wholly behind it.
    pub(crate) done: u64,
    /// The same when the part that is looked at now is done with.
    pub(crate) next: u64,
    pub(crate) total: u64,
    /// About how many rows are behind it, lie in this part, and in the whole range.
    pub(crate) rows_done: f64,
    pub(crate) rows_here: f64,
    pub(crate) rows_total: f64,
}

/// How far a search through many row groups is.
#[derive(Clone, Copy)]
struct Walked {
    place: WalkPlace,
    /// Scans that were followed when it got there: the later ones are on their way to the next place.
    scans_before: usize,
    /// What was said last; it never gets less.
    told: u64,
    told_share: f64,
}

/// Of a part that is looked at: it is not done with before the next one is begun, for it is read again, for other columns
/// and for figures.
const SHARE_OF_PART_MAX: f64 = 0.95;
/// Of the range, until the search has ended.
const SHARE_MAX: f64 = 0.99;

impl Progress {
    /// Follows the scans of a plan that is about to run.
    pub(crate) fn follow(&self, plan: &Arc<dyn ExecutionPlan>) {
        let mut nodes = vec![plan];
        let mut scans = Vec::new();
        while let Some(node) = nodes.pop() {
            if node.is::<DataSourceExec>() {
                scans.push(Arc::clone(node));
            }
            nodes.extend(node.children());
        }
        scans.into_iter().for_each(|scan| self.push(Followed::Scan(scan)));
    }

    /// Follows a reading that is about to begin.
    pub(crate) fn follow_reading(&self, reading: &Arc<Reading>) {
        self.push(Followed::Reading(Arc::clone(reading)));
    }

    fn push(&self, followed: Followed) {
        let mut state = self.0.lock();
        if state.followed.len() == SCANS_FOLLOWED_MAX {
            let oldest = state.followed.pop_front();
            let read = oldest.map(|oldest| read_by(&oldest)).unwrap_or_default();
            state.ended = state.ended.plus(read);
            if let Some(walked) = &mut state.walked {
                walked.scans_before = walked.scans_before.saturating_sub(1);
            }
        }
        state.followed.push_back(followed);
    }

    /// Says where a search through many row groups is now.
    pub(crate) fn walked(&self, place: WalkPlace) {
        let mut state = self.0.lock();
        let (told, told_share) = state.walked.map_or((0, 0.0), |walked| (walked.told, walked.told_share));
        state.walked = Some(Walked { place, scans_before: state.followed.len(), told, told_share });
    }

    pub(crate) fn report(&self) -> ProgressReport {
        let mut state = self.0.lock();
        let scans: Vec<ProgressReport> = state.followed.iter().map(read_by).collect();
        let read = scans.iter().copied().fold(state.ended, ProgressReport::plus);
        let Some(walked) = &mut state.walked else { return read };
        // A part of the range is scanned more than once, for times and for rows: the longest scan says how far it is.
        let here = || scans.iter().skip(walked.scans_before);
        let row_groups = here().map(|scan| scan.row_groups_done).max().unwrap_or(0);
        let rows = here().map(|scan| scan.rows).max().unwrap_or(0) as f64;
        let WalkPlace { done, next, total, rows_done, rows_here, rows_total } = walked.place;
        walked.told = walked.told.max((done + row_groups).min(next.saturating_sub(1).max(done)));
        let share = (rows_done + rows.min(rows_here * SHARE_OF_PART_MAX)) / rows_total.max(1.0);
        walked.told_share = walked.told_share.max(share.min(SHARE_MAX));
        let share = (total > 0).then_some(walked.told_share);
        ProgressReport { row_groups_done: walked.told, row_groups_total: total, share, ..read }
    }
}

impl ProgressReport {
    fn plus(self, other: Self) -> Self {
        Self {
            row_groups_done: self.row_groups_done + other.row_groups_done,
            row_groups_total: self.row_groups_total + other.row_groups_total,
            rows: self.rows + other.rows,
            bytes: self.bytes + other.bytes,
            share: None,
        }
    }
}

fn read_by(followed: &Followed) -> ProgressReport {
    let reading = match followed {
        Followed::Scan(scan) => return scanned_by(scan),
        Followed::Reading(reading) => reading,
    };
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    ProgressReport {
        row_groups_done: count(&reading.row_groups_done),
        row_groups_total: count(&reading.row_groups_total),
        rows: count(&reading.rows),
        bytes: count(&reading.bytes),
        share: None,
    }
}

/// What the metrics of a scan say. A file of its plan is one row group (`table`).
fn scanned_by(scan: &Arc<dyn ExecutionPlan>) -> ProgressReport {
    let Some(metrics) = scan.metrics() else { return ProgressReport::default() };
    let count = |name: &str| metrics.sum_by_name(name).map_or(0, |value| value.as_usize() as u64);
    let files = scan
        .downcast_ref::<DataSourceExec>()
        .and_then(|source| source.data_source().downcast_ref::<FileScanConfig>())
        .map_or(0, |config| config.file_groups.iter().map(|group| group.len() as u64).sum());
    ProgressReport {
        row_groups_done: count("files_processed").min(files),
        row_groups_total: files,
        rows: metrics.output_rows().unwrap_or(0) as u64 + count("pushdown_rows_pruned"),
        bytes: count("bytes_scanned"),
        share: None,
    }
}

/// Follows every plan of a session: the last of its rules.
#[derive(Clone)]
pub(crate) struct FollowPlans(pub(crate) Arc<Progress>);

impl std::fmt::Debug for FollowPlans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FollowPlans")
    }
}

impl PhysicalOptimizerRule for FollowPlans {
    fn name(&self) -> &str {
        "follow_plans"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        self.0.follow(&plan);
        Ok(plan)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
