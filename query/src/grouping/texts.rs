//! Numbers for the texts of one query.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringDictionaryBuilder};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use hashbrown::HashMap;
use parking_lot::Mutex;

/// Dictionaries whose numbers are remembered: one for each row group that is being read.
const DICTIONARIES_MAX: usize = 8;
/// Memory of a text beside its bytes, about: its entries in both directions.
const TEXT_BYTES: usize = 64;

/// The texts that one key of a GROUP BY has had so far. Grows with the distinct texts, as the groups do; counts in the
/// memory of all queries.
pub(super) struct Texts {
    known: Mutex<Known>,
    memory: MemoryReservation,
}

#[derive(Default)]
struct Known {
    numbers: HashMap<Arc<str>, i32>,
    texts: Vec<Arc<str>>,
    /// Of a dictionary's texts, in its order. The reader gives batches of one row group the same dictionary.
    dictionaries: Vec<(ArrayRef, Int32Array)>,
}

impl Texts {
    pub(super) fn new(memory: &Arc<dyn MemoryPool>) -> Arc<Self> {
        let memory = MemoryConsumer::new("texts of a GROUP BY").register(memory);
        Arc::new(Self { known: Mutex::default(), memory })
    }

    /// The function that gives a dictionary's texts numbers.
    pub(super) fn number(self: &Arc<Self>) -> ScalarUDF {
        let signature = Signature::exact(vec![proto::schema::dictionary()], Volatility::Immutable);
        ScalarUDF::from(TextFunction { to_text: false, texts: Arc::clone(self), signature })
    }

    /// The function that gives numbers their texts.
    pub(super) fn text(self: &Arc<Self>) -> ScalarUDF {
        let signature = Signature::exact(vec![DataType::Int32], Volatility::Immutable);
        ScalarUDF::from(TextFunction { to_text: true, texts: Arc::clone(self), signature })
    }

    /// Errors: no memory is left for more texts.
    fn numbers(&self, rows: &ArrayRef) -> Result<ArrayRef> {
        let Some(rows) = rows.as_dictionary_opt::<Int32Type>() else {
            return exec_err!("text_number() of {}", rows.data_type());
        };
        Ok(take(&self.numbers_of(rows.values())?, rows.keys(), None)?)
    }

    fn numbers_of(&self, dictionary: &ArrayRef) -> Result<Int32Array> {
        let Some(texts) = dictionary.as_string_opt::<i32>() else {
            return exec_err!("text_number() of a dictionary of {}", dictionary.data_type());
        };
        let mut known = self.known.lock();
        if let Some((_, numbers)) = known.dictionaries.iter().find(|(seen, _)| Arc::ptr_eq(seen, dictionary)) {
            return Ok(numbers.clone());
        }
        let numbers = texts.iter().map(|text| text.map(|text| self.number_of(&mut known, text)).transpose());
        let numbers: Int32Array = numbers.collect::<Result<_>>()?;
        if known.dictionaries.len() >= DICTIONARIES_MAX {
            known.dictionaries.remove(0);
        }
        known.dictionaries.push((Arc::clone(dictionary), numbers.clone()));
        Ok(numbers)
    }

    fn number_of(&self, known: &mut Known, text: &str) -> Result<i32> {
        if let Some(number) = known.numbers.get(text) {
            return Ok(*number);
        }
        self.memory.try_grow(text.len() + TEXT_BYTES)?;
        let number = i32::try_from(known.texts.len())
            .map_err(|_| exec_datafusion_err!("more than {} different texts to group by", i32::MAX))?;
        let text: Arc<str> = text.into();
        known.texts.push(Arc::clone(&text));
        known.numbers.insert(text, number);
        Ok(number)
    }

    fn texts(&self, numbers: &ArrayRef) -> Result<ArrayRef> {
        let Some(numbers) = numbers.as_primitive_opt::<Int32Type>() else {
            return exec_err!("number_text() of {}", numbers.data_type());
        };
        let known = self.known.lock();
        let mut texts = StringDictionaryBuilder::<Int32Type>::new();
        for number in numbers {
            match number.map(|number| known.texts.get(number as usize)) {
                Some(Some(text)) => texts.append_value(text),
                Some(None) => return exec_err!("number_text() of a number that no text has"),
                None => texts.append_null(),
            }
        }
        Ok(Arc::new(texts.finish()))
    }
}

/// One of the two directions.
struct TextFunction {
    to_text: bool,
    texts: Arc<Texts>,
    signature: Signature,
}

impl ScalarUDFImpl for TextFunction {
    fn name(&self) -> &str {
        if self.to_text { "number_text" } else { "text_number" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(if self.to_text { proto::schema::dictionary() } else { DataType::Int32 })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [rows] = args.args.as_slice() else { return exec_err!("{}() takes one argument", self.name()) };
        let rows = rows.to_array(args.number_rows)?;
        let result = if self.to_text { self.texts.texts(&rows) } else { self.texts.numbers(&rows) };
        Ok(ColumnarValue::Array(result?))
    }
}

impl std::fmt::Debug for TextFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Functions over the same texts are the same.
impl PartialEq for TextFunction {
    fn eq(&self, other: &Self) -> bool {
        self.to_text == other.to_text && Arc::ptr_eq(&self.texts, &other.texts)
    }
}

impl Eq for TextFunction {}

impl Hash for TextFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.to_text, Arc::as_ptr(&self.texts)).hash(state);
    }
}
