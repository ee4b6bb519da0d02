//! `hex(binary)`: lower-case hex text of an id.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{exec_err, not_impl_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

static HEX: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(Hex::new())));

pub(crate) fn hex() -> Arc<ScalarUDF> {
    Arc::clone(&HEX)
}

/// The argument of `hex(argument)`.
pub(crate) fn is_hex(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::ScalarFunction(call) if call.func.inner().is::<Hex>() => call.args.first(),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Hex {
    signature: Signature,
}

impl Hex {
    fn new() -> Self {
        Self { signature: Signature::exact(vec![DataType::Binary], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Hex {
    fn name(&self) -> &str {
        "hex"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(argument) = args.args.first() else {
            return exec_err!("hex() takes one argument");
        };
        let bytes = argument.to_array(args.number_rows)?;
        match bytes.data_type() {
            DataType::Binary => Ok(ColumnarValue::Array(encode(&bytes))),
            other => not_impl_err!("hex({other})"),
        }
    }
}

/// Hex text of every value; null stays null.
pub(super) fn encode(bytes: &ArrayRef) -> ArrayRef {
    let bytes = bytes.as_binary::<i32>();
    let mut texts = StringBuilder::with_capacity(bytes.len(), bytes.value_data().len() * 2);
    for value in bytes {
        match value {
            Some(value) => texts.append_value(const_hex::encode(value)),
            None => texts.append_null(),
        }
    }
    Arc::new(texts.finish())
}
