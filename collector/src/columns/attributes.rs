//! Attributes to columns: a key with a column of its own and a value of that column's type goes there, everything else
//! goes to the map with a letter for its type, or to the conflicts when the key has a column.

use std::sync::LazyLock;

use arrow::array::{ArrayBuilder, ArrayRef, MapArray, StringBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use proto::promoted::{ColumnKind, LOG_ATTRIBUTES, Promoted, SPAN_ATTRIBUTES};
use proto::{Signal, schema};

use super::builders::{Ints, Texts, Words, ints, texts, words};
use super::values::{KeyValue, Value, write_attributes, write_value};
use super::{ConvertError, array};

/// A row of [`KeyTable::slots`]: position in the table of promoted keys, or free.
const FREE: u8 = u8::MAX;

/// Finds a promoted key by one hash and about one comparison.
struct KeyTable {
    promoted: &'static [Promoted],
    /// Open addressing, at most a quarter full.
    slots: [u8; 256],
}

impl KeyTable {
    fn new(promoted: &'static [Promoted]) -> Self {
        assert!(promoted.len() <= 64, "the table would fill up: enlarge it");
        let mut slots = [FREE; 256];
        for (index, row) in promoted.iter().enumerate() {
            let mut slot = hash(row.key.as_bytes());
            while slots[usize::from(slot)] != FREE {
                slot = slot.wrapping_add(1);
            }
            slots[usize::from(slot)] = index as u8;
        }
        Self { promoted, slots }
    }

    #[inline]
    fn find(&self, key: &str) -> Option<usize> {
        let mut slot = hash(key.as_bytes());
        loop {
            let index = self.slots[usize::from(slot)];
            if index == FREE {
                return None;
            }
            if self.promoted[usize::from(index)].key == key {
                return Some(usize::from(index));
            }
            slot = slot.wrapping_add(1);
        }
    }
}

/// Of the length and the last eight bytes: keys share their beginnings (`http.request...`), seldom their ends.
#[inline]
fn hash(key: &[u8]) -> u8 {
    let last = match key.last_chunk::<8>() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => key.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    // Fibonacci hashing: the multiplier is 2^64 divided by the golden ratio.
    ((last ^ (key.len() as u64) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

static SPAN_KEYS: LazyLock<KeyTable> = LazyLock::new(|| KeyTable::new(SPAN_ATTRIBUTES));
static LOG_KEYS: LazyLock<KeyTable> = LazyLock::new(|| KeyTable::new(LOG_ATTRIBUTES));

enum PromotedColumn {
    Word(Words),
    Text(Texts),
    Int(Ints),
}

impl PromotedColumn {
    fn new(kind: ColumnKind) -> Self {
        // Most stay empty, so none gets room in advance.
        match kind {
            ColumnKind::Word => Self::Word(words(0)),
            ColumnKind::Text | ColumnKind::Id => Self::Text(texts(0)),
            ColumnKind::Int => Self::Int(ints(0)),
        }
    }

    /// False when the value has another type, or the row has a value already: then it is a conflict.
    fn set(&mut self, row: usize, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Word(column), Value::Text(text)) if !column.is_set(row) => column.at(row).append_value(text),
            (Self::Text(column), Value::Text(text)) if !column.is_set(row) => column.at(row).append_value(text),
            (Self::Int(column), Value::Int(int)) if !column.is_set(row) => column.set(row, int),
            _ => return false,
        }
        true
    }

    fn finish(self, rows: usize) -> ArrayRef {
        match self {
            Self::Word(column) => column.finish(rows),
            Self::Text(column) => column.finish(rows),
            Self::Int(column) => column.finish(rows),
        }
    }
}

/// The map, the letters of its types, and the promoted columns.
pub(super) struct AttributeColumns {
    table: &'static KeyTable,
    promoted: Vec<PromotedColumn>,
    keys: StringBuilder,
    values: StringBuilder,
    /// Where each row's entries begin, and the end of the last.
    offsets: Vec<i32>,
    types: Words,
    letters: String,
    conflicts: Texts,
    json: String,
}

/// In the order of the schema.
pub(super) struct AttributeArrays {
    pub(super) map: ArrayRef,
    pub(super) types: ArrayRef,
    pub(super) conflicts: ArrayRef,
    pub(super) promoted: Vec<ArrayRef>,
}

impl AttributeColumns {
    pub(super) fn new(signal: Signal, rows: usize) -> Self {
        let table: &'static KeyTable = match signal {
            Signal::Spans => &SPAN_KEYS,
            Signal::Logs => &LOG_KEYS,
        };
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self {
            table,
            promoted: table.promoted.iter().map(|row| PromotedColumn::new(row.kind)).collect(),
            keys: StringBuilder::with_capacity(0, 0),
            values: StringBuilder::with_capacity(0, 0),
            offsets,
            types: words(rows),
            letters: String::new(),
            conflicts: texts(0),
            json: String::new(),
        }
    }

    pub(super) fn append(&mut self, row: usize, attributes: &[KeyValue<'_>]) -> Result<(), ConvertError> {
        self.letters.clear();
        let mut all_text = true;
        let mut conflicts = Vec::new();
        for attribute in attributes {
            if let Some(index) = self.table.find(attribute.key) {
                if !self.promoted[index].set(row, attribute.value) {
                    conflicts.push(*attribute);
                }
                continue;
            }
            self.keys.append_value(attribute.key);
            if let Value::Text(text) = attribute.value {
                self.values.append_value(text);
                self.letters.push('s');
            } else {
                self.json.clear();
                write_value(&mut self.json, attribute.value)?;
                self.values.append_value(&self.json);
                self.letters.push('j');
                all_text = false;
            }
        }
        if !all_text {
            self.types.at(row).append_value(&self.letters);
        }
        if !conflicts.is_empty() {
            self.json.clear();
            write_attributes(&mut self.json, &conflicts)?;
            self.conflicts.at(row).append_value(&self.json);
        }
        self.offsets.push(offset(ArrayBuilder::len(&self.keys)));
        Ok(())
    }

    pub(super) fn finish(mut self, rows: usize) -> AttributeArrays {
        let DataType::Map(entries, sorted) = map_type() else { unreachable!("the attributes column is a map") };
        let columns = vec![array(self.keys.finish()), array(self.values.finish())];
        let columns = StructArray::try_new(schema::map_entry_fields(), columns, None).expect("as many keys as values");
        let offsets = OffsetBuffer::new(self.offsets.into());
        let map = MapArray::try_new(entries, offsets, columns, None, sorted).expect("the schema's map");
        AttributeArrays {
            map: array(map),
            types: self.types.finish(rows),
            conflicts: self.conflicts.finish(rows),
            promoted: self.promoted.into_iter().map(|column| column.finish(rows)).collect(),
        }
    }
}

fn map_type() -> DataType {
    let schema = Signal::Spans.schema();
    schema.field_with_name(schema::ATTRIBUTES).expect("a column of both signals").data_type().clone()
}

/// Arrow's lists have 32-bit offsets. An entry takes at least two bytes on the wire, and requests are smaller than 4 GiB.
pub(super) fn offset(entries: usize) -> i32 {
    i32::try_from(entries).expect("a request of less than 4 GiB has fewer entries")
}
