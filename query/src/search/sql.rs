//! A search as the SQL it means, over the tables that people see.

use proto::{Signal, TimeRange, schema};

use super::plan::{like_pattern, phrase_regex, word_regex};
use super::resolve::{Number, OutcomeName, Owner, Predicate, Source};
use super::syntax::{Comparison, Tree};
use crate::outcome::{GRPC_ERRORS, GRPC_FAULTS, GRPC_NAMES, GRPC_RESOURCE_EXHAUSTED};

/// A condition as text.
pub(super) struct Written {
    pub(super) text: String,
    /// An OR stands outermost.
    pub(super) is_or: bool,
}

impl Written {
    /// As it stands beside an AND.
    pub(super) fn bracketed(self) -> String {
        if self.is_or { format!("({})", self.text) } else { self.text }
    }
}

/// The condition behind WHERE. `table` qualifies the columns: `c.` or nothing.
pub(super) fn condition(table: &str, tree: &Tree<Predicate>) -> Written {
    written(tree, &mut |predicate| of_predicate(table, predicate))
}

pub(super) fn written<L>(tree: &Tree<L>, leaf: &mut impl FnMut(&L) -> Written) -> Written {
    match tree {
        Tree::And(parts) if parts.is_empty() => Written { text: "true".to_owned(), is_or: false },
        Tree::And(parts) => {
            let parts: Vec<String> = parts.iter().map(|part| written(part, leaf).bracketed()).collect();
            Written { text: parts.join(" AND "), is_or: false }
        }
        Tree::Or(parts) => {
            let parts: Vec<String> = parts.iter().map(|part| written(part, leaf).text).collect();
            Written { text: parts.join(" OR "), is_or: true }
        }
        Tree::Not(inner) => Written { text: format!("({}) IS NOT TRUE", written(inner, leaf).text), is_or: false },
        Tree::Leaf(one) => leaf(one),
    }
}

pub(super) fn of_predicate(table: &str, predicate: &Predicate) -> Written {
    let is_or = match predicate {
        Predicate::EqualsNumber(..) | Predicate::Outcome(_) => true,
        Predicate::Words { columns, .. }
        | Predicate::Phrase { columns, .. }
        | Predicate::WordPattern { columns, .. } => columns.len() > 1,
        _ => false,
    };
    Written { text: leaf(table, predicate), is_or }
}

/// Bounds of a range, each with ` AND ` before it.
pub(crate) fn and_time(table: &str, signal: Signal, range: TimeRange) -> String {
    let column = match signal {
        Signal::Spans => "start_time",
        Signal::Logs => "time",
    };
    let bound = |op: &str, nanos: i64| format!(" AND {table}{column} {op} to_timestamp_nanos({nanos})");
    let start = range.start.map(|start| bound(">=", start)).unwrap_or_default();
    start + &range.end.map(|end| bound("<", end)).unwrap_or_default()
}

pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn leaf(table: &str, predicate: &Predicate) -> String {
    let any_column = |columns: &[&str], test: &dyn Fn(String) -> String| {
        columns.iter().map(|column| test(format!("{table}{column}"))).collect::<Vec<_>>().join(" OR ")
    };
    match predicate {
        Predicate::Exists(Source::Column(schema::SERVICE)) => format!("{table}service <> ''"),
        Predicate::Exists(source) => format!("{} IS NOT NULL", text(table, source)),
        Predicate::Equals(source, value) => format!("{} = {}", text(table, source), quoted(value)),
        Predicate::EqualsNumber(source, value, number) => {
            let as_number = compare_number(table, source, Comparison::Equal, *number);
            format!("{} = {} OR {as_number}", text(table, source), quoted(value))
        }
        Predicate::Like(source, pattern) => {
            format!("{} LIKE {}", text(table, source), quoted(&like_pattern(pattern)))
        }
        Predicate::Regex { source, pattern, ignore_case } => {
            format!("{} {} {}", text(table, source), if *ignore_case { "~*" } else { "~" }, quoted(pattern))
        }
        Predicate::CompareNumber(source, op, number) => compare_number(table, source, *op, *number),
        Predicate::Words { columns, words } if columns.len() == 1 => {
            format!("match({table}{}, {})", columns[0], quoted(&words.join(" ")))
        }
        Predicate::Words { columns, words } => {
            let somewhere = |word: &String| {
                let text = any_column(columns, &|column| format!("match({column}, {})", quoted(word)));
                if words.len() > 1 { format!("({text})") } else { text }
            };
            words.iter().map(somewhere).collect::<Vec<_>>().join(" AND ")
        }
        Predicate::Phrase { columns, words } => any_column(columns, &|column| {
            let all_words = format!("match({column}, {})", quoted(&words.join(" ")));
            if words.len() < 2 {
                all_words
            } else {
                format!("{all_words} AND {column} ~* {}", quoted(&phrase_regex(words)))
            }
        }),
        Predicate::WordPattern { columns, pattern } => {
            any_column(columns, &|column| format!("{column} ~* {}", quoted(&word_regex(pattern))))
        }
        Predicate::Integer { column, op, value } => format!("{table}{column} {} {value}", op.text()),
        Predicate::IntegerBetween { column, first, last } => format!("{table}{column} BETWEEN {first} AND {last}"),
        Predicate::Id { column, bytes } => format!("{table}{column} = '{}'", const_hex::encode(bytes)),
        Predicate::Outcome(name) => outcome(table, *name),
    }
}

fn text(table: &str, source: &Source) -> String {
    match source {
        Source::Column(column) | Source::IdColumn(column) => format!("{table}{column}"),
        Source::Attribute { key, of } => from_owner(table, key, *of, |value| value),
        Source::Event(key) => {
            let of_record = from_owner(table, key, Owner::Record, |value| value);
            format!("coalesce({of_record}, event_attribute({table}events, {}))", quoted(key))
        }
    }
}

fn from_owner(table: &str, key: &str, of: Owner, read: impl Fn(String) -> String) -> String {
    let record = read(format!("{table}attributes[{}]", quoted(key)));
    let resource = read(format!("{table}resource[{}]", quoted(key)));
    match of {
        Owner::Record => record,
        Owner::Resource => resource,
        Owner::RecordOrResource => format!("coalesce({record}, {resource})"),
    }
}

fn compare_number(table: &str, source: &Source, op: Comparison, value: Number) -> String {
    let (parse, value) = match value {
        Number::Float(value) => ("number", value.to_string()),
        Number::Integer(value) => ("integer", value.to_string()),
    };
    let read = |text: String| format!("{parse}({text})");
    let number = match source {
        Source::Column(_) | Source::IdColumn(_) | Source::Event(_) => read(text(table, source)),
        Source::Attribute { key, of } => from_owner(table, key, *of, read),
    };
    format!("{number} {} {value}", op.text())
}

/// See `outcome` for the rules.
pub(super) fn outcome(table: &str, name: OutcomeName) -> String {
    let code = |key: &str| format!("coalesce(integer({table}attributes['{key}']), -1)");
    let [current, older] = ["http.response.status_code", "http.status_code"].map(code);
    let number = code("rpc.grpc.status_code");
    let name_of = format!("coalesce({table}attributes['rpc.response.status_code'], '')");
    let grpc = |codes: &[i64]| {
        let numbers = codes.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        let names = codes.iter().filter_map(|code| GRPC_NAMES.get(usize::try_from(*code).ok()?));
        let names = names.map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        format!("{number} IN ({numbers}) OR {name_of} IN ({names})")
    };
    let http = |range: &str| format!("{current} {range} OR {older} {range}");
    let error = format!("{} OR {}", http("BETWEEN 400 AND 499"), grpc(&GRPC_ERRORS));
    let fault = format!(
        "{} OR {} OR ({table}status = 'ERROR' AND NOT ({error}))",
        http("BETWEEN 500 AND 599"),
        grpc(&GRPC_FAULTS)
    );
    match name {
        OutcomeName::Error => error,
        OutcomeName::Throttle => format!("{} OR {}", http("= 429"), grpc(&[GRPC_RESOURCE_EXHAUSTED])),
        OutcomeName::Fault => fault,
        OutcomeName::Ok => format!("({error} OR {fault}) IS NOT TRUE"),
    }
}
