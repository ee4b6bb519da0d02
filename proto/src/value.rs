//! Attribute values as JSON text that keeps the OTLP type.
//!
//! | OTLP | JSON |
//! |---|---|
//! | string, bool, array | the same |
//! | int | a number without fraction or exponent |
//! | double | a number with a fraction or an exponent; `{"$double": "NaN"}`, `"Infinity"`, `"-Infinity"` |
//! | bytes | `{"$bytes": "base64"}` |
//! | kvlist | an object; `{"$kvlist": [["k", v], ...]}` when a key repeats or the only key begins with `$` |
//! | empty value | `null` |
//!
//! The text is read back to the same value, and a person or a foreign SQL engine reads it as the JSON one expects.

use std::collections::HashSet;
use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value as Json;

use crate::otlp::any_value::Value;
use crate::otlp::{AnyValue, ArrayValue, KeyValue, KeyValueList};

/// Values nested deeper than this are refused on the way in (proto and JSON alike).
pub const VALUE_DEPTH_MAX: usize = 64;

/// Appends `text` as a JSON string.
pub fn write_json_string(out: &mut String, text: &str) {
    out.push('"');
    let mut plain_from = 0;
    for (i, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[plain_from..i]);
        plain_from = i + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => write!(out, "\\u{byte:04x}").expect("writing to a String cannot fail"),
        }
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

/// Appends a double so that it is read back as the same double and not as an integer.
pub fn write_json_double(out: &mut String, double: f64) {
    if double.is_finite() {
        // Debug prints the shortest text that reads back the same, always with `.0` or an exponent.
        write!(out, "{double:?}").expect("writing to a String cannot fail");
    } else if double.is_nan() {
        out.push_str("{\"$double\":\"NaN\"}");
    } else if double > 0.0 {
        out.push_str("{\"$double\":\"Infinity\"}");
    } else {
        out.push_str("{\"$double\":\"-Infinity\"}");
    }
}

/// Appends bytes as `{"$bytes": "base64"}`.
pub fn write_json_bytes(out: &mut String, bytes: &[u8]) {
    out.push_str("{\"$bytes\":\"");
    BASE64.encode_string(bytes, out);
    out.push_str("\"}");
}

/// Appends a value. `value` must not nest deeper than [`VALUE_DEPTH_MAX`]; decoders check that.
pub fn write_json_value(out: &mut String, value: &AnyValue) {
    match &value.value {
        None => out.push_str("null"),
        Some(Value::StringValue(text)) => write_json_string(out, text),
        Some(Value::BoolValue(bool)) => out.push_str(if *bool { "true" } else { "false" }),
        Some(Value::IntValue(int)) => write!(out, "{int}").expect("writing to a String cannot fail"),
        Some(Value::DoubleValue(double)) => write_json_double(out, *double),
        Some(Value::BytesValue(bytes)) => write_json_bytes(out, bytes),
        Some(Value::ArrayValue(array)) => {
            out.push('[');
            for (i, item) in array.values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_json_value(out, item);
            }
            out.push(']');
        }
        Some(Value::KvlistValue(list)) => write_json_attributes(out, &list.values),
        // Indices into a dictionary that only the profiles signal carries: nothing to look them up in.
        Some(Value::StringValueStrindex(_)) => out.push_str("null"),
    }
}

/// A value as SQL shows it: a string as itself, any other value as JSON.
pub fn attribute_text(value: Option<AnyValue>) -> String {
    match value {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => text,
        Some(value) => {
            let mut text = String::new();
            write_json_value(&mut text, &value);
            text
        }
        None => "null".to_owned(),
    }
}

/// Appends attributes as a JSON object (or its `$kvlist` form, see the module).
pub fn write_json_attributes(out: &mut String, attributes: &[KeyValue]) {
    let null = AnyValue { value: None };
    if is_plain_object(attributes) {
        out.push('{');
        for (i, attribute) in attributes.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            write_json_string(out, &attribute.key);
            out.push(':');
            write_json_value(out, attribute.value.as_ref().unwrap_or(&null));
        }
        out.push('}');
        return;
    }
    out.push_str("{\"$kvlist\":[");
    for (i, attribute) in attributes.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push('[');
        write_json_string(out, &attribute.key);
        out.push(',');
        write_json_value(out, attribute.value.as_ref().unwrap_or(&null));
        out.push(']');
    }
    out.push_str("]}");
}

fn is_plain_object(attributes: &[KeyValue]) -> bool {
    if let [only] = attributes
        && only.key.starts_with('$')
    {
        return false;
    }
    // A quadratic look is faster than a set for the handful of keys a list has.
    if attributes.len() <= 16 {
        return attributes.iter().enumerate().all(|(i, a)| attributes[..i].iter().all(|b| b.key != a.key));
    }
    let mut seen = HashSet::with_capacity(attributes.len());
    attributes.iter().all(|attribute| seen.insert(attribute.key.as_str()))
}

/// What is wrong with a text that should be a value.
#[derive(Debug, thiserror::Error)]
#[error("not an attribute value as Spanlake writes it: {0}")]
pub struct ValueError(String);

/// Reads what [`write_json_value`] wrote.
pub fn read_json_value(text: &str) -> Result<AnyValue, ValueError> {
    let json = serde_json::from_str(text).map_err(|error| ValueError(error.to_string()))?;
    from_json(json)
}

/// Reads what [`write_json_attributes`] wrote.
pub fn read_json_attributes(text: &str) -> Result<Vec<KeyValue>, ValueError> {
    match read_json_value(text)?.value {
        Some(Value::KvlistValue(list)) => Ok(list.values),
        _ => Err(ValueError("expected an object".into())),
    }
}

fn from_json(json: Json) -> Result<AnyValue, ValueError> {
    let value = match json {
        Json::Null => None,
        Json::Bool(bool) => Some(Value::BoolValue(bool)),
        Json::String(text) => Some(Value::StringValue(text)),
        Json::Number(number) => Some(match number.as_i64() {
            Some(int) => Value::IntValue(int),
            None => Value::DoubleValue(number.as_f64().ok_or_else(|| ValueError(format!("number {number}")))?),
        }),
        Json::Array(items) => {
            let values = items.into_iter().map(from_json).collect::<Result<_, _>>()?;
            Some(Value::ArrayValue(ArrayValue { values }))
        }
        Json::Object(object) => Some(from_object(object)?),
    };
    Ok(AnyValue { value })
}

fn from_object(object: serde_json::Map<String, Json>) -> Result<Value, ValueError> {
    let kvlist = |values| Value::KvlistValue(KeyValueList { values });
    if object.len() == 1
        && let Some((marker, inner)) = object.iter().next()
        && marker.starts_with('$')
    {
        return match (marker.as_str(), inner) {
            ("$bytes", Json::String(text)) => {
                BASE64.decode(text).map(Value::BytesValue).map_err(|error| ValueError(format!("$bytes: {error}")))
            }
            ("$double", Json::String(text)) => {
                text.parse().map(Value::DoubleValue).map_err(|error| ValueError(format!("$double: {error}")))
            }
            ("$kvlist", Json::Array(pairs)) => pairs.iter().map(pair_from_json).collect::<Result<_, _>>().map(kvlist),
            _ => Err(ValueError(format!("unknown marker {marker:?}"))),
        };
    }
    let values = object.into_iter().map(|(key, value)| Ok(key_value(key, from_json(value)?)));
    values.collect::<Result<_, _>>().map(kvlist)
}

fn pair_from_json(pair: &Json) -> Result<KeyValue, ValueError> {
    match pair.as_array().map(Vec::as_slice) {
        Some([Json::String(key), value]) => Ok(key_value(key.clone(), from_json(value.clone())?)),
        _ => Err(ValueError("$kvlist: expected [key, value]".into())),
    }
}

/// A `KeyValue` with every field that only the profiles signal uses left empty.
pub fn key_value(key: String, value: AnyValue) -> KeyValue {
    KeyValue { key, value: Some(value), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = AnyValue> {
        let leaf = prop_oneof![
            Just(None),
            ".*".prop_map(|text| Some(Value::StringValue(text))),
            any::<bool>().prop_map(|bool| Some(Value::BoolValue(bool))),
            any::<i64>().prop_map(|int| Some(Value::IntValue(int))),
            any::<f64>().prop_map(|double| Some(Value::DoubleValue(double))),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Some(Value::BytesValue(bytes))),
        ];
        let tree = leaf.prop_recursive(4, 24, 5, |inner| {
            let item = inner.clone().prop_map(|value| AnyValue { value });
            let key = prop_oneof!["[a-c$]{0,2}", Just("$bytes".to_owned())];
            let pair = (key, item.clone()).prop_map(|(key, value)| key_value(key, value));
            prop_oneof![
                prop::collection::vec(item, 0..5).prop_map(|values| Some(Value::ArrayValue(ArrayValue { values }))),
                prop::collection::vec(pair, 0..5).prop_map(|values| Some(Value::KvlistValue(KeyValueList { values }))),
            ]
        });
        tree.prop_map(|value| AnyValue { value })
    }

    /// Keys of an object come back in the order of the alphabet: attributes are a set.
    fn normal(value: &AnyValue) -> String {
        fn sort(value: &mut AnyValue) {
            match &mut value.value {
                Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(sort),
                Some(Value::KvlistValue(list)) => {
                    list.values.iter_mut().filter_map(|item| item.value.as_mut()).for_each(sort);
                    list.values.sort_by(|a, b| a.key.cmp(&b.key));
                }
                _ => {}
            }
        }
        let mut value = value.clone();
        sort(&mut value);
        format!("{value:?}")
    }

    proptest! {
        #[test]
        fn a_value_is_read_back_as_it_was(value in any_value()) {
            let mut text = String::new();
            write_json_value(&mut text, &value);
            let back = read_json_value(&text).expect("own text");
            prop_assert_eq!(normal(&back), normal(&value), "{}", text);
        }
    }

    #[test]
    fn text_is_the_json_a_person_expects() {
        let mut text = String::new();
        write_json_attributes(
            &mut text,
            &[
                key_value("a".into(), AnyValue { value: Some(Value::IntValue(5)) }),
                key_value("b".into(), AnyValue { value: Some(Value::DoubleValue(5.0)) }),
                key_value("c".into(), AnyValue { value: Some(Value::StringValue("x\"\n".into())) }),
            ],
        );
        assert_eq!(text, r#"{"a":5,"b":5.0,"c":"x\"\n"}"#);
    }
}
