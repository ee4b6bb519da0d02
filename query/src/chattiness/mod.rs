//! Chattiness: who calls whom how often in one request, and how much of its time goes into waiting for one call after
//! the other.
//!
//! | word | meaning |
//! |---|---|
//! | call | a client or producer span that another span answers or that names whom it calls; where the caller has no such span, the span that answers. The same calls make the edges of the service map; client spans that name nobody count too |
//! | request | the span with which a service enters a trace: its way up ends at a call, or has no parent here |
//! | calls a request | calls over one edge below one request of the caller, in requests that have any |
//! | repeated | at least [`REPEATED_MIN`] calls of one operation below one parent span. N+1 when what they ask for differs; where that was not recorded, it says so |
//! | identical | calls of one operation in one request that ask for the same; all but the first are needless |
//! | sequential | of two or more calls over one edge below one parent span, those that overlap none of the others |
//! | share | time of a request's sequential calls, within the request, of the request's duration |
//!
//! [`calls`] finds the calls of one trace, [`tally`] counts them, [`answer`] ranks them. Traces are read as for the map.

mod answer;
mod calls;
mod tally;
#[cfg(test)]
mod tests;

pub(crate) use self::answer::Chattiness;
use self::tally::ChatTally;
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::SpanFilter;
use crate::map::each_trace;
use crate::map::spans::{call_columns, columns};

/// Calls of one operation below one parent span from which on they are repeated.
pub(crate) const REPEATED_MIN: usize = 5;

/// Calls in the traces that satisfy `filter`, of their spans within its range.
///
/// Errors: `TooLarge` when the counts need more memory than the engine has.
pub(crate) async fn read(query: &Query, filter: &SpanFilter) -> Result<Chattiness, QueryError> {
    let columns = columns().into_iter().chain(call_columns()).collect();
    let tallies = each_trace(query, filter, columns, ChatTally::default).await?;
    query.run(async move { Ok(answer::compose(tallies)) }).await
}
