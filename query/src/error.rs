//! What went wrong with a question, for the one who asked it.

use std::fmt;

use arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use parquet::errors::ParquetError;
use storage::{ErrorKind as StorageErrorKind, StorageError};

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
    /// Somebody stopped the query.
    Stopped,
    /// Too many queries are running: try again later.
    Busy,
    /// Not ready yet or a disk that fails: try again later.
    Unavailable,
    /// The SQL engine failed at a plan. Our fault when the plan is ours; see [`QueryError::of_statement`].
    Engine,
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
            ErrorKind::Stopped => "stopped",
            ErrorKind::Busy => "busy",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Engine | ErrorKind::Internal => "internal",
        }
    }
}

const OUR_FAULT: &str = "this is a fault of Spanlake: the server's log says more";

/// An error with its remedy: `message` says what and where, `hint` what to do (may be empty).
#[derive(Clone, Debug)]
pub struct QueryError {
    pub kind: ErrorKind,
    pub message: String,
    pub hint: String,
    /// In the text of a search or a statement: its first character and the one behind its last, from 0.
    pub at: Option<(usize, usize)>,
}

impl QueryError {
    pub fn new(kind: ErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: hint.into(), at: None }
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
        Self::new(ErrorKind::Internal, message, OUR_FAULT)
    }

    pub(crate) fn engine(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Engine, message, OUR_FAULT)
    }

    /// As it is told to the author of a SQL statement. What the engine fails at there (`min` of a map, a function called
    /// in a way that its author did not think of) the next attempt would fail at as well: the statement has to change.
    pub(crate) fn of_statement(self) -> Self {
        if self.kind != ErrorKind::Engine {
            return self;
        }
        let message = format!("the SQL engine fails at this statement: {}", self.message);
        Self::bad_request(message, "say it in another way: with other functions, or with CAST to other types")
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}

impl std::error::Error for QueryError {}

impl From<StorageError> for QueryError {
    fn from(error: StorageError) -> Self {
        Self::from_storage(&error)
    }
}

impl QueryError {
    fn from_storage(error: &StorageError) -> Self {
        match error.kind() {
            StorageErrorKind::Busy | StorageErrorKind::Unavailable | StorageErrorKind::Closed => {
                Self::new(ErrorKind::Unavailable, error.to_string(), "try again later")
            }
            StorageErrorKind::Corrupt | StorageErrorKind::Locked | StorageErrorKind::Internal => {
                tracing::error!("a query met a storage error: {error}");
                Self::internal(error.to_string())
            }
        }
    }

    fn from_root(error: &DataFusionError) -> Self {
        match error {
            DataFusionError::SchemaError(error, _) => from_schema(error),
            DataFusionError::SQL(error, _) => Self::bad_request(format!("cannot read the SQL: {error}"), ""),
            DataFusionError::Plan(message) | DataFusionError::Execution(message) => {
                Self::bad_request(without_bug_report(message), "")
            }
            DataFusionError::NotImplemented(message) => Self::bad_request(format!("not supported: {message}"), ""),
            DataFusionError::ArrowError(error, _) => from_arrow(error),
            DataFusionError::ResourcesExhausted(message) => Self::too_large(
                format!("the query needs more memory than it may have: {}", first_line(message)),
                "narrow the time range, select or group by fewer values, or add a LIMIT",
            ),
            DataFusionError::External(error) => from_external(error.as_ref()),
            DataFusionError::ParquetError(error) if let Some(failed) = failed_condition(error) => Self::bad_request(
                format!("a condition cannot be evaluated: {failed}"),
                "TRY_CAST gives null where a value cannot be converted",
            ),
            DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => {
                tracing::error!("a query could not read a segment: {error}");
                Self::new(
                    ErrorKind::Unavailable,
                    format!("a segment could not be read: {error}"),
                    "the server's log says more; try again later",
                )
            }
            DataFusionError::Internal(message) => {
                tracing::error!("a query failed inside the engine: {message}");
                Self::engine(first_line(message))
            }
            other => {
                tracing::error!("a query failed inside the engine: {other}");
                Self::engine(first_line(&other.to_string()))
            }
        }
    }
}

/// Conditions are evaluated while a segment is read, and what goes wrong there comes as text only.
fn failed_condition(error: &ParquetError) -> Option<&str> {
    let ParquetError::External(error) = error else { return None };
    match error.downcast_ref::<ArrowError>()? {
        ArrowError::ComputeError(text) => text.strip_prefix("Error evaluating filter predicate: "),
        _ => None,
    }
}

/// An error of a plan may have one of the engine itself in it, which asks its reader to tell DataFusion of it.
fn without_bug_report(message: &str) -> String {
    const ASKED: &str = "This issue was likely caused by a bug in DataFusion's code. Please help us to resolve this by \
                         filing a bug report in our issue tracker: https://github.com/apache/datafusion/issues";
    message.replace(&format!(".\n{ASKED}"), "").replace("Internal error: ", "")
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn from_schema(error: &SchemaError) -> QueryError {
    let SchemaError::FieldNotFound { field, valid_fields } = error else {
        return QueryError::bad_request(error.to_string(), "");
    };
    let mut names: Vec<&str> = valid_fields.iter().map(|column| column.name()).collect();
    names.dedup();
    let hint = match names.is_empty() {
        true => "text is written in single quotes: 'text'".to_owned(),
        false => format!("columns here: {}; text is written in single quotes: 'text'", names.join(", ")),
    };
    QueryError::bad_request(format!("no column {}", field.quoted_flat_name()), hint)
}

fn from_arrow(error: &ArrowError) -> QueryError {
    match error {
        ArrowError::ExternalError(error) => from_external(error.as_ref()),
        ArrowError::CastError(_) | ArrowError::ParseError(_) => {
            QueryError::bad_request(error.to_string(), "TRY_CAST gives null where a value cannot be converted")
        }
        ArrowError::OffsetOverflowError(_) | ArrowError::MemoryError(_) => QueryError::too_large(
            format!("a value or a batch got too large: {error}"),
            "select fewer or shorter values",
        ),
        ArrowError::IoError(..) | ArrowError::CDataInterface(_) | ArrowError::IpcError(_) => {
            QueryError::internal(error.to_string())
        }
        other => QueryError::bad_request(other.to_string(), ""),
    }
}

fn from_external(error: &(dyn std::error::Error + Send + Sync + 'static)) -> QueryError {
    if let Some(error) = error.downcast_ref::<QueryError>() {
        return error.clone();
    }
    if let Some(error) = error.downcast_ref::<StorageError>() {
        return QueryError::from_storage(error);
    }
    if let Some(error) = error.downcast_ref::<DataFusionError>() {
        return QueryError::from_root(error.find_root());
    }
    tracing::error!("a query failed: {error}");
    QueryError::engine(error.to_string())
}

impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> Self {
        Self::from_root(error.find_root())
    }
}

impl From<ArrowError> for QueryError {
    fn from(error: ArrowError) -> Self {
        from_arrow(&error)
    }
}
