//! `AnyValue` and `KeyValue` on the wire, and the JSON text of `proto::value` made from them.

use std::collections::HashSet;
use std::fmt::Write;

use proto::value::{VALUE_DEPTH_MAX, write_json_bytes, write_json_double, write_json_string};

use super::ConvertError;
use super::wire::Reader;

/// An `AnyValue`; arrays and lists are the bytes of their message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Empty,
    Text(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
    Array(&'a [u8]),
    KeyValueList(&'a [u8]),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The last field of the oneof counts, as in every protobuf decoder.
    pub(super) fn read(message: &'a [u8]) -> Result<Self, ConvertError> {
        let mut value = Value::Empty;
        let mut reader = Reader::new(message);
        while let Some(field) = reader.next_field()? {
            value = match field.number {
                1 => Value::Text(field.text("AnyValue.string_value")?),
                2 => Value::Bool(field.varint("AnyValue.bool_value")? != 0),
                3 => Value::Int(field.varint("AnyValue.int_value")? as i64),
                4 => Value::Double(f64::from_bits(field.fixed64("AnyValue.double_value")?)),
                5 => Value::Array(field.bytes("AnyValue.array_value")?),
                6 => Value::KeyValueList(field.bytes("AnyValue.kvlist_value")?),
                7 => Value::Bytes(field.bytes("AnyValue.bytes_value")?),
                // An index into a dictionary that only the profiles signal carries: nothing to look it up in.
                8 => {
                    field.varint("AnyValue.string_value_strindex")?;
                    Value::Empty
                }
                _ => continue,
            };
        }
        Ok(value)
    }
}

/// A `KeyValue`; a missing value is an empty one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct KeyValue<'a> {
    pub(super) key: &'a str,
    pub(super) value: Value<'a>,
}

impl<'a> KeyValue<'a> {
    pub(super) fn read(message: &'a [u8]) -> Result<Self, ConvertError> {
        if let Some(attribute) = Self::read_usual(message) {
            return Ok(attribute);
        }
        let mut attribute = KeyValue { key: "", value: Value::Empty };
        let mut reader = Reader::new(message);
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => attribute.key = field.text("KeyValue.key")?,
                2 => attribute.value = Value::read(field.bytes("KeyValue.value")?)?,
                _ => {}
            }
        }
        Ok(attribute)
    }
}

impl<'a> KeyValue<'a> {
    /// The form that every SDK sends: the key, then one string or one integer, and nothing else. `None` for any other
    /// form, right or wrong: reading that field by field says what it is. Conversion spends most of its time here.
    #[inline]
    fn read_usual(message: &'a [u8]) -> Option<Self> {
        let (key, rest) = delimited(KEY, message)?;
        let (value, rest) = delimited(VALUE, rest)?;
        if !rest.is_empty() {
            return None;
        }
        let value = match value {
            [STRING, ..] => {
                let (text, rest) = delimited(STRING, value)?;
                Value::Text(std::str::from_utf8(text).ok().filter(|_| rest.is_empty())?)
            }
            [INT, digits @ ..] => Value::Int(small_varint(digits)?),
            _ => return None,
        };
        Some(Self { key: std::str::from_utf8(key).ok()?, value })
    }
}

/// Tags: field number and wire type.
const KEY: u8 = 0x0a;
const VALUE: u8 = 0x12;
const STRING: u8 = 0x0a;
const INT: u8 = 0x18;

/// The bytes of the first field, and what follows; `None` when its tag is another, it is cut off, or it is of 16 KiB or
/// more.
#[inline]
fn delimited(tag: u8, message: &[u8]) -> Option<(&[u8], &[u8])> {
    match message {
        [first, length, rest @ ..] if *first == tag && *length < 0x80 => rest.split_at_checked(usize::from(*length)),
        [first, low, high, rest @ ..] if *first == tag && *high < 0x80 => {
            rest.split_at_checked(usize::from(low & 0x7f) | usize::from(*high) << 7)
        }
        _ => None,
    }
}

/// A varint of at most nine bytes that ends with `bytes`.
#[inline]
fn small_varint(bytes: &[u8]) -> Option<i64> {
    let (last, others) = bytes.split_last().filter(|(last, others)| **last < 0x80 && others.len() < 9)?;
    let mut value = i64::from(*last);
    for byte in others.iter().rev() {
        if *byte < 0x80 {
            return None;
        }
        value = value << 7 | i64::from(byte & 0x7f);
    }
    Some(value)
}

/// Appends `value` as `proto::value::write_json_value` does.
/// Errors: nested deeper than [`VALUE_DEPTH_MAX`] levels of JSON, or not protobuf.
pub(super) fn write_value(out: &mut String, value: Value<'_>) -> Result<(), ConvertError> {
    write_nested(out, value, VALUE_DEPTH_MAX)
}

/// Appends attributes as `proto::value::write_json_attributes` does.
pub(super) fn write_attributes(out: &mut String, attributes: &[KeyValue<'_>]) -> Result<(), ConvertError> {
    write_object(out, attributes, VALUE_DEPTH_MAX)
}

/// `levels`: how many levels of JSON may still be opened.
fn write_nested(out: &mut String, value: Value<'_>, levels: usize) -> Result<(), ConvertError> {
    match value {
        Value::Empty => out.push_str("null"),
        Value::Text(text) => write_json_string(out, text),
        Value::Bool(bool) => out.push_str(if bool { "true" } else { "false" }),
        Value::Int(int) => write!(out, "{int}").expect("writing to a String cannot fail"),
        Value::Double(double) => write_json_double(out, double),
        Value::Bytes(bytes) => write_json_bytes(out, bytes),
        Value::Array(message) => {
            let levels = descend(levels, 1)?;
            out.push('[');
            let mut first = true;
            let mut reader = Reader::new(message);
            while let Some(field) = reader.next_field()? {
                if field.number == 1 {
                    separate(out, &mut first);
                    write_nested(out, Value::read(field.bytes("ArrayValue.values")?)?, levels)?;
                }
            }
            out.push(']');
        }
        Value::KeyValueList(message) => {
            // Before the list is read: the depth is the sender's choice, and each level would cost a `Vec`.
            descend(levels, 1)?;
            let mut list = Vec::new();
            let mut reader = Reader::new(message);
            while let Some(field) = reader.next_field()? {
                if field.number == 1 {
                    list.push(KeyValue::read(field.bytes("KeyValueList.values")?)?);
                }
            }
            write_object(out, &list, levels)?;
        }
    }
    Ok(())
}

fn write_object(out: &mut String, attributes: &[KeyValue<'_>], levels: usize) -> Result<(), ConvertError> {
    let mut first = true;
    if is_plain_object(attributes) {
        let levels = descend(levels, 1)?;
        out.push('{');
        for attribute in attributes {
            separate(out, &mut first);
            write_json_string(out, attribute.key);
            out.push(':');
            write_nested(out, attribute.value, levels)?;
        }
        out.push('}');
        return Ok(());
    }
    // Object, list and pair.
    let levels = descend(levels, 3)?;
    out.push_str("{\"$kvlist\":[");
    for attribute in attributes {
        separate(out, &mut first);
        out.push('[');
        write_json_string(out, attribute.key);
        out.push(',');
        write_nested(out, attribute.value, levels)?;
        out.push(']');
    }
    out.push_str("]}");
    Ok(())
}

/// Counted in levels of the JSON text, because that is what has to be read back by recursive readers.
fn descend(levels: usize, by: usize) -> Result<usize, ConvertError> {
    levels.checked_sub(by).ok_or_else(|| {
        ConvertError::Invalid(format!("an attribute value is nested deeper than {VALUE_DEPTH_MAX} levels"))
    })
}

fn separate(out: &mut String, first: &mut bool) {
    if !std::mem::take(first) {
        out.push(',');
    }
}

fn is_plain_object(attributes: &[KeyValue<'_>]) -> bool {
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
    attributes.iter().all(|attribute| seen.insert(attribute.key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;
    use proto::otlp::any_value::Value as Otlp;
    use proto::otlp::{AnyValue, ArrayValue, KeyValueList};
    use proto::value::{key_value, write_json_value};

    use super::*;
    use crate::columns::tests::any_value;

    fn wire_json(value: &AnyValue) -> Result<String, ConvertError> {
        let mut out = String::new();
        write_value(&mut out, Value::read(&value.encode_to_vec())?)?;
        Ok(out)
    }

    proptest! {
        #[test]
        fn text_from_the_wire_is_the_text_from_the_message(value in any_value()) {
            let mut expected = String::new();
            write_json_value(&mut expected, &value);
            prop_assert_eq!(wire_json(&value).expect("not deep"), expected);
        }
    }

    fn read_by_field<'a>(message: &'a [u8]) -> Result<KeyValue<'a>, ConvertError> {
        let mut attribute = KeyValue { key: "", value: Value::Empty };
        let mut reader = Reader::new(message);
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => attribute.key = field.text("KeyValue.key")?,
                2 => attribute.value = Value::read(field.bytes("KeyValue.value")?)?,
                _ => {}
            }
        }
        Ok(attribute)
    }

    proptest! {
        #[test]
        fn the_usual_form_is_read_as_any_other(
            key in "\\PC{0,200}", value in prop_oneof![any_value(), any::<i64>().prop_map(|int| AnyValue { value: Some(Otlp::IntValue(int)) })],
            cut in 0usize..40, flipped in prop::option::of((0usize..400, any::<u8>())),
        ) {
            let mut message = key_value(key, value).encode_to_vec();
            if let Some((at, byte)) = flipped.filter(|_| !message.is_empty()) {
                let at = at % message.len();
                message[at] = byte;
            }
            message.truncate(message.len().max(cut) - cut.saturating_sub(30));
            if let Some(attribute) = KeyValue::read_usual(&message) {
                prop_assert_eq!(attribute, read_by_field(&message).expect("what was read is right"));
            }
        }
    }

    fn nested(depth: usize, wrap: impl Fn(AnyValue) -> Otlp) -> AnyValue {
        (0..depth).fold(AnyValue { value: Some(Otlp::IntValue(1)) }, |value, _| AnyValue { value: Some(wrap(value)) })
    }

    #[test]
    fn depth_is_bounded_by_what_a_json_reader_can_read_back() {
        let array = |value| Otlp::ArrayValue(ArrayValue { values: vec![value] });
        let object = |value| Otlp::KvlistValue(KeyValueList { values: vec![key_value("k".into(), value)] });
        let marked = |value| Otlp::KvlistValue(KeyValueList { values: vec![key_value("$k".into(), value)] });
        for (deepest, wrap) in [(64, &array as &dyn Fn(AnyValue) -> Otlp), (64, &object), (21, &marked)] {
            let text = wire_json(&nested(deepest, wrap)).expect("within the limit");
            proto::value::read_json_value(&text).expect("read back");
            let error = wire_json(&nested(deepest + 1, wrap)).expect_err("too deep");
            assert!(error.to_string().contains("nested deeper than 64"), "{error}");
        }
    }
}
