//! From the socket to protobuf bytes: read with a limit, inflate with a limit, JSON to protobuf.

use std::io::{self, Read};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use futures::TryStreamExt;
use http_body_util::BodyExt;
use proto::Signal;
use tokio::time::{Instant, timeout, timeout_at};

use super::json;
use crate::admission::Reservation;
use crate::error::IngestError;

/// Bytes that are inflated between two looks at the limits.
const INFLATE_STEP_BYTES: usize = 64 << 10;

/// log2 of the longest zstd window: RFC 9659 obliges senders to at most 8 MiB in HTTP. The decoder allocates it at the
/// sender's word.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Room made at once for a body of announced length; more comes as it arrives.
const ANNOUNCED_BYTES_MAX: usize = 4 << 20;

/// How long, and how much of, a refused body is read on, so that the sender gets to read the answer.
const DISCARD_TIME_MAX: Duration = Duration::from_secs(5);
const DISCARD_BYTES_MAX: usize = 64 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Identity,
    Gzip,
    Zstd,
}

impl Compression {
    /// Of `Content-Encoding` and `grpc-encoding`. `None`: unknown.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" | "none" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Protobuf,
    Json,
}

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Bytes,
    pub(crate) compression: Compression,
    pub(crate) format: Format,
}

impl Encoded {
    /// The `Export*ServiceRequest`. CPU-bound: some milliseconds per megabyte when compressed or JSON.
    /// `bytes_max`: of the inflated request.
    pub(crate) fn into_protobuf(
        self,
        signal: Signal,
        bytes_max: usize,
        reservation: &mut Reservation,
    ) -> Result<Bytes, IngestError> {
        let mut bytes = self.bytes;
        if self.compression != Compression::Identity {
            let inflated = inflate(self.compression, &bytes, bytes_max, reservation)?;
            reservation.shrink(bytes.len());
            bytes = inflated;
        }
        if self.format == Format::Json {
            // Protobuf is the shorter of the two.
            reservation.try_grow(bytes.len())?;
            let protobuf = json::to_protobuf(signal, &bytes).map_err(IngestError::Invalid)?;
            reservation.shrink(bytes.len());
            bytes = protobuf;
        }
        Ok(bytes)
    }
}

/// Reads a whole body. `bytes_max`: as sent, before inflating.
pub(crate) async fn read(
    body: &mut Body,
    announced: Option<usize>,
    bytes_max: usize,
    time_max: Duration,
    reservation: &mut Reservation,
) -> Result<Bytes, IngestError> {
    if announced.is_some_and(|announced| announced > bytes_max) {
        return Err(too_large(bytes_max));
    }
    let deadline = Instant::now() + time_max;
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut bytes = 0;
    loop {
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| IngestError::Slow(time_max))?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| IngestError::Invalid(format!("the request body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        bytes += data.len();
        if bytes > bytes_max {
            return Err(too_large(bytes_max));
        }
        reservation.grow(data.len()).await?;
        // A small request is one frame, and is passed on as it is.
        if bytes == data.len() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve(announced.unwrap_or(0).min(ANNOUNCED_BYTES_MAX).max(bytes));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Reads on and throws away what a refused sender is still sending: many clients look for the answer only after their
/// last byte, and a connection closed before that is a reset to them, not a 413.
pub(crate) async fn discard(body: Body) {
    let mut bytes = 0;
    let read = body.into_data_stream().try_for_each(|data| {
        bytes += data.len();
        let enough = bytes > DISCARD_BYTES_MAX;
        std::future::ready(if enough { Err(axum::Error::new("enough")) } else { Ok(()) })
    });
    // Whether it ended, broke off or took too long: nobody is interested in the rest.
    let _ = timeout(DISCARD_TIME_MAX, read).await;
}

fn inflate(
    compression: Compression,
    bytes: &[u8],
    bytes_max: usize,
    reservation: &mut Reservation,
) -> Result<Bytes, IngestError> {
    match compression {
        Compression::Identity => Ok(Bytes::copy_from_slice(bytes)),
        // Of all members: a plain `GzDecoder` stops after the first and drops the rest without a word.
        Compression::Gzip => read_all(MultiGzDecoder::new(bytes), "gzip", bytes.len(), bytes_max, reservation),
        Compression::Zstd => {
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(bytes).map_err(|error| broken("zstd", &error))?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|error| broken("zstd", &error))?;
            read_all(decoder, "zstd", bytes.len(), bytes_max, reservation)
        }
    }
}

fn read_all(
    mut reader: impl Read,
    name: &str,
    compressed_bytes: usize,
    bytes_max: usize,
    reservation: &mut Reservation,
) -> Result<Bytes, IngestError> {
    let mut all = Vec::with_capacity(compressed_bytes.saturating_mul(4).min(ANNOUNCED_BYTES_MAX));
    loop {
        let before = all.len();
        let step = (&mut reader).take(INFLATE_STEP_BYTES as u64);
        let read = { step }.read_to_end(&mut all).map_err(|error| broken(name, &error))?;
        if read == 0 {
            return Ok(all.into());
        }
        if before + read > bytes_max {
            return Err(too_large(bytes_max));
        }
        reservation.try_grow(read)?;
    }
}

fn broken(name: &str, error: &io::Error) -> IngestError {
    IngestError::Invalid(format!("the {name} body cannot be inflated: {error}"))
}

fn too_large(bytes_max: usize) -> IngestError {
    IngestError::TooLarge(format!("the request is larger than {bytes_max} bytes: send smaller batches"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::admission::Admission;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    fn inflated(compression: Compression, bytes: &[u8], bytes_max: usize) -> Result<Bytes, IngestError> {
        let admission = Admission::new(1 << 20, Duration::ZERO);
        inflate(compression, bytes, bytes_max, &mut admission.reserve_nothing_yet())
    }

    #[test]
    fn all_members_and_frames_are_inflated() {
        let two = [gzip(b"one"), gzip(b" and two")].concat();
        assert_eq!(inflated(Compression::Gzip, &two, 100).expect("valid"), "one and two");
        let frame = |bytes: &[u8]| zstd::encode_all(bytes, 1).expect("in memory");
        let two = [frame(b"one"), frame(b" and two")].concat();
        assert_eq!(inflated(Compression::Zstd, &two, 100).expect("valid"), "one and two");
    }

    #[test]
    fn the_limit_counts_inflated_bytes() {
        let zeros = vec![0; 300_000];
        for (compression, bytes) in [
            (Compression::Gzip, gzip(&zeros)),
            (Compression::Zstd, zstd::encode_all(&zeros[..], 1).expect("in memory")),
        ] {
            assert!(bytes.len() < 1_000);
            assert_eq!(inflated(compression, &bytes, 300_000).expect("within").len(), 300_000);
            assert!(matches!(inflated(compression, &bytes, 299_999), Err(IngestError::TooLarge(_))));
        }
    }

    #[test]
    fn what_is_being_inflated_is_admitted_too() {
        let bomb = gzip(&vec![0; 4 << 20]);
        assert!(matches!(inflated(Compression::Gzip, &bomb, 64 << 20), Err(IngestError::Busy(_))));
    }

    #[test]
    fn a_broken_stream_is_invalid() {
        let whole = gzip(b"some text");
        for bytes in [&whole[..whole.len() - 4], b"", b"plain"] {
            assert!(matches!(inflated(Compression::Gzip, bytes, 100), Err(IngestError::Invalid(_))));
        }
        assert!(matches!(inflated(Compression::Zstd, b"plain", 100), Err(IngestError::Invalid(_))));
    }

    #[tokio::test]
    async fn a_body_of_many_frames_is_read_up_to_the_limit() {
        let admission = Admission::new(1 << 20, Duration::ZERO);
        for (bytes_max, fits) in [(10, true), (9, false)] {
            let frames = ["abc", "", "defg", "hij"].map(|frame| Ok::<_, io::Error>(Bytes::from(frame)));
            let mut body = Body::from_stream(futures::stream::iter(frames));
            let mut reservation = admission.reserve_nothing_yet();
            let read = read(&mut body, None, bytes_max, Duration::from_secs(1), &mut reservation).await;
            assert_eq!(read.is_ok(), fits);
            if let Ok(bytes) = read {
                assert_eq!(bytes, "abcdefghij");
                assert_eq!(admission.reserved(), 10);
            }
        }
        assert_eq!(admission.reserved(), 0);
    }
}
