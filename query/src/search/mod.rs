//! The search language: one for spans, log records and traces. `docs/search.md` is its description.
//!
//! 1. [`parser`] turns text into a tree of conditions ([`syntax`], [`trace_syntax`]); X-Ray's filter expressions
//!    ([`xray`]) become the same tree.
//! 2. [`resolve`] says what each key means for a signal.
//! 3. [`plan`] makes predicates over physical columns of it, [`sql`] the SQL that means the same.
//! 4. [`traces`] decides about whole traces what no predicate on one span can: [`tested_trace`] has all spans of one at
//!    hand, [`place`] and [`causes`] say where a span stands in it.

mod causes;
mod error;
mod parser;
mod place;
mod place_sql;
mod plan;
mod resolve;
mod sql;
mod syntax;
mod tested_trace;
mod trace_parts;
mod trace_sql;
mod trace_syntax;
mod traces;
mod xray;

use datafusion::logical_expr::Expr;
use proto::{Signal, TimeRange};

use crate::error::QueryError;

pub(crate) use error::SearchError;
use parser::Subject;
pub(crate) use plan::values;
pub(crate) use resolve::known_keys;
use syntax::{Condition, Tree};
use trace_syntax::{TraceLeaf, TraceSearchText, asks_for_places};
pub(crate) use traces::TraceQuery;

/// Characters of a search.
pub(crate) const LENGTH_MAX: usize = 4096;
/// Parentheses and braces within each other. The parser and all walks over its tree recurse no deeper.
pub(crate) const DEPTH_MAX: usize = 32;
/// Conditions of a search.
pub(crate) const TERMS_MAX: usize = 200;

/// A search over log records: predicates that must all hold.
pub(crate) fn logs(text: &str) -> Result<Vec<Expr>, QueryError> {
    let predicates = resolve::resolve(Signal::Logs, &parse_logs(text)?)?;
    Ok(plan::conjuncts(Signal::Logs, &predicates))
}

/// A search over traces.
#[derive(Clone, Debug)]
pub(crate) enum SpanSearch {
    /// One span satisfies all of these.
    OneSpan(Vec<Expr>),
    Whole(TraceQuery),
}

pub(crate) fn spans(text: &str) -> Result<SpanSearch, QueryError> {
    Ok(match parse_traces(text)?.0 {
        TraceSearchText::OneSpan(condition) => {
            let predicates = resolve::resolve(Signal::Spans, &condition)?;
            SpanSearch::OneSpan(plan::conjuncts(Signal::Spans, &predicates))
        }
        TraceSearchText::Whole(condition) => SpanSearch::Whole(TraceQuery::new(&condition)?),
    })
}

/// A search with nothing left to rules of precedence: two that have the same mean the same.
pub(crate) fn canonical(signal: Signal, text: &str) -> Result<String, QueryError> {
    Ok(match signal {
        Signal::Logs => parse_logs(text)?.to_string(),
        Signal::Spans => parse_traces(text)?.0.to_string(),
    })
}

/// The conditions of a search that must all hold: each with its text and the text of the search without it. Of a search
/// that is one condition on a trace, what that is made of.
pub(crate) fn parts(signal: Signal, text: &str) -> Result<Vec<SearchPart>, QueryError> {
    fn without<L: Clone + std::fmt::Display>(tree: &Tree<L>) -> Vec<(String, String)> {
        match tree {
            Tree::And(parts) => (0..parts.len())
                .map(|nth| {
                    let mut others = parts.clone();
                    let part = others.remove(nth);
                    (part.to_string(), if others.is_empty() { String::new() } else { Tree::and(others).to_string() })
                })
                .collect(),
            one => vec![(one.to_string(), String::new())],
        }
    }
    let parts = match signal {
        Signal::Logs => without(&parse_logs(text)?),
        Signal::Spans => match parse_traces(text)?.0 {
            TraceSearchText::OneSpan(condition) => {
                let ours = |(part, rest)| (not_xray(part), not_xray(rest));
                without(&condition).into_iter().map(ours).collect()
            }
            TraceSearchText::Whole(condition) => {
                trace_parts::parts_of(&condition).unwrap_or_else(|| without(&condition))
            }
        },
    };
    Ok(parts.into_iter().map(|(condition, without)| SearchPart { condition, without }).collect())
}

/// A condition on one span, such as the word `error`, in braces when it would be read as X-Ray's without them.
fn not_xray(text: String) -> String {
    match xray::parse(&text) {
        xray::Parsed::Ours | xray::Parsed::OursInDoubt(_) => text,
        xray::Parsed::Expression(_) | xray::Parsed::Wrong(_) => format!("{{{text}}}"),
    }
}

/// The predicate of a condition on one row; none for a condition on a whole trace.
pub(crate) fn predicate(signal: Signal, text: &str) -> Result<Option<Expr>, QueryError> {
    let condition = match signal {
        Signal::Logs => parse_logs(text)?,
        Signal::Spans => match parse_traces(text)?.0 {
            TraceSearchText::OneSpan(condition) => condition,
            // See `not_xray`.
            TraceSearchText::Whole(Tree::Leaf(TraceLeaf::Some(condition))) if !asks_for_places(&condition) => condition,
            TraceSearchText::Whole(_) => return Ok(None),
        },
    };
    Ok(Some(plan::expr(signal, &resolve::resolve(signal, &condition)?)))
}

/// One of the conditions of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SearchPart {
    pub(crate) condition: String,
    /// The search without it.
    pub(crate) without: String,
}

fn parse_logs(text: &str) -> Result<Condition, SearchError> {
    parser::parse(text, Subject::Logs)?.map(&mut |leaf| match leaf {
        trace_syntax::Raw::Span(leaf) => Ok(leaf.clone()),
        trace_syntax::Raw::Trace(_) => unreachable!("the parser gives these for traces only"),
    })
}

/// The tree, and whether it was written as a filter expression of X-Ray.
fn parse_traces(text: &str) -> Result<(TraceSearchText, bool), SearchError> {
    Ok(match xray::parse(text) {
        xray::Parsed::Expression(condition) => (TraceSearchText::Whole(condition), true),
        xray::Parsed::Wrong(error) => return Err(error),
        xray::Parsed::Ours | xray::Parsed::OursInDoubt(_) => {
            (trace_syntax::trace_search(parser::parse(text, Subject::Traces)?), false)
        }
    })
}

/// What to say of how a search for traces was read; nothing when nobody could have meant it otherwise.
fn reading_note(text: &str) -> Option<String> {
    match xray::parse(text) {
        xray::Parsed::Expression(_) => Some(
            "read as a filter expression of X-Ray; put words in quotes to search for them, and write key=\"value\" \
             without blanks to ask for a key or an attribute of a span"
                .to_owned(),
        ),
        xray::Parsed::OursInDoubt(error) => {
            // People count from 1.
            let (at, message, hint) = (error.at.start + 1, error.message, error.hint);
            Some(format!("not read as a filter expression of X-Ray, because of character {at}: {message}; {hint}"))
        }
        xray::Parsed::Ours | xray::Parsed::Wrong(_) => None,
    }
}

/// What a search means.
#[derive(Clone, Debug)]
pub(crate) struct Explanation {
    /// The search with nothing left to rules of precedence.
    pub(crate) canonical: String,
    /// The statement that gives the same rows.
    pub(crate) sql: String,
    pub(crate) warnings: Vec<String>,
}

pub(crate) fn explain(signal: Signal, text: &str, range: TimeRange) -> Result<Explanation, QueryError> {
    if signal == Signal::Logs {
        let condition = parse_logs(text)?;
        let predicates = resolve::resolve(signal, &condition)?;
        let sql = format!(
            "SELECT * FROM logs WHERE {}{} ORDER BY time DESC LIMIT 100",
            bracketed(&predicates),
            sql::and_time("", signal, range)
        );
        let warnings = resolve::warnings(signal, &condition);
        return Ok(Explanation { canonical: condition.to_string(), sql, warnings });
    }
    let (search, _) = parse_traces(text)?;
    let mut explanation = match &search {
        TraceSearchText::OneSpan(condition) => {
            let predicates = resolve::resolve(signal, condition)?;
            let sql = format!(
                "SELECT trace_id, min(start_time) AS start, count(*) AS matched FROM spans WHERE {}{} \
                 GROUP BY trace_id ORDER BY start DESC LIMIT 100",
                bracketed(&predicates),
                sql::and_time("", signal, range)
            );
            let warnings = resolve::warnings(signal, condition);
            Explanation { canonical: search.to_string(), sql, warnings }
        }
        TraceSearchText::Whole(condition) => trace_sql::explain(condition, range)?,
    };
    explanation.warnings.extend(reading_note(text));
    Ok(explanation)
}

fn bracketed(predicates: &Tree<resolve::Predicate>) -> String {
    sql::condition("", predicates).bracketed()
}

#[cfg(test)]
mod tests;
