//! OTLP/JSON to protobuf, in one pass and by a table of the messages, so that behind the edge there is one format.
//!
//! The [mapping](https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding) is protobuf's JSON with OTLP's
//! exceptions: ids are hex in either case. Read liberally: enumerations by number and by name, integers as numbers and
//! as strings, doubles as `"NaN"` and `"Infinity"`, `null` as absent, unknown fields skipped.
//!
//! serde_json refuses more than 128 nested arrays and objects, which is about forty nested attribute values: below
//! `proto::value::VALUE_DEPTH_MAX`, because each value takes three levels of OTLP/JSON.

use std::fmt;

use bytes::Bytes;
use prost::encoding::encode_varint;
use proto::Signal;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::json_schema::{EXPORT_LOGS, EXPORT_TRACES, Field, Kind, Message};

/// Error: what is wrong, with line and column.
pub(super) fn to_protobuf(signal: Signal, json: &[u8]) -> Result<Bytes, String> {
    let message = match signal {
        Signal::Spans => EXPORT_TRACES,
        Signal::Logs => EXPORT_LOGS,
    };
    let mut out = Vec::with_capacity(json.len() / 2);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    MessageSeed { message, out: &mut out }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| format!("not OTLP/JSON: {error}"))?;
    Ok(out.into())
}

/// Protobuf's wire types.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: u64) {
    encode_varint(u64::from(number) << 3 | wire_type, out);
}

fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_tag(out, number, BYTES);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Appends the fields of a JSON object.
struct MessageSeed<'o> {
    message: Message,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(KeySeed { message: self.message })? {
            match field {
                Some(field) => map.next_value_seed(FieldSeed { field, out: self.out, in_array: false })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Finds the field of a key; unknown keys are `None`.
struct KeySeed {
    message: Message,
}

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.message.iter().find(|field| field.name == key))
    }
}

/// Appends one field, or each element of a repeated one.
struct FieldSeed<'o> {
    field: &'static Field,
    out: &'o mut Vec<u8>,
    in_array: bool,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl FieldSeed<'_> {
    fn wrong<E: de::Error>(&self, found: impl fmt::Display) -> E {
        E::custom(format!("{}: expected {self:?}, found {found}", self.field.name))
    }

    fn put_integer<E: de::Error>(self, integer: i128) -> Result<(), E> {
        let out_of_range = || E::custom(format!("{}: {integer} is out of range", self.field.name));
        let number = self.field.number;
        match self.field.kind {
            Kind::Fixed64 => {
                let value = u64::try_from(integer).map_err(|_| out_of_range())?;
                put_tag(self.out, number, FIXED64);
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            Kind::Fixed32 => {
                let value = u32::try_from(integer).map_err(|_| out_of_range())?;
                put_tag(self.out, number, FIXED32);
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            Kind::Uint32 => {
                let value = u32::try_from(integer).map_err(|_| out_of_range())?;
                put_tag(self.out, number, VARINT);
                encode_varint(u64::from(value), self.out);
            }
            Kind::Int64 => {
                let value = i64::try_from(integer).map_err(|_| out_of_range())?;
                put_tag(self.out, number, VARINT);
                encode_varint(value as u64, self.out);
            }
            Kind::Enum(_) => {
                let value = i32::try_from(integer).map_err(|_| out_of_range())?;
                put_tag(self.out, number, VARINT);
                // Negative enumeration values are sign-extended to 64 bits on the wire.
                encode_varint(i64::from(value) as u64, self.out);
            }
            Kind::Double => return self.put_double(integer as f64),
            _ => return Err(self.wrong(integer)),
        }
        Ok(())
    }

    fn put_double<E: de::Error>(self, double: f64) -> Result<(), E> {
        put_tag(self.out, self.field.number, FIXED64);
        self.out.extend_from_slice(&double.to_le_bytes());
        Ok(())
    }
}

impl fmt::Debug for FieldSeed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.repeated && !self.in_array {
            return f.write_str("an array");
        }
        f.write_str(match self.field.kind {
            Kind::Text => "a string",
            Kind::Base64 => "a string in base64",
            Kind::Hex => "a string in hex",
            Kind::Bool => "true or false",
            Kind::Double => "a number",
            Kind::Fixed64 | Kind::Fixed32 | Kind::Uint32 | Kind::Int64 => "an integer",
            Kind::Enum(_) => "an integer or a name of the enumeration",
            Kind::Message(_) => "an object",
        })
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self:?}", self.field.name)
    }

    /// `null` is absent. As an element of an array of messages it keeps its place, as an empty one.
    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        if self.in_array && matches!(self.field.kind, Kind::Message(_)) {
            put_bytes(self.out, self.field.number, &[]);
        }
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, bool: bool) -> Result<(), E> {
        if self.field.kind != Kind::Bool {
            return Err(self.wrong(bool));
        }
        put_tag(self.out, self.field.number, VARINT);
        self.out.push(u8::from(bool));
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, integer: i64) -> Result<(), E> {
        self.put_integer(i128::from(integer))
    }

    fn visit_u64<E: de::Error>(self, integer: u64) -> Result<(), E> {
        self.put_integer(i128::from(integer))
    }

    /// Protobuf's JSON takes `1.0` and `1e3` as integers.
    fn visit_f64<E: de::Error>(self, double: f64) -> Result<(), E> {
        if self.field.kind == Kind::Double {
            return self.put_double(double);
        }
        if double.fract() != 0.0 || double.abs() >= 2f64.powi(64) {
            return Err(self.wrong(double));
        }
        self.put_integer(double as i128)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        match self.field.kind {
            Kind::Text => put_bytes(self.out, self.field.number, text.as_bytes()),
            Kind::Hex => {
                let id = const_hex::decode(text).map_err(|error| E::custom(format!("{}: {error}", self.field.name)))?;
                put_bytes(self.out, self.field.number, &id);
            }
            Kind::Base64 => {
                let bytes = decode_base64(text).map_err(|error| E::custom(format!("{}: {error}", self.field.name)))?;
                put_bytes(self.out, self.field.number, &bytes);
            }
            Kind::Double => {
                // Rust reads `NaN`, `Infinity` and `-Infinity` as protobuf's JSON spells them.
                let double = text.parse().map_err(|_| self.wrong(format_args!("{text:?}")))?;
                return self.put_double(double);
            }
            Kind::Enum(values) => {
                let number = values.iter().find(|(name, _)| *name == text).map(|(_, number)| i128::from(*number));
                let number =
                    number.or_else(|| text.parse().ok()).ok_or_else(|| self.wrong(format_args!("{text:?}")))?;
                return self.put_integer(number);
            }
            Kind::Fixed64 | Kind::Fixed32 | Kind::Uint32 | Kind::Int64 => {
                let number = text.parse::<i128>().map_err(|_| self.wrong(format_args!("{text:?}")))?;
                return self.put_integer(number);
            }
            Kind::Bool | Kind::Message(_) => return Err(self.wrong(format_args!("{text:?}"))),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if !self.field.repeated || self.in_array {
            return Err(self.wrong("an array"));
        }
        while seq.next_element_seed(FieldSeed { field: self.field, out: self.out, in_array: true })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Kind::Message(message) = self.field.kind else { return Err(self.wrong("an object")) };
        if self.field.repeated && !self.in_array {
            return Err(self.wrong("an object"));
        }
        put_tag(self.out, self.field.number, BYTES);
        // One byte for the length, which is enough for most messages; a longer one moves its bytes.
        let length_at = self.out.len();
        self.out.push(0);
        MessageSeed { message, out: self.out }.visit_map(map)?;
        put_length(self.out, length_at);
        Ok(())
    }
}

/// Writes the length of everything after the byte at `length_at` in front of it.
fn put_length(out: &mut Vec<u8>, length_at: usize) {
    let length = out.len() - length_at - 1;
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out[length_at] = short;
        return;
    }
    let mut varint = Vec::with_capacity(5);
    encode_varint(length as u64, &mut varint);
    out.splice(length_at..=length_at, varint);
}

/// Standard and URL-safe alphabet, with and without padding, as protobuf's JSON asks.
fn decode_base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    use base64::Engine;
    use base64::alphabet::{STANDARD, URL_SAFE};
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    GeneralPurpose::new(&alphabet, CONFIG).decode(text)
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
