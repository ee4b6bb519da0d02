//! Floor 2, the read path: DataFusion over the lake and the memtable, the HTTP API, the embedded UI.
//!
//! 1. A request is parsed in [`api`] into a question, and [`engine`] admits it: a place, a clock, a memory bound.
//! 2. The question becomes a DataFusion plan over the tables `spans` and `logs` ([`view`]), which are projections of
//!    the physical columns that lie in the files.
//! 3. [`table`] takes a snapshot of the store (memtable and live segments) and keeps it for the length of the query.
//! 4. [`pruning`] drops segments by time and turns `match()` into rows by the index, Parquet statistics and bloom
//!    filters do the rest, and the engine evaluates every predicate again, so no answer depends on an index.
//! 5. The batches become trace trees, log pages or result grids, and leave as JSON, CSV or Arrow.
//!
//! Nothing here writes to the store, and nothing knows how data arrives.

mod answer;
pub mod api;
mod assets;
mod cancel;
mod chattiness;
mod columns;
mod compare_selection;
mod cursor;
mod dialect;
mod durations;
pub mod engine;
pub mod error;
mod error_groups;
mod fields;
mod filter;
mod flow;
mod functions;
mod grouping;
mod heatmap;
mod histogram;
mod json_object;
mod links_in;
mod logs;
mod map;
mod matching;
mod newest;
mod newest_rows;
mod otlp_json;
mod outcome;
mod pages;
mod pruning;
mod red;
pub mod result;
mod root_cause;
mod row_groups;
mod rows;
mod running;
mod sampling;
mod search;
mod service_page;
mod services;
mod session;
mod skeleton;
mod span_detail;
mod sql;
mod table;
#[cfg(test)]
mod test_data;
mod time_param;
mod trace_search;
mod trace_sort;
mod trace_summary;
mod trace_tree;
mod traces;
mod view;
mod whole_traces;
mod why_empty;

pub use api::{Admin, Imported, MetricsRender, QuerySettings, Received, router};
pub use engine::{Engine, EngineSettings, Query, Rows};
pub use error::{ErrorKind, QueryError};
pub use flow::{FLOW_KEYS, FLOW_KEYS_MAX};
