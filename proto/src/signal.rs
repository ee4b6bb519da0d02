//! The two signals as a value. Code behind the receivers never matches on it: it asks [`Signal::spec`].

use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::SchemaRef;

use crate::promoted::{LOG_ATTRIBUTES, Promoted, SPAN_ATTRIBUTES};
use crate::schema;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    Spans,
    Logs,
}

/// Everything generic code may ask of a signal.
#[derive(Debug)]
pub struct SignalSpec {
    /// Table in SQL, directory in the lake, label in metrics.
    pub name: &'static str,
    /// Columns as they lie in the memtable and in a segment, see [`schema`].
    pub schema: SchemaRef,
    /// `Int64` nanoseconds by which rows are dated, pruned and ordered.
    pub time_column: &'static str,
    /// Rows of a row group are in the order of time, but those with the same value in this column lie together, at the
    /// place of the first of them.
    pub cluster_column: Option<&'static str>,
    /// Text columns whose words are in the text index.
    pub text_columns: &'static [&'static str],
    /// Binary id columns that the key index of a segment holds.
    pub key_columns: &'static [&'static str],
    /// Bits of a hash in the key index, at most 24: one more makes foreign hits half as frequent and costs a bit a key.
    /// Part of the file format.
    pub key_bits: u32,
    /// Attribute keys with a column of their own.
    pub promoted: &'static [Promoted],
}

static SPANS: LazyLock<SignalSpec> = LazyLock::new(|| SignalSpec {
    name: "spans",
    schema: schema::spans(),
    time_column: schema::START_TIME_UNIX_NANO,
    // A trace is one stretch of rows, and the newest traces are neighbours: a look-up by id reads one page, a page of
    // the newest traces a few.
    cluster_column: Some(schema::TRACE_ID),
    text_columns: &[schema::NAME, schema::STATUS_MESSAGE],
    key_columns: &[schema::TRACE_ID],
    // Few keys, for a trace is one; every page of traces and every trace page asks by them.
    key_bits: 24,
    promoted: SPAN_ATTRIBUTES,
});

static LOGS: LazyLock<SignalSpec> = LazyLock::new(|| SignalSpec {
    name: "logs",
    schema: schema::logs(),
    time_column: schema::TIME_UNIX_NANO,
    cluster_column: None,
    text_columns: &[schema::BODY],
    key_columns: &[schema::TRACE_ID],
    key_bits: 22,
    promoted: LOG_ATTRIBUTES,
});

impl Signal {
    pub const ALL: [Signal; 2] = [Signal::Spans, Signal::Logs];

    pub fn spec(self) -> &'static SignalSpec {
        match self {
            Signal::Spans => &SPANS,
            Signal::Logs => &LOGS,
        }
    }

    /// The byte that stands for the signal in the WAL. Never reuse one.
    pub fn code(self) -> u8 {
        match self {
            Signal::Spans => 1,
            Signal::Logs => 2,
        }
    }

    pub fn from_code(code: u8) -> Option<Signal> {
        Signal::ALL.into_iter().find(|signal| signal.code() == code)
    }

    pub fn schema(self) -> SchemaRef {
        Arc::clone(&self.spec().schema)
    }

    pub fn name(self) -> &'static str {
        self.spec().name
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_a_spec_names_is_in_its_schema() {
        for signal in Signal::ALL {
            let spec = signal.spec();
            let named = [spec.time_column].into_iter();
            let named = named.chain(spec.cluster_column);
            let named = named.chain(spec.text_columns.iter().copied());
            for column in named.chain(spec.key_columns.iter().copied()) {
                assert!(spec.schema.index_of(column).is_ok(), "{signal}: {column}");
            }
        }
    }

    #[test]
    fn codes_are_read_back() {
        for signal in Signal::ALL {
            assert_eq!(Signal::from_code(signal.code()), Some(signal));
        }
        assert_eq!(Signal::from_code(0), None);
    }
}
