//! The two receivers. Each brings a request to the [`Ingester`](crate::ingester::Ingester) as bytes and says the outcome
//! in the words of its transport; nothing behind them knows how a request came.

pub(crate) mod body;
pub(crate) mod grpc;
pub(crate) mod http;
mod json;
mod json_schema;
pub(crate) mod server;
