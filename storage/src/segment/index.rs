//! The index of a row group: words in a tantivy index ([`text_index`]), everything else in a key index ([`keys`]).
//!
//! Keys are trace ids, the values of attributes (of the record and of its resource) and words with a digit in them, which
//! are ids more often than not. Keys narrow only: a query looks at the rows again. Words that are not too common are found
//! for certain ([`IndexHits::certain`]).

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int32Type};
use parking_lot::Mutex;
use proto::promoted::{ColumnKind, Promoted};
use proto::value::{attribute_text, read_json_attributes};
use proto::{Signal, schema};

use super::bundle::{Part, RowGroupMeta};
use super::keys::{KeyIndex, KeyWriter, key, name_space};
use super::rows::RowRanges;
use super::text_index::{self, Files, TextIndex, WordWriter};
use crate::error::StorageError;
use crate::words::next_word;

/// Longer words without a digit are keys too: tantivy's terms end at 65,530 bytes, and who looks for half a blob?
const TERM_BYTES_MAX: usize = 255;
/// Longer attribute values are not in the index.
const VALUE_BYTES_MAX: usize = 256;
/// Shorter numbers occur in every stripe.
const NUMBER_DIGITS_MIN: usize = 5;
const KEYS_FILE: &str = "keys";

/// What is asked of an index. Candidates are a superset of the rows for which it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Every word, as [`words`](crate::words) gives them, occurs in the text column.
    Words { column: String, words: Vec<String> },
    /// The binary column has one of these values.
    Bytes { column: String, values: Vec<Vec<u8>> },
    /// The attribute `key` of the record or of its resource, as text, is one of these.
    Attribute { key: String, values: Vec<String> },
}

/// The rows of a row group that may satisfy a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexHits {
    pub rows: RowRanges,
    /// All of them do: nobody has to look again.
    pub certain: bool,
}

/// Words with a digit in them are mostly ids and numbers: each would be a term of its own.
fn is_term(word: &str) -> bool {
    word.len() <= TERM_BYTES_MAX && !word.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether values of this text are in the index: what one looks up, not what one measures.
fn is_key_value(text: &str) -> bool {
    let Some(first) = text.bytes().next() else { return false };
    if text.len() > VALUE_BYTES_MAX || matches!(first, b'[' | b'{') {
        return false;
    }
    let numeric = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    !numeric || (text.len() >= NUMBER_DIGITS_MIN && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn word_space(column: &str) -> u64 {
    name_space(&format!("word {column}"))
}

fn bytes_space(column: &str) -> u64 {
    name_space(&format!("bytes {column}"))
}

fn attribute_space(key: &str) -> u64 {
    name_space(&format!("attribute {key}"))
}

/// Whether all values of an attribute key are in the index (as far as [`is_key_value`] lets them).
fn is_key_indexed(signal: Signal, key: &str) -> bool {
    let promoted = signal.spec().promoted.iter().find(|promoted| promoted.key == key);
    promoted.is_none_or(|promoted| promoted.kind == ColumnKind::Id)
}

/// Takes the columns of a row group, one after the other.
pub(super) struct IndexWriter {
    signal: Signal,
    words: Vec<(&'static str, WordWriter)>,
    keys: KeyWriter,
    word: String,
}

impl IndexWriter {
    pub(super) fn new(signal: Signal) -> Self {
        let words = signal.spec().text_columns.iter().map(|column| (*column, WordWriter::default())).collect();
        Self { signal, words, keys: KeyWriter::default(), word: String::new() }
    }

    /// Whether a column is indexed.
    pub(super) fn takes(signal: Signal, name: &str) -> bool {
        let spec = signal.spec();
        let is_id = |promoted: &&Promoted| promoted.kind == ColumnKind::Id && promoted.column == name;
        spec.text_columns.contains(&name)
            || spec.key_columns.contains(&name)
            || [schema::ATTRIBUTES, schema::RESOURCE, schema::ATTRIBUTE_CONFLICTS].contains(&name)
            || spec.promoted.iter().any(|promoted| is_id(&promoted))
    }

    /// `rows`: one column of the row group, all of it. Columns that are not indexed are passed over.
    pub(super) fn add_column(&mut self, name: &str, rows: &ArrayRef) {
        if let Some(at) = self.words.iter().position(|(column, _)| *column == name) {
            self.add_words(at, rows);
        }
        if self.signal.spec().key_columns.contains(&name) {
            self.add_bytes(name, rows);
        }
        match name {
            schema::ATTRIBUTES => self.add_map(rows),
            schema::RESOURCE | schema::ATTRIBUTE_CONFLICTS => self.add_objects(rows),
            _ => {
                let promoted = self.signal.spec().promoted.iter().find(|promoted| promoted.column == name);
                if let Some(Promoted { key, kind: ColumnKind::Id, .. }) = promoted {
                    self.add_texts(attribute_space(key), rows);
                }
            }
        }
    }

    fn add_words(&mut self, at: usize, rows: &ArrayRef) {
        let (column, words) = &mut self.words[at];
        let (space, bits) = (word_space(column), self.signal.spec().key_bits);
        // A dictionary's texts are cut into words once each.
        let mut cut: Vec<Option<(Vec<u32>, Vec<u32>)>> = Vec::new();
        let (numbers, keys) = (&mut Vec::new(), &mut Vec::new());
        for_each_text(rows, |row, distinct, text| {
            let known = distinct.and_then(|distinct| cut.get(distinct).and_then(Option::as_ref));
            if known.is_none() {
                numbers.clear();
                keys.clear();
                let mut rest = text;
                while next_word(&mut rest, &mut self.word) {
                    if is_term(&self.word) {
                        numbers.push(words.number(&self.word));
                    } else {
                        keys.push(key(bits, space, self.word.as_bytes()));
                    }
                }
            }
            let (found, found_keys) = known.map_or((&*numbers, &*keys), |(numbers, keys)| (numbers, keys));
            found.iter().for_each(|number| words.add(row, *number));
            found_keys.iter().for_each(|key| self.keys.add(row, *key));
            if let (None, Some(distinct)) = (known, distinct) {
                if cut.len() <= distinct {
                    cut.resize(distinct + 1, None);
                }
                cut[distinct] = Some((numbers.clone(), keys.clone()));
            }
        });
    }

    fn add_bytes(&mut self, name: &str, rows: &ArrayRef) {
        let (space, bits) = (bytes_space(name), self.signal.spec().key_bits);
        let rows = rows.as_binary::<i32>();
        for (row, value) in rows.iter().enumerate() {
            if let Some(value) = value {
                self.keys.add(row as u32, key(bits, space, value));
            }
        }
    }

    fn add_texts(&mut self, space: u64, rows: &ArrayRef) {
        let bits = self.signal.spec().key_bits;
        for_each_text(rows, |row, _, text| {
            if is_key_value(text) {
                self.keys.add(row, key(bits, space, text.as_bytes()));
            }
        });
    }

    fn add_map(&mut self, rows: &ArrayRef) {
        let (map, bits) = (rows.as_map(), self.signal.spec().key_bits);
        let (keys, values) = (map.keys().as_string::<i32>(), map.values().as_string::<i32>());
        let offsets = map.value_offsets();
        let mut spaces: hashbrown::HashMap<&str, u64> = hashbrown::HashMap::new();
        for row in (0..map.len()).filter(|row| map.is_valid(*row)) {
            for entry in offsets[row] as usize..offsets[row + 1] as usize {
                if values.is_valid(entry) && is_key_value(values.value(entry)) {
                    let name = keys.value(entry);
                    let space = *spaces.entry(name).or_insert_with(|| attribute_space(name));
                    self.keys.add(row as u32, key(bits, space, values.value(entry).as_bytes()));
                }
            }
        }
    }

    /// JSON texts of attributes.
    fn add_objects(&mut self, rows: &ArrayRef) {
        let bits = self.signal.spec().key_bits;
        let mut cut: Vec<Option<Vec<u32>>> = Vec::new();
        for_each_text(rows, |row, distinct, text| {
            let Some(distinct) = distinct else {
                return object_keys(bits, text).iter().for_each(|key| self.keys.add(row, *key));
            };
            if cut.len() <= distinct {
                cut.resize(distinct + 1, None);
            }
            let keys = cut[distinct].get_or_insert_with(|| object_keys(bits, text));
            keys.iter().for_each(|key| self.keys.add(row, *key));
        });
    }

    /// The index of a row group of `rows` rows.
    pub(super) fn finish(self, rows: u32) -> Result<Files, String> {
        let mut files = text_index::write(self.words, rows).map_err(|error| error.to_string())?;
        files.push((KEYS_FILE.to_owned(), self.keys.finish()));
        Ok(files)
    }
}

fn object_keys(bits: u32, text: &str) -> Vec<u32> {
    let attributes = read_json_attributes(text).unwrap_or_default().into_iter();
    let pairs = attributes.map(|attribute| (attribute_space(&attribute.key), attribute_text(attribute.value)));
    pairs.filter(|(_, text)| is_key_value(text)).map(|(space, text)| key(bits, space, text.as_bytes())).collect()
}

/// Calls `visit` with row, number among the dictionary's texts (`None` in a plain column) and text, where there is one.
fn for_each_text(rows: &ArrayRef, mut visit: impl FnMut(u32, Option<usize>, &str)) {
    if let DataType::Dictionary(_, _) = rows.data_type() {
        let dictionary = rows.as_dictionary::<Int32Type>();
        let texts = dictionary.values().as_string::<i32>();
        for (row, distinct) in dictionary.keys_iter().enumerate() {
            if let Some(distinct) = distinct.filter(|distinct| texts.is_valid(*distinct)) {
                visit(row as u32, Some(distinct), texts.value(distinct));
            }
        }
        return;
    }
    for (row, text) in rows.as_string::<i32>().iter().enumerate() {
        if let Some(text) = text {
            visit(row as u32, None, text);
        }
    }
}

/// The index of a row group, opened when it is first asked.
pub(super) struct RowGroupIndex {
    part: Part,
    text: Mutex<Option<Arc<TextIndex>>>,
    keys: Mutex<Option<Arc<KeyIndex>>>,
}

impl RowGroupIndex {
    pub(super) fn new(part: Part) -> Self {
        Self { part, text: Mutex::default(), keys: Mutex::default() }
    }

    pub(super) fn row_group(&self) -> RowGroupMeta {
        self.part.row_group()
    }

    pub(super) fn rows(&self) -> u32 {
        self.row_group().rows
    }

    /// Rows of the row group that may satisfy the condition; `None` when the index cannot tell.
    pub(super) fn hits(&self, signal: Signal, condition: &Condition) -> Result<Option<IndexHits>, StorageError> {
        let bits = signal.spec().key_bits;
        match condition {
            Condition::Words { column, words } => self.with_words(signal, column, words),
            Condition::Bytes { column, values } => {
                if !signal.spec().key_columns.contains(&column.as_str()) {
                    return Ok(None);
                }
                let space = bytes_space(column);
                Ok(Some(self.with_any_key(values.iter().map(|value| key(bits, space, value)))?))
            }
            Condition::Attribute { key: name, values } => {
                if !is_key_indexed(signal, name) || !values.iter().all(|value| is_key_value(value)) {
                    return Ok(None);
                }
                let space = attribute_space(name);
                Ok(Some(self.with_any_key(values.iter().map(|value| key(bits, space, value.as_bytes())))?))
            }
        }
    }

    fn with_words(&self, signal: Signal, column: &str, words: &[String]) -> Result<Option<IndexHits>, StorageError> {
        if words.is_empty() || !signal.spec().text_columns.contains(&column) {
            return Ok(None);
        }
        let (terms, others): (Vec<&str>, Vec<&str>) = words.iter().map(String::as_str).partition(|word| is_term(word));
        let mut hits = IndexHits { rows: RowRanges::all(self.rows()), certain: false };
        let (space, bits) = (word_space(column), signal.spec().key_bits);
        for word in &others {
            hits.rows = hits.rows.intersect(&self.with_any_key([key(bits, space, word.as_bytes())].into_iter())?.rows);
        }
        if !terms.is_empty() && !hits.rows.is_empty() {
            let found = self.text()?.search(column, &terms).map_err(|error| self.corrupt(error))?;
            if let Some((rows, is_complete)) = found {
                hits.rows = RowRanges::from_rows(rows).intersect(&hits.rows);
                hits.certain = is_complete && others.is_empty();
            }
        }
        Ok(Some(hits))
    }

    fn with_any_key(&self, keys: impl Iterator<Item = u32>) -> Result<IndexHits, StorageError> {
        let mut keys: Vec<u32> = keys.collect();
        keys.sort_unstable();
        keys.dedup();
        let mut stripes = self.keys()?.stripes(&keys, |range| self.read_keys(range))?;
        stripes.sort_unstable();
        stripes.dedup();
        Ok(IndexHits { rows: RowRanges::from_stripes(stripes, self.rows()), certain: false })
    }

    fn corrupt(&self, what: impl ToString) -> StorageError {
        StorageError::corrupt(self.part.path(), what)
    }

    fn read_keys(&self, range: Range<usize>) -> Result<Vec<u8>, StorageError> {
        self.part.read_file(KEYS_FILE, range)?.ok_or_else(|| self.corrupt("the key index is shorter than it says"))
    }

    fn keys(&self) -> Result<Arc<KeyIndex>, StorageError> {
        let mut opened = self.keys.lock();
        if let Some(index) = &*opened {
            return Ok(index.clone());
        }
        let head = self.read_keys(0..4)?.try_into().map_err(|_| self.corrupt("no key index"))?;
        let directory = self.read_keys(0..KeyIndex::directory_bytes(head))?;
        let index = KeyIndex::open(&directory).ok_or_else(|| self.corrupt("the key index is cut off"))?;
        Ok(opened.insert(index.into()).clone())
    }

    fn text(&self) -> Result<Arc<TextIndex>, StorageError> {
        let mut opened = self.text.lock();
        if let Some(index) = &*opened {
            return Ok(index.clone());
        }
        let index = TextIndex::open(self.part.clone()).map_err(|error| self.corrupt(error))?;
        if index.rows() != self.rows() {
            return Err(self.corrupt(format!("{} rows in the words, {} expected", index.rows(), self.rows())));
        }
        Ok(opened.insert(index.into()).clone())
    }
}
