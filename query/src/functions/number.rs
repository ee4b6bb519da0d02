//! `number(text)` and `integer(text)`: the number a text is, null when it is none.
//!
//! They are what a comparison of `attributes['k']` with a number becomes. Unlike a cast they never fail: one service
//! that sends `"n/a"` does not spoil the query over all others.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ExpressionPlacement, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

static NUMBER: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(Parse::new(Target::Number))));
static INTEGER: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(Parse::new(Target::Integer))));

/// Text to `Float64`: finite decimal numbers.
pub(crate) fn number() -> Arc<ScalarUDF> {
    Arc::clone(&NUMBER)
}

/// Text to `Int64`: an integer exactly, any other number rounded down.
pub(crate) fn integer() -> Arc<ScalarUDF> {
    Arc::clone(&INTEGER)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Target {
    Number,
    Integer,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Parse {
    target: Target,
    signature: Signature,
}

impl Parse {
    fn new(target: Target) -> Self {
        Self { target, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Parse {
    fn name(&self) -> &str {
        match self.target {
            Target::Number => "number",
            Target::Integer => "integer",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [one] if one.is_string() || one.is_null() => Ok(vec![DataType::Utf8]),
            [DataType::Dictionary(_, value)] if value.is_string() => Ok(vec![DataType::Utf8]),
            _ => plan_err!("{}() takes one text, got {arg_types:?}", self.name()),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(match self.target {
            Target::Number => DataType::Float64,
            Target::Integer => DataType::Int64,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let texts = cast(&arrays[0], &DataType::Utf8)?;
        let texts: &StringArray = texts.as_string();
        let parsed: ArrayRef = match self.target {
            Target::Number => Arc::new(texts.iter().map(|text| text.and_then(parse_number)).collect::<Float64Array>()),
            Target::Integer => Arc::new(texts.iter().map(|text| text.and_then(parse_integer)).collect::<Int64Array>()),
        };
        debug_assert_eq!(parsed.len(), texts.len());
        Ok(ColumnarValue::Array(parsed))
    }

    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        match args {
            // A number is read where its attribute is, so that only the number travels.
            [ExpressionPlacement::MoveTowardsLeafNodes] => ExpressionPlacement::MoveTowardsLeafNodes,
            _ => ExpressionPlacement::KeepInPlace,
        }
    }
}

fn parse_number(text: &str) -> Option<f64> {
    // `inf` and `nan` are words to people who compare with numbers.
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// What `integer(text)` is.
pub(crate) fn parse_integer(text: &str) -> Option<i64> {
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer);
    }
    let floor = parse_number(text)?.floor();
    // 2^63 itself is not an i64; every smaller f64 that is whole is one.
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&floor).then_some(floor as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_words_are_not() {
        for (text, expected) in [
            ("500", Some(500.0)),
            ("-0.25", Some(-0.25)),
            ("1e3", Some(1000.0)),
            ("n/a", None),
            ("nan", None),
            ("Infinity", None),
            ("", None),
            ("true", None),
            ("0x10", None),
        ] {
            assert_eq!(parse_number(text), expected, "{text}");
        }
    }

    #[test]
    fn integers_are_exact() {
        for (text, expected) in [
            ("9007199254740993", Some(9_007_199_254_740_993)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("-1.5", Some(-2)),
            ("1e3", Some(1000)),
            ("x", None),
        ] {
            assert_eq!(parse_integer(text), expected, "{text}");
        }
    }
}
