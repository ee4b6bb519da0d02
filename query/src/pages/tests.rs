use std::io::{Seek, SeekFrom, Write};

use arrow::array::{ArrayRef, DictionaryArray, Int64Array, ListArray, StringArray};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::basic::ZstdLevel;
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::properties::{WriterProperties, WriterVersion};
use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::*;

const ROWS: usize = 400;

/// Numbers, texts with gaps, a dictionary, nothing at all, and lists.
fn rows() -> RecordBatch {
    let texts = (0..ROWS).map(|row| (row % 7 > 0).then(|| format!("text {row} {}", row * row)));
    let words = (0..ROWS).map(|row| (row % 5 > 0).then(|| ["a", "bb", "ccc"][row % 3]));
    let lists = (0..ROWS).map(|row| (row % 4 > 0).then(|| (0..row % 4).map(|nth| Some(nth as i64))));
    let columns: [(&str, ArrayRef); 5] = [
        ("number", Arc::new((0..ROWS as i64).map(|row| row * 1_000_003).collect::<Int64Array>())),
        ("text", Arc::new(texts.collect::<StringArray>())),
        ("word", Arc::new(words.collect::<DictionaryArray<Int32Type>>())),
        ("nothing", Arc::new(StringArray::new_null(ROWS))),
        ("list", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).expect("a batch")
}

/// A file with two row groups of these rows.
fn written(properties: WriterProperties) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    let mut writer = ArrowWriter::try_new(&mut file, rows().schema(), Some(properties)).expect("a writer");
    for _ in 0..2 {
        writer.write(&rows()).expect("written");
        writer.flush().expect("a row group");
    }
    writer.close().expect("closed");
    file
}

fn properties(compression: Compression, version: WriterVersion) -> WriterProperties {
    let properties = WriterProperties::builder().set_compression(compression).set_writer_version(version);
    properties.set_data_page_row_count_limit(37).set_write_batch_size(37).build()
}

fn pages(file: &NamedTempFile, policy: PageIndexPolicy) -> Arc<RowGroupPages> {
    let options = ArrowReaderOptions::new().with_page_index_policy(policy);
    let metadata = ArrowReaderMetadata::load(file.as_file(), options).expect("a footer");
    RowGroupPages::new(file.path(), metadata, 1, Arc::default(), Arc::default())
}

fn read(pages: &Arc<RowGroupPages>, wanted: &[bool], keep: bool) -> RecordBatch {
    let selection = RowSelection::from_filters(&[wanted.to_vec().into()]);
    let schema = rows().schema();
    let batches = pages.read(&schema, Some(selection), 64, keep).expect("a reader");
    concat_batches(&schema, &batches.collect::<std::result::Result<Vec<_>, _>>().expect("rows")).expect("together")
}

proptest! {
    #[test]
    fn rows_are_those_that_were_written(
        is_zstd in any::<bool>(),
        is_v2 in any::<bool>(),
        has_index in any::<bool>(),
        wanted in prop::collection::vec(prop::bool::weighted(0.1), ROWS),
    ) {
        let compression = if is_zstd { Compression::ZSTD(ZstdLevel::default()) } else { Compression::UNCOMPRESSED };
        let version = if is_v2 { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 };
        let file = written(properties(compression, version));
        let policy = if has_index { PageIndexPolicy::Required } else { PageIndexPolicy::Skip };
        let pages = pages(&file, policy);
        let expected = filter_record_batch(&rows(), &wanted.clone().into()).expect("filtered");
        for keep in [true, false] {
            prop_assert_eq!(&read(&pages, &wanted, keep), &expected);
        }
    }
}

#[test]
fn a_kept_page_is_not_read_again() {
    let file = written(properties(Compression::ZSTD(ZstdLevel::default()), WriterVersion::PARQUET_1_0));
    let pages = pages(&file, PageIndexPolicy::Required);
    let bytes = || pages.reading.bytes.load(Ordering::Relaxed);
    let wanted: Vec<bool> = (0..ROWS).map(|row| row % 150 == 0).collect();
    let first = read(&pages, &wanted, true);
    let read_once = bytes();
    assert!(read_once > 0);
    pages.close();
    assert_eq!(read(&pages, &wanted, true), first);
    assert_eq!(bytes(), read_once);
    let allowance = Arc::clone(&pages.allowance);
    assert!(allowance.0.load(Ordering::Relaxed) < KEPT_BYTES_MAX);
    drop(pages);
    assert_eq!(allowance.0.load(Ordering::Relaxed), KEPT_BYTES_MAX, "given back");
}

#[test]
fn a_page_that_is_not_what_was_written_is_an_error() {
    let mut file = written(properties(Compression::ZSTD(ZstdLevel::default()), WriterVersion::PARQUET_1_0));
    let pages = pages(&file, PageIndexPolicy::Required);
    let (start, length) = pages.row_group().column(1).byte_range();
    file.seek(SeekFrom::Start(start + 30)).expect("there");
    file.write_all(&vec![0xA5; length as usize - 30]).expect("written");
    let batches = pages.read(&rows().schema(), None, 64, false);
    let read = batches.expect("a reader").collect::<std::result::Result<Vec<_>, _>>();
    assert!(read.is_err());
}
