//! Record batches as answers: JSON, CSV, Arrow IPC, and a table for a terminal.
//!
//! | Arrow | JSON |
//! |---|---|
//! | integers of any width | a number, exact |
//! | floats | a number; `null` when NaN or infinite, which JSON cannot say |
//! | timestamps | RFC 3339 in UTC with nine digits and `Z`; one without a time zone counts as UTC |
//! | binary | lower-case hex text |
//! | list, struct, map | array, object, object |
//!
//! In CSV a list, struct or map is JSON text, and null is nothing.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Schema};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::json::writer::{EncoderOptions, make_encoder};
use arrow::record_batch::RecordBatch;
use arrow::util::display::FormatOptions;
use arrow::util::pretty::pretty_format_batches_with_options;
use proto::value::write_json_string;

use crate::engine::Rows;

const TIMESTAMP: &str = "%Y-%m-%dT%H:%M:%S%.9fZ";

/// Bytes that the rows of a batch take, not those of buffers it shares with others.
pub(crate) fn batch_bytes(batch: &RecordBatch) -> usize {
    let bytes =
        |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size());
    batch.columns().iter().map(bytes).sum()
}

/// The name of a column's type for people: the values' type of a dictionary, the unit and zone of a timestamp.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Dictionary(_, value) => type_name(value),
        DataType::List(element) | DataType::LargeList(element) => format!("List({})", type_name(element.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{}: {}", field.name(), type_name(field.data_type()))).collect();
            format!("Struct({})", fields.join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => {
                let types: Vec<String> = fields.iter().map(|field| type_name(field.data_type())).collect();
                format!("Map({})", types.join(", "))
            }
            other => format!("Map({})", type_name(other)),
        },
        other => other.to_string(),
    }
}

/// Asked before each batch with the bytes that have been written so far; an error ends the writing.
pub type MayGoOn<'a> = dyn Fn(usize) -> Result<(), ArrowError> + 'a;

/// `{"columns": [{"name", "type"}], "rows": [[...]], "elapsed_ms", "truncated"}`.
pub fn json(rows: &Rows, elapsed_ms: u64, may_go_on: &MayGoOn<'_>) -> Result<Vec<u8>, ArrowError> {
    let mut head = String::from("{\"columns\":[");
    for (i, field) in rows.schema.fields().iter().enumerate() {
        head.push_str(if i > 0 { ",{\"name\":" } else { "{\"name\":" });
        write_json_string(&mut head, field.name());
        head.push_str(",\"type\":");
        write_json_string(&mut head, &type_name(field.data_type()));
        head.push('}');
    }
    head.push_str("],\"rows\":[");
    let mut out = head.into_bytes();
    let mut first = true;
    for batch in &rows.batches {
        may_go_on(out.len())?;
        json_rows(batch, &mut first, &mut out)?;
    }
    let mut tail = String::new();
    write!(tail, "],\"elapsed_ms\":{elapsed_ms},\"truncated\":{}}}", rows.truncated)
        .expect("writing to a String cannot fail");
    out.extend_from_slice(tail.as_bytes());
    Ok(out)
}

fn json_rows(batch: &RecordBatch, first: &mut bool, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let options = json_options();
    let schema = batch.schema();
    let columns = batch.columns().iter().map(in_utc).collect::<Result<Vec<_>, _>>()?;
    let fields: Vec<FieldRef> = columns
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| Arc::new(field.as_ref().clone().with_data_type(column.data_type().clone())))
        .collect();
    let mut encoders = Vec::with_capacity(columns.len());
    for (column, field) in columns.iter().zip(&fields) {
        encoders.push(make_encoder(field, column.as_ref(), &options)?);
    }
    for row in 0..batch.num_rows() {
        out.extend_from_slice(if *first { b"[" } else { b",[" });
        *first = false;
        for (i, encoder) in encoders.iter_mut().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            if encoder.is_null(row) { out.extend_from_slice(b"null") } else { encoder.encode(row, out) }
        }
        out.push(b']');
    }
    Ok(())
}

fn json_options() -> EncoderOptions {
    EncoderOptions::default()
        .with_explicit_nulls(true)
        .with_timestamp_format(TIMESTAMP.to_owned())
        .with_timestamp_tz_format(TIMESTAMP.to_owned())
        .with_datetime_format("%Y-%m-%dT%H:%M:%S%.3f".to_owned())
}

/// The same instants with the zone in which `Z` is true.
fn in_utc(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::Timestamp(unit, Some(zone)) if zone.as_ref() != "UTC" => {
            cast(column, &DataType::Timestamp(*unit, Some("UTC".into())))
        }
        _ => Ok(Arc::clone(column)),
    }
}

/// A header and a line for each row.
pub fn csv(rows: &Rows, may_go_on: &MayGoOn<'_>) -> Result<Vec<u8>, ArrowError> {
    let names = rows.schema.fields().iter().map(|field| csv_cell(field.name())).collect::<Vec<_>>();
    let mut out = names.join(",").into_bytes();
    out.push(b'\n');
    let mut cell = Vec::new();
    for batch in &rows.batches {
        may_go_on(out.len())?;
        let options = json_options();
        let schema = batch.schema();
        let columns = batch.columns().iter().map(in_utc).collect::<Result<Vec<_>, _>>()?;
        let mut encoders = Vec::with_capacity(columns.len());
        for (column, field) in columns.iter().zip(schema.fields()) {
            encoders.push(make_encoder(field, column.as_ref(), &options)?);
        }
        for row in 0..batch.num_rows() {
            for (i, encoder) in encoders.iter_mut().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                if encoder.is_null(row) {
                    continue;
                }
                cell.clear();
                encoder.encode(row, &mut cell);
                // A float that is not a number.
                if cell == b"null" {
                    continue;
                }
                out.extend_from_slice(csv_cell(&plain_text(&cell)).as_bytes());
            }
            out.push(b'\n');
        }
    }
    Ok(out)
}

/// A JSON string as its text, any other JSON as it is.
fn plain_text(json: &[u8]) -> String {
    let text = String::from_utf8_lossy(json);
    if text.starts_with('"') {
        serde_json::from_str(&text).unwrap_or_else(|_| text.into_owned())
    } else {
        text.into_owned()
    }
}

/// RFC 4180: quoted when it must be. An empty text is quoted too, so that it is not null.
fn csv_cell(text: &str) -> String {
    if text.is_empty() || text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// An Arrow IPC stream.
pub fn arrow_stream(rows: &Rows, may_go_on: &MayGoOn<'_>) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema)?;
    for batch in &rows.batches {
        may_go_on(writer.get_ref().len())?;
        writer.write(batch)?;
    }
    writer.into_inner()
}

/// A table for a terminal.
pub fn table(rows: &Rows) -> Result<String, ArrowError> {
    let options = FormatOptions::new()
        .with_timestamp_format(Some(TIMESTAMP))
        .with_timestamp_tz_format(Some(TIMESTAMP))
        .with_display_error(true);
    if rows.batches.is_empty() {
        let empty = RecordBatch::new_empty(Arc::new(Schema::new(rows.schema.fields().clone())));
        return Ok(pretty_format_batches_with_options(&[empty], &options)?.to_string());
    }
    let batches = rows.batches.iter().map(batch_in_utc).collect::<Result<Vec<_>, _>>()?;
    Ok(pretty_format_batches_with_options(&batches, &options)?.to_string())
}

fn batch_in_utc(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(in_utc).collect::<Result<Vec<_>, _>>()?;
    let schema = batch.schema();
    let fields: Vec<FieldRef> = columns
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| Arc::new(field.as_ref().clone().with_data_type(column.data_type().clone())))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        BinaryArray, BooleanArray, DictionaryArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
        TimestampNanosecondArray,
    };
    use arrow::datatypes::{Int32Type, TimeUnit};

    use super::*;

    fn rows() -> Rows {
        let nanos = TimestampNanosecondArray::from(vec![Some(1_661_145_496_154_630_544), None]).with_timezone("UTC");
        let micros = TimestampMicrosecondArray::from(vec![0, 1]).with_timezone("+02:00");
        let word: DictionaryArray<Int32Type> = vec![Some("a,\"b\""), None].into_iter().collect();
        let batch = RecordBatch::try_from_iter(vec![
            ("n", Arc::new(Int64Array::from(vec![Some(9_007_199_254_740_993), None])) as ArrayRef),
            ("f", Arc::new(Float64Array::from(vec![0.1, f64::NAN]))),
            ("t", Arc::new(nanos)),
            ("z", Arc::new(micros)),
            ("w", Arc::new(word)),
            ("b", Arc::new(BinaryArray::from(vec![&[0u8, 255][..], &[][..]]))),
            ("s", Arc::new(StringArray::from(vec!["", "x\ny"]))),
            ("y", Arc::new(BooleanArray::from(vec![true, false]))),
        ])
        .expect("columns of one length");
        Rows { schema: batch.schema(), batches: vec![batch], truncated: true }
    }

    #[test]
    fn json_keeps_integers_and_nanoseconds() {
        let text = String::from_utf8(json(&rows(), 7, &|_| Ok(())).expect("encodes")).expect("UTF-8");
        assert!(
            text.starts_with(r#"{"columns":[{"name":"n","type":"Int64"},{"name":"f","type":"Float64"},"#),
            "{text}"
        );
        assert!(text.contains(r#"{"name":"w","type":"Utf8"}"#), "{text}");
        let first = r#"[9007199254740993,0.1,"2022-08-22T05:18:16.154630544Z","1970-01-01T00:00:00.000000000Z","a,\"b\"","00ff","",true]"#;
        let second = r#"[null,null,null,"1970-01-01T00:00:00.000001000Z",null,"","x\ny",false]"#;
        assert!(text.contains(&format!(r#""rows":[{first},{second}]"#)), "{text}");
        assert!(text.ends_with(r#","elapsed_ms":7,"truncated":true}"#), "{text}");
    }

    #[test]
    fn csv_quotes_what_must_be_quoted() {
        let text = String::from_utf8(csv(&rows(), &|_| Ok(())).expect("encodes")).expect("UTF-8");
        let expected = "n,f,t,z,w,b,s,y\n\
            9007199254740993,0.1,2022-08-22T05:18:16.154630544Z,1970-01-01T00:00:00.000000000Z,\"a,\"\"b\"\"\",00ff,\"\",true\n\
            ,,,1970-01-01T00:00:00.000001000Z,,\"\",\"x\ny\",false\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn arrow_is_read_back() {
        let rows = rows();
        let bytes = arrow_stream(&rows, &|_| Ok(())).expect("encodes");
        let reader = arrow::ipc::reader::StreamReader::try_new(bytes.as_slice(), None).expect("a stream");
        let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().expect("batches");
        assert_eq!(format!("{:?}", batches[0].column(0)), format!("{:?}", rows.batches[0].column(0)));
        assert_eq!(batches[0].num_rows(), 2);
    }

    #[test]
    fn types_are_named_for_people() {
        assert_eq!(type_name(&proto::schema::dictionary()), "Utf8");
        assert_eq!(type_name(&DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))), "Timestamp(ns, \"UTC\")");
        let spans = proto::Signal::Spans.schema();
        let map = spans.field_with_name(proto::schema::ATTRIBUTES).expect("a column").data_type().clone();
        assert_eq!(type_name(&map), "Map(Utf8, Utf8)");
    }
}
