//! From text to tree, by the grammar in `docs/search.md`. The parser of the search box (`ui/src/engine/search`) is its
//! twin: both are held to `tests/data/search/cases.json`.

use super::error::SearchError;
use super::syntax::{
    At, Comparison, FieldTest, Leaf, Pattern, Test, Tree, Value, begins_key, continues_key, is_special,
};
use super::trace_syntax::{FIGURES, Raw, Relation, TraceLeaf};
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
        let part = self.primary()?;
        Ok(if negations % 2 == 1 { part.map(Tree::not) } else { part })
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
        Ok(has_words.then(|| Tree::Leaf(Raw::Span(Leaf::Phrase(text)))))
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

    fn field(&mut self, key: Key) -> Parsed {
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
    fn any_value(&mut self, key: &Key) -> Part {
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

    // Conditions on whole traces.

    /// `{A}`, `{A} => {B}`, `count({A}) > 3`, `root{A}`, `logs{A}`; nothing is read when none of them stands here.
    fn trace_condition(&mut self) -> Part {
        let start = self.at;
        if self.peek() == Some('{') {
            let first = self.braces()?;
            return self.related(first).map(Some);
        }
        for relation in Relation::ALL {
            if self.starts_with(relation.text()) {
                let message = format!("{} needs braces before it", relation.text());
                let hint = format!("write {{a}} {} {{b}}", relation.text());
                return Err(SearchError::new(self.here(2), message, hint));
            }
        }
        for (word, make) in [("root", TraceLeaf::Root as fn(_) -> _), ("logs", TraceLeaf::Logs)] {
            if self.starts_with(&format!("{word}{{")) {
                self.at += word.len();
                return Ok(Some(Tree::Leaf(Raw::Trace(make(self.braces()?)))));
            }
        }
        if self.starts_with("count(") {
            return self.count(start).map(|leaf| Some(Tree::Leaf(Raw::Trace(leaf))));
        }
        Ok(None)
    }

    /// A condition on one record in braces.
    fn braces(&mut self) -> Result<Tree<Leaf>, SearchError> {
        let open = self.here(1);
        self.enter(open)?;
        self.at += 1;
        let outer = std::mem::replace(&mut self.subject, Subject::Logs);
        let inner = self.any();
        self.subject = outer;
        let inner = inner?;
        if self.peek() != Some('}') {
            let message = match self.peek() {
                Some(other) => format!("{{ is closed by {other}"),
                None => "{ is not closed".to_owned(),
            };
            return Err(SearchError::new(open, message, "add }, or put the text in quotes: \"{\""));
        }
        self.at += 1;
        self.depth -= 1;
        inner.unwrap_or_else(Tree::all).map(&mut |leaf| match leaf {
            Raw::Span(leaf) => Ok(leaf.clone()),
            Raw::Trace(_) => Err(SearchError::new(open, "braces within braces", "write one pair for each span")),
        })
    }

    fn related(&mut self, first: Tree<Leaf>) -> Parsed {
        let mut rest = Vec::new();
        loop {
            let before = self.at;
            self.skip_blanks();
            let Some(relation) = Relation::ALL.into_iter().find(|relation| self.starts_with(relation.text())) else {
                self.at = before;
                break;
            };
            let sign = self.here(2);
            self.at += 2;
            self.skip_blanks();
            if self.peek() != Some('{') {
                let message = format!("{} needs braces after it", relation.text());
                return Err(SearchError::new(sign, message, format!("write {{a}} {} {{b}}", relation.text())));
            }
            self.count_term(sign)?;
            rest.push((relation, self.braces()?));
        }
        let leaf = if rest.is_empty() { TraceLeaf::Some(first) } else { TraceLeaf::Related { first, rest } };
        Ok(Tree::Leaf(Raw::Trace(leaf)))
    }

    /// `count({A}) > 3`; the braces may be left out.
    fn count(&mut self, start: usize) -> Result<TraceLeaf, SearchError> {
        self.at += "count(".len();
        let open = self.from(start);
        self.skip_blanks();
        let of = if self.peek() == Some('{') {
            self.braces()?
        } else {
            self.enter(open)?;
            let outer = std::mem::replace(&mut self.subject, Subject::Logs);
            let inner = self.any();
            self.subject = outer;
            self.depth -= 1;
            inner?.unwrap_or_else(Tree::all).map(&mut |leaf| match leaf {
                Raw::Span(leaf) => Ok(leaf.clone()),
                Raw::Trace(_) => Err(SearchError::new(open, "braces within braces", "write one pair for each span")),
            })?
        };
        self.skip_blanks();
        let hint = "write count({service:db}) > 10";
        if self.peek() != Some(')') {
            return Err(SearchError::new(open, "count( is not closed", hint));
        }
        self.at += 1;
        self.skip_blanks();
        let Some(op) = self.comparison() else {
            return Err(SearchError::new(self.from(start), "count() needs a comparison", hint));
        };
        self.at += op.text().len();
        self.skip_blanks();
        let digits = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let number: String = self.chars[digits..self.at].iter().collect();
        self.count_term(self.from(start))?;
        match number.parse::<u32>() {
            Ok(number) => Ok(TraceLeaf::Count { of, op, number: i64::from(number) }),
            Err(_) => Err(SearchError::new(self.from(start), "count() is compared with a whole number", hint)),
        }
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
