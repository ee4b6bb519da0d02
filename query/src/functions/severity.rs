//! `severity_name(severity_number)`: `TRACE` .. `FATAL`, null outside of 1..=24.

use std::sync::{Arc, LazyLock};

use arrow::array::{AsArray, DictionaryArray, Int32Builder, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

static SEVERITY_NAME: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(SeverityName::new())));

pub(crate) fn severity_name() -> Arc<ScalarUDF> {
    Arc::clone(&SEVERITY_NAME)
}

/// Names in the order of their numbers; four numbers each, from 1.
pub(crate) const SEVERITIES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// First and last OTLP severity number of a name.
pub(crate) fn severity_numbers(name: &str) -> Option<(i32, i32)> {
    let index = SEVERITIES.iter().position(|severity| *severity == name)?;
    let first = i32::try_from(index).ok()? * 4 + 1;
    Some((first, first + 3))
}

/// The argument of `severity_name(argument)`.
pub(crate) fn is_severity_name(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::ScalarFunction(call) if call.func.inner().is::<SeverityName>() => call.args.first(),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SeverityName {
    signature: Signature,
}

impl SeverityName {
    fn new() -> Self {
        Self { signature: Signature::exact(vec![DataType::Int32], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for SeverityName {
    fn name(&self) -> &str {
        "severity_name"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(proto::schema::dictionary())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(numbers) = arrays.first().and_then(|array| array.as_primitive_opt::<Int32Type>()) else {
            return exec_err!("severity_name() takes one Int32");
        };
        let mut keys = Int32Builder::with_capacity(numbers.len());
        for number in numbers {
            keys.append_option(number.filter(|number| (1..=24).contains(number)).map(|number| (number - 1) / 4));
        }
        let names = DictionaryArray::try_new(keys.finish(), Arc::new(StringArray::from_iter_values(SEVERITIES)))?;
        Ok(ColumnarValue::Array(Arc::new(names)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_covers_four_numbers() {
        assert_eq!(severity_numbers("TRACE"), Some((1, 4)));
        assert_eq!(severity_numbers("ERROR"), Some((17, 20)));
        assert_eq!(severity_numbers("error"), None);
    }
}
