//! Writes JSON objects in the manner of OTLP straight into a text.

use std::fmt::Write;

use proto::value::write_json_string;

/// Appends a comma, but not before the first element.
pub(crate) fn separate(out: &mut String, first: &mut bool) {
    if !std::mem::take(first) {
        out.push(',');
    }
}

/// An object being written: fields with their default value are left out.
pub(crate) struct Object<'o> {
    pub(crate) out: &'o mut String,
    first: bool,
}

impl<'o> Object<'o> {
    pub(crate) fn open(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    /// Writes the name; the caller writes the value.
    pub(crate) fn field(&mut self, name: &str) -> &mut String {
        separate(self.out, &mut self.first);
        write!(self.out, "\"{name}\":").expect("writing to a String cannot fail");
        self.out
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            write_json_string(self.field(name), text);
        }
    }

    pub(crate) fn count(&mut self, name: &str, count: i64) {
        if count != 0 {
            write!(self.field(name), "{count}").expect("writing to a String cannot fail");
        }
    }

    /// A fixed64, whose bits the column holds as a signed number.
    pub(crate) fn time(&mut self, name: &str, time: i64) {
        write!(self.field(name), "\"{}\"", time as u64).expect("writing to a String cannot fail");
    }

    pub(crate) fn close(self) {
        self.out.push('}');
    }
}
