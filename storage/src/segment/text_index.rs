//! The text index of a segment: which rows hold which words. tantivy stays inside this file and `bundle.rs`.
//!
//! One field per text column, document ids only: no stored fields, frequencies or positions, as the query checks its
//! predicate on the rows again.

use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use proto::Signal;
use tantivy::directory::RamDirectory;
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{Directory, DocSet, Index, SegmentReader, SingleSegmentIndexWriter, TERMINATED, TantivyDocument, Term};

use super::bundle::{self, Bundle};
use crate::error::StorageError;
use crate::words::next_word;

/// Longer words are not in the index: tantivy's terms end at 65,530 bytes, and nobody searches for half a blob.
const WORD_BYTES_MAX: usize = 255;
/// Arena of the index writer; it grows beyond, this only sizes its hash table.
const WRITER_MEMORY_BYTES: usize = 32 << 20;
const META_FILE: &str = "meta.json";
const TOKENIZER: &str = "spanlake_words";

pub(super) struct TextIndexWriter {
    writer: SingleSegmentIndexWriter,
    directory: RamDirectory,
    columns: Vec<(&'static str, Field)>,
}

impl TextIndexWriter {
    pub(super) fn new(signal: Signal) -> Result<Self, String> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(TOKENIZER)
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        let options = TextOptions::default().set_indexing_options(indexing);
        let columns: Vec<_> = (signal.spec().text_columns.iter())
            .map(|column| (*column, schema.add_text_field(column, options.clone())))
            .collect();
        let directory = RamDirectory::create();
        let tokenizers = TokenizerManager::new();
        tokenizers.register(TOKENIZER, WordTokenizer::default());
        let writer = Index::builder()
            .schema(schema.build())
            .tokenizers(tokenizers)
            .single_segment_index_writer(directory.clone(), WRITER_MEMORY_BYTES)
            .map_err(|error| error.to_string())?;
        Ok(Self { writer, directory, columns })
    }

    /// Adds one document per row, empty ones too: the document id is the row number.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), String> {
        let mut texts: Vec<(Field, ArrayRef)> = Vec::with_capacity(self.columns.len());
        for (column, field) in &self.columns {
            let array = batch.column_by_name(column).ok_or_else(|| format!("column {column} is missing"))?;
            let array = cast(array, &DataType::Utf8).map_err(|error| error.to_string())?;
            texts.push((*field, array));
        }
        for row in 0..batch.num_rows() {
            let mut document = TantivyDocument::new();
            for (field, array) in &texts {
                let array = array.as_string::<i32>();
                if array.is_valid(row) && !array.value(row).is_empty() {
                    document.add_text(*field, array.value(row));
                }
            }
            self.writer.add_document(document).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Writes the index to `path`, durable. Returns its size in bytes.
    pub(super) fn finish(self, path: &Path) -> Result<u64, StorageError> {
        let failed = StorageError::write_segment(path);
        let index = self.writer.finalize().map_err(|error| failed(error.to_string()))?;
        let metas = index.load_metas().map_err(|error| failed(error.to_string()))?;
        let mut files = Vec::new();
        for name in metas.list_segment_files().into_iter().chain([META_FILE.into()]) {
            if !self.directory.exists(&name).map_err(|error| failed(error.to_string()))? {
                continue;
            }
            let bytes = self.directory.atomic_read(&name).map_err(|error| failed(error.to_string()))?;
            files.push((name.to_string_lossy().into_owned(), bytes));
        }
        bundle::write(path, &files)
    }
}

/// [`words`](crate::words) for tantivy. Ready-made tokens would not do: tantivy carries them to its writer as JSON.
#[derive(Clone, Default)]
struct WordTokenizer {
    token: Token,
}

struct WordStream<'a> {
    rest: &'a str,
    token: &'a mut Token,
}

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream { rest: text, token: &mut self.token }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        while next_word(&mut self.rest, &mut self.token.text) {
            if self.token.text.len() <= WORD_BYTES_MAX {
                self.token.position = self.token.position.wrapping_add(1);
                return true;
            }
        }
        false
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// An index opened for searching.
pub(super) struct TextIndex {
    reader: SegmentReader,
    schema: Schema,
    path: std::path::PathBuf,
}

impl std::fmt::Debug for TextIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextIndex").field("path", &self.path).finish_non_exhaustive()
    }
}

impl TextIndex {
    pub(super) fn open(path: &Path) -> Result<Self, StorageError> {
        let corrupt = |error: tantivy::TantivyError| StorageError::corrupt(path, error);
        let index = Index::open(Bundle::open(path)?).map_err(corrupt)?;
        let segments = index.searchable_segments().map_err(corrupt)?;
        let [segment] = segments.as_slice() else {
            return Err(StorageError::corrupt(path, format!("{} tantivy segments, expected one", segments.len())));
        };
        let reader = SegmentReader::open(segment).map_err(corrupt)?;
        Ok(Self { reader, schema: index.schema(), path: path.to_owned() })
    }

    pub(super) fn rows(&self) -> u32 {
        self.reader.max_doc()
    }

    /// See [`Segment::search`](super::Segment::search).
    pub(super) fn search(&self, column: &str, words: &[String]) -> Result<Option<Vec<u32>>, StorageError> {
        let Ok(field) = self.schema.get_field(column) else {
            return Ok(None);
        };
        let words: Vec<_> = words.iter().filter(|word| word.len() <= WORD_BYTES_MAX).collect();
        if words.is_empty() {
            return Ok(None);
        }
        let corrupt = |error: tantivy::TantivyError| StorageError::corrupt(&self.path, error);
        let index = self.reader.inverted_index(field).map_err(corrupt)?;
        let mut postings = Vec::with_capacity(words.len());
        for word in words {
            let term = Term::from_field_text(field, word);
            let found = index
                .read_postings(&term, IndexRecordOption::Basic)
                .map_err(|error| StorageError::corrupt(&self.path, error))?;
            match found {
                Some(list) => postings.push(list),
                None => return Ok(Some(Vec::new())),
            }
        }
        postings.sort_by_key(|list| list.size_hint());
        Ok(Some(intersection(postings)))
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
