//! A search as predicates over physical columns.
//!
//! Shaped so that pruning understands them: a service is an equality of its column, words are `match()`, which the text
//! index answers, ids are equalities of bytes, numbers of columns are comparisons with statistics.

use arrow::datatypes::DataType;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, Operator, binary_expr, cast, lit, when};
use datafusion::prelude::ident;
use datafusion::scalar::ScalarValue;
use proto::{Signal, schema};

use super::resolve::{KeyValues, Number, OutcomeName, Owner, Predicate, Source, value_of};
use super::syntax::{Comparison, Pattern, Tree};
use crate::filter::{has_words, text_equals};
use crate::functions::{AttributesView, attribute_call, event_attribute, integer, number, severity_name};
use crate::outcome;

/// Parts that must all hold, each pushed down for itself.
pub(crate) fn conjuncts(signal: Signal, condition: &Tree<Predicate>) -> Vec<Expr> {
    match condition {
        Tree::And(parts) => parts.iter().map(|part| expr(signal, part)).collect(),
        other => vec![expr(signal, other)],
    }
}

/// The values of a key as text; none for keys that are no text.
pub(crate) fn values(signal: Signal, key: &str) -> Option<Expr> {
    Some(match value_of(signal, key)? {
        KeyValues::Text(Source::Column(column)) => ident(column),
        KeyValues::Text(source) => text(signal, &source),
        KeyValues::Severity => severity_name().call(vec![ident(schema::SEVERITY_NUMBER)]),
        KeyValues::Outcome => {
            // A span may have several: the gravest.
            when(outcome::is_fault(), lit("fault"))
                .when(outcome::is_throttle(), lit("throttle"))
                .when(outcome::is_error(), lit("error"))
                .otherwise(lit("ok"))
                .ok()?
        }
    })
}

/// True where the search holds, false or null elsewhere.
pub(crate) fn expr(signal: Signal, condition: &Tree<Predicate>) -> Expr {
    match condition {
        Tree::And(parts) => joined(parts.iter().map(|part| expr(signal, part)).collect(), Expr::and, true),
        Tree::Or(parts) => joined(parts.iter().map(|part| expr(signal, part)).collect(), Expr::or, false),
        // What is not known not to be so, is not so: a span without the attribute fulfils the negation.
        Tree::Not(inner) => expr(signal, inner).is_not_true(),
        Tree::Leaf(predicate) => leaf(signal, predicate),
    }
}

/// Balanced, so that two hundred conditions are eight deep.
fn joined(mut parts: Vec<Expr>, join: fn(Expr, Expr) -> Expr, empty: bool) -> Expr {
    while parts.len() > 1 {
        let mut halved = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(one) = rest.next() {
            halved.push(match rest.next() {
                Some(other) => join(one, other),
                None => one,
            });
        }
        parts = halved;
    }
    parts.pop().unwrap_or_else(|| lit(empty))
}

fn leaf(signal: Signal, predicate: &Predicate) -> Expr {
    match predicate {
        Predicate::Exists(Source::Column(schema::SERVICE)) => ident(schema::SERVICE).not_eq(lit("")),
        Predicate::Exists(Source::Column(column) | Source::IdColumn(column)) => ident(*column).is_not_null(),
        Predicate::Exists(source) => text(signal, source).is_not_null(),
        Predicate::Equals(Source::Column(column), value) => text_equals(column, value),
        Predicate::Equals(source, value) => text(signal, source).eq(lit(value.as_str())),
        Predicate::EqualsNumber(source, value, number) => {
            let as_text = text(signal, source).eq(lit(value.as_str()));
            as_text.or(compare_number(signal, source, Comparison::Equal, *number))
        }
        Predicate::Like(source, pattern) => text(signal, source).like(lit(like_pattern(pattern))),
        Predicate::Regex { source, pattern, ignore_case } => regex(text(signal, source), pattern, *ignore_case),
        Predicate::CompareNumber(source, op, number) => compare_number(signal, source, *op, *number),
        Predicate::Words { columns, words } => {
            let somewhere = |word: &String| any_column(columns, |column| has_words(column, word));
            joined(words.iter().map(somewhere).collect(), Expr::and, true)
        }
        Predicate::Phrase { columns, words } => any_column(columns, |column| {
            let all_words = has_words(column, &words.join(" "));
            if words.len() < 2 {
                return all_words;
            }
            all_words.and(regex(cast(ident(column), DataType::Utf8), &phrase_regex(words), true))
        }),
        Predicate::WordPattern { columns, pattern } => {
            any_column(columns, |column| regex(cast(ident(column), DataType::Utf8), &word_regex(pattern), true))
        }
        Predicate::Integer { column, op, value } => compare(ident(*column), *op, integer_literal(column, *value)),
        Predicate::IntegerBetween { column, first, last } => {
            let at_least = ident(*column).gt_eq(integer_literal(column, *first));
            at_least.and(ident(*column).lt_eq(integer_literal(column, *last)))
        }
        Predicate::Id { column, bytes } => ident(*column).eq(lit(ScalarValue::Binary(Some(bytes.clone())))),
        Predicate::Outcome(OutcomeName::Ok) => outcome::is_ok(),
        Predicate::Outcome(OutcomeName::Error) => outcome::is_error(),
        Predicate::Outcome(OutcomeName::Throttle) => outcome::is_throttle(),
        Predicate::Outcome(OutcomeName::Fault) => outcome::is_fault(),
    }
}

/// With the type of the column, so that no cast stands between it and its statistics.
fn integer_literal(column: &str, value: i64) -> Expr {
    match column {
        schema::SEVERITY_NUMBER => lit(i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })),
        _ => lit(value),
    }
}

fn any_column(columns: &[&'static str], test: impl Fn(&'static str) -> Expr) -> Expr {
    joined(columns.iter().map(|column| test(column)).collect(), Expr::or, false)
}

fn compare(left: Expr, op: Comparison, right: Expr) -> Expr {
    let op = match op {
        Comparison::Equal => Operator::Eq,
        Comparison::NotEqual => Operator::NotEq,
        Comparison::Greater => Operator::Gt,
        Comparison::GreaterOrEqual => Operator::GtEq,
        Comparison::Less => Operator::Lt,
        Comparison::LessOrEqual => Operator::LtEq,
    };
    binary_expr(left, op, right)
}

/// A value as text.
fn text(signal: Signal, source: &Source) -> Expr {
    match source {
        Source::Column(column) | Source::IdColumn(column) => cast(ident(*column), DataType::Utf8),
        Source::Attribute { key, of } => from_owner(signal, key, *of, |value| value),
        Source::Event(key) => {
            let of_event = event_attribute().call(vec![ident(schema::EVENTS), lit(*key)]);
            coalesce(vec![from_owner(signal, key, Owner::Record, |value| value), of_event])
        }
    }
}

fn from_owner(signal: Signal, key: &str, of: Owner, read: impl Fn(Expr) -> Expr) -> Expr {
    let record = || read(attribute_call(AttributesView::attributes(signal, ident), lit(key)));
    let resource = || read(attribute_call(AttributesView::resource(ident), lit(key)));
    match of {
        Owner::Record => record(),
        Owner::Resource => resource(),
        Owner::RecordOrResource => coalesce(vec![record(), resource()]),
    }
}

fn compare_number(signal: Signal, source: &Source, op: Comparison, value: Number) -> Expr {
    let (parse, value) = match value {
        Number::Float(value) => (number(), lit(value)),
        Number::Integer(value) => (integer(), lit(value)),
    };
    let read = |text: Expr| parse.call(vec![text]);
    let number = match source {
        Source::Column(_) | Source::IdColumn(_) | Source::Event(_) => read(text(signal, source)),
        Source::Attribute { key, of } => from_owner(signal, key, *of, read),
    };
    compare(number, op, value)
}

fn regex(text: Expr, pattern: &str, ignore_case: bool) -> Expr {
    let op = if ignore_case { Operator::RegexIMatch } else { Operator::RegexMatch };
    binary_expr(text, op, lit(pattern))
}

/// `a*b` in the language of LIKE.
pub(super) fn like_pattern(Pattern(pieces): &Pattern) -> String {
    let escaped = |piece: &String| {
        let mut out = String::with_capacity(piece.len());
        for c in piece.chars() {
            if matches!(c, '%' | '_' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out
    };
    pieces.iter().map(escaped).collect::<Vec<_>>().join("%")
}

/// What words are made of (`char::is_alphanumeric`, as in `storage::words`).
const WORD: &str = r"\p{Alphabetic}\p{N}";

/// The words next to each other, whatever stands between them.
pub(super) fn phrase_regex(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| regex::escape(word)).collect();
    format!("(^|[^{WORD}]){}($|[^{WORD}])", words.join(&format!("[^{WORD}]+")))
}

/// A word in which an asterisk stands for any letters and digits.
pub(super) fn word_regex(Pattern(pieces): &Pattern) -> String {
    let pieces: Vec<String> = pieces.iter().map(|piece| regex::escape(piece)).collect();
    format!("(^|[^{WORD}]){}($|[^{WORD}])", pieces.join(&format!("[{WORD}]*")))
}
