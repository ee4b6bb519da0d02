//! Pages as streams: `Accept: application/x-ndjson` on `/api/v1/traces` and `/api/v1/logs` asks for the same page as
//! lines of JSON, each a frame, sent as the search finds its rows.
//!
//! The same address, so that parameters, errors of parameters and cursors are described once.
//!
//! [`Frame`] says what they are. A stream without its last frame was cut off on its way.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use futures::StreamExt;
use serde::Serialize;
use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

use crate::answer::JsonValue;
use crate::engine::Query;
use crate::error::QueryError;
use crate::histogram::{LogHistogram, SpanHistogram};
use crate::running::{ProgressReport, millis};

pub(super) const NDJSON: &str = "application/x-ndjson";

const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);
/// Frames that wait for a slow reader; then the search waits too.
const FRAMES_MAX: usize = 4;

/// Whether the client wants a stream.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| one.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(NDJSON))
}

/// One line of a stream; `t` says which.
#[derive(Serialize, ToSchema)]
#[serde(tag = "t", rename_all = "snake_case")]
pub(super) enum Frame {
    Meta(MetaFrame),
    Rows(RowsFrame),
    Progress(ProgressFrame),
    Histogram(HistogramFrame),
    Warning(WarningFrame),
    End(EndFrame),
}

/// The first frame.
#[derive(Serialize, ToSchema)]
pub(super) struct MetaFrame {
    /// Stops it: `DELETE /api/v1/queries/{id}`.
    query_id: String,
    /// Names of the columns of all `rows` frames.
    columns: &'static [&'static str],
}

/// Rows that are final, or with `replaces` the page as far as it is known.
#[derive(Serialize, ToSchema)]
pub(super) struct RowsFrame {
    /// They stand in the place of all rows of this page that came before: its order is known at the end only.
    pub(super) replaces: bool,
    /// For each name of the first frame the values, as in a row of the plain page.
    #[schema(value_type = Vec<Vec<JsonValue>>)]
    pub(super) columns: Vec<Vec<Json>>,
}

/// How far the search is: four times a second, and at the end.
#[derive(Serialize, ToSchema)]
pub(super) struct ProgressFrame {
    #[serde(flatten)]
    read: ProgressReport,
    elapsed_ms: u64,
}

/// After the rows, when the parameter `histogram` asked for it.
#[derive(Serialize, ToSchema)]
pub(super) struct HistogramFrame {
    histogram: HistogramOfPage,
}

/// The answer of `.../histogram`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum HistogramOfPage {
    Spans(SpanHistogram),
    Logs(LogHistogram),
}

/// What the reader should know of the answer.
#[derive(Serialize, ToSchema)]
pub(super) struct WarningFrame {
    message: &'static str,
}

/// The last frame.
#[derive(Serialize, ToSchema)]
pub(super) struct EndFrame {
    /// The search ended before its time. The rows that came are right, or of a page with another order than the newest
    /// first, right for what was looked at.
    partial: bool,
    /// The code of the error that ended it: `stopped`, `timeout`, `too_large`, ...
    #[schema(required)]
    reason: Option<&'static str>,
    /// What happened, and where.
    #[schema(required)]
    message: Option<String>,
    /// What to do about it.
    #[schema(required)]
    hint: Option<String>,
    /// The next page; of a partial one the rest of it, which may begin with rows that replace those that came. Null
    /// when nothing follows, and when there is no place to go on from.
    #[schema(required)]
    next_cursor: Option<String>,
    elapsed_ms: u64,
}

/// A search that gives its page piece by piece.
pub(super) trait Pages: Send + 'static {
    const COLUMNS: &'static [&'static str];

    /// The next rows; `None` at the end of the page.
    fn next(&mut self, query: &Query) -> impl Future<Output = Result<Option<RowsFrame>, QueryError>> + Send;

    /// Where to go on; `None` when nothing follows, or from nowhere.
    fn cursor(&self) -> Result<Option<String>, QueryError>;

    /// The histogram that was asked for, with a warning when it is not exact.
    fn histogram(
        &self,
        query: &Query,
    ) -> impl Future<Output = Result<Option<(HistogramOfPage, Option<&'static str>)>, QueryError>> + Send;
}

fn json<T: Serialize>(value: &T) -> Result<Json, QueryError> {
    serde_json::to_value(value).map_err(|error| QueryError::internal(format!("a frame: {error}")))
}

/// Rows as columns. Errors: a row that is no object of exactly these names.
pub(super) fn columns<T: Serialize>(names: &[&str], rows: &[T]) -> Result<Vec<Vec<Json>>, QueryError> {
    let mut columns: Vec<Vec<Json>> = names.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        let Json::Object(mut row) = json(row)? else { return Err(QueryError::internal("a row is no object")) };
        for (name, column) in names.iter().zip(&mut columns) {
            column.push(row.remove(*name).ok_or_else(|| QueryError::internal(format!("a row without {name}")))?);
        }
        if let Some((name, _)) = row.iter().next() {
            return Err(QueryError::internal(format!("a row has {name}, which is no column")));
        }
    }
    Ok(columns)
}

/// Answers with the frames of a page. The search goes on while the client reads: when it closes the connection the query
/// is dropped, and so ends.
pub(super) fn respond(query: Query, pages: impl Pages) -> Response {
    let (frames, receiver) = mpsc::channel(FRAMES_MAX);
    tokio::spawn(async move {
        // Nobody reads any more: nothing is left to say.
        let _ = Stream { query, frames }.run(pages).await;
    });
    let body = Body::from_stream(ReceiverStream::new(receiver).map(Ok::<Bytes, Infallible>));
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The reader has gone.
struct Closed;

struct Stream {
    query: Query,
    frames: mpsc::Sender<Bytes>,
}

impl Stream {
    async fn run<P: Pages>(self, mut pages: P) -> Result<(), Closed> {
        self.send(Frame::Meta(MetaFrame { query_id: self.query.id().to_owned(), columns: P::COLUMNS })).await?;
        let ended = loop {
            match self.watched(pages.next(&self.query)).await? {
                Ok(Some(rows)) => self.send(Frame::Rows(rows)).await?,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let ended = match ended {
            Ok(()) => match self.watched(pages.histogram(&self.query)).await? {
                Ok(None) => Ok(()),
                Ok(Some((histogram, warning))) => {
                    self.send(Frame::Histogram(HistogramFrame { histogram })).await?;
                    if let Some(message) = warning {
                        self.send(Frame::Warning(WarningFrame { message })).await?;
                    }
                    Ok(())
                }
                // The page is whole all the same.
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        self.send_progress().await?;
        let (ended, next_cursor) = match pages.cursor() {
            Ok(cursor) => (ended, cursor),
            Err(error) => (ended.and(Err(error)), None),
        };
        let error = ended.err();
        let (partial, reason) = (error.is_some(), error.as_ref().map(|error| error.kind.code()));
        let (message, hint) = error.map(|error| (error.message, error.hint)).unzip();
        let elapsed_ms = millis(self.query.elapsed());
        self.send(Frame::End(EndFrame { partial, reason, message, hint, next_cursor, elapsed_ms })).await
    }

    /// Waits for a step, says how far it is meanwhile, and ends when the reader has gone.
    async fn watched<T>(&self, step: impl Future<Output = T> + Send) -> Result<T, Closed> {
        let mut step = std::pin::pin!(step);
        let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
        ticks.reset();
        loop {
            tokio::select! {
                done = &mut step => return Ok(done),
                () = self.frames.closed() => return Err(Closed),
                _ = ticks.tick() => self.send_progress().await?,
            }
        }
    }

    async fn send_progress(&self) -> Result<(), Closed> {
        let (read, elapsed_ms) = (self.query.progress(), millis(self.query.elapsed()));
        self.send(Frame::Progress(ProgressFrame { read, elapsed_ms })).await
    }

    /// A reader that does not read until the deadline holds the query's place no longer.
    async fn send(&self, frame: Frame) -> Result<(), Closed> {
        let mut line = serde_json::to_string(&frame).expect("its keys are texts, and nothing in it fails");
        line.push('\n');
        let grace = self.query.deadline() + PROGRESS_INTERVAL;
        let sent = tokio::time::timeout_at(grace, self.frames.send(Bytes::from(line))).await;
        sent.map_err(|_| Closed)?.map_err(|_| Closed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_stream_is_asked_for_by_type() {
        let accepts = |accept| is_wanted(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]));
        assert!(accepts("application/x-ndjson") && accepts("text/html, Application/X-NDJSON;q=0.9"));
        assert!(!accepts("application/json") && !accepts("*/*"));
        assert!(!is_wanted(&HeaderMap::new()));
    }

    #[test]
    fn rows_become_columns() {
        let rows = [json!({"a": 1, "b": "x"}), json!({"a": null, "b": [2]})];
        let expected = vec![vec![json!("x"), json!([2])], vec![json!(1), Json::Null]];
        assert_eq!(columns(&["b", "a"], &rows).expect("columns"), expected);
        assert!(columns(&["b"], &rows).is_err(), "a is no column");
        assert!(columns(&["a", "b", "c"], &rows).is_err(), "c is missing");
    }
}
