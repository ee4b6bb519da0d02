//! `match(text, 'words')`: whether every word occurs in the text, case-insensitive.
//!
//! A word is what `storage::words` makes of a text, for the index, for this function and for the search box alike.
//! No words at all match every text that is not null.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, AsArray, BooleanArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use storage::contains_all_words;

static MATCH: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(TextMatch::new())));

pub(crate) fn text_match() -> Arc<ScalarUDF> {
    Arc::clone(&MATCH)
}

/// A `match(column, 'words')` found in a predicate.
pub(crate) struct MatchCall {
    pub(crate) column: String,
    pub(crate) words: Vec<String>,
}

impl MatchCall {
    /// `None` when the expression is anything else, or a match of something that is not a column.
    pub(crate) fn of(expr: &Expr) -> Option<MatchCall> {
        let Expr::ScalarFunction(ScalarFunction { func, args }) = expr else { return None };
        if !func.inner().is::<TextMatch>() {
            return None;
        }
        let [text, Expr::Literal(words, _)] = args.as_slice() else { return None };
        let text = match text {
            Expr::Cast(inner) => &inner.expr,
            other => other,
        };
        let Expr::Column(column) = text else { return None };
        let words = words.try_as_str().flatten()?;
        Some(MatchCall { column: column.name.clone(), words: storage::words(words).collect() })
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TextMatch {
    signature: Signature,
}

impl TextMatch {
    fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for TextMatch {
    fn name(&self) -> &str {
        "match"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let [text, words] = arg_types else {
            return plan_err!("match(text, 'words') takes two arguments, got {}", arg_types.len());
        };
        if !is_text(words) {
            return plan_err!("match(text, 'words'): the words must be text, got {words}");
        }
        // A dictionary stays one: each distinct text is looked at once.
        let text = match text {
            DataType::Dictionary(key, value) if **key == DataType::Int32 && **value == DataType::Utf8 => text.clone(),
            text if is_text(text) => DataType::Utf8,
            other => return plan_err!("match(text, 'words'): the first argument must be text, got {other}"),
        };
        Ok(vec![text, DataType::Utf8])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [text, words] = args.args.as_slice() else {
            return exec_err!("match(text, 'words') takes two arguments");
        };
        let ColumnarValue::Scalar(words) = words else {
            return exec_err!("match(text, 'words'): the words must be a literal, not a column");
        };
        let Some(words) = words.try_as_str().flatten() else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(None)));
        };
        let words: Vec<String> = storage::words(words).collect();
        let text = text.to_array(args.number_rows)?;
        Ok(ColumnarValue::Array(Arc::new(match_array(&text, &words)?)))
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => value.is_string(),
        other => other.is_string() || other.is_null(),
    }
}

fn match_array(text: &dyn Array, words: &[String]) -> Result<BooleanArray> {
    if let Some(dictionary) = text.as_dictionary_opt::<Int32Type>() {
        let values = cast(dictionary.values(), &DataType::Utf8)?;
        let matched = match_texts(values.as_string(), words);
        return Ok(dictionary
            .keys()
            .iter()
            .map(|key| {
                let index = usize::try_from(key?).ok()?;
                matched.is_valid(index).then(|| matched.value(index))
            })
            .collect());
    }
    let text = cast(text, &DataType::Utf8)?;
    Ok(match_texts(text.as_string(), words))
}

fn match_texts(texts: &StringArray, words: &[String]) -> BooleanArray {
    texts.iter().map(|text| text.map(|text| contains_all_words(text, words))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_must_occur_whole_and_in_any_case() {
        for (text, words, expected) in [
            ("GET /cart failed: timeout", "Timeout cart", true),
            ("GET /cart failed: timeout", "time", false),
            ("GET /cart failed: timeout", "timeout checkout", false),
            ("", "x", false),
            ("anything", "", true),
            ("anything", " -/ ", true),
            ("Größe 12", "GRÖSSE", false),
            ("Größe 12", "größe", true),
        ] {
            let words: Vec<String> = storage::words(words).collect();
            assert_eq!(contains_all_words(text, &words), expected, "{text:?} {words:?}");
        }
    }
}
