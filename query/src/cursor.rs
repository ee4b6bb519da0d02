//! Where a page ended, as text that a client hands back: opaque to it, a position in the order to us.
//!
//! A position survives flushes, compactions and new arrivals: it names the last row that was given, not a count.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::QueryError;

/// Longer texts are none of ours: the longest name the traces of a page (`trace_sort::RESUMABLE_MAX`).
const CURSOR_BYTES_MAX: usize = 8 << 10;

pub(crate) fn encode<P: Serialize>(position: &P) -> Result<String, QueryError> {
    let json = serde_json::to_vec(position).map_err(|error| QueryError::internal(format!("cursor: {error}")))?;
    Ok(BASE64.encode(json))
}

/// Errors: not a text that [`encode`] gave for this kind of answer.
pub(crate) fn decode<P: DeserializeOwned>(text: &str) -> Result<P, QueryError> {
    let bytes = Some(text).filter(|text| text.len() <= CURSOR_BYTES_MAX).and_then(|text| BASE64.decode(text).ok());
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| {
        QueryError::bad_request(
            "parameter cursor is not a position in this answer",
            "give next_cursor of the page before, with the same other parameters, or leave it out for the first page",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_comes_back_and_anything_else_is_refused() {
        let text = encode(&(i64::MIN, "abc", u64::MAX)).expect("encoded");
        assert_eq!(decode::<(i64, String, u64)>(&text).expect("own text"), (i64::MIN, "abc".to_owned(), u64::MAX));
        for bad in ["", "%%%", "bm90IGpzb24", &text[1..], &"A".repeat(9000)] {
            assert!(decode::<(i64, String, u64)>(bad).is_err(), "{bad}");
        }
        assert!(decode::<(String, i64)>(&text).is_err());
    }
}
