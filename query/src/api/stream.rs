//! Pages as streams: `Accept: application/x-ndjson` on `/api/v1/traces` and `/api/v1/logs` asks for the same page as
//! lines of JSON, each a frame, sent as the search finds its rows.
//!
//! The same address, so that parameters, errors of parameters and cursors are described once.
//!
//! | `t` | fields | when |
//! |---|---|---|
//! | `meta` | `query_id`, `columns` (names) | first |
//! | `rows` | `columns` (a list of values for each name), `replaces` | rows are final; with `replaces` they stand in the place of all before |
//! | `progress` | `row_groups_done`, `row_groups_total`, `rows`, `bytes`, `elapsed_ms` | every [`PROGRESS_INTERVAL`] and at the end |
//! | `histogram` | `histogram`: the answer of `.../histogram` | with the parameter `histogram`, after the rows |
//! | `warning` | `message` | what the reader should know of the answer |
//! | `end` | `partial`, `reason`, `message`, `hint`, `next_cursor`, `elapsed_ms` | last |
//!
//! `reason` is null or the code of an error (`stopped`, `timeout`, `too_large`, ...): then `partial` is true, the rows
//! that came are right, and `next_cursor` goes on behind them; null when there is no place to go on from. A stream
//! without `end` was cut off on its way.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use futures::StreamExt;
use serde::Serialize;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::engine::Query;
use crate::error::QueryError;
use crate::running::millis;

pub(super) const NDJSON: &str = "application/x-ndjson";

const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);
/// Frames that wait for a slow reader; then the search waits too.
const FRAMES_MAX: usize = 4;

/// Whether the client wants a stream.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| one.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(NDJSON))
}

/// Rows of one frame.
pub(super) struct RowsFrame {
    /// For each name of [`Pages::COLUMNS`] the values.
    pub(super) columns: Vec<Vec<Json>>,
    pub(super) replaces: bool,
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
    ) -> impl Future<Output = Result<Option<(Json, Option<&'static str>)>, QueryError>> + Send;
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<Json, QueryError> {
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
        self.send(json!({"t": "meta", "query_id": self.query.id(), "columns": P::COLUMNS})).await?;
        let ended = loop {
            match self.watched(pages.next(&self.query)).await? {
                Ok(Some(rows)) => {
                    self.send(json!({"t": "rows", "replaces": rows.replaces, "columns": rows.columns})).await?;
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let ended = match ended {
            Ok(()) => match self.watched(pages.histogram(&self.query)).await? {
                Ok(None) => Ok(()),
                Ok(Some((histogram, warning))) => {
                    self.send(json!({"t": "histogram", "histogram": histogram})).await?;
                    if let Some(message) = warning {
                        self.send(json!({"t": "warning", "message": message})).await?;
                    }
                    Ok(())
                }
                // The page is whole all the same.
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        self.send_progress().await?;
        let (ended, cursor) = match pages.cursor() {
            Ok(cursor) => (ended, cursor),
            Err(error) => (ended.and(Err(error)), None),
        };
        let error = ended.err();
        let text = |read: fn(&QueryError) -> &str| error.as_ref().map(read);
        self.send(json!({
            "t": "end", "partial": error.is_some(), "reason": error.as_ref().map(|error| error.kind.code()),
            "message": text(|error| &error.message), "hint": text(|error| &error.hint),
            "next_cursor": cursor, "elapsed_ms": millis(self.query.elapsed()),
        }))
        .await
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
        let read = self.query.progress();
        self.send(json!({
            "t": "progress", "row_groups_done": read.row_groups_done, "row_groups_total": read.row_groups_total,
            "rows": read.rows, "bytes": read.bytes, "elapsed_ms": millis(self.query.elapsed()),
        }))
        .await
    }

    /// A reader that does not read until the deadline holds the query's place no longer.
    async fn send(&self, frame: Json) -> Result<(), Closed> {
        let mut line = frame.to_string();
        line.push('\n');
        let grace = self.query.deadline() + PROGRESS_INTERVAL;
        let sent = tokio::time::timeout_at(grace, self.frames.send(Bytes::from(line))).await;
        sent.map_err(|_| Closed)?.map_err(|_| Closed)
    }
}

#[cfg(test)]
mod tests {
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
