//! What stands behind a key: a value, or several in parentheses.

use super::{Key, Op, Parsed, Parser, Part, Subject};
use crate::search::error::SearchError;
use crate::search::syntax::{Comparison, FieldTest, Leaf, Pattern, Test, Tree, Value};
use crate::search::trace_syntax::{FIGURES, Raw, TraceLeaf};

impl Parser {
    pub(super) fn field(&mut self, key: Key) -> Parsed {
        if matches!(key.op, Op::Compare(_)) {
            self.skip_blanks();
        }
        if self.peek() == Some('(') && matches!(key.op, Op::Has | Op::Compare(Comparison::Equal | Comparison::NotEqual))
        {
            let is_negated = key.op == Op::Compare(Comparison::NotEqual);
            let op = if is_negated { Op::Compare(Comparison::Equal) } else { key.op };
            let values = self.parentheses(Some(&Key { op, ..key }))?.unwrap_or_else(Tree::all);
            return Ok(if is_negated { values.not() } else { values });
        }
        self.value(&key)
    }

    /// any_value = all_values { "OR" all_values }, as [`Parser::any`] within `key:( ... )`.
    pub(super) fn any_value(&mut self, key: &Key) -> Part {
        let mut parts = Vec::new();
        loop {
            let mut all = Vec::new();
            loop {
                self.skip_blanks();
                if let Some(length) = self.keyword("AND", "&&") {
                    self.at += length;
                    continue;
                }
                if matches!(self.peek(), None | Some(')' | '}')) || self.keyword("OR", "||").is_some() {
                    break;
                }
                all.push(self.one_value(key)?);
            }
            if !all.is_empty() {
                parts.push(Tree::and(all));
            }
            match self.keyword("OR", "||") {
                Some(length) => self.at += length,
                None => break,
            }
        }
        Ok(if parts.is_empty() { None } else { Some(Tree::or(parts)) })
    }

    fn one_value(&mut self, key: &Key) -> Parsed {
        let mut is_negated = false;
        loop {
            if matches!(self.peek(), Some('-' | '!')) && !self.starts_with("!=") && !self.next_is_digit() {
                self.at += 1;
            } else if let Some(length) = self.keyword("NOT", "") {
                self.at += length;
                self.skip_blanks();
            } else {
                break;
            }
            is_negated = !is_negated;
        }
        let value = match self.peek() {
            Some('(') => self.parentheses(Some(key))?.unwrap_or_else(Tree::all),
            _ => {
                let op = self.comparison();
                self.at += op.map_or(0, |op| op.text().len());
                self.skip_blanks();
                self.value(&Key { op: op.map_or(key.op, Op::Compare), ..key.clone() })?
            }
        };
        Ok(if is_negated { value.not() } else { value })
    }

    /// A dash before a digit is a sign.
    fn next_is_digit(&self) -> bool {
        self.chars.get(self.at + 1).is_some_and(char::is_ascii_digit)
    }

    /// The value behind a key and its operator.
    fn value(&mut self, key: &Key) -> Parsed {
        let value_start = self.at;
        let value = match self.peek() {
            Some('"') => Value::Quoted(self.quoted()?),
            Some('/') => match self.regex()? {
                Some(regex) => regex,
                None => self.bare_value(),
            },
            _ => self.bare_value(),
        };
        if self.at == value_start {
            let written = format!("{}{}", key.text, key.op.text());
            let hint = match key.op {
                Op::Has => {
                    format!("write {written}value, {written}* for any value, or put the text in quotes: \"{written}\"")
                }
                Op::Compare(_) => format!("write {written}value, or put the text in quotes: \"{written}\""),
            };
            return Err(SearchError::new(self.from(key.start), format!("{written} needs a value"), hint));
        }
        let at = self.from(key.start);
        self.count_term(at)?;
        let is_any = matches!(&value, Value::Pattern(Pattern(pieces)) if pieces.iter().all(String::is_empty));
        let (test, is_negated) = match key.op {
            Op::Has | Op::Compare(Comparison::Equal) if is_any => (Test::Exists, false),
            Op::Compare(Comparison::NotEqual) if is_any => (Test::Exists, true),
            Op::Has => (Test::Has(value), false),
            Op::Compare(Comparison::Equal) => (Test::Is(value), false),
            Op::Compare(Comparison::NotEqual) => (Test::Is(value), true),
            Op::Compare(op) => (Test::Compare(op, value), false),
        };
        let field = FieldTest { key: key.text.clone(), test, at };
        let is_figure = self.subject == Subject::Traces && FIGURES.contains(&key.text.as_str());
        let leaf = if is_figure { Raw::Trace(TraceLeaf::Figure(field)) } else { Raw::Span(Leaf::Field(field)) };
        Ok(if is_negated { Tree::Leaf(leaf).not() } else { Tree::Leaf(leaf) })
    }

    fn bare_value(&mut self) -> Value {
        let mut pieces = self.bare();
        if pieces.len() == 1 { Value::Bare(pieces.remove(0)) } else { Value::Pattern(Pattern(pieces)) }
    }

    /// `/pattern/` or `/pattern/i`: the first slash without a backslash ends it, and nothing but the end of the value
    /// may follow. Else it is a path and nothing is read.
    fn regex(&mut self) -> Result<Option<Value>, SearchError> {
        let start = self.at;
        let mut pattern = String::new();
        let mut at = start + 1;
        loop {
            match self.chars.get(at) {
                None => return Ok(None),
                Some('/') => break,
                Some('\\') if self.chars.get(at + 1) == Some(&'/') => {
                    pattern.push('/');
                    at += 2;
                }
                Some('\\') => {
                    pattern.push('\\');
                    pattern.extend(self.chars.get(at + 1));
                    at += 2;
                }
                Some(c) => {
                    pattern.push(*c);
                    at += 1;
                }
            }
        }
        at += 1;
        let ignore_case = self.chars.get(at) == Some(&'i');
        at += usize::from(ignore_case);
        let ends = self.chars.get(at).is_none_or(|c| c.is_whitespace() || matches!(c, ')' | '}'));
        if pattern.is_empty() || !ends {
            return Ok(None);
        }
        self.at = at;
        Ok(Some(Value::Regex { pattern, ignore_case }))
    }
}
