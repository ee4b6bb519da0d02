//! Functions whose result can be far larger than their arguments, with a bound on the result.
//!
//! The memory pool sees what operators hold, not what a function makes of one batch: `repeat('a', 1000000000)` would
//! be allocated before anything could refuse it, even while the query is planned.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::resources_err;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

/// Bytes that one call may make for one batch of rows.
const RESULT_BYTES_MAX: u64 = 64 << 20;

/// Makes as many elements as its arguments say, and the table function of the same name does it without holding them.
const REMOVED: [&str; 2] = ["generate_series", "range"];

pub(super) fn bound(functions: Vec<Arc<ScalarUDF>>) -> Vec<Arc<ScalarUDF>> {
    let functions = functions.into_iter().filter(|function| !REMOVED.contains(&function.name()));
    functions
        .map(|function| match growth(function.name()) {
            Some(growth) => Arc::new(ScalarUDF::from(Bounded { inner: function, growth })),
            None => function,
        })
        .collect()
}

/// How large a row of the result can get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Growth {
    /// Bytes of the first argument times the second.
    Times,
    /// The second argument times the bytes of the widest character.
    Padded,
    /// An element of 16 bytes for each of the second argument.
    Elements,
    /// Every character of the first argument becomes the last one.
    Replaced,
    /// All arguments one after the other.
    Joined,
}

fn growth(name: &str) -> Option<Growth> {
    match name {
        "repeat" => Some(Growth::Times),
        "lpad" | "rpad" => Some(Growth::Padded),
        "array_repeat" | "array_resize" => Some(Growth::Elements),
        "replace" | "regexp_replace" => Some(Growth::Replaced),
        "concat" | "concat_ws" => Some(Growth::Joined),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
}

impl Bounded {
    fn check(&self, args: &ScalarFunctionArgs) -> Result<()> {
        let sizes = args.args.iter().map(Sizes::of).collect::<Result<Vec<_>>>()?;
        let rows = if sizes.iter().all(|size| size.rows.len() == 1) { 1 } else { args.number_rows };
        let mut total = 0u64;
        for row in 0..rows {
            total = total.saturating_add(self.row_bytes(&sizes, row));
            if total > RESULT_BYTES_MAX {
                return resources_err!("{}() would make more than {} MiB", self.inner.name(), RESULT_BYTES_MAX >> 20);
            }
        }
        Ok(())
    }

    fn row_bytes(&self, sizes: &[Sizes], row: usize) -> u64 {
        let bytes = |argument: usize| sizes.get(argument).map_or(0, |size| size.bytes(row));
        let count = |argument: usize| sizes.get(argument).map_or(0, |size| size.count(row));
        match self.growth {
            Growth::Times => bytes(0).saturating_mul(count(1)),
            Growth::Padded => count(1).saturating_mul(4),
            Growth::Elements => count(1).saturating_mul(bytes(0).max(16)),
            Growth::Replaced => bytes(0).saturating_add(1).saturating_mul(bytes(2).max(1)),
            Growth::Joined => (0..sizes.len()).map(bytes).fold(0, u64::saturating_add),
        }
    }
}

/// Length in bytes of each value, or the value itself when it is an integer.
struct Sizes {
    rows: Vec<u64>,
    is_count: bool,
}

impl Sizes {
    fn of(argument: &ColumnarValue) -> Result<Sizes> {
        let array = match argument {
            ColumnarValue::Array(array) => Arc::clone(array),
            ColumnarValue::Scalar(scalar) => scalar.to_array()?,
        };
        if array.data_type().is_integer() {
            let counts = cast(&array, &DataType::Int64)?;
            let counts = counts.as_primitive::<Int64Type>();
            let rows = counts.iter().map(|count| u64::try_from(count.unwrap_or(0)).unwrap_or(0)).collect();
            return Ok(Sizes { rows, is_count: true });
        }
        Ok(Sizes { rows: lengths(&array)?, is_count: false })
    }

    fn at(&self, row: usize) -> u64 {
        let row = if self.rows.len() == 1 { 0 } else { row };
        self.rows.get(row).copied().unwrap_or(0)
    }

    fn bytes(&self, row: usize) -> u64 {
        if self.is_count { 20 } else { self.at(row) }
    }

    fn count(&self, row: usize) -> u64 {
        if self.is_count { self.at(row) } else { 0 }
    }
}

fn lengths(array: &ArrayRef) -> Result<Vec<u64>> {
    let is_text = match array.data_type() {
        DataType::Dictionary(_, value) => value.is_string(),
        other => other.is_string(),
    };
    if !is_text {
        let each = array.get_array_memory_size() / array.len().max(1);
        return Ok(vec![each as u64; array.len()]);
    }
    let texts = cast(array, &DataType::Utf8)?;
    Ok(texts.as_string::<i32>().iter().map(|text| text.map_or(0, |text| text.len() as u64)).collect())
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        // `concat` would simplify itself into an unbounded `concat`.
        match self.growth {
            Growth::Joined => Ok(ExprSimplifyResult::Original(args)),
            _ => self.inner.simplify(args, info),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.check(&args)?;
        self.inner.invoke_with_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}
