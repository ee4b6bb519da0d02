//! The rows of one row group: which, and in which order. Columns are put together one at a time, so that a flush holds
//! one column of its rows twice and not all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, StringArray};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;
use proto::nulls::is_all_null;
use proto::time::day_of;
use proto::{Signal, UnixNanos};

/// Rows in the order of a segment.
pub(crate) struct SortedRows {
    batches: Arc<Vec<RecordBatch>>,
    /// (batch, row)
    order: Vec<(usize, usize)>,
}

impl SortedRows {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// At most `rows` of them each, in order.
    pub(super) fn split(self, rows: usize) -> impl Iterator<Item = SortedRows> {
        let batches = self.batches;
        let parts: Vec<Vec<_>> = self.order.chunks(rows.max(1)).map(<[_]>::to_vec).collect();
        parts.into_iter().map(move |order| SortedRows { batches: Arc::clone(&batches), order })
    }

    /// One column of the rows.
    pub(super) fn column(&self, name: &str) -> Result<ArrayRef, ArrowError> {
        let column = |batch: &RecordBatch| {
            let column = batch.column_by_name(name).cloned();
            column.ok_or_else(|| ArrowError::SchemaError(format!("no column {name}")))
        };
        let columns: Vec<ArrayRef> = self.batches.iter().map(column).collect::<Result<_, _>>()?;
        if columns.first().is_some_and(|column| matches!(column.data_type(), DataType::Dictionary(_, _))) {
            return self.dictionary_column(&columns);
        }
        let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
        interleave(&columns, &self.order)
    }

    /// With each text once in the dictionary: what looks at the texts looks at each once.
    fn dictionary_column(&self, columns: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
        let mut numbers: HashMap<&str, i32> = HashMap::new();
        let mut texts: Vec<&str> = Vec::new();
        let mut renumbered: Vec<Vec<Option<i32>>> = Vec::with_capacity(columns.len());
        for column in columns {
            let values = column.as_dictionary::<Int32Type>().values().as_string::<i32>();
            let mut renumber = Vec::with_capacity(values.len());
            for text in values {
                renumber.push(text.map(|text| {
                    *numbers.entry(text).or_insert_with(|| {
                        texts.push(text);
                        texts.len() as i32 - 1
                    })
                }));
            }
            renumbered.push(renumber);
        }
        let keys: Vec<_> = columns.iter().map(|column| column.as_dictionary::<Int32Type>().keys()).collect();
        let keys: Int32Array = (self.order.iter())
            .map(|(batch, row)| {
                let keys = keys[*batch];
                if keys.is_valid(*row) { renumbered[*batch][keys.value(*row) as usize] } else { None }
            })
            .collect();
        Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(StringArray::from(texts)))?))
    }
}

/// Names of the columns that have a value somewhere.
pub(crate) fn present_columns(signal: Signal, batches: &[RecordBatch]) -> Vec<String> {
    let schema = signal.schema();
    let is_present = |name: &&String| {
        let mut columns = batches.iter().filter_map(|batch| batch.column_by_name(name));
        columns.any(|column| !is_all_null(column))
    };
    schema.fields().iter().map(|field| field.name()).filter(is_present).cloned().collect()
}

/// Where a row comes in its segment: fields in the order in which they decide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Time of the first row of the cluster.
    first: UnixNanos,
    cluster: u32,
    time: UnixNanos,
    batch: u32,
    row: u32,
}

/// Splits rows by the UTC date of their time and sorts each date as [`SignalSpec::cluster_column`] says. Rows that
/// compare equal keep the order of arrival.
///
/// [`SignalSpec::cluster_column`]: proto::SignalSpec::cluster_column
pub(crate) fn sorted_by_day(
    signal: Signal,
    batches: Vec<RecordBatch>,
) -> Result<BTreeMap<i32, SortedRows>, ArrowError> {
    let batches = Arc::new(batches);
    let days = places_by_day(signal, &batches)?.into_iter().map(|(day, mut places)| {
        if signal.spec().cluster_column.is_some() {
            begin_with_the_first_of_the_cluster(&mut places);
        }
        places.sort_unstable();
        let order = places.into_iter().map(|place| (place.batch as usize, place.row as usize)).collect();
        (day, SortedRows { batches: Arc::clone(&batches), order })
    });
    Ok(days.collect())
}

fn places_by_day(signal: Signal, batches: &[RecordBatch]) -> Result<BTreeMap<i32, Vec<Place>>, ArrowError> {
    let column = |batch: &RecordBatch, name: &str| {
        let column = batch.column_by_name(name).cloned();
        column.ok_or_else(|| ArrowError::SchemaError(format!("no column {name}")))
    };
    let ids = batches.iter().map(|batch| signal.spec().cluster_column.map(|name| column(batch, name)).transpose());
    let ids: Vec<Option<ArrayRef>> = ids.collect::<Result<_, _>>()?;
    let mut clusters = Clusters::default();
    let mut days: BTreeMap<i32, Vec<Place>> = BTreeMap::new();
    for (b, batch) in batches.iter().enumerate() {
        let times = column(batch, signal.spec().time_column)?;
        let times = times.as_primitive::<Int64Type>();
        let ids = ids[b].as_ref().map(|ids| ids.as_binary::<i32>());
        let mut day = (i32::MIN, days.entry(i32::MIN).or_default());
        for row in 0..batch.num_rows() {
            let time = times.value(row);
            let date = day_of(time);
            if day.0 != date {
                day = (date, days.entry(date).or_default());
            }
            let cluster = ids.map_or(0, |ids| clusters.number(ids.value(row)));
            day.1.push(Place { first: time, cluster, time, batch: b as u32, row: row as u32 });
        }
    }
    days.retain(|_, places| !places.is_empty());
    Ok(days)
}

/// Numbers of the values of the cluster column.
#[derive(Default)]
struct Clusters<'a> {
    numbers: HashMap<&'a [u8], u32>,
    /// Neighbours are often of one cluster.
    last: Option<(&'a [u8], u32)>,
}

impl<'a> Clusters<'a> {
    fn number(&mut self, id: &'a [u8]) -> u32 {
        if let Some((_, number)) = self.last.filter(|(last, _)| *last == id) {
            return number;
        }
        let next = self.numbers.len() as u32;
        let number = *self.numbers.entry(id).or_insert(next);
        self.last = Some((id, number));
        number
    }
}

fn begin_with_the_first_of_the_cluster(places: &mut [Place]) {
    let clusters = places.iter().map(|place| place.cluster as usize + 1).max().unwrap_or(0);
    let mut firsts = vec![UnixNanos::MAX; clusters];
    for place in places.iter() {
        let first = &mut firsts[place.cluster as usize];
        *first = place.time.min(*first);
    }
    places.iter_mut().for_each(|place| place.first = firsts[place.cluster as usize]);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arrow::array::{BinaryArray, Int64Array};
    use arrow::datatypes::{Field, Schema};
    use proptest::prelude::*;
    use proto::schema;

    use super::*;

    const DAY_NS: i64 = 86_400_000_000_000;

    fn batch(rows: &[(u8, i64)]) -> RecordBatch {
        let fields = [(schema::TRACE_ID, DataType::Binary), (schema::START_TIME_UNIX_NANO, DataType::Int64)];
        let fields: Vec<_> = fields.into_iter().map(|(name, kind)| Field::new(name, kind, true)).collect();
        let ids: BinaryArray = rows.iter().map(|(id, _)| Some([*id; 16])).collect();
        let times: Int64Array = rows.iter().map(|(_, time)| Some(*time)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![Arc::new(ids), Arc::new(times)]).expect("two columns")
    }

    proptest! {
        #[test]
        fn traces_lie_together_in_the_order_of_their_first_spans(
            batches in prop::collection::vec(prop::collection::vec((0u8..6, 0..2 * DAY_NS), 0..20), 0..4),
        ) {
            let sent: Vec<(u8, i64)> = batches.iter().flatten().copied().collect();
            let sorted = sorted_by_day(Signal::Spans, batches.iter().map(|rows| batch(rows)).collect()).expect("sorted");
            let mut count = 0;
            for (day, rows) in sorted {
                let of_day = |time: i64| day_of(time) == day;
                let first = |id: u8| sent.iter().filter(|row| row.0 == id && of_day(row.1)).map(|row| row.1).min();
                let rows: Vec<(u8, i64)> = rows.order.iter().map(|(batch, row)| batches[*batch][*row]).collect();
                count += rows.len();
                prop_assert!(rows.iter().all(|row| of_day(row.1)));
                prop_assert!(rows.is_sorted_by_key(|(id, _)| first(*id)), "{rows:?}");
                let runs = rows.chunk_by(|a, b| a.0 == b.0);
                prop_assert!(runs.clone().all(|run| run.is_sorted()), "{rows:?}");
                prop_assert_eq!(runs.map(|run| run[0].0).collect::<BTreeSet<_>>().len(), rows.chunk_by(|a, b| a.0 == b.0).count());
            }
            prop_assert_eq!(count, sent.len());
        }
    }

    #[test]
    fn log_records_are_in_the_order_of_time_and_arrival() {
        let rows = |times: &[i64]| {
            let times: Int64Array = times.iter().map(|time| Some(*time)).collect();
            let schema = Schema::new(vec![Field::new(schema::TIME_UNIX_NANO, DataType::Int64, true)]);
            RecordBatch::try_new(Arc::new(schema), vec![Arc::new(times)]).expect("one column")
        };
        let sorted = sorted_by_day(Signal::Logs, vec![rows(&[5, 3]), rows(&[3, 1])]).expect("sorted");
        let order: Vec<_> = sorted.into_values().flat_map(|rows| rows.order).collect();
        assert_eq!(order, [(1, 1), (0, 1), (1, 0), (0, 0)]);
    }
}
