//! The rows of one row group: which, and in which order. Columns are put together one at a time, so that a flush holds
//! one column of its rows twice and not all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, StringArray};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, Rows, SortField};
use hashbrown::HashMap;
use proto::Signal;
use proto::nulls::is_all_null;
use proto::time::day_of;

/// Rows in the order of a segment.
pub(crate) struct SortedRows {
    batches: Arc<Vec<RecordBatch>>,
    /// (batch, row)
    order: Vec<(usize, usize)>,
}

impl SortedRows {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// At most `rows` of them each, in order.
    pub(super) fn split(self, rows: usize) -> impl Iterator<Item = SortedRows> {
        let batches = self.batches;
        let parts: Vec<Vec<_>> = self.order.chunks(rows.max(1)).map(<[_]>::to_vec).collect();
        parts.into_iter().map(move |order| SortedRows { batches: Arc::clone(&batches), order })
    }

    /// One column of the rows.
    pub(super) fn column(&self, name: &str) -> Result<ArrayRef, ArrowError> {
        let column = |batch: &RecordBatch| {
            let column = batch.column_by_name(name).cloned();
            column.ok_or_else(|| ArrowError::SchemaError(format!("no column {name}")))
        };
        let columns: Vec<ArrayRef> = self.batches.iter().map(column).collect::<Result<_, _>>()?;
        if columns.first().is_some_and(|column| matches!(column.data_type(), DataType::Dictionary(_, _))) {
            return self.dictionary_column(&columns);
        }
        let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
        interleave(&columns, &self.order)
    }

    /// With each text once in the dictionary: what looks at the texts looks at each once.
    fn dictionary_column(&self, columns: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
        let mut numbers: HashMap<&str, i32> = HashMap::new();
        let mut texts: Vec<&str> = Vec::new();
        let mut renumbered: Vec<Vec<Option<i32>>> = Vec::with_capacity(columns.len());
        for column in columns {
            let values = column.as_dictionary::<Int32Type>().values().as_string::<i32>();
            let mut renumber = Vec::with_capacity(values.len());
            for text in values {
                renumber.push(text.map(|text| {
                    *numbers.entry(text).or_insert_with(|| {
                        texts.push(text);
                        texts.len() as i32 - 1
                    })
                }));
            }
            renumbered.push(renumber);
        }
        let keys: Vec<_> = columns.iter().map(|column| column.as_dictionary::<Int32Type>().keys()).collect();
        let keys: Int32Array = (self.order.iter())
            .map(|(batch, row)| {
                let keys = keys[*batch];
                if keys.is_valid(*row) { renumbered[*batch][keys.value(*row) as usize] } else { None }
            })
            .collect();
        Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(StringArray::from(texts)))?))
    }
}

/// Names of the columns that have a value somewhere.
pub(crate) fn present_columns(signal: Signal, batches: &[RecordBatch]) -> Vec<String> {
    let schema = signal.schema();
    let is_present = |name: &&String| {
        let mut columns = batches.iter().filter_map(|batch| batch.column_by_name(name));
        columns.any(|column| !is_all_null(column))
    };
    schema.fields().iter().map(|field| field.name()).filter(is_present).cloned().collect()
}

/// Splits rows by the UTC date of their time and sorts each date by the signal's sort columns. Rows that compare
/// equal keep the order of arrival.
pub(crate) fn sorted_by_day(
    signal: Signal,
    batches: Vec<RecordBatch>,
) -> Result<BTreeMap<i32, SortedRows>, ArrowError> {
    let mut converter = converter(signal)?;
    let mut keys = Vec::with_capacity(batches.len());
    let mut order: BTreeMap<i32, Vec<(u64, usize, usize)>> = BTreeMap::new();
    for (b, batch) in batches.iter().enumerate() {
        let rows = sort_keys(&mut converter, signal, batch)?;
        let times = batch
            .column_by_name(signal.spec().time_column)
            .ok_or_else(|| ArrowError::SchemaError(format!("no column {}", signal.spec().time_column)))?
            .as_primitive::<Int64Type>();
        let mut day = (i32::MIN, order.entry(i32::MIN).or_default());
        for row in 0..batch.num_rows() {
            let date = day_of(times.value(row));
            if day.0 != date {
                day = (date, order.entry(date).or_default());
            }
            day.1.push((prefix(&rows, row), b, row));
        }
        keys.push(rows);
    }
    order.retain(|_, rows| !rows.is_empty());
    let batches = Arc::new(batches);
    let days = order.into_iter().map(|(day, mut order)| {
        order.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| keys[a.1].row(a.2).cmp(&keys[b.1].row(b.2))));
        let order = order.into_iter().map(|(_, batch, row)| (batch, row)).collect();
        (day, SortedRows { batches: Arc::clone(&batches), order })
    });
    Ok(days.collect())
}

fn converter(signal: Signal) -> Result<RowConverter, ArrowError> {
    let schema = &signal.spec().schema;
    let fields = signal.spec().sort_columns.iter().map(|column| {
        let field = schema.field_with_name(column)?;
        Ok(SortField::new(field.data_type().clone()))
    });
    RowConverter::new(fields.collect::<Result<_, ArrowError>>()?)
}

fn sort_keys(converter: &mut RowConverter, signal: Signal, batch: &RecordBatch) -> Result<Rows, ArrowError> {
    let columns = signal.spec().sort_columns.iter().map(|column| {
        batch.column_by_name(column).cloned().ok_or_else(|| ArrowError::SchemaError(format!("no column {column}")))
    });
    converter.convert_columns(&columns.collect::<Result<Vec<_>, _>>()?)
}

/// The beginning of a row's key as a number: nearly all comparisons end there, without a visit to the keys.
fn prefix(keys: &Rows, row: usize) -> u64 {
    let key = keys.row(row);
    let mut prefix = [0; 8];
    let length = key.as_ref().len().min(8);
    prefix[..length].copy_from_slice(&key.as_ref()[..length]);
    u64::from_be_bytes(prefix)
}
