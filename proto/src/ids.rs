//! Trace and span ids: 16 and 8 bytes on the wire and in the files, lower-case hex for people.

use std::fmt;
use std::str::FromStr;

/// Why a text or a byte string is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("expected {expected} hex digits, got {got:?}")]
    Text { expected: usize, got: String },
    #[error("expected {expected} bytes, got {got}")]
    Length { expected: usize, got: usize },
    #[error("all bytes are zero, which OTLP declares invalid")]
    Zero,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $bytes]);

        impl $name {
            pub const BYTES: usize = $bytes;

            /// Errors: a wrong length, or all zero.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdError> {
                let id: [u8; $bytes] =
                    bytes.try_into().map_err(|_| IdError::Length { expected: $bytes, got: bytes.len() })?;
                if id == [0; $bytes] { Err(IdError::Zero) } else { Ok(Self(id)) }
            }

            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Upper and lower case hex.
            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut id = [0; $bytes];
                const_hex::decode_to_slice(text.as_bytes(), &mut id)
                    .ok()
                    .filter(|()| text.len() == $bytes * 2)
                    .ok_or_else(|| IdError::Text { expected: $bytes * 2, got: text.chars().take(64).collect() })?;
                Self::from_bytes(&id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&const_hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(
    /// 16 bytes, never all zero.
    TraceId,
    16
);
id!(
    /// 8 bytes, never all zero.
    SpanId,
    8
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_of_either_case_is_read_and_lower_case_is_written() {
        let id: TraceId = "4BF92F3577B34DA6A3CE929D0E0E4736".parse().expect("valid");
        assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        assert_eq!("0000000000000000".parse::<SpanId>(), Err(IdError::Zero));
        assert!("0x00000000000001".parse::<SpanId>().is_err());
        assert!("12".parse::<SpanId>().is_err());
        assert!("".parse::<TraceId>().is_err());
        assert_eq!(SpanId::from_bytes(&[1]), Err(IdError::Length { expected: 8, got: 1 }));
    }
}
