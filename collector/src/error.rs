//! Why a request was not stored, as both transports say it.
//!
//! Exporters retry 429 and 503, UNAVAILABLE, and RESOURCE_EXHAUSTED with a `RetryInfo`; they drop the data on anything
//! else ([OTLP, "Failures"](https://opentelemetry.io/docs/specs/otlp/#failures)). So a fault that passes is never
//! answered as one of ours (500, INTERNAL).

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use prost::Message;
use serde_json::json;
use storage::{ErrorKind, StorageError};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt, pb};

use crate::columns::ConvertError;

/// When a sender should come back after a fault that passes.
pub(crate) const RETRY_DELAY: Duration = Duration::from_secs(1);

/// gRPC trailer with a `google.rpc.RetryInfo`: the Python exporter reads this one and not `grpc-status-details-bin`.
const RETRY_INFO_TRAILER: &str = "google.rpc.retryinfo-bin";

/// By variant what the sender can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// Not OTLP: sending it again does not help.
    #[error("{0}")]
    Invalid(String),
    /// Over a limit of ours: send smaller batches.
    #[error("{0}")]
    TooLarge(String),
    /// Not a content type or content encoding of OTLP.
    #[error("{0}")]
    Unsupported(String),
    /// Only POST is served.
    #[error("method not allowed: send OTLP with POST")]
    Method,
    /// No such path.
    #[error("{0}")]
    NotFound(String),
    /// The body did not come in time.
    #[error("the request body did not arrive within {0:?}")]
    Slow(Duration),
    /// A bound of ours is reached: the same request will be taken later.
    #[error("{0}")]
    Busy(String),
    /// The disk does not take it, or Spanlake is stopping: the same request will be taken later.
    #[error("{0}")]
    Unavailable(String),
    /// A defect of Spanlake.
    #[error("{0}")]
    Internal(String),
}

impl IngestError {
    pub fn http_status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Slow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn grpc_code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::TooLarge(_) | Self::Busy(_) => Code::ResourceExhausted,
            Self::Unsupported(_) | Self::Method | Self::NotFound(_) => Code::Unimplemented,
            Self::Slow(_) => Code::DeadlineExceeded,
            Self::Unavailable(_) => Code::Unavailable,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// Of the metric `spanlake_ingest_refused_requests_total`.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::TooLarge(_) => "too_large",
            Self::Unsupported(_) => "unsupported",
            Self::Method => "method",
            Self::NotFound(_) => "not_found",
            Self::Slow(_) => "slow",
            Self::Busy(_) => "busy",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// How long to wait before the same request is sent again; `None`: do not send it again.
    pub fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::Busy(_) | Self::Unavailable(_)).then_some(RETRY_DELAY)
    }

    fn details(&self) -> ErrorDetails {
        match self {
            Self::Invalid(what) => ErrorDetails::with_bad_request_violation("body", what),
            _ if self.retry_after().is_some() => ErrorDetails::with_retry_info(self.retry_after()),
            _ => ErrorDetails::new(),
        }
    }

    /// The status with its details, for gRPC in trailers.
    pub(crate) fn grpc_status(&self) -> Status {
        let mut metadata = MetadataMap::new();
        if let Some(delay) = self.retry_after() {
            let retry_info = pb::RetryInfo { retry_delay: delay.try_into().ok() };
            metadata.insert_bin(RETRY_INFO_TRAILER, MetadataValue::from_bytes(&retry_info.encode_to_vec()));
        }
        Status::with_error_details_and_metadata(self.grpc_code(), self.to_string(), self.details(), metadata)
    }

    /// The `google.rpc.Status` as protobuf, for a body over HTTP.
    pub(crate) fn protobuf_status(&self) -> Bytes {
        Bytes::copy_from_slice(self.grpc_status().details())
    }

    /// The `google.rpc.Status` as JSON, for a body over HTTP.
    pub(crate) fn json_status(&self) -> Bytes {
        let details = self.details();
        let mut json = json!({ "code": self.grpc_code() as i32, "message": self.to_string() });
        if let Some(retry_info) = details.retry_info() {
            let seconds = retry_info.retry_delay.unwrap_or_default().as_secs_f64();
            json["details"] =
                json!([{ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s") }]);
        }
        if let Some(bad_request) = details.bad_request() {
            let violations = bad_request.field_violations.iter();
            let violations: Vec<_> =
                violations.map(|v| json!({ "field": v.field, "description": v.description })).collect();
            json["details"] =
                json!([{ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations }]);
        }
        json.to_string().into()
    }
}

impl From<ConvertError> for IngestError {
    fn from(error: ConvertError) -> Self {
        match error {
            ConvertError::Invalid(what) => Self::Invalid(what),
            ConvertError::TooMany(what) => Self::TooLarge(what),
        }
    }
}

impl From<StorageError> for IngestError {
    /// Whatever the files' trouble is, the sender should keep its data and come back; paths are for our own log.
    fn from(error: StorageError) -> Self {
        match error.kind() {
            ErrorKind::Busy => Self::Busy(error.to_string()),
            ErrorKind::Closed => Self::Unavailable("spanlake is stopping".into()),
            _ => {
                tracing::error!(%error, "a request could not be stored; the sender is asked to come back");
                Self::Unavailable("spanlake cannot write to its disk at the moment".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_carries_a_retry_delay() {
        for (error, http, code, retry) in [
            (IngestError::Invalid("x".into()), 400, Code::InvalidArgument, false),
            (IngestError::TooLarge("x".into()), 413, Code::ResourceExhausted, false),
            (IngestError::Unsupported("x".into()), 415, Code::Unimplemented, false),
            (IngestError::Busy("x".into()), 429, Code::ResourceExhausted, true),
            (IngestError::Unavailable("x".into()), 503, Code::Unavailable, true),
        ] {
            let status = error.grpc_status();
            assert_eq!((error.http_status().as_u16(), status.code()), (http, code));
            assert_eq!(status.get_details_retry_info().is_some(), retry, "{error:?}");
            assert_eq!(status.metadata().get_bin(RETRY_INFO_TRAILER).is_some(), retry, "{error:?}");
        }
    }

    #[test]
    fn the_body_is_the_status_in_either_encoding() {
        let error = IngestError::Invalid("bad varint".into());
        let status = pb::Status::decode(error.protobuf_status()).expect("a status");
        assert_eq!((status.code, status.message.as_str()), (3, "bad varint"));
        assert!(status.details[0].type_url.ends_with("google.rpc.BadRequest"));
        let json: serde_json::Value = serde_json::from_slice(&error.json_status()).expect("JSON");
        assert_eq!(json["message"], "bad varint");
        assert_eq!(json["details"][0]["fieldViolations"][0]["description"], "bad varint");
        let busy: serde_json::Value =
            serde_json::from_slice(&IngestError::Busy("full".into()).json_status()).expect("JSON");
        assert_eq!(busy["details"][0]["retryDelay"], "1s");
    }

    #[test]
    fn a_storage_fault_that_passes_is_never_a_defect_of_ours() {
        let busy = IngestError::from(StorageError::QueueFull { requests: 9 });
        assert!(matches!(busy, IngestError::Busy(_)));
        let full = IngestError::from(StorageError::Wal("/secret/path: no space left".into()));
        assert_eq!(full.http_status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!full.to_string().contains("secret"), "paths stay in our log");
    }
}
