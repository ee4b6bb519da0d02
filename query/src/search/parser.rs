//! From text to tree, by the grammar in `docs/search.md`. The parser of the search box (`ui/src/engine/search`) is its
//! twin: both are held to `tests/data/search/cases.json`.

mod traces;
mod values;

use super::error::SearchError;
use super::syntax::{At, Comparison, Leaf, Pattern, Tree, begins_key, continues_key, is_special};
use super::trace_syntax::Raw;
use super::{DEPTH_MAX, LENGTH_MAX, TERMS_MAX};

/// Where a search is asked: only spans belong to traces whose other spans can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Logs,
    Traces,
}

pub(super) type Parsed = Result<Tree<Raw>, SearchError>;

/// A part of the search: nothing when it has no words to look for, such as a lone dash.
type Part = Result<Option<Tree<Raw>>, SearchError>;

pub(super) fn parse(text: &str, subject: Subject) -> Parsed {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() > LENGTH_MAX {
        let at = At { start: LENGTH_MAX, end: chars.len() };
        let message = format!("the search is longer than {LENGTH_MAX} characters");
        return Err(SearchError::new(at, message, "shorten it, or ask in SQL"));
    }
    let mut parser = Parser { chars, at: 0, depth: 0, terms: 0, subject };
    let tree = parser.any()?;
    match parser.peek() {
        None => Ok(tree.unwrap_or_else(Tree::all)),
        Some(closing) => Err(SearchError::new(
            parser.here(1),
            format!("{closing} closes nothing"),
            format!("remove it, or put the text in quotes: \"{closing}\""),
        )),
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    /// Parentheses, braces and negations around this place.
    depth: usize,
    terms: usize,
    subject: Subject,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(nth, c)| self.chars.get(self.at + nth) == Some(&c))
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn here(&self, length: usize) -> At {
        At { start: self.at, end: (self.at + length).min(self.chars.len()) }
    }

    fn from(&self, start: usize) -> At {
        At { start, end: self.at }
    }

    /// The operator that stands here: `AND`, `&&`, ...
    fn keyword(&self, word: &str, sign: &str) -> Option<usize> {
        if !sign.is_empty() && self.starts_with(sign) {
            return Some(sign.len());
        }
        let behind = self.chars.get(self.at + word.len());
        let ends = behind.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '{' | '}' | '"'));
        (ends && self.starts_with(word)).then_some(word.len())
    }

    fn enter(&mut self, at: At) -> Result<(), SearchError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} parentheses within each other");
            return Err(SearchError::new(at, message, "remove parentheses that are not needed"));
        }
        Ok(())
    }

    fn count_term(&mut self, at: At) -> Result<(), SearchError> {
        self.terms += 1;
        if self.terms > TERMS_MAX {
            let message = format!("more than {TERMS_MAX} conditions");
            return Err(SearchError::new(at, message, "ask with fewer, or in SQL"));
        }
        Ok(())
    }

    /// any = all { "OR" all }
    fn any(&mut self) -> Part {
        let mut parts = Vec::new();
        let first = self.all()?;
        let mut has_or = false;
        parts.extend(first);
        while let Some(length) = self.keyword("OR", "||") {
            let at = self.here(length);
            if parts.is_empty() {
                return Err(SearchError::new(
                    at,
                    "OR needs a condition before it",
                    "write a OR b, or \"OR\" for the word",
                ));
            }
            self.at += length;
            has_or = true;
            match self.all()? {
                Some(part) => parts.push(part),
                None => {
                    return Err(SearchError::new(
                        at,
                        "OR needs a condition after it",
                        "write a OR b, or \"OR\" for the word",
                    ));
                }
            }
        }
        Ok(match (parts.is_empty(), has_or) {
            (true, _) => None,
            (_, true) => Some(Tree::or(parts)),
            (_, false) => parts.pop(),
        })
    }

    /// all = one { [ "AND" ] one }
    fn all(&mut self) -> Part {
        let mut parts = Vec::new();
        let mut operator: Option<At> = None;
        loop {
            self.skip_blanks();
            if let Some(length) = self.keyword("AND", "&&") {
                let at = self.here(length);
                if parts.is_empty() || operator.is_some() {
                    let hint = "write a AND b, or \"AND\" for the word";
                    return Err(SearchError::new(at, "AND needs a condition before it", hint));
                }
                operator = Some(at);
                self.at += length;
                continue;
            }
            let ends = matches!(self.peek(), None | Some(')' | '}')) || self.keyword("OR", "||").is_some();
            if ends {
                if let Some(at) = operator {
                    let hint = "write a AND b, or \"AND\" for the word";
                    return Err(SearchError::new(at, "AND needs a condition after it", hint));
                }
                return Ok(if parts.is_empty() { None } else { Some(Tree::and(parts)) });
            }
            if let Some(part) = self.one()? {
                parts.push(part);
                operator = None;
            }
        }
    }

    /// one = { "NOT" | "-" | "!" } primary
    fn one(&mut self) -> Part {
        let start = self.at;
        let mut negations = 0;
        loop {
            let sign = match self.peek() {
                Some('-' | '!') => {
                    let behind = self.chars.get(self.at + 1);
                    // `->` is a relation, a lone dash is punctuation.
                    behind.is_some_and(|c| !c.is_whitespace() && !matches!(c, ')' | '}' | '>'))
                }
                _ => false,
            };
            if sign {
                self.at += 1;
            } else if let Some(length) = self.keyword("NOT", "") {
                self.at += length;
                self.skip_blanks();
                if matches!(self.peek(), None | Some(')' | '}')) {
                    let at = At { start, end: start + length };
                    let hint = "write NOT a, or \"NOT\" for the word";
                    return Err(SearchError::new(at, "NOT needs a condition after it", hint));
                }
            } else {
                break;
            }
            negations += 1;
        }
        let negated = self.at;
        let part = self.primary()?;
        if negations % 2 == 0 {
            return Ok(part);
        }
        let written = &self.chars[negated..self.at];
        if !written.is_empty() && written.iter().all(|c| *c == '*') {
            let hint = "remove it, or say of what: -key:* finds what has no such value";
            return Err(SearchError::new(self.from(start), "the opposite of * is nothing", hint));
        }
        Ok(part.map(Tree::not))
    }

    fn primary(&mut self) -> Part {
        let start = self.at;
        if self.subject == Subject::Traces
            && let Some(part) = self.trace_condition()?
        {
            return Ok(Some(part));
        }
        match self.peek() {
            Some('(') => self.parentheses(None),
            Some('"') => self.quoted_part(start),
            Some('{') if self.subject == Subject::Logs => {
                let hint = "ask about traces on the Traces screen, or put the text in quotes";
                Err(SearchError::new(self.here(1), "braces ask about the spans of a trace", hint))
            }
            _ => self.bare_part(start),
        }
    }

    /// `( ... )`, of conditions or, behind a key, of its values.
    fn parentheses(&mut self, key: Option<&Key>) -> Part {
        let open = self.here(1);
        self.enter(open)?;
        self.at += 1;
        let inner = match key {
            Some(key) => self.any_value(key)?,
            None => self.any()?,
        };
        if self.peek() != Some(')') {
            let message = match self.peek() {
                Some(other) => format!("( is closed by {other}"),
                None => "( is not closed".to_owned(),
            };
            return Err(SearchError::new(open, message, "add ), or put the text in quotes: \"(\""));
        }
        self.at += 1;
        self.depth -= 1;
        if inner.is_none() {
            let hint = "write a condition in them, or put the text in quotes: \"()\"";
            return Err(SearchError::new(self.from(open.start), "empty parentheses", hint));
        }
        Ok(inner)
    }

    fn quoted_part(&mut self, start: usize) -> Part {
        let text = self.quoted()?;
        if let Some(op) = self.operator() {
            return self.field(Key { text, start, op }).map(Some);
        }
        self.count_term(self.from(start))?;
        let has_words = text.chars().any(char::is_alphanumeric);
        Ok(has_words.then_some(Tree::Leaf(Raw::Span(Leaf::Phrase(text)))))
    }

    fn quoted(&mut self) -> Result<String, SearchError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '"' => return Ok(text),
                '\\' if matches!(self.peek(), Some('"' | '\\')) => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                c => text.push(c),
            }
        }
        let at = At { start, end: start + 1 };
        Err(SearchError::new(at, "the quote is not closed", "add \" at the end, or write \\\" for the character"))
    }

    /// A word, or a key with its test.
    fn bare_part(&mut self, start: usize) -> Part {
        if self.peek().is_some_and(begins_key) {
            while self.peek().is_some_and(continues_key) {
                self.at += 1;
            }
            let text: String = self.chars[start..self.at].iter().collect();
            if let Some(op) = self.operator() {
                return self.field(Key { text, start, op }).map(Some);
            }
            self.at = start;
        }
        if let Some(op) = self.comparison() {
            let message = format!("{} needs a key before it", op.text());
            let hint = "write key>5, or put the text in quotes: \">\"";
            return Err(SearchError::new(self.here(op.text().len()), message, hint));
        }
        let pieces = self.bare();
        self.count_term(self.from(start))?;
        let leaf = match pieces.len() {
            1 => Leaf::Words(pieces.concat()),
            _ => Leaf::WordPattern(Pattern(pieces)),
        };
        let has_words = match &leaf {
            Leaf::Words(text) => text.chars().any(char::is_alphanumeric),
            Leaf::WordPattern(Pattern(pieces)) => pieces.iter().any(|piece| piece.chars().any(char::is_alphanumeric)),
            _ => true,
        };
        Ok(has_words.then_some(Tree::Leaf(Raw::Span(leaf))))
    }

    /// Text up to a blank or a bracket that closes what it has not opened itself: literal pieces between asterisks.
    fn bare(&mut self) -> Vec<String> {
        let mut pieces = vec![String::new()];
        let mut open: Vec<char> = Vec::new();
        let start = self.at;
        while let Some(c) = self.peek() {
            let is_first = self.at == start;
            let piece = pieces.last_mut().expect("never empty");
            match c {
                '\\' if self.chars.get(self.at + 1).copied().is_some_and(is_special) => {
                    self.at += 1;
                    piece.extend(self.peek());
                }
                '*' => pieces.push(String::new()),
                c if c.is_whitespace() || c == '"' => break,
                '(' if is_first => break,
                '(' | '{' => {
                    open.push(if c == '(' { ')' } else { '}' });
                    piece.push(c);
                }
                ')' | '}' => {
                    if open.pop() != Some(c) {
                        break;
                    }
                    piece.push(c);
                }
                c => piece.push(c),
            }
            self.at += 1;
        }
        pieces
    }

    /// `:` or a comparison behind a key; nothing is read when there is none.
    fn operator(&mut self) -> Option<Op> {
        let before = self.at;
        if self.peek() == Some(':') {
            // The colon of an address is none.
            if self.starts_with("://") {
                return None;
            }
            self.at += 1;
            let after = self.comparison();
            self.at += after.map_or(0, |op| op.text().len());
            return Some(after.map_or(Op::Has, Op::Compare));
        }
        self.skip_blanks();
        match self.comparison() {
            Some(op) => {
                self.at += op.text().len();
                Some(Op::Compare(op))
            }
            None => {
                self.at = before;
                None
            }
        }
    }

    fn comparison(&self) -> Option<Comparison> {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let longest_first = [GreaterOrEqual, LessOrEqual, NotEqual, Greater, Less, Equal];
        if self.starts_with("=>") {
            return None;
        }
        longest_first.into_iter().find(|op| self.starts_with(op.text()))
    }
}

#[derive(Clone, Debug)]
struct Key {
    text: String,
    start: usize,
    op: Op,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    /// `:`
    Has,
    Compare(Comparison),
}

impl Op {
    fn text(self) -> &'static str {
        match self {
            Op::Has => ":",
            Op::Compare(op) => op.text(),
        }
    }
}
