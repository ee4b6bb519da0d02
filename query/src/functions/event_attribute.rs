//! `event_attribute(events, key)`: an attribute of a span's events, of the last event that has it; null when none has.
//!
//! Exceptions are recorded as events: `event_attribute(events, 'exception.type')`. Texts are themselves, other values
//! their JSON text, as in `attributes[key]`.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::{exec_datafusion_err, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::scalar::ScalarValue;

use super::attribute::json_maps;

static EVENT_ATTRIBUTE: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::from(EventAttribute { signature }))
});

/// Of the physical column `events` as well as of the one that SQL shows.
pub(crate) fn event_attribute() -> Arc<ScalarUDF> {
    Arc::clone(&EVENT_ATTRIBUTE)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct EventAttribute {
    signature: Signature,
}

impl ScalarUDFImpl for EventAttribute {
    fn name(&self) -> &str {
        "event_attribute"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [events @ DataType::List(_), key] if key.is_string() => Ok(vec![events.clone(), DataType::Utf8]),
            _ => plan_err!("event_attribute() takes events and a key: event_attribute(events, 'exception.type')"),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [events, ColumnarValue::Scalar(ScalarValue::Utf8(Some(key)))] = args.args.as_slice() else {
            return exec_err!("the key of event_attribute() is one text, the same for all spans");
        };
        let events = events.to_array(args.number_rows)?;
        Ok(ColumnarValue::Array(Arc::new(last_values(&events, key)?)))
    }
}

fn last_values(events: &ArrayRef, key: &str) -> Result<StringArray> {
    let wrong = || exec_datafusion_err!("event_attribute() takes a list of events");
    let lists = events.as_list_opt::<i32>().ok_or_else(wrong)?;
    let attributes = lists.values().as_struct_opt().and_then(|events| events.column_by_name("attributes"));
    let attributes = attributes.ok_or_else(wrong)?;
    let maps = match attributes.data_type() {
        DataType::Map(..) => Arc::clone(attributes),
        _ => json_maps(attributes)?,
    };
    let maps = maps.as_map_opt().ok_or_else(wrong)?;
    let (keys, values) = (maps.keys().as_string_opt::<i32>(), maps.values().as_string_opt::<i32>());
    let (keys, values) = (keys.ok_or_else(wrong)?, values.ok_or_else(wrong)?);
    let of_event = |event: usize| {
        let entries = maps.value_offsets()[event] as usize..maps.value_offsets()[event + 1] as usize;
        entries
            .filter(|entry| keys.value(*entry) == key && values.is_valid(*entry))
            .map(|entry| values.value(entry))
            .next()
    };
    let of_span = |span: usize| {
        let events = lists.value_offsets()[span] as usize..lists.value_offsets()[span + 1] as usize;
        events.rev().filter(|event| maps.is_valid(*event)).find_map(of_event)
    };
    Ok((0..lists.len()).map(|span| if lists.is_valid(span) { of_span(span) } else { None }).collect())
}

#[cfg(test)]
mod tests {
    use proto::Signal;
    use serde_json::json;

    use super::*;
    use crate::test_data::{append, engine, store};

    #[tokio::test]
    async fn the_last_event_that_has_the_attribute_says_it() {
        let (_directory, store) = store().await;
        let event = |attributes: serde_json::Value| json!({"time_unix_nano": 1, "name": "exception", "attributes": attributes.to_string()});
        let span = |id: u64, events: serde_json::Value| json!({"trace_id": format!("{id:032x}"), "span_id": format!("{id:016x}"), "start_time_unix_nano": id, "events": events});
        let rows = [
            span(
                1,
                json!([
                    event(json!({"exception.type": "A"})),
                    event(json!({"exception.type": "B"})),
                    event(json!({"x": 1}))
                ]),
            ),
            span(2, json!([event(json!({"x": "y"}))])),
            span(3, json!([])),
            json!({"trace_id": format!("{:032x}", 4), "span_id": format!("{:016x}", 4), "start_time_unix_nano": 4}),
            span(5, json!([event(json!({"x": 5.5}))])),
        ];
        append(&store, Signal::Spans, &rows).await;
        let engine = engine(&store);
        for _ in ["the memtable", "a segment"] {
            let query = engine.begin("test", None).await.expect("admitted");
            let sql = "SELECT event_attribute(events, 'exception.type') AS type, event_attribute(events, 'x') AS x FROM spans ORDER BY start_time";
            let mut found = Vec::new();
            for batch in query.collect(query.sql(sql).await.expect("a plan")).await.expect("rows") {
                let texts = [0, 1].map(|column| batch.column(column).as_string::<i32>().clone());
                let text =
                    |column: usize, row| texts[column].is_valid(row).then(|| texts[column].value(row).to_owned());
                found.extend((0..batch.num_rows()).map(|row| (text(0, row), text(1, row))));
            }
            let some = |text: &str| Some(text.to_owned());
            let expected = [(some("B"), some("1")), (None, some("y")), (None, None), (None, None), (None, some("5.5"))];
            assert_eq!(found, expected);
            store.flush(Signal::Spans).await.expect("flushed");
        }
        let query = engine.begin("test", None).await.expect("admitted");
        let wrong = query.sql("SELECT event_attribute(name, 'x') FROM spans").await.map(|_| ()).expect_err("refused");
        assert!(wrong.to_string().contains("takes events and a key"), "{wrong}");
    }
}
