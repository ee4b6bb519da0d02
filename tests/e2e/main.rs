//! The product from outside: the real binary, real sockets, recorded traffic.
//!
//! One test target for all of it, because each target links DataFusion's worth of dependencies once more.

#[path = "../support/mod.rs"]
mod support;

mod cause;
mod crash;
mod docs;
mod facts;
mod flow;
mod import;
mod large;
mod lifecycle;
mod map;
mod metrics;
mod otlp;
mod otlp_hostile;
mod otlp_json;
mod otlp_overload;
mod pages;
mod replay;
mod retention;
mod roundtrip;
mod search;
mod sql_answers;
mod sql_guard;
mod streams;
mod trace_view;
