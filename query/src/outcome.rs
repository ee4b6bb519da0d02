//! How a call ended: ok, error, throttle, fault, as AWS X-Ray means them.
//!
//! | flag | meaning | from |
//! |---|---|---|
//! | error | the caller's fault | HTTP 4xx; gRPC `INVALID_ARGUMENT NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED UNAUTHENTICATED FAILED_PRECONDITION ABORTED OUT_OF_RANGE CANCELLED`; every throttle |
//! | throttle | refused because of load; also an error | HTTP 429; gRPC `RESOURCE_EXHAUSTED` |
//! | fault | the callee's fault | HTTP 5xx; gRPC `UNKNOWN DEADLINE_EXCEEDED UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS`; span status ERROR without a code that says error |
//! | ok | none of them | |
//!
//! Flags do not exclude each other: a span may carry both an HTTP and a gRPC code, and each says what it says. The HTTP
//! code is read from `http.response.status_code` and from the older `http.status_code`, the gRPC code by its name from
//! `rpc.response.status_code` and by its number from the older `rpc.grpc.status_code`. Where the semantic conventions have
//! a number, the text of one is the same code: tracers that know texts only send it so.
//!
//! The same rules exist twice, over values ([`Outcome::of`]) and over columns ([`is_error`] and its kin), so that plans
//! can count outcomes where the rows are. A test compares them on every combination of codes.

use arrow::array::{Array, Int64Array};
use arrow::record_batch::RecordBatch;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::ident;
use proto::schema;

use crate::columns::{Conflicts, Stored, TextColumn, has_values, int_at, int64};
use crate::error::QueryError;
use crate::filter::text_equals;
use crate::functions::{attribute_call, integer, parse_integer};

/// A number: the key of the attribute and its column.
#[derive(Clone, Copy)]
struct Code(&'static str, &'static str);

/// The HTTP status code: the current and the older convention.
const HTTP: [Code; 2] = [
    Code("http.response.status_code", "attr_http_response_status_code"),
    Code("http.status_code", "attr_http_status_code"),
];
/// The number of a gRPC status, the older convention.
const GRPC: Code = Code("rpc.grpc.status_code", "attr_rpc_grpc_status_code");
/// Its name, the current convention.
const GRPC_NAME_COLUMN: &str = "attr_rpc_response_status_code";
/// The physical columns that an outcome depends on: what a plan has to select to use this module on its batches.
pub(crate) const OUTCOME_COLUMNS: [&str; 6] =
    [schema::STATUS, HTTP[0].1, HTTP[1].1, GRPC.1, GRPC_NAME_COLUMN, schema::ATTRIBUTE_CONFLICTS];

/// Names of the gRPC codes, each at its number (`google.rpc.Code`).
pub(crate) const GRPC_NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

const STATUS_ERROR: &str = "ERROR";
const HTTP_TOO_MANY_REQUESTS: i64 = 429;
/// CANCELLED, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION,
/// ABORTED, OUT_OF_RANGE, UNAUTHENTICATED (`google.rpc.Code`).
pub(crate) const GRPC_ERRORS: [i64; 10] = [1, 3, 5, 6, 7, GRPC_RESOURCE_EXHAUSTED, 9, 10, 11, 16];
pub(crate) const GRPC_RESOURCE_EXHAUSTED: i64 = 8;
/// UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
pub(crate) const GRPC_FAULTS: [i64; 6] = [2, 4, 12, 13, 14, 15];

/// The flags of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Outcome {
    pub(crate) error: bool,
    /// Implies `error`.
    pub(crate) throttle: bool,
    pub(crate) fault: bool,
}

/// What an outcome is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StatusCodes {
    /// `http.response.status_code` and `http.status_code`.
    pub(crate) http: [Option<i64>; 2],
    /// `rpc.response.status_code` and `rpc.grpc.status_code`.
    pub(crate) grpc: [Option<i64>; 2],
    /// The span's status is ERROR.
    pub(crate) status_error: bool,
}

impl Outcome {
    pub(crate) fn of(codes: &StatusCodes) -> Self {
        let http_in = |first: i64, last: i64| codes.http.iter().flatten().any(|code| (first..=last).contains(code));
        let grpc_in = |set: &[i64]| codes.grpc.iter().flatten().any(|code| set.contains(code));
        let error = http_in(400, 499) || grpc_in(&GRPC_ERRORS);
        Self {
            error,
            throttle: http_in(HTTP_TOO_MANY_REQUESTS, HTTP_TOO_MANY_REQUESTS) || grpc_in(&[GRPC_RESOURCE_EXHAUSTED]),
            fault: http_in(500, 599) || grpc_in(&GRPC_FAULTS) || (codes.status_error && !error),
        }
    }

    pub(crate) fn is_ok(self) -> bool {
        !self.error && !self.fault
    }

    /// One word for flags of which several may be set: `fault`, `throttle`, `error` or `ok`.
    pub(crate) fn gravest(self) -> &'static str {
        match self {
            Self { fault: true, .. } => "fault",
            Self { throttle: true, .. } => "throttle",
            Self { error: true, .. } => "error",
            _ => "ok",
        }
    }
}

/// The outcomes of a batch's rows.
pub(crate) struct OutcomeColumns {
    status_error: Vec<bool>,
    /// None: no row has a code.
    http: [Option<Int64Array>; 2],
    grpc: [Option<Int64Array>; 2],
}

impl OutcomeColumns {
    /// `batch` has (at least) [`OUTCOME_COLUMNS`]. Errors: a column of a type that cannot be what the schema says.
    pub(crate) fn of(batch: &RecordBatch) -> Result<Self, QueryError> {
        let texts = Conflicts::of(batch)?;
        Ok(Self {
            status_error: TextColumn::of(batch, schema::STATUS)?.equals(STATUS_ERROR),
            http: [codes(batch, &texts, &HTTP[0])?, codes(batch, &texts, &HTTP[1])?],
            grpc: [grpc_names(batch)?, codes(batch, &texts, &GRPC)?],
        })
    }

    pub(crate) fn at(&self, row: usize) -> Outcome {
        let code = |column: &Option<Int64Array>| column.as_ref().and_then(|column| int_at(column, row));
        Outcome::of(&StatusCodes {
            http: [code(&self.http[0]), code(&self.http[1])],
            grpc: [code(&self.grpc[0]), code(&self.grpc[1])],
            status_error: self.status_error[row],
        })
    }
}

/// None when no row has one.
fn codes(batch: &RecordBatch, texts: &Conflicts, code: &Code) -> Result<Option<Int64Array>, QueryError> {
    let codes = int64(batch, code.1)?;
    if texts.is_empty() {
        return Ok((codes.null_count() < codes.len()).then_some(codes));
    }
    let as_text = |row| {
        let (_, value) = texts.row(row).find(|(key, _)| *key == code.0)?;
        match value {
            Stored::Text(text) | Stored::Json(text) => parse_integer(text),
            Stored::Int(code) => Some(code),
        }
    };
    Ok(Some(codes.iter().enumerate().map(|(row, code)| code.or_else(|| as_text(row))).collect()))
}

/// None when no row has one.
fn grpc_names(batch: &RecordBatch) -> Result<Option<Int64Array>, QueryError> {
    if !has_values(batch, GRPC_NAME_COLUMN) {
        return Ok(None);
    }
    let number = |text: Option<&str>| GRPC_NAMES.iter().position(|name| text == Some(name)).map(|code| code as i64);
    let names = TextColumn::of(batch, GRPC_NAME_COLUMN)?;
    Ok(Some((0..batch.num_rows()).map(|row| number(names.get(row))).collect()))
}

/// A boolean over the physical columns, never null.
pub(crate) fn is_error() -> Expr {
    http_between(400, 499).or(grpc_one_of(&GRPC_ERRORS))
}

/// A boolean over the physical columns, never null.
pub(crate) fn is_throttle() -> Expr {
    http_between(HTTP_TOO_MANY_REQUESTS, HTTP_TOO_MANY_REQUESTS).or(grpc_one_of(&[GRPC_RESOURCE_EXHAUSTED]))
}

/// A boolean over the physical columns, never null.
pub(crate) fn is_fault() -> Expr {
    let status_error = known(schema::STATUS).and(text_equals(schema::STATUS, STATUS_ERROR));
    http_between(500, 599).or(grpc_one_of(&GRPC_FAULTS)).or(status_error.and(!is_error()))
}

/// A boolean over the physical columns, never null.
pub(crate) fn is_ok() -> Expr {
    !(is_error().or(is_fault()))
}

fn http_between(first: i64, last: i64) -> Expr {
    let [current, older] = HTTP.map(|code| code.is(|code| code.between(lit(first), lit(last))));
    current.or(older)
}

fn grpc_one_of(codes: &[i64]) -> Expr {
    let number = GRPC.is(|number| number.in_list(codes.iter().map(|code| lit(*code)).collect(), false));
    let names = GRPC_NAMES.iter().zip(0..).filter(|(_, code)| codes.contains(code)).map(|(name, _)| lit(*name));
    number.or(known(GRPC_NAME_COLUMN).and(ident(GRPC_NAME_COLUMN).in_list(names.collect(), false)))
}

impl Code {
    /// A condition on the code, false where there is none; it must not hold for -1.
    fn is(self, holds: impl Fn(Expr) -> Expr) -> Expr {
        let Self(key, column) = self;
        let text = attribute_call(ident(schema::ATTRIBUTE_CONFLICTS), lit(key));
        let number = coalesce(vec![integer().call(vec![text]), lit(-1i64)]);
        let as_text = known(schema::ATTRIBUTE_CONFLICTS).and(holds(number));
        known(column).and(holds(ident(column))).or(as_text)
    }
}

/// Makes a condition on the column false, not null, where there is no value. (`IS TRUE` would say it better, but
/// DataFusion 55.2 plans it with another nullability than it declares and then refuses its own plan.)
fn known(column: &str) -> Expr {
    ident(column).is_not_null()
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use proto::Signal;
    use serde_json::json;

    use super::*;
    use crate::test_data::{append, engine, store};

    const OK: Outcome = Outcome { error: false, throttle: false, fault: false };
    const ERROR: Outcome = Outcome { error: true, throttle: false, fault: false };
    const THROTTLE: Outcome = Outcome { error: true, throttle: true, fault: false };
    const FAULT: Outcome = Outcome { error: false, throttle: false, fault: true };

    fn http(code: i64) -> StatusCodes {
        StatusCodes { http: [Some(code), None], ..StatusCodes::default() }
    }

    fn grpc(code: i64) -> StatusCodes {
        StatusCodes { grpc: [None, Some(code)], ..StatusCodes::default() }
    }

    #[test]
    fn http_codes_count_in_both_conventions() {
        for (code, expected) in [
            (0, OK),
            (200, OK),
            (302, OK),
            (399, OK),
            (400, ERROR),
            (404, ERROR),
            (429, THROTTLE),
            (499, ERROR),
            (500, FAULT),
            (503, FAULT),
            (599, FAULT),
            (600, OK),
            (-1, OK),
        ] {
            assert_eq!(Outcome::of(&http(code)), expected, "http.response.status_code {code}");
            let older = StatusCodes { http: [None, Some(code)], ..StatusCodes::default() };
            assert_eq!(Outcome::of(&older), expected, "http.status_code {code}");
        }
    }

    #[test]
    fn grpc_codes_are_told_apart_by_name() {
        let names = [
            ("OK", OK),
            ("CANCELLED", ERROR),
            ("UNKNOWN", FAULT),
            ("INVALID_ARGUMENT", ERROR),
            ("DEADLINE_EXCEEDED", FAULT),
            ("NOT_FOUND", ERROR),
            ("ALREADY_EXISTS", ERROR),
            ("PERMISSION_DENIED", ERROR),
            ("RESOURCE_EXHAUSTED", THROTTLE),
            ("FAILED_PRECONDITION", ERROR),
            ("ABORTED", ERROR),
            ("OUT_OF_RANGE", ERROR),
            ("UNIMPLEMENTED", FAULT),
            ("INTERNAL", FAULT),
            ("UNAVAILABLE", FAULT),
            ("DATA_LOSS", FAULT),
            ("UNAUTHENTICATED", ERROR),
        ];
        for (code, (name, expected)) in names.into_iter().enumerate() {
            assert_eq!(Outcome::of(&grpc(code as i64)), expected, "{name} = {code}");
            assert_eq!(name, GRPC_NAMES[code]);
            let named = StatusCodes { grpc: [Some(code as i64), None], ..StatusCodes::default() };
            assert_eq!(Outcome::of(&named), expected, "{name}");
        }
        assert_eq!(Outcome::of(&grpc(17)), OK);
    }

    #[test]
    fn the_status_is_a_fault_unless_a_code_blames_the_caller() {
        let failed = |codes: StatusCodes| Outcome::of(&StatusCodes { status_error: true, ..codes });
        assert_eq!(failed(StatusCodes::default()), FAULT);
        assert_eq!(failed(http(200)), FAULT);
        assert_eq!(failed(http(404)), ERROR);
        assert_eq!(failed(http(429)), THROTTLE);
        assert_eq!(failed(grpc(5)), ERROR);
        assert_eq!(failed(grpc(8)), THROTTLE);
        assert_eq!(failed(http(500)), FAULT);
    }

    #[test]
    fn flags_do_not_exclude_each_other() {
        let all = StatusCodes { http: [Some(500), None], grpc: [None, Some(8)], status_error: true };
        assert_eq!(Outcome::of(&all), Outcome { error: true, throttle: true, fault: true });
        let both = StatusCodes { http: [Some(200), Some(503)], ..StatusCodes::default() };
        assert_eq!(Outcome::of(&both), FAULT);
        assert!(Outcome::of(&http(200)).is_ok() && !Outcome::of(&both).is_ok());
    }

    /// Every combination of codes around the bounds.
    fn combinations() -> Vec<StatusCodes> {
        let http =
            [None, Some(0), Some(200), Some(399), Some(400), Some(404), Some(429), Some(499), Some(500), Some(600)];
        let grpc = (-1..=17).map(Some).chain([None]);
        let mut all = Vec::new();
        for (nth, grpc) in grpc.enumerate() {
            for current in http {
                for older in [None, Some(200), Some(429), Some(503)] {
                    for status_error in [false, true] {
                        let named = [None, Some((nth * 5 % GRPC_NAMES.len()) as i64)][all.len() % 2];
                        all.push(StatusCodes { http: [current, older], grpc: [named, grpc], status_error });
                    }
                }
            }
        }
        all
    }

    #[tokio::test]
    async fn plans_and_values_agree() {
        let combinations = combinations();
        let (_directory, store) = store().await;
        let rows: Vec<_> = combinations
            .iter()
            .enumerate()
            .map(|(nth, codes)| {
                let mut row = json!({"trace_id": "0000000000000000000000000000000f", "span_id": format!("{:016x}", nth + 1),
                    "start_time_unix_nano": nth, HTTP[0].1: codes.http[0], HTTP[1].1: codes.http[1],
                    GRPC.1: codes.grpc[1], GRPC_NAME_COLUMN: codes.grpc[0].map(|code| GRPC_NAMES[code as usize])});
                // Some as texts, which lie elsewhere.
                if nth % 4 == 1 {
                    let texts = [(&HTTP[0], codes.http[0]), (&HTTP[1], codes.http[1]), (&GRPC, codes.grpc[1])];
                    let texts = texts.into_iter().filter_map(|(code, value)| Some((code, value?)));
                    let mut conflicts = serde_json::Map::new();
                    for (code, value) in texts {
                        row[code.1] = json!(null);
                        conflicts.insert(code.0.to_owned(), json!(value.to_string()));
                    }
                    row[schema::ATTRIBUTE_CONFLICTS] = json!(json!(conflicts).to_string());
                }
                // Absent, not only other than ERROR, where it is no error: nulls must not leak into the flags.
                if codes.status_error {
                    row["status"] = json!(STATUS_ERROR);
                } else if nth % 3 == 0 {
                    row["status"] = json!("OK");
                }
                row
            })
            .collect();
        append(&store, Signal::Spans, &rows).await;
        let query = engine(&store).begin("test", None).await.expect("admitted");
        let mut columns = vec![ident(schema::START_TIME_UNIX_NANO), is_error(), is_throttle(), is_fault(), is_ok()];
        columns.extend(OUTCOME_COLUMNS.map(ident));
        let frame = query.table(Signal::Spans).expect("a table").select(columns).expect("a plan");
        let mut seen = 0;
        for batch in query.collect(frame).await.expect("rows") {
            let flags = [1, 2, 3, 4].map(|column| batch.column(column).as_boolean().clone());
            assert!(flags.iter().all(|column| arrow::array::Array::null_count(column) == 0));
            let nths = int64(&batch, schema::START_TIME_UNIX_NANO).expect("integers");
            let read = OutcomeColumns::of(&batch).expect("columns");
            for row in 0..batch.num_rows() {
                let codes = &combinations[nths.value(row) as usize];
                let [error, throttle, fault, ok] = flags.each_ref().map(|column| column.value(row));
                let expected = Outcome::of(codes);
                assert_eq!(Outcome { error, throttle, fault }, expected, "{codes:?}");
                assert_eq!((read.at(row), ok), (expected, expected.is_ok()), "{codes:?}");
                seen += 1;
            }
        }
        assert_eq!(seen, combinations.len());
    }
}
