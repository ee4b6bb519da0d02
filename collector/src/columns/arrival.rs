//! The time of arrival, carried by the payload itself.
//!
//! A log record with neither time nor observed time gets the time of arrival. Replay has to give it the same one, and the
//! WAL holds nothing but the request, so the request gets one more field, which every protobuf reader skips.

use bytes::{Bytes, BytesMut};
use proto::UnixNanos;

use super::ConvertError;
use super::wire::Field;

/// The highest number that protobuf has: OTLP will not use it.
pub(super) const FIELD: u32 = (1 << 29) - 1;

/// Tag of [`FIELD`] with wire type 1 (64 bits).
const TAG: [u8; 5] = [0xf9, 0xff, 0xff, 0xff, 0x0f];

/// `None` when a sender uses the number for something else.
pub(super) fn read(field: Field<'_>) -> Result<Option<UnixNanos>, ConvertError> {
    Ok(field.fixed64("arrival").ok().map(|nanos| nanos as UnixNanos))
}

/// `payload` with the time of arrival that conversions of it use from now on.
pub fn with_arrival(payload: &Bytes, arrival: UnixNanos) -> Bytes {
    let mut stamped = BytesMut::with_capacity(payload.len() + TAG.len() + size_of::<UnixNanos>());
    stamped.extend_from_slice(payload);
    stamped.extend_from_slice(&TAG);
    stamped.extend_from_slice(&arrival.to_le_bytes());
    stamped.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::wire::Reader;

    #[test]
    fn the_stamp_is_a_field_of_its_own() {
        let stamped = with_arrival(&Bytes::from_static(&[0x08, 0x01]), -5);
        let mut reader = Reader::new(&stamped);
        assert_eq!(reader.next_field().expect("valid").expect("sent").number, 1);
        let field = reader.next_field().expect("valid").expect("stamp");
        assert_eq!(field.number, FIELD);
        assert_eq!(read(field).expect("valid"), Some(-5));
        assert!(reader.next_field().expect("valid").is_none());
    }
}
