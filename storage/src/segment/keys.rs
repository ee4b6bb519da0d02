//! Which stripes of rows hold which keys: ids, attribute values, and words with a digit in them.
//!
//! Such values are too many and too rare for a dictionary of terms: a UUID costs a term of its own. So a key is only a
//! hash of 22 or 24 bits ([`key_bits`](proto::SignalSpec::key_bits)), and its postings are stripes of [`STRIPE_ROWS`] rows, which is what a query has to
//! decompress anyway. A row group's index is then a sorted set of 32-bit numbers, `hash << 8 | stripe`, packed in blocks
//! of 128 deltas: about 12 bits for each key and stripe. With 22 bits a foreign stripe comes along once in four look-ups;
//! the query checks the rows.
//!
//! ```text
//! count u32 | first value of each block u32... | end of each block in `packed` u32... | width of each block u8... | packed
//! ```

use std::ops::Range;

use bitpacking::{BitPacker, BitPacker4x};
use twox_hash::XxHash64;

/// Rows of a stripe, and of a page of short values ([`super::writer::PAGE_ROWS`]).
pub(super) const STRIPE_ROWS: u32 = 1024;
/// Stripes of a row group, for a stripe number has 8 bits.
pub(super) const STRIPES_MAX: u32 = 256;
/// What a number has beside the stripe.
const KEY_BITS_MAX: u32 = u32::BITS - STRIPE_BITS;
const STRIPE_BITS: u32 = 8;
const BLOCK: usize = BitPacker4x::BLOCK_LEN;
/// Bytes between two blocks that are rather read along than left out: about what a system call costs.
const GAP_BYTES: usize = 8 << 10;

/// The hash of a value in a name space (a column, an attribute key). Part of the file format: the upper bits of XXH64.
pub(super) fn key(bits: u32, name_space: u64, value: &[u8]) -> u32 {
    (XxHash64::oneshot(name_space, value) >> (u64::BITS - bits.min(KEY_BITS_MAX))) as u32
}

/// The number of a name space.
pub(super) fn name_space(name: &str) -> u64 {
    XxHash64::oneshot(0, name.as_bytes())
}

/// Collects the keys of one row group.
#[derive(Default)]
pub(super) struct KeyWriter {
    entries: Vec<u32>,
}

impl KeyWriter {
    /// `row`: within the row group, below `STRIPE_ROWS * STRIPES_MAX`.
    pub(super) fn add(&mut self, row: u32, key: u32) {
        self.entries.push((key << STRIPE_BITS) | (row / STRIPE_ROWS));
    }

    /// The index as bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        sort(&mut self.entries);
        self.entries.dedup();
        let packer = BitPacker4x::new();
        let count = self.entries.len();
        let (mut firsts, mut ends, mut widths) = (Vec::new(), Vec::new(), Vec::new());
        let mut packed = Vec::new();
        let mut buffer = [0u8; 4 * BLOCK];
        for block in self.entries.chunks(BLOCK) {
            let mut full = [block[block.len() - 1]; BLOCK];
            full[..block.len()].copy_from_slice(block);
            let width = packer.num_bits_sorted(block[0], &full);
            let length = packer.compress_sorted(block[0], &full, &mut buffer, width);
            packed.extend_from_slice(&buffer[..length]);
            firsts.extend_from_slice(&block[0].to_le_bytes());
            ends.extend_from_slice(&(packed.len() as u32).to_le_bytes());
            widths.push(width);
        }
        let mut bytes = (count as u32).to_le_bytes().to_vec();
        for part in [firsts, ends, widths, packed] {
            bytes.extend_from_slice(&part);
        }
        bytes
    }
}

/// Radix sort, for a comparison sort of some million numbers takes four times as long.
fn sort(entries: &mut Vec<u32>) {
    const DIGIT_BITS: u32 = 11;
    const DIGIT: usize = 1 << DIGIT_BITS;
    let mut other = vec![0; entries.len()];
    for shift in (0..u32::BITS).step_by(DIGIT_BITS as usize) {
        let digit = |entry: u32| (entry >> shift) as usize % DIGIT;
        let mut starts = [0usize; DIGIT];
        entries.iter().for_each(|entry| starts[digit(*entry)] += 1);
        let mut start = 0;
        for count in &mut starts {
            start += std::mem::replace(count, start);
        }
        for entry in entries.iter() {
            let place = &mut starts[digit(*entry)];
            other[*place] = *entry;
            *place += 1;
        }
        std::mem::swap(entries, &mut other);
    }
}

/// The directory of a key index, read into memory; the packed blocks are read as they are asked for.
#[derive(Debug)]
pub(super) struct KeyIndex {
    count: usize,
    firsts: Vec<u32>,
    ends: Vec<u32>,
    widths: Vec<u8>,
    packed_start: usize,
}

impl KeyIndex {
    /// Bytes of the directory, of which `head` are the first four.
    pub(super) fn directory_bytes(head: [u8; 4]) -> usize {
        4 + 9 * (u32::from_le_bytes(head) as usize).div_ceil(BLOCK)
    }

    /// `None`: shorter than it says.
    pub(super) fn open(directory: &[u8]) -> Option<Self> {
        let count = u32::from_le_bytes(directory.get(..4)?.try_into().ok()?) as usize;
        let blocks = count.div_ceil(BLOCK);
        let numbers = |at: usize| -> Option<Vec<u32>> {
            let bytes = directory.get(at..at + 4 * blocks)?;
            Some(bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
        };
        Some(Self {
            count,
            firsts: numbers(4)?,
            ends: numbers(4 + 4 * blocks)?,
            widths: directory.get(4 + 8 * blocks..4 + 9 * blocks)?.to_vec(),
            packed_start: 4 + 9 * blocks,
        })
    }

    /// The stripes that may hold one of `keys`, which are ascending; in no order, some of them more than once. `read`:
    /// bytes of the index by position.
    pub(super) fn stripes<E>(
        &self,
        keys: &[u32],
        mut read: impl FnMut(Range<usize>) -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u32>, E> {
        let mut blocks: Vec<usize> = keys.iter().flat_map(|key| self.blocks(*key)).collect();
        blocks.dedup();
        let (packer, mut values, mut stripes) = (BitPacker4x::new(), [0u32; BLOCK], Vec::new());
        for near in blocks.chunk_by(|a, b| self.bytes(*b).start - self.bytes(*a).end <= GAP_BYTES) {
            let start = self.bytes(near[0]).start;
            let bytes = read(start..self.bytes(near[near.len() - 1]).end)?;
            for &block in near {
                let place = self.bytes(block);
                let width = self.widths[block];
                let packed = bytes.get(place.start - start..place.end - start).unwrap_or_default();
                if packed.len() != 16 * usize::from(width) {
                    continue;
                }
                packer.decompress_sorted(self.firsts[block], packed, &mut values, width);
                let values = &values[..(self.count - block * BLOCK).min(BLOCK)];
                let first = keys.partition_point(|key| last_of(*key) < self.firsts[block]);
                for key in keys[first..].iter().take_while(|key| first_of(**key) <= values[values.len() - 1]) {
                    let begin = values.partition_point(|value| *value < first_of(*key));
                    let inside = values[begin..].iter().take_while(|value| **value <= last_of(*key));
                    stripes.extend(inside.map(|value| value & (STRIPES_MAX - 1)));
                }
            }
        }
        Ok(stripes)
    }

    /// Those that may hold a key.
    fn blocks(&self, key: u32) -> Range<usize> {
        // The block before the first that begins above it may end above it.
        let begin = self.firsts.partition_point(|first| *first <= first_of(key)).saturating_sub(1);
        begin..self.firsts.partition_point(|first| *first <= last_of(key)).max(begin)
    }

    fn bytes(&self, block: usize) -> Range<usize> {
        let start = if block == 0 { 0 } else { self.ends[block - 1] as usize };
        self.packed_start + start..self.packed_start + self.ends[block] as usize
    }
}

/// The smallest number of a key.
fn first_of(key: u32) -> u32 {
    key << STRIPE_BITS
}

/// The largest number of a key.
fn last_of(key: u32) -> u32 {
    first_of(key) | (STRIPES_MAX - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use proptest::prelude::*;
    use proto::Signal;

    use super::*;

    fn stripes_of(bytes: &[u8], keys: &[u32]) -> Vec<u32> {
        let head = bytes[..4].try_into().expect("four bytes");
        let index = KeyIndex::open(&bytes[..KeyIndex::directory_bytes(head)]).expect("just written");
        index.stripes(keys, |range| Ok::<_, Infallible>(bytes[range].to_vec())).expect("in memory")
    }

    proptest! {
        #[test]
        fn every_key_is_found_in_exactly_its_stripes(
            first in 0u32..(1 << KEY_BITS_MAX) - 300,
            entries in prop::collection::vec((0u32..300, 0u32..STRIPE_ROWS * STRIPES_MAX), 0..2000),
            asked in prop::collection::btree_set(0u32..300, 0..40),
        ) {
            let mut writer = KeyWriter::default();
            for (key, row) in &entries {
                writer.add(*row, first + *key);
            }
            let bytes = writer.finish();
            let expected = |asked: &dyn Fn(u32) -> bool| -> BTreeSet<u32> {
                entries.iter().filter(|entry| asked(entry.0)).map(|entry| entry.1 / STRIPE_ROWS).collect()
            };
            for key in 0..300 {
                let expected = expected(&|other| other == key).into_iter().collect::<Vec<_>>();
                prop_assert_eq!(stripes_of(&bytes, &[first + key]), expected);
            }
            let keys: Vec<u32> = asked.iter().map(|key| first + key).collect();
            let found: BTreeSet<u32> = stripes_of(&bytes, &keys).into_iter().collect();
            prop_assert_eq!(found, expected(&|key| asked.contains(&key)));
        }
    }

    #[test]
    fn the_hash_is_part_of_the_format() {
        assert_ne!(name_space("user.id"), name_space("session.id"));
        assert_eq!(key(22, 0, b""), (0xef46_db37_51d8_e999u64 >> 42) as u32, "XXH64 of nothing with seed 0");
        assert_eq!(key(24, 0, b""), 0x00ef_46db);
        assert!(Signal::ALL.iter().all(|signal| signal.spec().key_bits <= KEY_BITS_MAX));
    }
}
