//! `events` and `links` as SQL shows them: hex ids, timestamps, attributes as maps.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::attribute::{json_maps, map_type};
use super::hex;

static EVENTS: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(NestedView::new(Nested::Events))));
static LINKS: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(NestedView::new(Nested::Links))));

pub(crate) fn events_view() -> Arc<ScalarUDF> {
    Arc::clone(&EVENTS)
}

pub(crate) fn links_view() -> Arc<ScalarUDF> {
    Arc::clone(&LINKS)
}

/// Nanoseconds since the epoch, UTC.
pub(crate) fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Nested {
    Events,
    Links,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct NestedView {
    nested: Nested,
    signature: Signature,
}

impl NestedView {
    fn new(nested: Nested) -> Self {
        Self { nested, signature: Signature::any(1, Volatility::Immutable) }
    }

    fn fields(&self) -> Fields {
        let text = |name| Field::new(name, DataType::Utf8, true);
        let count = |name| Field::new(name, DataType::Int64, true);
        let attributes = Field::new("attributes", map_type(), true);
        Fields::from(match self.nested {
            Nested::Events => vec![
                Field::new("time", timestamp_type(), true),
                text("name"),
                attributes,
                count("dropped_attributes_count"),
            ],
            Nested::Links => vec![
                text("trace_id"),
                text("span_id"),
                text("trace_state"),
                attributes,
                count("dropped_attributes_count"),
                count("flags"),
            ],
        })
    }

    /// The columns in the order of [`Self::fields`].
    fn columns(&self, physical: &StructArray) -> Result<Vec<ArrayRef>> {
        let column = |name: &str| {
            physical
                .column_by_name(name)
                .cloned()
                .ok_or_else(|| exec_datafusion_err!("{:?} without {name}", self.nested))
        };
        Ok(match self.nested {
            Nested::Events => vec![
                cast(&column("time_unix_nano")?, &timestamp_type())?,
                column("name")?,
                json_maps(&column("attributes")?)?,
                column("dropped_attributes_count")?,
            ],
            Nested::Links => vec![
                hex::encode(&column("trace_id")?),
                hex::encode(&column("span_id")?),
                column("trace_state")?,
                json_maps(&column("attributes")?)?,
                column("dropped_attributes_count")?,
                column("flags")?,
            ],
        })
    }
}

impl ScalarUDFImpl for NestedView {
    fn name(&self) -> &str {
        match self.nested {
            Nested::Events => "span_events",
            Nested::Links => "span_links",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(Arc::new(Field::new("element", DataType::Struct(self.fields()), true))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(lists) = arrays.first().and_then(|array| array.as_list_opt::<i32>()) else {
            return exec_err!("{}() takes a list", self.name());
        };
        let Some(physical) = lists.values().as_struct_opt() else {
            return exec_err!("{}() takes a list of structs", self.name());
        };
        let structs = StructArray::try_new(self.fields(), self.columns(physical)?, physical.nulls().cloned())?;
        let element = Arc::new(Field::new("element", DataType::Struct(self.fields()), true));
        let lists = ListArray::try_new(element, lists.offsets().clone(), Arc::new(structs), lists.nulls().cloned())?;
        Ok(ColumnarValue::Array(Arc::new(lists)))
    }
}
