//! `percentile(x, p)`: the exact nearest-rank percentile, the smallest value that at least `p` of all values do not
//! exceed: `sorted[ceil(p * n) - 1]`. It is always one of the values; null when there are none.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayData, ArrayRef, ArrowNumericType, AsArray, BinaryViewArray, BinaryViewBuilder, BooleanArray, ByteView,
    PrimitiveArray,
};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeTypeOp, DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{exec_datafusion_err, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use datafusion::physical_expr::expressions::Literal;
use datafusion::scalar::ScalarValue;

/// Values that are kept in the buffer they come in, at least.
const PART_VALUES_MIN: usize = 512;

static PERCENTILE: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| Arc::new(AggregateUDF::from(Percentile::new())));

/// `percentile(x, p)` with `x` an integer or a float and `p` a literal in `0.0..=1.0`.
pub(crate) fn percentile() -> Arc<AggregateUDF> {
    Arc::clone(&PERCENTILE)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Percentile {
    signature: Signature,
}

impl Percentile {
    fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        "percentile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let [values, p] = arg_types else {
            return plan_err!("percentile(x, p) takes two arguments, got {}", arg_types.len());
        };
        if !p.is_numeric() {
            return plan_err!("percentile(x, p): p must be a number from 0 to 1, got {p}");
        }
        let values = match values {
            integer if integer.is_integer() => DataType::Int64,
            number if number.is_numeric() || number.is_null() => DataType::Float64,
            other => return plan_err!("percentile(x, p): x must be a number, got {other}"),
        };
        Ok(vec![values, DataType::Float64])
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types.first() {
            Some(DataType::Int64) => Ok(DataType::Int64),
            _ => Ok(DataType::Float64),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        // The bytes of all values, in an array type that hands on large texts without copying them.
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "values"), DataType::BinaryView, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let p = fraction(&args)?;
        match args.expr_fields[0].data_type() {
            DataType::Int64 => Ok(Box::new(Values::<Int64Type> { values: Vec::new(), p })),
            DataType::Float64 => Ok(Box::new(Values::<Float64Type> { values: Vec::new(), p })),
            other => exec_err!("percentile() of {other}"),
        }
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let p = fraction(&args)?;
        match args.expr_fields[0].data_type() {
            DataType::Int64 => Ok(Box::new(GroupValues::<Int64Type> { groups: Vec::new(), values: 0, p })),
            DataType::Float64 => Ok(Box::new(GroupValues::<Float64Type> { groups: Vec::new(), values: 0, p })),
            other => exec_err!("percentile() of {other}"),
        }
    }
}

fn fraction(args: &AccumulatorArgs) -> Result<f64> {
    let literal = args.exprs.get(1).and_then(|expr| expr.downcast_ref::<Literal>()).map(Literal::value);
    match literal {
        Some(ScalarValue::Float64(Some(p))) if (0.0..=1.0).contains(p) => Ok(*p),
        Some(other) => plan_err!("percentile(x, p): p must be from 0 to 1, got {other}"),
        None => plan_err!("percentile(x, p): p must be a literal number from 0 to 1"),
    }
}

/// All values of a group that are not null.
#[derive(Debug)]
struct Values<T: ArrowNumericType> {
    values: Vec<T::Native>,
    p: f64,
}

impl<T: ArrowNumericType + Debug> Accumulator for Values<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = values[0].as_primitive::<T>();
        if values.null_count() == 0 {
            self.values.extend_from_slice(values.values());
        } else {
            self.values.extend(values.iter().flatten());
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let states = states[0].as_binary_view();
        for row in (0..states.len()).filter(|row| states.is_valid(*row)) {
            self.values.extend_from_slice(&values_of::<T>(states, row)?);
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::BinaryView(Some(Buffer::from_vec(std::mem::take(&mut self.values)).to_vec()))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::new_primitive::<T>(nearest_rank(&mut self.values, self.p), &T::DATA_TYPE)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<T::Native>()
    }
}

/// The values of all groups: one pass over a batch, where an accumulator for each group would take its rows out of it.
#[derive(Debug)]
struct GroupValues<T: ArrowNumericType> {
    groups: Vec<Group<T>>,
    /// In all groups.
    values: usize,
    p: f64,
}

/// Values of a group, and those that came from other threads, as they came.
#[derive(Debug)]
struct Group<T: ArrowNumericType> {
    values: Vec<T::Native>,
    parts: Vec<ScalarBuffer<T::Native>>,
}

impl<T: ArrowNumericType> Default for Group<T> {
    fn default() -> Self {
        Self { values: Vec::new(), parts: Vec::new() }
    }
}

impl<T: ArrowNumericType> Group<T> {
    fn len(&self) -> usize {
        self.values.len() + self.parts.iter().map(|part| part.len()).sum::<usize>()
    }

    fn into_values(mut self) -> Vec<T::Native> {
        self.values.reserve_exact(self.len() - self.values.len());
        self.parts.iter().for_each(|part| self.values.extend_from_slice(part));
        self.values
    }
}

impl<T: ArrowNumericType> GroupValues<T> {
    fn take(&mut self, emit_to: EmitTo) -> Vec<Group<T>> {
        let taken = emit_to.take_needed(&mut self.groups);
        self.values -= taken.iter().map(Group::len).sum::<usize>();
        taken
    }
}

/// One row for each group, whose bytes are handed over and not copied.
fn states_of<T: ArrowNumericType>(groups: impl Iterator<Item = Vec<T::Native>>) -> Result<ArrayRef> {
    let mut states = BinaryViewBuilder::new();
    for values in groups {
        let bytes = Buffer::from_vec(values);
        if bytes.len() <= INLINE_BYTES {
            states.append_value(&bytes);
            continue;
        }
        let length = u32::try_from(bytes.len());
        let length =
            length.map_err(|_| exec_datafusion_err!("percentile() of more than 4 GiB of values in one group"))?;
        let block = states.append_block(bytes);
        states.try_append_view(block, 0, length)?;
    }
    Ok(Arc::new(states.finish()))
}

/// Bytes that a view holds itself.
const INLINE_BYTES: usize = 12;

/// The values of a row that is not null.
fn values_of<T: ArrowNumericType>(states: &BinaryViewArray, row: usize) -> Result<ScalarBuffer<T::Native>> {
    let view = ByteView::from(states.views()[row]);
    let bytes = match view.length as usize {
        length if length <= INLINE_BYTES => Buffer::from(states.value(row)),
        length => states.data_buffers()[view.buffer_index as usize].slice_with_length(view.offset as usize, length),
    };
    let count = bytes.len() / size_of::<T::Native>();
    // Where a copy has moved the bytes to any place they are moved to one that numbers can be read from.
    let values = ArrayData::builder(T::DATA_TYPE).len(count).add_buffer(bytes).align_buffers(true).build()?;
    Ok(PrimitiveArray::<T>::from(values).values().clone())
}

fn is_chosen(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl<T: ArrowNumericType + Debug> GroupsAccumulator for GroupValues<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        let values = values[0].as_primitive::<T>();
        self.groups.resize_with(groups, Group::default);
        if values.null_count() == 0 && filter.is_none() {
            for (value, group) in values.values().iter().zip(group_indices) {
                self.groups[*group].values.push(*value);
            }
            self.values += values.len();
            return Ok(());
        }
        for (row, (value, group)) in values.iter().zip(group_indices).enumerate() {
            if let Some(value) = value.filter(|_| is_chosen(filter, row)) {
                self.groups[*group].values.push(value);
                self.values += 1;
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], group_indices: &[usize], groups: usize) -> Result<()> {
        self.groups.resize_with(groups, Group::default);
        let states = states[0].as_binary_view();
        for (row, group) in group_indices.iter().enumerate().filter(|(row, _)| states.is_valid(*row)) {
            let values = values_of::<T>(states, row)?;
            self.values += values.len();
            // A few values are not worth a buffer of their own.
            if values.len() < PART_VALUES_MIN {
                self.groups[*group].values.extend_from_slice(&values);
            } else {
                self.groups[*group].parts.push(values);
            }
        }
        Ok(())
    }

    /// Each row as a group of its own.
    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = values[0].as_primitive::<T>();
        let rows = values.iter().enumerate();
        let groups = rows.map(|(row, value)| value.filter(|_| is_chosen(filter, row)).into_iter().collect());
        Ok(vec![states_of::<T>(groups)?])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let p = self.p;
        let ranks = self.take(emit_to).into_iter().map(|group| nearest_rank(&mut group.into_values(), p));
        Ok(Arc::new(ranks.collect::<PrimitiveArray<T>>()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![states_of::<T>(self.take(emit_to).into_iter().map(Group::into_values))?])
    }

    fn size(&self) -> usize {
        // Twice: as they are taken out they are copied together.
        size_of_val(self) + self.groups.capacity() * size_of::<Group<T>>() + 2 * self.values * size_of::<T::Native>()
    }
}

/// Reorders `values`. Floats are in total order: NaN is larger than every number.
fn nearest_rank<N: ArrowNativeTypeOp>(values: &mut [N], p: f64) -> Option<N> {
    if values.is_empty() {
        return None;
    }
    let rank = (p * values.len() as f64).ceil() as usize;
    let index = rank.clamp(1, values.len()) - 1;
    let (_, value, _) = values.select_nth_unstable_by(index, |a, b| a.compare(*b));
    Some(*value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_is_rounded_up() {
        for (values, p, expected) in [
            (vec![15, 20, 35, 40, 50], 0.05, Some(15)),
            (vec![15, 20, 35, 40, 50], 0.30, Some(20)),
            (vec![50, 15, 40, 20, 35], 0.40, Some(20)),
            (vec![15, 20, 35, 40, 50], 0.50, Some(35)),
            (vec![15, 20, 35, 40, 50], 1.00, Some(50)),
            (vec![15, 20, 35, 40, 50], 0.00, Some(15)),
            (vec![7], 0.99, Some(7)),
            (vec![], 0.5, None),
        ] {
            assert_eq!(nearest_rank::<i64>(&mut values.clone(), p), expected, "{values:?} {p}");
        }
    }

    #[test]
    fn not_a_number_is_last() {
        assert_eq!(nearest_rank(&mut [f64::NAN, 2.0, 1.0], 0.5), Some(2.0));
    }
}
