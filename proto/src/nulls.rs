//! Columns without a value, which most columns of most requests are: they share their memory.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

/// Rows of the shared arrays; longer columns get their own.
const SHARED_ROWS: usize = 16_384;

static SHARED: LazyLock<Mutex<HashMap<DataType, ArrayRef>>> = LazyLock::new(Mutex::default);

/// A column of `rows` nulls.
pub fn nulls(data_type: &DataType, rows: usize) -> ArrayRef {
    if rows > SHARED_ROWS {
        return new_null_array(data_type, rows);
    }
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let nulls = shared.entry(data_type.clone()).or_insert_with(|| new_null_array(data_type, SHARED_ROWS));
    nulls.slice(0, rows)
}

/// The columns of `schema`, in its order, with nulls for those that the batch does not have.
///
/// Errors: a column of another type than the schema says.
pub fn with_nulls(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = schema.fields().iter().map(|field| {
        let column = batch.column_by_name(field.name()).cloned();
        column.unwrap_or_else(|| nulls(field.data_type(), batch.num_rows()))
    });
    // A schema without columns has rows all the same.
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect(), &options)
}

/// Whether a column has no value.
pub fn is_all_null(column: &ArrayRef) -> bool {
    column.null_count() == column.len()
}

/// Memory of a batch's columns in bytes, without those that have no value.
pub fn memory_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().filter(|column| !is_all_null(column)).map(|column| column.get_array_memory_size()).sum()
}
