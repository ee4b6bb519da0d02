//! Where a page ended, as text that a client hands back: opaque to it, a position in the order to us.
//!
//! A position survives flushes, compactions and new arrivals: it names the last row that was given, not a count. It means
//! something in the search that gave it only, so it carries a mark of that ([`Asked`]).

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::QueryError;

/// Longer texts are none of ours: the longest name the traces of a page (`trace_sort::RESUMABLE_MAX`).
const CURSOR_BYTES_MAX: usize = 8 << 10;

/// What was asked for: a hash, to tell another search from the same one. It may differ between versions of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked(u32);

impl Asked {
    /// `what`: the canonical form of the search, the filters beside it, and the order. Not the time range, whose ends may
    /// be relative to now and move on from page to page; a position in time means the same in every range.
    pub(crate) fn of(what: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        Self(hasher.finish() as u32)
    }
}

#[derive(Serialize, Deserialize)]
struct Cursor<P> {
    asked: Asked,
    position: P,
}

pub(crate) fn encode<P: Serialize>(asked: Asked, position: P) -> Result<String, QueryError> {
    let json = serde_json::to_vec(&Cursor { asked, position });
    Ok(BASE64.encode(json.map_err(|error| QueryError::internal(format!("cursor: {error}")))?))
}

/// Errors: not a text that [`encode`] gave for this kind of answer, or one for another search.
pub(crate) fn decode<P: DeserializeOwned>(asked: Asked, text: &str) -> Result<P, QueryError> {
    let bytes = Some(text).filter(|text| text.len() <= CURSOR_BYTES_MAX).and_then(|text| BASE64.decode(text).ok());
    let cursor: Option<Cursor<P>> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let refused = |what: &str| {
        QueryError::bad_request(
            format!("parameter cursor is {what}"),
            "give next_cursor of the page before, with the same other parameters, or leave it out for the first page",
        )
    };
    let cursor = cursor.ok_or_else(|| refused("not a position in this answer"))?;
    if cursor.asked != asked {
        return Err(refused("of another search, with other conditions or in another order"));
    }
    Ok(cursor.position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_comes_back_and_anything_else_is_refused() {
        let asked = Asked::of(&("service:a", 5));
        let text = encode(asked, (i64::MIN, "abc", u64::MAX)).expect("encoded");
        assert_eq!(
            decode::<(i64, String, u64)>(asked, &text).expect("own text"),
            (i64::MIN, "abc".to_owned(), u64::MAX)
        );
        for bad in ["", "%%%", "bm90IGpzb24", &text[1..], &"A".repeat(9000)] {
            let error = decode::<(i64, String, u64)>(asked, bad).expect_err(bad);
            assert!(error.message.contains("not a position"), "{bad}: {error}");
        }
        assert!(decode::<(String, i64)>(asked, &text).is_err());
        let error = decode::<(i64, String, u64)>(Asked::of(&("service:b", 5)), &text).expect_err("another search");
        assert!(error.message.contains("of another search"), "{error}");
    }
}
