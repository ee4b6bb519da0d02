//! Arrow builders that are told the row: what is not set is null. Most columns are empty in most rows, and padding them
//! when the next value comes is cheaper than appending a null to each.

use arrow::array::{
    ArrayRef, BinaryBuilder, Int64Array, Int64Builder, StringBuilder, StringDictionaryBuilder,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Int32Type};
use proto::nulls::nulls;
use proto::schema;

use super::array;

/// What [`Sparse`] needs of a builder.
pub(super) trait Nullable: Sized {
    fn data_type() -> DataType;
    fn nulls(&mut self, count: usize);
    fn into_array(self) -> ArrayRef;
}

macro_rules! nullable {
    ($($builder:ty: $data_type:expr),*) => {$(
        impl Nullable for $builder {
            fn data_type() -> DataType {
                $data_type
            }

            fn nulls(&mut self, count: usize) {
                self.append_nulls(count);
            }

            fn into_array(mut self) -> ArrayRef {
                array(self.finish())
            }
        }
    )*};
}

pub(super) type WordBuilder = StringDictionaryBuilder<Int32Type>;

nullable!(
    WordBuilder: schema::dictionary(),
    StringBuilder: DataType::Utf8,
    BinaryBuilder: DataType::Binary,
    Int64Builder: DataType::Int64
);

/// A column of which only some rows are set, in ascending order.
pub(super) struct Sparse<B> {
    builder: B,
    rows: usize,
}

impl<B: Nullable> Sparse<B> {
    pub(super) fn new(builder: B) -> Self {
        Self { builder, rows: 0 }
    }

    /// The builder, ready for the value of `row`. The caller appends exactly one.
    pub(super) fn at(&mut self, row: usize) -> &mut B {
        debug_assert!(row >= self.rows, "rows ascend");
        if row > self.rows {
            self.builder.nulls(row - self.rows);
        }
        self.rows = row + 1;
        &mut self.builder
    }

    pub(super) fn is_set(&self, row: usize) -> bool {
        self.rows > row
    }

    pub(super) fn finish(mut self, rows: usize) -> ArrayRef {
        if self.rows == 0 {
            return nulls(&B::data_type(), rows);
        }
        if rows > self.rows {
            self.builder.nulls(rows - self.rows);
        }
        self.builder.into_array()
    }
}

/// Dictionary text. An empty text is null.
pub(super) type Words = Sparse<WordBuilder>;
pub(super) type Texts = Sparse<StringBuilder>;
pub(super) type Binaries = Sparse<BinaryBuilder>;
pub(super) type Ints = Sparse<Int64Builder>;

pub(super) fn words(rows: usize) -> Words {
    Sparse::new(WordBuilder::with_capacity(rows, 0, 0))
}

pub(super) fn texts(rows: usize) -> Texts {
    Sparse::new(StringBuilder::with_capacity(rows, 0))
}

pub(super) fn binaries(rows: usize, bytes: usize) -> Binaries {
    Sparse::new(BinaryBuilder::with_capacity(rows, rows * bytes))
}

pub(super) fn ints(rows: usize) -> Ints {
    Sparse::new(Int64Builder::with_capacity(rows))
}

impl Words {
    pub(super) fn set(&mut self, row: usize, text: &str) {
        if !text.is_empty() {
            self.at(row).append_value(text);
        }
    }
}

impl Texts {
    pub(super) fn set(&mut self, row: usize, text: &str) {
        if !text.is_empty() {
            self.at(row).append_value(text);
        }
    }
}

impl Binaries {
    pub(super) fn set(&mut self, row: usize, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.at(row).append_value(bytes);
        }
    }
}

impl Ints {
    /// A count: zero is null.
    pub(super) fn set_count(&mut self, row: usize, count: u32) {
        if count != 0 {
            self.set(row, i64::from(count));
        }
    }

    pub(super) fn set(&mut self, row: usize, int: i64) {
        self.at(row).append_value(int);
    }
}

/// The column of microseconds and the one of nanoseconds.
pub(super) fn times(nanos: Vec<i64>) -> (ArrayRef, ArrayRef) {
    let micros = TimestampMicrosecondArray::from_iter_values(nanos.iter().map(|nanos| nanos.div_euclid(1_000)));
    (array(micros.with_timezone("UTC")), array(Int64Array::from(nanos)))
}
