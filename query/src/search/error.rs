//! What is wrong with a search, where, and how to mend it.

use super::syntax::At;
use crate::error::QueryError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SearchError {
    pub(crate) at: At,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl SearchError {
    pub(crate) fn new(at: At, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: hint.into() }
    }
}

impl From<SearchError> for QueryError {
    fn from(error: SearchError) -> Self {
        // People count from 1.
        let message = format!("search, character {}: {}", error.at.start + 1, error.message);
        QueryError { at: Some((error.at.start, error.at.end)), ..QueryError::bad_request(message, error.hint) }
    }
}
