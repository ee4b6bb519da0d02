//! Span links that point to a trace or to one of its spans: who carried on from here.
//!
//! A link is stored with the span that has it, so this reads the `links` column of a time range; pages in which no span
//! has a link are passed over by their statistics.

use datafusion::prelude::{DataFrame, ident};
use futures::StreamExt;
use proto::{Signal, SpanId, TimeRange, TraceId, schema};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::unix_nano_text;
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::time_predicates;
use crate::rows::{Row, SpanBatch, SpanRow};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinksIn {
    pub(crate) trace_id: TraceId,
    /// Links to this span only.
    pub(crate) span_id: Option<SpanId>,
    /// Of the start of the span that has the link.
    pub(crate) range: TimeRange,
    pub(crate) limit: usize,
}

/// A span that links here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LinkingSpan {
    trace_id: String,
    span_id: String,
    service: String,
    name: String,
    kind: String,
    status: String,
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    start_time_unix_nano: i64,
    duration_ns: i64,
    /// The span of the asked trace that the link names.
    linked_span_id: String,
}

/// Spans that link to a trace.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkingSpans {
    /// The earliest first.
    pub(crate) links: Vec<LinkingSpan>,
    /// There are more than these.
    pub(crate) truncated: bool,
}

pub(crate) async fn read(query: &Query, asked: LinksIn) -> Result<LinkingSpans, QueryError> {
    let mut frame = query.table(Signal::Spans)?;
    for predicate in time_predicates(Signal::Spans, asked.range) {
        frame = frame.filter(predicate)?;
    }
    let columns = [
        schema::TRACE_ID,
        schema::SPAN_ID,
        schema::SERVICE,
        schema::NAME,
        schema::KIND,
        schema::STATUS,
        schema::START_TIME_UNIX_NANO,
        schema::DURATION_NS,
        schema::LINKS,
    ];
    let frame = frame.filter(ident(schema::LINKS).is_not_null())?.select_columns(&columns)?;
    query.run(search(frame, asked)).await
}

async fn search(frame: DataFrame, asked: LinksIn) -> Result<LinkingSpans, QueryError> {
    let mut stream = frame.execute_stream().await?;
    let mut links: Vec<LinkingSpan> = Vec::new();
    let mut truncated = false;
    while let Some(batch) = stream.next().await {
        for row in SpanBatch::of(&batch?)?.rows() {
            add_links(&mut links, row, &asked)?;
        }
        // The earliest are kept, whatever the order in which files are read.
        if links.len() > asked.limit {
            truncated |= keep_earliest(&mut links, asked.limit);
        }
    }
    truncated |= keep_earliest(&mut links, asked.limit);
    Ok(LinkingSpans { links, truncated })
}

fn add_links(links: &mut Vec<LinkingSpan>, row: SpanRow<'_>, asked: &LinksIn) -> Result<(), QueryError> {
    for link in row.links().filter(|link| link.trace_id == asked.trace_id.as_bytes()) {
        if asked.span_id.is_some_and(|span_id| link.span_id != span_id.as_bytes()) {
            continue;
        }
        links.push(LinkingSpan {
            trace_id: row.trace_id()?.to_string(),
            span_id: row.span_id()?.to_string(),
            service: row.service().to_owned(),
            name: row.name().to_owned(),
            kind: row.kind().to_owned(),
            status: row.status().to_owned(),
            start_time_unix_nano: row.start_time_unix_nano(),
            duration_ns: row.duration_ns(),
            linked_span_id: const_hex::encode(link.span_id),
        });
    }
    Ok(())
}

/// Sorts, drops copies (a sender's retry) and says whether anything else was dropped.
fn keep_earliest(links: &mut Vec<LinkingSpan>, limit: usize) -> bool {
    fn order(link: &LinkingSpan) -> (i64, &str, &str, &str) {
        (link.start_time_unix_nano, &link.trace_id, &link.span_id, &link.linked_span_id)
    }
    links.sort_by(|a, b| order(a).cmp(&order(b)));
    links.dedup();
    let over = links.len() > limit;
    links.truncate(limit);
    over
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::test_data::{append, engine, store};

    const TARGET: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn span(id: u64, start: i64, links: &[(&str, u64)]) -> Json {
        let links: Vec<Json> =
            links.iter().map(|(trace, span)| json!({"trace_id": trace, "span_id": format!("{span:016x}")})).collect();
        json!({"trace_id": format!("{:032x}", 0xf0 + id), "span_id": format!("{id:016x}"), "service": "s", "name": "n",
            "start_time_unix_nano": start, "duration_ns": 1, "resource": "{}",
            "links": if links.is_empty() { Json::Null } else { json!(links) }})
    }

    #[tokio::test]
    async fn links_are_found_from_memory_and_files_in_the_order_of_time() {
        let (_directory, store) = store().await;
        let other = "0000000000000000000000000000000f";
        append(&store, Signal::Spans, &[span(1, 30, &[(TARGET, 7)]), span(2, 10, &[(other, 7)]), span(3, 5, &[])])
            .await;
        store.flush(Signal::Spans).await.expect("flushed");
        append(&store, Signal::Spans, &[span(4, 20, &[(other, 1), (TARGET, 8)]), span(1, 30, &[(TARGET, 7)])]).await;

        let ask = async |span_id: Option<&str>, range: TimeRange, limit: usize| {
            let query = engine(&store).begin("test", None).await.expect("admitted");
            let span_id = span_id.map(|id| id.parse().expect("an id"));
            let asked = LinksIn { trace_id: TARGET.parse().expect("an id"), span_id, range, limit };
            let found = read(&query, asked).await.expect("read");
            let pairs = found.links.iter().map(|link| (link.start_time_unix_nano, link.linked_span_id.clone()));
            (pairs.collect::<Vec<_>>(), found.truncated)
        };
        let (seven, eight) = ("0000000000000007", "0000000000000008");
        let all = TimeRange::default();
        assert_eq!(ask(None, all, 10).await, (vec![(20, eight.to_owned()), (30, seven.to_owned())], false));
        assert_eq!(ask(None, all, 1).await, (vec![(20, eight.to_owned())], true));
        assert_eq!(ask(Some(seven), all, 10).await, (vec![(30, seven.to_owned())], false));
        let early = TimeRange { start: None, end: Some(30) };
        assert_eq!(ask(None, early, 10).await, (vec![(20, eight.to_owned())], false));
    }
}
