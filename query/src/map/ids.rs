//! Columns of ids, read from their pages as numbers and as runs of equal ones.
//!
//! Half of the bytes that a map reads are ids. As Arrow arrays they take twice as long: lengths, offsets and bytes of
//! values that are all of one length, and a copy of the trace id for each of its spans. The encodings are those of
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/>; whoever writes others is read as Arrow arrays.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;

use super::spans::{SpanKey, span_key, trace_key};
use super::trace_stream::{Run, add_rows};

/// The pages of one column of a row group.
pub(super) struct IdPages<R: ChunkReader> {
    pages: SerializedPageReader<R>,
    encoding: Encoding,
    is_nullable: bool,
}

impl<R: ChunkReader> IdPages<R> {
    /// `encoding`: of all of its pages. None when they may have another one.
    pub(super) fn open(
        file: &Arc<R>,
        metadata: &ParquetMetaData,
        group: usize,
        name: &str,
        encoding: Encoding,
    ) -> Option<Result<Self>> {
        let row_group = metadata.row_group(group);
        let leaf = row_group.columns().iter().position(|column| column.column_path().string() == name)?;
        let column = row_group.column(leaf);
        let levels = (column.column_descr().max_def_level(), column.column_descr().max_rep_level());
        let is_known = column.encodings().all(|other| other == encoding || other == Encoding::RLE);
        if !is_known || levels.0 > 1 || levels.1 > 0 {
            return None;
        }
        let pages = metadata.offset_index()?.get(group)?.get(leaf)?.page_locations().clone();
        let rows = row_group.num_rows() as usize;
        let pages = SerializedPageReader::new(Arc::clone(file), column, rows, Some(pages));
        Some(pages.map(|pages| Self { pages, encoding, is_nullable: levels.0 > 0 }))
    }

    /// Which rows of the next page have a value, and the values of those. None behind the last page.
    fn next(&mut self) -> Result<Option<(Valid, Bytes)>> {
        let Some(page) = self.pages.get_next_page()? else { return Ok(None) };
        let Page::DataPage { buf, num_values, encoding, def_level_encoding, .. } = page else {
            return Err(broken("a page that is not of version 1"));
        };
        if encoding != self.encoding || (self.is_nullable && def_level_encoding != Encoding::RLE) {
            return Err(broken("an encoding that its metadata does not name"));
        }
        let rows = num_values as usize;
        if !self.is_nullable {
            return Ok(Some((Valid::All(rows), buf)));
        }
        let mut rest = &buf[..];
        let length = take(&mut rest, 4)?.try_into().map_or(0, u32::from_le_bytes);
        let valid = Valid::of(take(&mut rest, length as usize)?, rows)?;
        Ok(Some((valid, buf.slice_ref(rest))))
    }
}

/// Which rows of a page have a value.
#[derive(Debug, PartialEq)]
enum Valid {
    All(usize),
    Some(Vec<bool>),
}

impl Valid {
    /// `levels`: of one bit each, in runs and packed.
    fn of(mut levels: &[u8], rows: usize) -> Result<Self> {
        let mut valid = Vec::with_capacity(rows);
        while valid.len() < rows {
            let header = varint(&mut levels)? as usize;
            let left = rows - valid.len();
            if header & 1 == 0 {
                let is_valid = take(&mut levels, 1)?[0] == 1;
                if is_valid && header >> 1 == rows {
                    return Ok(Valid::All(rows));
                }
                if header >> 1 == 0 {
                    return Err(broken("an empty run"));
                }
                valid.extend(std::iter::repeat_n(is_valid, left.min(header >> 1)));
            } else {
                let packed = take(&mut levels, header >> 1)?;
                if packed.is_empty() {
                    return Err(broken("an empty run"));
                }
                valid.extend(packed.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).take(left));
            }
        }
        Ok(Valid::Some(valid))
    }

    fn count(&self) -> usize {
        match self {
            Valid::All(rows) => *rows,
            Valid::Some(valid) => valid.iter().filter(|is_valid| **is_valid).count(),
        }
    }
}

/// Span ids, one behind the other; 0 where there is none.
pub(super) struct SpanIds<R: ChunkReader> {
    pages: IdPages<R>,
    /// Of pages that were read.
    waiting: Vec<SpanKey>,
    lengths: Vec<i32>,
}

impl<R: ChunkReader> SpanIds<R> {
    pub(super) const ENCODING: Encoding = Encoding::DELTA_LENGTH_BYTE_ARRAY;

    pub(super) fn of(pages: IdPages<R>) -> Self {
        Self { pages, waiting: Vec::new(), lengths: Vec::new() }
    }

    /// The next ids. Errors: there are not so many.
    pub(super) fn take(&mut self, rows: usize) -> Result<Vec<SpanKey>> {
        while self.waiting.len() < rows {
            let (valid, values) = self.pages.next()?.ok_or_else(|| broken("too few ids"))?;
            self.lengths.clear();
            let used = deltas(&values, &mut self.lengths)?;
            if self.lengths.len() != valid.count() {
                return Err(broken("not as many ids as rows"));
            }
            let mut ids = span_keys(&values[used..], &self.lengths)?.into_iter();
            match valid {
                Valid::All(_) => self.waiting.extend(ids),
                Valid::Some(valid) => {
                    let id = |is_valid| if is_valid { ids.next().unwrap_or(0) } else { 0 };
                    self.waiting.extend(valid.into_iter().map(id));
                }
            }
        }
        Ok(self.waiting.drain(..rows).collect())
    }
}

fn span_keys(mut bytes: &[u8], lengths: &[i32]) -> Result<Vec<SpanKey>> {
    const LENGTH: usize = size_of::<SpanKey>();
    if lengths.iter().all(|length| *length == LENGTH as i32) {
        let ids = take(&mut bytes, lengths.len() * LENGTH)?;
        return Ok(ids.chunks_exact(LENGTH).map(|id| span_key(Some(id))).collect());
    }
    let id = |length: &i32| {
        let length = usize::try_from(*length).map_err(|_| broken("a negative length"))?;
        Ok(span_key(Some(take(&mut bytes, length)?)))
    };
    lengths.iter().map(id).collect()
}

/// The encoding of trace ids: an id that is that of the row before takes no bytes.
pub(super) const TRACE_ENCODING: Encoding = Encoding::DELTA_BYTE_ARRAY;

/// The runs of all rows of a column of trace ids.
pub(super) async fn runs<R: ChunkReader>(mut pages: IdPages<R>) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    let (mut prefixes, mut suffixes) = (Vec::new(), Vec::new());
    let mut nth = 0usize;
    while let Some((valid, values)) = pages.next()? {
        prefixes.clear();
        suffixes.clear();
        let of_prefixes = deltas(&values, &mut prefixes)?;
        let of_suffixes = deltas(&values[of_prefixes..], &mut suffixes)?;
        if prefixes.len() != valid.count() || suffixes.len() != prefixes.len() {
            return Err(broken("not as many ids as rows"));
        }
        let mut bytes = &values[of_prefixes + of_suffixes..];
        let mut id: Vec<u8> = Vec::new();
        // Rows that have the id of the row before, and have not been added yet.
        let mut same = 0;
        let mut lengths = prefixes.iter().zip(&suffixes);
        let mut next_id = |is_valid: bool| -> Result<()> {
            if !is_valid {
                add_rows(&mut runs, trace_key(Some(&id)), std::mem::take(&mut same));
                add_rows(&mut runs, 0, 1);
                return Ok(());
            }
            let (prefix, suffix) = lengths.next().unwrap_or((&0, &0));
            if *suffix == 0 && *prefix as usize == id.len() && !id.is_empty() {
                same += 1;
                return Ok(());
            }
            add_rows(&mut runs, trace_key(Some(&id)), std::mem::replace(&mut same, 1));
            let lengths = (usize::try_from(*prefix), usize::try_from(*suffix));
            let (Ok(prefix), Ok(suffix)) = lengths else { return Err(broken("a negative length")) };
            if prefix > id.len() {
                return Err(broken("a prefix longer than the id before"));
            }
            id.truncate(prefix);
            id.extend_from_slice(take(&mut bytes, suffix)?);
            Ok(())
        };
        match valid {
            Valid::All(rows) => (0..rows).try_for_each(|_| next_id(true))?,
            Valid::Some(valid) => valid.into_iter().try_for_each(&mut next_id)?,
        }
        add_rows(&mut runs, trace_key(Some(&id)), same);
        nth += 1;
        if nth.is_multiple_of(PAGES_PER_YIELD) {
            // Here a reading that nobody waits for ends.
            tokio::task::yield_now().await;
        }
    }
    Ok(runs)
}

const PAGES_PER_YIELD: usize = 16;
/// Rows of a page are far fewer; a broken one must not take all memory.
const VALUES_MAX: usize = 1 << 24;

/// Appends integers that are written as differences (`DELTA_BINARY_PACKED`); returns how many bytes they take.
fn deltas(bytes: &[u8], values: &mut Vec<i32>) -> Result<usize> {
    let mut rest = bytes;
    let (block, parts) = (varint(&mut rest)? as usize, varint(&mut rest)? as usize);
    let count = varint(&mut rest)? as usize;
    let mut last = zigzag(&mut rest)?;
    if parts == 0 || !block.is_multiple_of(parts) || !(block / parts).is_multiple_of(32) || block == 0 {
        return Err(broken("blocks of a size that cannot be"));
    }
    let values_per_part = block / parts;
    if count > VALUES_MAX || values_per_part > VALUES_MAX {
        return Err(broken("more values than a page has"));
    }
    let end = values.len() + count;
    if count > 0 {
        values.push(last as i32);
    }
    while values.len() < end {
        let least = zigzag(&mut rest)?;
        for bits in take(&mut rest, parts)? {
            let left = values_per_part.min(end - values.len());
            if left == 0 {
                break;
            }
            if *bits > 32 {
                return Err(broken("integers of more than 32 bits"));
            }
            let mut packed = take(&mut rest, usize::from(*bits) * values_per_part / 8)?.iter();
            if *bits == 0 && least == 0 {
                values.extend(std::iter::repeat_n(last as i32, left));
                continue;
            }
            let (mut waiting, mut waiting_bits) = (0u64, 0);
            for _ in 0..left {
                while waiting_bits < *bits {
                    waiting |= u64::from(packed.next().copied().unwrap_or(0)) << waiting_bits;
                    waiting_bits += 8;
                }
                last = last.wrapping_add(least).wrapping_add((waiting & ((1 << bits) - 1)) as i64);
                waiting >>= bits;
                waiting_bits -= bits;
                values.push(last as i32);
            }
        }
    }
    Ok(bytes.len() - rest.len())
}

fn varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(broken("a number of more than 64 bits"))
}

fn zigzag(bytes: &mut &[u8]) -> Result<i64> {
    let value = varint(bytes)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or_else(|| broken("a page that ends too early"))?;
    *bytes = rest;
    Ok(taken)
}

fn broken(what: &str) -> ParquetError {
    ParquetError::General(format!("column of ids: {what}"))
}

#[cfg(test)]
mod tests {
    use arrow::array::{BinaryArray, RecordBatch};
    use arrow::datatypes::{DataType, Field, Schema};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
    use parquet::file::metadata::PageIndexPolicy;
    use parquet::file::properties::WriterProperties;
    use proptest::prelude::*;

    use super::super::spans::TraceKey;
    use super::*;

    const NAME: &str = "id";

    /// A file of one row group with a few rows in a page.
    fn written(ids: &[Option<Vec<u8>>], encoding: Encoding, is_nullable: bool) -> (Arc<Bytes>, ArrowReaderMetadata) {
        let schema = Arc::new(Schema::new(vec![Field::new(NAME, DataType::Binary, is_nullable)]));
        let column: BinaryArray = ids.iter().map(Option::as_deref).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(column)]).expect("the schema");
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(encoding == Encoding::RLE_DICTIONARY)
            .set_data_page_row_count_limit(7)
            .set_write_batch_size(7);
        let properties = match encoding {
            Encoding::RLE_DICTIONARY => properties,
            encoding => properties.set_encoding(encoding),
        };
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, schema, Some(properties.build())).expect("a schema");
        writer.write(&batch).expect("written");
        writer.close().expect("written");
        let file = Bytes::from(file);
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let metadata = ArrowReaderMetadata::load(&file, options).expect("a footer");
        (Arc::new(file), metadata)
    }

    fn pages(ids: &[Option<Vec<u8>>], encoding: Encoding, wanted: Encoding, nullable: bool) -> Option<IdPages<Bytes>> {
        let (file, metadata) = written(ids, encoding, nullable);
        IdPages::open(&file, metadata.metadata(), 0, NAME, wanted).map(|pages| pages.expect("pages"))
    }

    fn any_id(length: usize) -> impl Strategy<Value = Option<Vec<u8>>> {
        // Few different bytes: neighbours are often the same or begin alike.
        let whole = prop::collection::vec(0u8..2, length);
        let other = prop::collection::vec(0u8..2, 0..length + 2);
        prop_oneof![8 => whole.prop_map(Some), 1 => other.prop_map(Some), 2 => Just(None)]
    }

    /// Each id some times in a row.
    fn any_ids(length: usize, is_nullable: bool) -> impl Strategy<Value = Vec<Option<Vec<u8>>>> {
        prop::collection::vec((any_id(length), 1usize..5), 1..60).prop_map(move |runs| {
            let ids = runs.into_iter().flat_map(|(id, rows)| std::iter::repeat_n(id, rows));
            ids.map(|id| if is_nullable { id } else { Some(id.unwrap_or_default()) }).collect()
        })
    }

    proptest! {
        #[test]
        fn span_ids_are_those_of_the_rows(ids in any_ids(8, true), step in 1usize..20) {
            let expected: Vec<SpanKey> = ids.iter().map(|id| span_key(id.as_deref())).collect();
            let pages = pages(&ids, SpanIds::<Bytes>::ENCODING, SpanIds::<Bytes>::ENCODING, true);
            let mut found = SpanIds::of(pages.expect("this encoding"));
            let mut taken = Vec::new();
            while taken.len() < ids.len() {
                taken.extend(found.take(step.min(ids.len() - taken.len())).expect("ids"));
            }
            prop_assert_eq!(taken, expected);
            prop_assert!(found.take(1).is_err());
        }

        #[test]
        fn runs_are_those_of_the_rows(ids in any::<bool>().prop_flat_map(|nullable| any_ids(16, nullable))) {
            let mut expected = Vec::new();
            ids.iter().for_each(|id| add_rows(&mut expected, trace_key(id.as_deref()), 1));
            let is_nullable = ids.iter().any(Option::is_none);
            let pages = pages(&ids, TRACE_ENCODING, TRACE_ENCODING, is_nullable).expect("this encoding");
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            prop_assert_eq!(runtime.block_on(runs(pages)).expect("ids"), expected);
        }

        #[test]
        fn bytes_that_are_no_page_are_an_error_or_numbers(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = deltas(&bytes, &mut Vec::new());
            let _ = Valid::of(&bytes, 30);
        }
    }

    #[test]
    fn other_encodings_are_left_to_others() {
        let ids = vec![Some(TraceKey::MAX.to_be_bytes().to_vec()); 3];
        for encoding in [Encoding::PLAIN, Encoding::RLE_DICTIONARY, Encoding::DELTA_LENGTH_BYTE_ARRAY] {
            assert!(pages(&ids, encoding, TRACE_ENCODING, true).is_none());
        }
    }
}
