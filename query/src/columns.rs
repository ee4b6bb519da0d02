//! Typed columns of a batch, whatever encoding the engine gave them: dictionary or plain, view or not.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Int32Array, Int64Array, ListArray, MapArray, StringArray, StructArray,
    new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use arrow::record_batch::RecordBatch;
use proto::otlp::AnyValue;
use proto::otlp::any_value::Value;
use proto::promoted::ColumnKind;
use proto::value::{attribute_text, read_json_attributes};
use proto::{Signal, schema};

use crate::error::QueryError;

/// The column as `data_type`; all null when the batch has none (a segment from before the column existed).
fn column(batch: &RecordBatch, name: &str, data_type: &DataType) -> Result<ArrayRef, QueryError> {
    let Some(column) = batch.column_by_name(name) else {
        return Ok(new_null_array(data_type, batch.num_rows()));
    };
    if column.data_type() == data_type {
        return Ok(Arc::clone(column));
    }
    cast(column, data_type).map_err(|error| QueryError::internal(format!("column {name}: {error}")))
}

/// A column of bytes.
pub(crate) fn binary(batch: &RecordBatch, name: &str) -> Result<BinaryArray, QueryError> {
    Ok(column(batch, name, &DataType::Binary)?.as_binary().clone())
}

/// A column of 64-bit integers.
pub(crate) fn int64(batch: &RecordBatch, name: &str) -> Result<Int64Array, QueryError> {
    Ok(column(batch, name, &DataType::Int64)?.as_primitive().clone())
}

/// A column of 32-bit integers.
pub(crate) fn int32(batch: &RecordBatch, name: &str) -> Result<Int32Array, QueryError> {
    Ok(column(batch, name, &DataType::Int32)?.as_primitive().clone())
}

/// A column with the type that the physical schema of `signal` gives it.
fn physical(batch: &RecordBatch, signal: Signal, name: &str) -> Result<ArrayRef, QueryError> {
    let schema = &signal.spec().schema;
    let field = schema.field_with_name(name).map_err(|error| QueryError::internal(error.to_string()))?;
    column(batch, name, field.data_type())
}

/// Value of a row, none where it is null.
pub(crate) fn bytes_at(column: &BinaryArray, row: usize) -> Option<&[u8]> {
    column.is_valid(row).then(|| column.value(row))
}

/// Value of a row, none where it is null.
pub(crate) fn int_at(column: &Int64Array, row: usize) -> Option<i64> {
    column.is_valid(row).then(|| column.value(row))
}

/// A column of text, dictionary-encoded or not.
#[derive(Clone, Debug)]
pub(crate) struct TextColumn {
    /// Where in `values` the text of a row is; none when it is at the row itself.
    keys: Option<Int32Array>,
    values: StringArray,
}

impl TextColumn {
    pub(crate) fn of(batch: &RecordBatch, name: &str) -> Result<Self, QueryError> {
        match batch.column_by_name(name).map(|column| column.data_type()) {
            Some(DataType::Dictionary(_, _)) | None => {
                let column = column(batch, name, &schema::dictionary())?;
                let dictionary = column.as_dictionary::<Int32Type>();
                let values = dictionary.values().as_string().clone();
                Ok(Self { keys: Some(dictionary.keys().clone()), values })
            }
            Some(_) => {
                let column = column(batch, name, &DataType::Utf8)?;
                Ok(Self { keys: None, values: column.as_string().clone() })
            }
        }
    }

    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        let at = match &self.keys {
            Some(keys) => keys.is_valid(row).then(|| keys.value(row))? as usize,
            None => row,
        };
        self.values.is_valid(at).then(|| self.values.value(at))
    }

    /// For each row whether it has this text. A text of a dictionary is compared once, not for each row.
    pub(crate) fn equals(&self, text: &str) -> Vec<bool> {
        let values = self.values.iter().map(|value| value == Some(text));
        match &self.keys {
            Some(keys) => {
                let values: Vec<bool> = values.collect();
                keys.iter().map(|key| key.is_some_and(|key| values[key as usize])).collect()
            }
            None => values.collect(),
        }
    }
}

/// One attribute value as it lies in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stored<'a> {
    Text(&'a str),
    Int(i64),
    /// JSON text of `proto::value`.
    Json(&'a str),
}

enum PromotedColumn {
    Text(TextColumn),
    Int(Int64Array),
}

/// The attributes of all rows: promoted columns, then the map.
pub(crate) struct AttributeColumns {
    promoted: Vec<(&'static str, PromotedColumn)>,
    map: MapArray,
    keys: StringArray,
    values: StringArray,
    types: TextColumn,
    conflicts: Conflicts,
}

/// Values of promoted keys that do not fit into their columns: of the few rows that have any.
pub(crate) struct Conflicts(HashMap<usize, Vec<Conflict>>);

struct Conflict {
    key: String,
    /// A string, or the JSON text of any other value.
    text: String,
    is_json: bool,
}

impl Conflicts {
    pub(crate) fn of(batch: &RecordBatch) -> Result<Self, QueryError> {
        if !has_values(batch, schema::ATTRIBUTE_CONFLICTS) {
            return Ok(Self(HashMap::new()));
        }
        let texts = TextColumn::of(batch, schema::ATTRIBUTE_CONFLICTS)?;
        let of_row = |row| Some((row, read_json_attributes(texts.get(row)?).ok()?));
        let rows = (0..batch.num_rows()).filter_map(of_row).map(|(row, attributes)| {
            let conflicts = attributes.into_iter().map(|attribute| {
                let is_json = !matches!(&attribute.value, Some(AnyValue { value: Some(Value::StringValue(_)) }));
                Conflict { key: attribute.key, text: attribute_text(attribute.value), is_json }
            });
            (row, conflicts.collect())
        });
        Ok(Self(rows.collect()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn row(&self, row: usize) -> impl Iterator<Item = (&str, Stored<'_>)> {
        self.0.get(&row).into_iter().flatten().map(|conflict| {
            let text = conflict.text.as_str();
            (conflict.key.as_str(), if conflict.is_json { Stored::Json(text) } else { Stored::Text(text) })
        })
    }
}

impl AttributeColumns {
    pub(crate) fn of(batch: &RecordBatch, signal: Signal) -> Result<Self, QueryError> {
        let mut promoted = Vec::new();
        for entry in signal.spec().promoted.iter().filter(|entry| has_values(batch, entry.column)) {
            let values = match entry.kind {
                ColumnKind::Word | ColumnKind::Text | ColumnKind::Id => {
                    PromotedColumn::Text(TextColumn::of(batch, entry.column)?)
                }
                ColumnKind::Int => PromotedColumn::Int(int64(batch, entry.column)?),
            };
            promoted.push((entry.key, values));
        }
        let map = physical(batch, signal, schema::ATTRIBUTES)?.as_map().clone();
        let (keys, values) = (map.keys().as_string().clone(), map.values().as_string().clone());
        Ok(Self {
            promoted,
            map,
            keys,
            values,
            types: TextColumn::of(batch, schema::ATTRIBUTE_TYPES)?,
            conflicts: Conflicts::of(batch)?,
        })
    }

    /// Keys and values of one row.
    pub(crate) fn row(&self, row: usize) -> Vec<(&str, Stored<'_>)> {
        let mut attributes = Vec::new();
        for (key, column) in &self.promoted {
            let value = match column {
                PromotedColumn::Text(column) => column.get(row).map(Stored::Text),
                PromotedColumn::Int(column) => int_at(column, row).map(Stored::Int),
            };
            attributes.extend(value.map(|value| (*key, value)));
        }
        attributes.extend(self.conflicts.row(row));
        if self.map.is_null(row) {
            return attributes;
        }
        let types = self.types.get(row).unwrap_or("").as_bytes();
        let offsets = self.map.value_offsets();
        for (nth, entry) in (offsets[row] as usize..offsets[row + 1] as usize).enumerate() {
            let value = match types.get(nth) {
                _ if self.values.is_null(entry) => Stored::Json("null"),
                Some(b'j') => Stored::Json(self.values.value(entry)),
                _ => Stored::Text(self.values.value(entry)),
            };
            attributes.push((self.keys.value(entry), value));
        }
        attributes
    }
}

/// Most rows have few of the promoted keys: a column without a value need not be looked at for each of them.
pub(crate) fn has_values(batch: &RecordBatch, name: &str) -> bool {
    batch.column_by_name(name).is_some_and(|column| column.null_count() < column.len())
}

/// Fields of the structs inside a list column.
pub(crate) struct ListOfStructs {
    list: ListArray,
    fields: StructArray,
}

impl ListOfStructs {
    pub(crate) fn of(batch: &RecordBatch, signal: Signal, name: &str) -> Result<Self, QueryError> {
        let list = physical(batch, signal, name)?.as_list::<i32>().clone();
        let fields = list.values().as_struct().clone();
        Ok(Self { list, fields })
    }

    /// Indices into the fields that belong to a row.
    pub(crate) fn elements(&self, row: usize) -> std::ops::Range<usize> {
        if self.list.is_null(row) {
            return 0..0;
        }
        let offsets = self.list.value_offsets();
        offsets[row] as usize..offsets[row + 1] as usize
    }

    pub(crate) fn text(&self, field: usize, element: usize) -> Option<&str> {
        let column = self.fields.column(field).as_string::<i32>();
        column.is_valid(element).then(|| column.value(element))
    }

    pub(crate) fn bytes(&self, field: usize, element: usize) -> Option<&[u8]> {
        bytes_at(self.fields.column(field).as_binary::<i32>(), element)
    }

    pub(crate) fn int(&self, field: usize, element: usize) -> Option<i64> {
        int_at(self.fields.column(field).as_primitive(), element)
    }
}
