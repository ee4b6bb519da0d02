//! What went wrong with a question, for the one who asked it.

use std::fmt;

/// What the asker can do about an error; the HTTP status follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is wrong: change it.
    BadRequest,
    /// What the request names does not exist.
    NotFound,
    /// The time given was not enough: narrow the question or give more.
    Timeout,
    /// The answer, or what is needed to compute it, is larger than allowed: narrow the question.
    TooLarge,
    /// Too many queries are running: try again later.
    Busy,
    /// Not ready yet or a disk that fails: try again later.
    Unavailable,
    /// Our fault.
    Internal,
}

impl ErrorKind {
    /// The `code` in an error body and the `result` label in metrics.
    pub fn code(self) -> &'static str {
        match self {
            ErrorKind::BadRequest => "bad_request",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Timeout => "timeout",
            ErrorKind::TooLarge => "too_large",
            ErrorKind::Busy => "busy",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Internal => "internal",
        }
    }
}

/// An error with its remedy: `message` says what and where, `hint` what to do (may be empty).
#[derive(Clone, Debug)]
pub struct QueryError {
    pub kind: ErrorKind,
    pub message: String,
    pub hint: String,
}

impl QueryError {
    pub fn new(kind: ErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: hint.into() }
    }

    pub fn bad_request(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadRequest, message, hint)
    }

    pub fn not_found(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message, hint)
    }

    pub fn too_large(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorKind::TooLarge, message, hint)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message, "this is a fault of Spanlake: the server's log says more")
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}

impl std::error::Error for QueryError {}
