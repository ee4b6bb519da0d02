//! `GET /api/v1/spans/heatmap` and `.../compare`: spans by time and duration, and what tells a part of them from the rest.

use axum::extract::{RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use proto::TimeRange;
use serde::Serialize;
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::ApiState;
use super::error::ErrorBody;
use super::params::Params;
use super::traces::{TraceFilterParams, elapsed_ms, filter};
use crate::compare_selection::{self, Comparison, Selection};
use crate::error::QueryError;
use crate::heatmap::{self, COLUMNS_MAX, Heatmap, WorstOutcome};
use crate::matching::Matching;

const COLUMNS: usize = 120;

#[derive(OpenApi)]
#[openapi(paths(spans_by_time_and_duration, compare_spans))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new()
        .route("/api/v1/spans/heatmap", get(spans_by_time_and_duration))
        .route("/api/v1/spans/compare", get(compare_spans))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `spans_by_time_and_duration` reads")]
struct HeatmapParams {
    /// At most so many columns of time; default 120.
    #[param(minimum = 1, maximum = 240)]
    columns: Option<usize>,
}

#[derive(Serialize, ToSchema)]
struct HeatmapAnswer {
    #[serde(flatten)]
    heatmap: Heatmap,
    elapsed_ms: u64,
}

/// Matching spans by start and duration, in cells with a logarithmic scale of durations, by outcome.
#[utoipa::path(get, path = "/api/v1/spans/heatmap", tag = "traces", params(TraceFilterParams, HeatmapParams),
    responses((status = 200, body = HeatmapAnswer), (status = 400, body = ErrorBody)))]
async fn spans_by_time_and_duration(
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<HeatmapAnswer>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let (filter, whole) = filter(&mut params)?;
    let columns = params.count("columns", COLUMNS, COLUMNS_MAX)?;
    params.finish()?;
    let query = state.engine.begin("heatmap", None).await?;
    let (matching, exact) = Matching::Spans(filter, whole).decided(&query).await?;
    let heatmap = heatmap::heatmap(&query, &matching, exact, columns).await?;
    Ok(Json(HeatmapAnswer { heatmap, elapsed_ms: elapsed_ms(&query) }))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `selection` reads")]
struct SelectionParams {
    /// Start of the selected spans, inclusive; forms as in `from`.
    sel_from: Option<String>,
    /// Exclusive.
    sel_to: Option<String>,
    /// Inclusive; forms as in `min_duration`.
    sel_min_duration: Option<String>,
    /// Exclusive, unlike `max_duration`: the upper edge of a cell.
    sel_max_duration: Option<String>,
    /// `ok`, `error`, `throttle` or `fault`: only spans with this outcome, the worst of those that a span has.
    sel_outcome: Option<String>,
}

fn selection(params: &mut Params) -> Result<Selection, QueryError> {
    let time = TimeRange { start: params.time("sel_from")?, end: params.time("sel_to")? };
    let (least, below) = (params.duration("sel_min_duration")?, params.duration("sel_max_duration")?);
    let outcome = params.word("sel_outcome", &WorstOutcome::NAMES)?.and_then(WorstOutcome::named);
    let selection = Selection { time, min_duration_ns: least.unwrap_or(0), duration_below_ns: below, outcome };
    if selection == Selection::default() {
        return Err(QueryError::bad_request(
            "nothing is selected",
            "give at least one of sel_from, sel_to, sel_min_duration, sel_max_duration, sel_outcome",
        ));
    }
    let is_reversed = |from: Option<i64>, to: Option<i64>| from.zip(to).is_some_and(|(from, to)| from >= to);
    if is_reversed(time.start, time.end) || is_reversed(Some(selection.min_duration_ns), below) {
        return Err(QueryError::bad_request(
            "the selection is empty",
            "give sel_from before sel_to, and sel_min_duration below sel_max_duration",
        ));
    }
    Ok(selection)
}

#[derive(Serialize, ToSchema)]
struct ComparisonAnswer {
    #[serde(flatten)]
    comparison: Comparison,
    elapsed_ms: u64,
}

/// What tells the matching spans of a selection from the other matching ones: fields, attributes and resource attributes
/// by how differently their values are distributed.
#[utoipa::path(get, path = "/api/v1/spans/compare", tag = "traces", params(TraceFilterParams, SelectionParams),
    responses((status = 200, body = ComparisonAnswer), (status = 400, body = ErrorBody)))]
async fn compare_spans(
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<ComparisonAnswer>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let (filter, whole) = filter(&mut params)?;
    let selection = selection(&mut params)?;
    params.finish()?;
    let query = state.engine.begin("compare", None).await?;
    let (matching, exact) = Matching::Spans(filter, whole).decided(&query).await?;
    let comparison = compare_selection::compare(&query, &matching, exact, selection).await?;
    Ok(Json(ComparisonAnswer { comparison, elapsed_ms: elapsed_ms(&query) }))
}
