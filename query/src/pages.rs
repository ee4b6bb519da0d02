//! Pages of the columns of a row group, as the Parquet reader takes them.
//!
//! The crate's own source of pages makes a zstd context for every column that it opens and forgets a page once it has been
//! read. A page of log records reads a handful of rows of twenty columns in a hundred places, its conditions first: here
//! a thread has one context, and pages that conditions were read from are there when the same columns are answered.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::Schema;
use bytes::Bytes;
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, RowGroups, RowSelection};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use zstd::bulk::Decompressor;

use crate::running::Reading;

/// Bytes of pages that one reading keeps between its conditions and its answer.
const KEPT_BYTES_MAX: usize = 16 << 20;

thread_local! {
    /// Making one takes as long as reading a small page.
    static ZSTD: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A file that is read by position and says how much.
pub(crate) struct CountedFile {
    pub(crate) file: File,
    pub(crate) reading: Arc<Reading>,
}

impl Length for CountedFile {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for CountedFile {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        self.file.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        self.reading.bytes.fetch_add(length as u64, Ordering::Relaxed);
        Ok(bytes.into())
    }
}

/// How many bytes of pages a reading may still keep.
pub(crate) struct Allowance(AtomicUsize);

impl Default for Allowance {
    fn default() -> Self {
        Self(AtomicUsize::new(KEPT_BYTES_MAX))
    }
}

impl Allowance {
    fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }
}

/// One row group of a file.
pub(crate) struct RowGroupPages {
    path: PathBuf,
    /// While it is read: rows that are found in thousands of row groups must not keep as many files open.
    file: Mutex<Option<Arc<CountedFile>>>,
    reading: Arc<Reading>,
    metadata: ArrowReaderMetadata,
    number: usize,
    /// By leaf and place within its column, the dictionary first.
    kept: Mutex<HashMap<(usize, usize), Page>>,
    allowance: Arc<Allowance>,
}

impl RowGroupPages {
    /// `number`: of a row group that the file has.
    pub(crate) fn new(
        path: &Path,
        metadata: ArrowReaderMetadata,
        number: usize,
        allowance: Arc<Allowance>,
        reading: Arc<Reading>,
    ) -> Arc<Self> {
        let (path, file, kept) = (path.to_owned(), Mutex::default(), Mutex::default());
        Arc::new(Self { path, file, reading, metadata, number, kept, allowance })
    }

    fn open(&self) -> Result<Arc<CountedFile>> {
        let mut file = self.file.lock();
        if let Some(file) = &*file {
            return Ok(Arc::clone(file));
        }
        let opened = File::open(&self.path)
            .map_err(|error| ParquetError::General(format!("{}: {error}", self.path.display())))?;
        let opened = Arc::new(CountedFile { file: opened, reading: Arc::clone(&self.reading) });
        Ok(Arc::clone(file.insert(opened)))
    }

    /// Closes the file until it is read again.
    pub(crate) fn close(&self) {
        *self.file.lock() = None;
    }

    pub(crate) fn metadata(&self) -> &ParquetMetaData {
        self.metadata.metadata()
    }

    pub(crate) fn row_group(&self) -> &RowGroupMetaData {
        self.metadata().row_group(self.number)
    }

    /// Rows of those columns of `schema` that the file has. `selection`: within the row group; `None`: all.
    /// `keep`: the pages, as far as allowed, for who reads them again.
    pub(crate) fn read(
        self: &Arc<Self>,
        schema: &Schema,
        selection: Option<RowSelection>,
        batch_rows: usize,
        keep: bool,
    ) -> Result<ParquetRecordBatchReader> {
        let parquet = self.metadata().file_metadata().schema_descr();
        let fields = Some(self.metadata.schema().fields());
        let levels = parquet_to_arrow_field_levels(parquet, mask(self.metadata(), schema), fields)?;
        let columns = Columns { pages: Arc::clone(self), keep };
        ParquetRecordBatchReader::try_new_with_row_groups(&levels, &columns, batch_rows, selection)
    }
}

/// The leaves of those columns of a schema that the file has.
pub(crate) fn mask(metadata: &ParquetMetaData, schema: &Schema) -> ProjectionMask {
    let parquet = metadata.file_metadata().schema_descr();
    let leaves = parquet.columns().iter().enumerate().filter(|(_, column)| is_of(column.path().parts(), schema));
    ProjectionMask::leaves(parquet, leaves.map(|(leaf, _)| leaf))
}

pub(crate) fn is_of(path: &[String], schema: &Schema) -> bool {
    path.first().is_some_and(|name| schema.column_with_name(name).is_some())
}

/// What one reader sees of a row group.
struct Columns {
    pages: Arc<RowGroupPages>,
    keep: bool,
}

impl RowGroups for Columns {
    fn num_rows(&self) -> usize {
        self.pages.row_group().num_rows() as usize
    }

    fn column_chunks(&self, leaf: usize) -> Result<Box<dyn PageIterator>> {
        Ok(Box::new(OneColumn(Some(ColumnPages::open(&self.pages, leaf, self.keep)))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.pages.row_group()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.pages.metadata()
    }
}

/// The pages of a column in one row group.
struct OneColumn(Option<Result<ColumnPages>>);

impl Iterator for OneColumn {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(|pages| Ok(Box::new(pages?) as Box<dyn PageReader>))
    }
}

impl PageIterator for OneColumn {}

impl Drop for RowGroupPages {
    fn drop(&mut self) {
        let bytes = self.kept.get_mut().values().map(|page| page.buffer().len()).sum();
        self.allowance.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

struct ColumnPages {
    /// Gives pages as they lie in the file.
    stored: SerializedPageReader<CountedFile>,
    is_zstd: bool,
    /// No page is larger.
    bytes_max: usize,
    pages: Arc<RowGroupPages>,
    leaf: usize,
    /// Of the next page.
    place: usize,
    keep: bool,
}

impl ColumnPages {
    fn open(pages: &Arc<RowGroupPages>, leaf: usize, keep: bool) -> Result<Self> {
        let column = pages.row_group().column(leaf);
        let is_zstd = matches!(column.compression(), Compression::ZSTD(_));
        let index = pages.metadata().offset_index().and_then(|index| index.get(pages.number)?.get(leaf));
        let locations = index.map(|index| index.page_locations().clone());
        let rows = pages.row_group().num_rows() as usize;
        let file = pages.open()?;
        let stored = if is_zstd {
            SerializedPageReader::new(file, &as_stored(column)?, rows, locations)?
        } else {
            SerializedPageReader::new(file, column, rows, locations)?
        };
        let bytes_max = usize::try_from(column.uncompressed_size())?;
        Ok(Self { stored, is_zstd, bytes_max, pages: Arc::clone(pages), leaf, place: 0, keep })
    }

    fn read(&mut self) -> Result<Option<Page>> {
        let Some(page) = self.stored.get_next_page()? else { return Ok(None) };
        let page = if self.is_zstd { decompressed(page, self.bytes_max)? } else { page };
        let place = (self.leaf, self.place);
        if self.keep && self.pages.allowance.take(page.buffer().len()) {
            self.pages.kept.lock().insert(place, page.clone());
        }
        Ok(Some(page))
    }
}

/// What makes the crate's reader leave pages as they are.
fn as_stored(column: &ColumnChunkMetaData) -> Result<ColumnChunkMetaData> {
    let (start, length) = column.byte_range();
    ColumnChunkMetaData::builder(column.column_descr_ptr())
        .set_compression(Compression::UNCOMPRESSED)
        .set_data_page_offset(start as i64)
        .set_total_compressed_size(length as i64)
        .build()
}

impl PageReader for ColumnPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let kept = self.pages.kept.lock().get(&(self.leaf, self.place)).cloned();
        let page = match kept {
            Some(page) => {
                self.stored.skip_next_page()?;
                Some(page)
            }
            None => self.read()?,
        };
        self.place += 1;
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.stored.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.place += 1;
        self.stored.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.stored.at_record_boundary()
    }
}

impl Iterator for ColumnPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// Of a page of version 2 the levels are not compressed, and the values need not be:
/// <https://parquet.apache.org/docs/file-format/data-pages/>.
fn decompressed(mut page: Page, bytes_max: usize) -> Result<Page> {
    let (buf, levels) = match &mut page {
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => (buf, 0),
        Page::DataPageV2 { is_compressed: false, .. } => return Ok(page),
        Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
            (buf, *def_levels_byte_len as usize + *rep_levels_byte_len as usize)
        }
    };
    let (levels, values) = buf.split_at_checked(levels).ok_or_else(|| broken("levels that are longer than it"))?;
    // A page without a value need not have a frame.
    let values = if values.is_empty() { Vec::new() } else { unzstd(values, bytes_max)? };
    *buf = if levels.is_empty() { values.into() } else { [levels, &values].concat().into() };
    Ok(page)
}

/// `bytes_max`: more cannot be right.
fn unzstd(frame: &[u8], bytes_max: usize) -> Result<Vec<u8>> {
    let length = zstd::zstd_safe::get_frame_content_size(frame).map_err(|_| broken("no zstd frame"))?;
    // The length is said by all who compress a page at once.
    let length = length.map_or(Ok(bytes_max), usize::try_from)?;
    if length > bytes_max {
        return Err(broken("more bytes than its column"));
    }
    ZSTD.with_borrow_mut(|zstd| {
        if zstd.is_none() {
            *zstd = Some(Decompressor::new()?);
        }
        let Some(zstd) = zstd else { return Err(broken("no decompressor")) };
        Ok(zstd.decompress(frame, length)?)
    })
}

fn broken(what: &str) -> ParquetError {
    ParquetError::General(format!("a page with {what}"))
}

#[cfg(test)]
mod tests;
