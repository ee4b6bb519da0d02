//! Words without digits in them: which rows hold which. A tantivy index whose document id is the row of the row group.
//!
//! tantivy's writer takes documents, and spends more time on carrying them than on their words; it also stores each
//! empty document in five bytes. So the postings are collected here and handed to tantivy's own serializer. One field
//! per text column, document ids only: no frequencies, no positions, no stored fields, for the query looks at the rows
//! again.

use hashbrown::HashMap;
use tantivy::directory::{CompositeWrite, RamDirectory, TerminatingWrite};
use tantivy::index::SegmentComponent;
use tantivy::postings::InvertedIndexSerializer;
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::{
    Directory, DocSet, Index, IndexMeta, IndexSettings, SegmentReader, TERMINATED, TantivyError, Term, columnar,
};

const META_FILE: &str = "meta.json";
/// A word of more than one row in so many is in every stripe: its rows are not kept, only that there are many. With one in
/// 32 the index of log records had 17 bytes a record, with 8 it had 20 (1,000,000 records of the benchmark).
const COMMON_ONE_IN: u32 = 16;
/// Below so many rows all words are kept.
const COMMON_ROWS_MIN: u32 = 4096;
/// The field of a column's common words.
const COMMON: &str = ".common";

/// The files of an index by name.
pub(super) type Files = Vec<(String, Vec<u8>)>;

fn schema<'a>(columns: impl Iterator<Item = &'a str>) -> Schema {
    let indexing = TextFieldIndexing::default().set_index_option(IndexRecordOption::Basic).set_fieldnorms(false);
    let options = TextOptions::default().set_indexing_options(indexing);
    let mut schema = Schema::builder();
    for column in columns {
        schema.add_text_field(column, options.clone());
        schema.add_text_field(&format!("{column}{COMMON}"), options.clone());
    }
    schema.build()
}

/// The words of one column of a row group.
#[derive(Default)]
pub(super) struct WordWriter {
    by_word: HashMap<Box<str>, u32>,
    postings: Vec<Postings>,
}

/// Rows of a word: the distance to the row before, in LEB128.
#[derive(Default)]
struct Postings {
    deltas: Vec<u8>,
    rows: u32,
    /// One more than the last row.
    end: u32,
}

impl WordWriter {
    /// The number of a word, for [`WordWriter::add`].
    pub(super) fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.by_word.get(word) {
            return *number;
        }
        let number = self.postings.len() as u32;
        self.by_word.insert(word.into(), number);
        self.postings.push(Postings::default());
        number
    }

    /// Rows come in ascending order; the same again does no harm.
    pub(super) fn add(&mut self, row: u32, number: u32) {
        let postings = &mut self.postings[number as usize];
        if postings.end == row + 1 {
            return;
        }
        let mut delta = row - postings.end;
        while delta >= 0x80 {
            postings.deltas.push(delta as u8 | 0x80);
            delta >>= 7;
        }
        postings.deltas.push(delta as u8);
        postings.rows += 1;
        postings.end = row + 1;
    }
}

impl Postings {
    fn rows(&self) -> impl Iterator<Item = u32> {
        let mut rest = self.deltas.as_slice();
        let mut end = 0u32;
        std::iter::from_fn(move || {
            let (mut delta, mut shift) = (0u32, 0);
            loop {
                let (byte, behind) = rest.split_first()?;
                rest = behind;
                delta |= u32::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
                shift += 7;
            }
            let row = end + delta;
            end = row + 1;
            Some(row)
        })
    }
}

/// The index of a row group of `rows` rows.
pub(super) fn write(columns: Vec<(&str, WordWriter)>, rows: u32) -> Result<Files, TantivyError> {
    let directory = RamDirectory::create();
    let schema = schema(columns.iter().map(|(column, _)| *column));
    let index = Index::create(directory.clone(), schema.clone(), IndexSettings::default())?;
    let segment = index.new_segment().with_max_doc(rows);
    let mut serializer = InvertedIndexSerializer::open(&segment)?;
    for (column, writer) in columns {
        let mut words: Vec<(Box<str>, u32)> = writer.by_word.into_iter().collect();
        words.sort_unstable();
        let postings = |number: &u32| &writer.postings[*number as usize];
        let is_common = |number: &u32| rows >= COMMON_ROWS_MIN && postings(number).rows > rows / COMMON_ONE_IN;
        let mut terms = serializer.new_field(schema.get_field(column)?, 0, None)?;
        for (word, number) in words.iter().filter(|(_, number)| !is_common(number)) {
            terms.new_term(word.as_bytes(), postings(number).rows, false)?;
            postings(number).rows().for_each(|row| terms.write_doc(row, 1, &[]));
            terms.close_term()?;
        }
        terms.close()?;
        let mut terms = serializer.new_field(schema.get_field(&format!("{column}{COMMON}"))?, 0, None)?;
        for (word, _) in words.iter().filter(|(_, number)| is_common(number)) {
            terms.new_term(word.as_bytes(), 1, false)?;
            terms.write_doc(0, 1, &[]);
            terms.close_term()?;
        }
        terms.close()?;
    }
    serializer.close()?;
    write_empty_parts(&segment)?;
    let mut meta = IndexMeta::with_schema(schema);
    meta.segments.push(segment.meta().clone());
    let mut files = vec![(META_FILE.to_owned(), serde_json::to_vec(&meta)?)];
    for name in meta.list_segment_files() {
        if directory.exists(&name).map_err(TantivyError::from)? {
            let bytes = directory.atomic_read(&name).map_err(TantivyError::from)?;
            files.push((name.to_string_lossy().into_owned(), bytes));
        }
    }
    Ok(files)
}

/// What tantivy wants to find when it opens a segment, with nothing in it.
fn write_empty_parts(segment: &tantivy::Segment) -> Result<(), TantivyError> {
    segment.open_write(SegmentComponent::Store)?.terminate()?;
    CompositeWrite::wrap(segment.open_write(SegmentComponent::FieldNorms)?).close()?;
    let mut fast_fields = segment.open_write(SegmentComponent::FastFields)?;
    columnar::ColumnarWriter::default().serialize(0, None, &mut fast_fields)?;
    fast_fields.terminate()?;
    Ok(())
}

/// An index opened for searching.
pub(super) struct TextIndex {
    reader: SegmentReader,
    schema: Schema,
}

impl TextIndex {
    pub(super) fn open(directory: impl Into<Box<dyn Directory>>) -> Result<Self, TantivyError> {
        let index = Index::open(directory)?;
        let segments = index.searchable_segments()?;
        let [segment] = segments.as_slice() else {
            return Err(TantivyError::InternalError(format!("{} segments, expected one", segments.len())));
        };
        Ok(Self { reader: SegmentReader::open(segment)?, schema: index.schema() })
    }

    pub(super) fn rows(&self) -> u32 {
        self.reader.max_doc()
    }

    /// Rows, ascending, in whose text `column` every word occurs that is not a common one, and whether none is. `None` when
    /// the index cannot tell: the column is not in it, or all words are common ones.
    pub(super) fn search(&self, column: &str, words: &[&str]) -> Result<Option<(Vec<u32>, bool)>, TantivyError> {
        let Ok(field) = self.schema.get_field(column) else { return Ok(None) };
        let common = self.schema.get_field(&format!("{column}{COMMON}"))?;
        let mut lists = Vec::with_capacity(words.len());
        for word in words {
            match self.postings(field, word)? {
                Some(list) => lists.push(list),
                None if self.postings(common, word)?.is_some() => {}
                None => return Ok(Some((Vec::new(), true))),
            }
        }
        if lists.is_empty() {
            return Ok(None);
        }
        lists.sort_by_key(|list| list.size_hint());
        let is_complete = lists.len() == words.len();
        Ok(Some((intersection(lists), is_complete)))
    }

    fn postings(&self, field: Field, word: &str) -> Result<Option<impl DocSet + use<>>, TantivyError> {
        let term = Term::from_field_text(field, word);
        Ok(self.reader.inverted_index(field)?.read_postings(&term, IndexRecordOption::Basic)?)
    }
}

/// Rows in all lists; the rarest word leads.
fn intersection(mut lists: Vec<impl DocSet>) -> Vec<u32> {
    let Some((lead, others)) = lists.split_first_mut() else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    let mut candidate = lead.doc();
    'candidates: while candidate != TERMINATED {
        for other in others.iter_mut() {
            let doc = if other.doc() < candidate { other.seek(candidate) } else { other.doc() };
            if doc > candidate {
                candidate = if doc == TERMINATED { TERMINATED } else { lead.seek(doc) };
                continue 'candidates;
            }
        }
        rows.push(candidate);
        candidate = lead.advance();
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_went_in() {
        let mut writer = WordWriter::default();
        let rows = [0, 1, 127, 128, 129, 16_000, 262_143];
        let number = writer.number("word");
        assert_eq!(writer.number("word"), number);
        for row in rows {
            writer.add(row, number);
            writer.add(row, number);
        }
        assert_eq!(writer.postings[number as usize].rows().collect::<Vec<_>>(), rows);
    }
}
