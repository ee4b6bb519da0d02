//! Signs, words, numbers and texts of an expression.

use super::{Read, Reader, Refusal};
use crate::search::error::SearchError;
use crate::search::syntax::{At, Comparison, Value};

impl Reader {
    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Reads a sign when it stands here.
    pub(super) fn sign(&mut self, sign: &str) -> bool {
        self.blanks();
        let is_here = sign.chars().enumerate().all(|(nth, c)| self.chars.get(self.at + nth) == Some(&c));
        self.at += if is_here { sign.len() } else { 0 };
        is_here
    }

    pub(super) fn word(&mut self) -> String {
        self.blanks();
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']')) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    /// Reads a keyword when it stands here as a whole word, in any case.
    pub(super) fn keyword(&mut self, keyword: &str) -> bool {
        let before = self.at;
        let is_here = self.word().eq_ignore_ascii_case(keyword);
        if !is_here {
            self.at = before;
        }
        is_here
    }

    /// A mistake in what is certainly X-Ray's; else the text is not.
    pub(super) fn wrong<T>(&self, start: usize, message: impl Into<String>, hint: impl Into<String>) -> Read<T> {
        let error = self.error(start, message, hint);
        Err(match (self.is_unmistakable, self.is_likely) {
            (true, _) => Refusal::Wrong(error),
            (false, true) => Refusal::Doubt(error),
            (false, false) => Refusal::Other,
        })
    }

    pub(super) fn error(&self, start: usize, message: impl Into<String>, hint: impl Into<String>) -> SearchError {
        let end = self.at.max(start + 1).min(self.chars.len().max(start));
        SearchError::new(At { start, end }, message, hint)
    }

    pub(super) fn comparison(&mut self) -> Option<Comparison> {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let longest_first = [GreaterOrEqual, LessOrEqual, NotEqual, Greater, Less, Equal];
        let before = self.at;
        let op = longest_first.into_iter().find(|op| self.sign(op.text()))?;
        self.is_set_off = self.chars[before].is_whitespace() && self.peek().is_some_and(char::is_whitespace);
        Some(op)
    }

    /// The comparison behind a keyword that is a key of ours or an attribute too: blanks around it say that it is X-Ray's.
    pub(super) fn telling_comparison(&mut self) -> Option<Comparison> {
        let op = self.comparison()?;
        self.is_likely |= self.is_set_off;
        self.is_certain |= self.is_set_off;
        Some(op)
    }

    /// A comparison with a number, as it was written.
    pub(super) fn number(&mut self, start: usize, word: &str) -> Read<(Comparison, String)> {
        let hint = match word {
            "index" => "write index > 5".to_owned(),
            "coverage" => "write coverage > 0.7".to_owned(),
            _ => format!("write {word} > 1.5, in seconds"),
        };
        let Some(op) = self.comparison() else { return self.wrong(start, format!("{word} needs a comparison"), hint) };
        let number = self.word();
        if number.parse::<f64>().is_err() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return self.wrong(start, format!("{word} is compared with a number"), hint);
        }
        Ok((op, number))
    }

    /// A text in quotes, a number, true or false.
    pub(super) fn value(&mut self, start: usize) -> Read<Value> {
        self.blanks();
        if matches!(self.peek(), Some('"' | '\'')) {
            return Ok(Value::Quoted(self.string(start)?));
        }
        let word = self.word();
        let is_number = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
        let lower = word.to_ascii_lowercase();
        if is_number || lower == "true" || lower == "false" {
            return Ok(Value::Bare(lower));
        }
        self.wrong(start, "the value is missing", "put text in quotes: annotation.key = \"value\"")
    }

    pub(super) fn string(&mut self, start: usize) -> Read<String> {
        self.blanks();
        let Some(quote @ ('"' | '\'')) = self.peek() else {
            return self.wrong(start, "a name in quotes is missing", "write service(\"name\")");
        };
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                c if c == quote => return Ok(text),
                '\\' => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                c => text.push(c),
            }
        }
        self.at = self.chars.len();
        self.wrong(start, "the quote is not closed", "add it at the end")
    }
}
