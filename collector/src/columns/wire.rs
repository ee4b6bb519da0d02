//! A borrowing reader for the protobuf wire format: fields come out as slices of the request, nothing is copied.
//!
//! Accepts what the [encoding specification](https://protobuf.dev/programming-guides/encoding/) accepts. Every length is
//! checked against what is left, so bytes from the network can end in an error and never in a panic.

use super::ConvertError;

/// Groups (deprecated, never in OTLP) are skipped as unknown fields; nested deeper than this they are refused.
const GROUP_DEPTH_MAX: usize = 32;

/// One field: its number and its value as the wire type has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    value: FieldValue<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum FieldValue<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Field<'a> {
    /// `name` is how errors call the field, e.g. `Span.name`.
    pub(super) fn varint(self, name: &'static str) -> Result<u64, ConvertError> {
        match self.value {
            FieldValue::Varint(value) => Ok(value),
            _ => Err(self.wrong_type(name, "a varint")),
        }
    }

    /// `int32` and enumerations: the low 32 bits, as every protobuf decoder takes them.
    pub(super) fn int32(self, name: &'static str) -> Result<i32, ConvertError> {
        self.varint(name).map(|value| value as i32)
    }

    pub(super) fn uint32(self, name: &'static str) -> Result<u32, ConvertError> {
        self.varint(name).map(|value| value as u32)
    }

    pub(super) fn fixed64(self, name: &'static str) -> Result<u64, ConvertError> {
        match self.value {
            FieldValue::Fixed64(value) => Ok(value),
            _ => Err(self.wrong_type(name, "64 bits")),
        }
    }

    pub(super) fn fixed32(self, name: &'static str) -> Result<u32, ConvertError> {
        match self.value {
            FieldValue::Fixed32(value) => Ok(value),
            _ => Err(self.wrong_type(name, "32 bits")),
        }
    }

    /// `bytes` and embedded messages.
    pub(super) fn bytes(self, name: &'static str) -> Result<&'a [u8], ConvertError> {
        match self.value {
            FieldValue::Bytes(bytes) => Ok(bytes),
            _ => Err(self.wrong_type(name, "a length and bytes")),
        }
    }

    pub(super) fn text(self, name: &'static str) -> Result<&'a str, ConvertError> {
        let bytes = self.bytes(name)?;
        std::str::from_utf8(bytes).map_err(|error| ConvertError::Invalid(format!("{name} is not UTF-8: {error}")))
    }

    fn wrong_type(self, name: &'static str, expected: &'static str) -> ConvertError {
        let found = match self.value {
            FieldValue::Varint(_) => "a varint",
            FieldValue::Fixed64(_) => "64 bits",
            FieldValue::Bytes(_) => "a length and bytes",
            FieldValue::Fixed32(_) => "32 bits",
        };
        ConvertError::Invalid(format!("{name} (field {}) should be {expected} on the wire and is {found}", self.number))
    }
}

/// What is left of one message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field in the order sent; groups are skipped. `None` at the end of the message.
    #[inline]
    pub(super) fn next_field(&mut self) -> Result<Option<Field<'a>>, ConvertError> {
        while !self.rest.is_empty() {
            let (number, wire_type) = self.tag()?;
            let value = match wire_type {
                0 => FieldValue::Varint(self.varint()?),
                1 => FieldValue::Fixed64(u64::from_le_bytes(self.array()?)),
                2 => {
                    let length = self.varint()?;
                    FieldValue::Bytes(self.take(length)?)
                }
                3 => {
                    self.skip_group(number)?;
                    continue;
                }
                5 => FieldValue::Fixed32(u32::from_le_bytes(self.array()?)),
                other => return Err(invalid(format!("field {number} has the unexpected wire type {other}"))),
            };
            return Ok(Some(Field { number, value }));
        }
        Ok(None)
    }

    #[inline]
    fn tag(&mut self) -> Result<(u32, u8), ConvertError> {
        let tag = self.varint()?;
        let number = u32::try_from(tag).map_err(|_| invalid(format!("tag {tag} is out of range")))? >> 3;
        if number == 0 {
            return Err(invalid("field number 0".into()));
        }
        Ok((number, (tag & 7) as u8))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, ConvertError> {
        if let [first, rest @ ..] = self.rest
            && *first < 0x80
        {
            self.rest = rest;
            return Ok(u64::from(*first));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, ConvertError> {
        let mut value = 0;
        for (i, byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                // The tenth byte holds the 64th bit and nothing else.
                if i == 9 && *byte > 1 {
                    break;
                }
                self.rest = &self.rest[i + 1..];
                return Ok(value);
            }
        }
        let ended = self.rest.len() < 10;
        Err(invalid(if ended { "ends within a varint" } else { "a varint exceeds 64 bits" }.into()))
    }

    #[inline]
    fn take(&mut self, length: u64) -> Result<&'a [u8], ConvertError> {
        let taken = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let Some((taken, rest)) = taken else {
            let left = self.rest.len();
            return Err(invalid(format!("a length of {length} bytes where the message has {left} left")));
        };
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ConvertError> {
        let Some((array, rest)) = self.rest.split_first_chunk() else {
            return Err(invalid(format!("ends within a field of {N} bytes")));
        };
        self.rest = rest;
        Ok(*array)
    }

    /// Up to and with the end tag of group `number`. A loop, as the nesting is the sender's choice.
    fn skip_group(&mut self, number: u32) -> Result<(), ConvertError> {
        let mut open = vec![number];
        while let Some(innermost) = open.last() {
            let (number, wire_type) = self.tag()?;
            match wire_type {
                0 => drop(self.varint()?),
                1 => drop(self.array::<8>()?),
                2 => {
                    let length = self.varint()?;
                    self.take(length)?;
                }
                3 if open.len() < GROUP_DEPTH_MAX => open.push(number),
                3 => return Err(invalid(format!("groups nested deeper than {GROUP_DEPTH_MAX}"))),
                4 if number == *innermost => drop(open.pop()),
                4 => return Err(invalid(format!("the end of group {number} within group {innermost}"))),
                5 => drop(self.array::<4>()?),
                other => return Err(invalid(format!("field {number} has the unexpected wire type {other}"))),
            }
        }
        Ok(())
    }
}

fn invalid(what: String) -> ConvertError {
    ConvertError::Invalid(format!("not protobuf: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: &[u8]) -> Result<Vec<(u32, FieldValue<'_>)>, String> {
        let mut reader = Reader::new(bytes);
        let mut fields = Vec::new();
        while let Some(field) = reader.next_field().map_err(|error| error.to_string())? {
            fields.push((field.number, field.value));
        }
        Ok(fields)
    }

    #[test]
    fn every_wire_type_is_read_and_groups_are_skipped() {
        let bytes = [
            0x08, 0x96, 0x01, // 1: varint 150
            0x11, 1, 0, 0, 0, 0, 0, 0, 0x80, // 2: fixed64
            0x1a, 0x02, b'h', b'i', // 3: bytes
            0x23, 0x08, 0x01, 0x2b, 0x2c, 0x24, // 4: group with a varint and group 5 in it
            0x35, 1, 2, 3, 4, // 6: fixed32
        ];
        let expected = vec![
            (1, FieldValue::Varint(150)),
            (2, FieldValue::Fixed64(0x8000_0000_0000_0001)),
            (3, FieldValue::Bytes(b"hi")),
            (6, FieldValue::Fixed32(0x0403_0201)),
        ];
        assert_eq!(fields(&bytes), Ok(expected));
        let mut minus_one = vec![0x08];
        minus_one.extend([0xff; 9]);
        minus_one.push(1);
        assert_eq!(fields(&minus_one), Ok(vec![(1, FieldValue::Varint(u64::MAX))]));
    }

    #[test]
    fn what_is_broken_is_an_error() {
        for (bytes, part) in [
            (&[0x08][..], "within a varint"),
            (&[0x08, 0x80], "within a varint"),
            (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], "exceeds 64 bits"),
            (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "exceeds 64 bits"),
            (&[0x1a, 0x05, b'h'], "length of 5"),
            (&[0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "length of"),
            (&[0x11, 1, 2], "8 bytes"),
            (&[0x00, 0x01], "field number 0"),
            (&[0x0c], "wire type 4"),
            (&[0x0e], "wire type 6"),
            (&[0x23, 0x2c], "end of group 5 within group 4"),
            (&[0x23], "within a varint"),
            (&[0x23; 100], "nested deeper"),
        ] {
            let error = fields(bytes).expect_err("broken");
            assert!(error.contains(part), "{bytes:x?}: {error}");
        }
    }
}
