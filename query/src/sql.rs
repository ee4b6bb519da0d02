//! SQL from strangers: what may be asked, and the plan of it.

mod panics;

use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::dialect::SpanlakeDialect;
use crate::error::QueryError;

/// Bytes of a statement.
pub(crate) const TEXT_BYTES_MAX: usize = 64 << 10;
/// ANDs, ORs, operators and commas: each is a node of a tree that is walked recursively many times.
const TOKENS_MAX: usize = 10_000;

const ONE_QUERY: &str = "send one SELECT (or WITH ... SELECT, EXPLAIN) statement over the tables spans and logs";

/// Parses and plans `text`. Errors: `BadRequest`, for anything but one query that reads; with the place where that is
/// known.
pub(crate) async fn plan(context: &SessionContext, text: &str) -> Result<DataFrame, QueryError> {
    let statement = parse(context, text)?;
    if !is_query(&statement) {
        return Err(QueryError::bad_request(format!("{} is not allowed", first_word(text)), ONE_QUERY));
    }
    let mut state = context.state();
    state.config_mut().options_mut().sql_parser.collect_spans = true;
    let plan = state.statement_to_plan(statement).await.map_err(|error| placed_plan_error(error, text))?;
    let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    read_only.verify_plan(&plan)?;
    panics::refuse(&plan)?;
    Ok(DataFrame::new(state, plan))
}

fn parse(context: &SessionContext, text: &str) -> Result<Statement, QueryError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(QueryError::bad_request(
            format!("the statement has {} bytes", text.len()),
            format!("at most {TEXT_BYTES_MAX} bytes are read"),
        ));
    }
    let tokens = Tokenizer::new(&SpanlakeDialect, text).tokenize().map_err(|error| {
        placed_by_message(QueryError::bad_request(error.to_string(), "check quotes and comments"), text)
    })?;
    let tokens = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).count();
    if tokens > TOKENS_MAX {
        return Err(QueryError::bad_request(
            format!("the statement has {tokens} words and operators"),
            format!("at most {TOKENS_MAX} are read; a long list of values is shorter as IN (...)"),
        ));
    }
    let depth = context.state().config().options().sql_parser.recursion_limit.get();
    let mut statements = DFParserBuilder::new(text)
        .with_dialect(&SpanlakeDialect)
        .with_recursion_limit(depth)
        .build()?
        .parse_statements()
        .map_err(|error| placed_by_message(error.into(), text))?;
    match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => Ok(statement),
        (None, _) => Err(QueryError::bad_request("the statement is empty", ONE_QUERY)),
        (Some(_), more) => Err(QueryError::bad_request(format!("{} statements", more + 1), ONE_QUERY)),
    }
}

/// With the place of the column, table or function that the planner did not know.
fn placed_plan_error(error: DataFusionError, text: &str) -> QueryError {
    let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let at = span.map(|span| {
        let start = offset(text, span.start.line, span.start.column);
        (start, offset(text, span.end.line, span.end.column).max(start + 1))
    });
    QueryError { at, ..QueryError::from(error) }
}

/// With the place that the parser wrote into its message: `... at Line: 2, Column: 8`. At the end of the text it names
/// none.
fn placed_by_message(error: QueryError, text: &str) -> QueryError {
    let place = error.message.rsplit_once("at Line: ").and_then(|(_, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        let digits = column.find(|c: char| !c.is_ascii_digit()).unwrap_or(column.len());
        Some((line.parse().ok()?, column[..digits].parse().ok()?))
    });
    let length = text.chars().count();
    let start = match place {
        Some((line, column)) => offset(text, line, column).min(length.saturating_sub(1)),
        None if error.message.contains("found: EOF") => length.saturating_sub(1),
        None => return error,
    };
    let word = text.chars().skip(start).take_while(|c| c.is_alphanumeric() || *c == '_').count();
    QueryError { at: Some((start, start + word.max(1))), ..error }
}

/// In characters from 0, of a line and column that are counted from 1.
fn offset(text: &str, line: u64, column: u64) -> usize {
    let lines_before = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let before: usize = text.split_inclusive('\n').take(lines_before).map(|line| line.chars().count()).sum();
    before + usize::try_from(column.saturating_sub(1)).unwrap_or(0)
}

fn is_query(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => is_sql_query(statement),
        Statement::Explain(explain) => is_query(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    }
}

fn is_sql_query(statement: &SqlStatement) -> bool {
    match statement {
        SqlStatement::Query(_) => true,
        SqlStatement::Explain { statement, .. } => is_sql_query(statement),
        _ => false,
    }
}

fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphabetic()).take(24).collect::<String>().to_uppercase()
}

#[cfg(test)]
mod tests;
