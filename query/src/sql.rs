//! SQL from strangers: what may be asked, and the plan of it.

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

/// Parses and plans `text`. Errors: `BadRequest`, for anything but one query that reads.
pub(crate) async fn plan(context: &SessionContext, text: &str) -> Result<DataFrame, QueryError> {
    let statement = parse(context, text)?;
    if !is_query(&statement) {
        return Err(QueryError::bad_request(format!("{} is not allowed", first_word(text)), ONE_QUERY));
    }
    let state = context.state();
    let plan = state.statement_to_plan(statement).await?;
    let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    read_only.verify_plan(&plan)?;
    Ok(DataFrame::new(state, plan))
}

fn parse(context: &SessionContext, text: &str) -> Result<Statement, QueryError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(QueryError::bad_request(
            format!("the statement has {} bytes", text.len()),
            format!("at most {TEXT_BYTES_MAX} bytes are read"),
        ));
    }
    let tokens = Tokenizer::new(&SpanlakeDialect, text)
        .tokenize()
        .map_err(|error| QueryError::bad_request(error.to_string(), "check quotes and comments"))?;
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
        .parse_statements()?;
    match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => Ok(statement),
        (None, _) => Err(QueryError::bad_request("the statement is empty", ONE_QUERY)),
        (Some(_), more) => Err(QueryError::bad_request(format!("{} statements", more + 1), ONE_QUERY)),
    }
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
