//! Filter expressions of AWS X-Ray, read as conditions on traces.
//!
//! | expression | here |
//! |---|---|
//! | `fault`, `error`, `ok` | `root{outcome:fault}` |
//! | `throttle` | `{outcome:throttle}` |
//! | `partial` | `trace.partial:true` |
//! | `responsetime > 1` (seconds) | `root{duration>1s}` |
//! | `duration > 1` | `trace.root_to_end>1s` |
//! | `http.status >= 500`, `http.url CONTAINS "x"` | `root{...}` of the attributes, current and old |
//! | `annotation.key = "v"`, `annotation.key` | `{key:"v"}`, `{key:*}` |
//! | `service("x")` | `{service:"x"}` |
//! | `service("x") {fault}` | the same, of a span in which the service answers: `kind:server OR kind:consumer` |
//! | `edge("a", "b") {responsetime > 1}` | `{service:"a" AND duration>1s} => {service:"b"}`: the caller's view |
//!
//! A text is such an expression when all of it can be read as one and some of it cannot be meant otherwise: `error` is,
//! `error timeout` and `"error"` are words.

use super::error::SearchError;
use super::syntax::{At, Comparison, Condition, FieldTest, Leaf, Pattern, Test, Tree, Value};
use super::trace_syntax::{Relation, TraceCondition, TraceLeaf};
use super::{DEPTH_MAX, LENGTH_MAX, TERMS_MAX};

/// `None` when it is no expression of X-Ray.
pub(super) fn parse(text: &str) -> Option<Result<TraceCondition, SearchError>> {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() > LENGTH_MAX {
        return None;
    }
    let mut reader =
        Reader { chars, at: 0, depth: 0, terms: 0, is_certain: false, is_unmistakable: false, needs_entry: false };
    let result = reader.any(Scope::Trace);
    reader.blanks();
    match result {
        Ok(Part::Trace(condition)) if reader.at == reader.chars.len() && reader.is_certain => Some(Ok(condition)),
        Err(Refusal::Wrong(error)) => Some(Err(error)),
        _ => None,
    }
}

/// Why a text could not be read.
enum Refusal {
    /// It may be a search in our own language.
    Other,
    /// It is an expression of X-Ray, but a wrong one.
    Wrong(SearchError),
}

type Read<T> = Result<T, Refusal>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Keywords are about the trace or its root.
    Trace,
    /// Within `service() {...}` or `edge() {...}`: about a span.
    Span,
}

enum Part {
    Trace(TraceCondition),
    Span(Condition),
}

impl Part {
    fn not(self) -> Part {
        match self {
            Part::Trace(tree) => Part::Trace(tree.not()),
            Part::Span(tree) => Part::Span(tree.not()),
        }
    }

    fn join(parts: Vec<Part>, scope: Scope, is_or: bool) -> Part {
        let (mut traces, mut spans) = (Vec::new(), Vec::new());
        for part in parts {
            match part {
                Part::Trace(tree) => traces.push(tree),
                Part::Span(tree) => spans.push(tree),
            }
        }
        match (scope, is_or) {
            (Scope::Trace, true) => Part::Trace(Tree::or(traces)),
            (Scope::Trace, false) => Part::Trace(Tree::and(traces)),
            (Scope::Span, true) => Part::Span(Tree::or(spans)),
            (Scope::Span, false) => Part::Span(Tree::and(spans)),
        }
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    terms: usize,
    /// Something has been read that X-Ray writes: with nothing else around it, it is meant so.
    is_certain: bool,
    /// Something has been read that nobody else writes: what is wrong about it is a mistake.
    is_unmistakable: bool,
    /// The braces say something about how a service answered.
    needs_entry: bool,
}

const BOOLEANS: [&str; 5] = ["ok", "error", "throttle", "fault", "partial"];
const UNSUPPORTED: [&str; 4] = ["inferred", "first", "last", "remote"];

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Reads a sign when it stands here.
    fn sign(&mut self, sign: &str) -> bool {
        self.blanks();
        let is_here = sign.chars().enumerate().all(|(nth, c)| self.chars.get(self.at + nth) == Some(&c));
        self.at += if is_here { sign.len() } else { 0 };
        is_here
    }

    fn word(&mut self) -> String {
        self.blanks();
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']')) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    /// Reads a keyword when it stands here as a whole word.
    fn keyword(&mut self, keyword: &str) -> bool {
        let before = self.at;
        let is_here = self.word() == keyword;
        if !is_here {
            self.at = before;
        }
        is_here
    }

    /// A mistake in what is certainly X-Ray's; else the text is not.
    fn wrong<T>(&self, start: usize, message: impl Into<String>, hint: impl Into<String>) -> Read<T> {
        if !self.is_unmistakable {
            return Err(Refusal::Other);
        }
        let at = At { start, end: self.at.max(start + 1).min(self.chars.len().max(start)) };
        Err(Refusal::Wrong(SearchError::new(at, message, hint)))
    }

    fn any(&mut self, scope: Scope) -> Read<Part> {
        let mut parts = vec![self.all(scope)?];
        while self.keyword("OR") {
            parts.push(self.all(scope)?);
        }
        Ok(Part::join(parts, scope, true))
    }

    fn all(&mut self, scope: Scope) -> Read<Part> {
        let mut parts = vec![self.one(scope)?];
        loop {
            let with_and = self.keyword("AND");
            self.blanks();
            let before = self.at;
            let is_or = self.keyword("OR");
            self.at = before;
            if !with_and && (is_or || matches!(self.peek(), None | Some(')' | '}'))) {
                return Ok(Part::join(parts, scope, false));
            }
            parts.push(self.one(scope)?);
        }
    }

    fn one(&mut self, scope: Scope) -> Read<Part> {
        let mut is_negated = false;
        while self.sign("!") || self.keyword("NOT") {
            is_negated = !is_negated;
        }
        self.terms += 1;
        if self.terms > TERMS_MAX {
            return Err(Refusal::Other);
        }
        let part = if self.sign("(") {
            let open = self.at - 1;
            self.enter()?;
            let inner = self.any(scope)?;
            if !self.sign(")") {
                return self.wrong(open, "( is not closed", "add )");
            }
            self.depth -= 1;
            inner
        } else {
            self.primary(scope)?
        };
        Ok(if is_negated { part.not() } else { part })
    }

    fn enter(&mut self) -> Read<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(Refusal::Other) } else { Ok(()) }
    }

    fn primary(&mut self, scope: Scope) -> Read<Part> {
        self.blanks();
        let start = self.at;
        let word = self.word();
        if scope == Scope::Trace {
            match word.as_str() {
                "service" if self.peek() == Some('(') => return self.service(start),
                "edge" if self.peek() == Some('(') => return self.edge(start),
                _ => {}
            }
        }
        if BOOLEANS.contains(&word.as_str()) {
            // `error:x` and `error=x` are ours.
            let before = self.at;
            if self.peek() == Some(':') || self.comparison().is_some() {
                return Err(Refusal::Other);
            }
            self.at = before;
            self.is_certain = true;
            return self.boolean(start, &word, scope);
        }
        let is_known = word.starts_with("rootcause.") || word == "group.name";
        if is_known && self.peek() != Some(':') || UNSUPPORTED.contains(&word.as_str()) && self.is_unmistakable {
            self.is_unmistakable = true;
            let hint = "see docs/search.md for the expressions that are";
            return self.wrong(start, format!("{word} of X-Ray is not known here"), hint);
        }
        if let Some(key) = annotation(&word) {
            if self.peek() == Some(':') {
                return Err(Refusal::Other);
            }
            (self.is_certain, self.is_unmistakable) = (true, true);
            let key = key.to_owned();
            let condition = self.comparison_of(start, &[&key], true)?;
            return Ok(some(condition, scope));
        }
        if word == "root" && scope == Scope::Span {
            return Ok(Part::Span(leaf("parent_span_id", Test::Exists).not()));
        }
        self.compared(start, &word, scope)
    }

    fn boolean(&mut self, start: usize, word: &str, scope: Scope) -> Read<Part> {
        let outcome = leaf("outcome", Test::Has(Value::Bare(word.to_owned())));
        self.needs_entry = true;
        match (word, scope) {
            ("partial", Scope::Trace) => {
                let test = Test::Has(Value::Bare("true".to_owned()));
                let figure = FieldTest { key: "trace.partial".to_owned(), test, at: At::default() };
                Ok(Part::Trace(Tree::Leaf(TraceLeaf::Figure(figure))))
            }
            ("partial", Scope::Span) => {
                self.wrong(start, "partial is said of traces", "write partial outside of the braces")
            }
            ("throttle", Scope::Trace) => Ok(Part::Trace(Tree::Leaf(TraceLeaf::Some(outcome)))),
            (_, Scope::Trace) => Ok(Part::Trace(Tree::Leaf(TraceLeaf::Root(outcome)))),
            (_, Scope::Span) => Ok(Part::Span(outcome)),
        }
    }

    /// `keyword operator value`.
    fn compared(&mut self, start: usize, word: &str, scope: Scope) -> Read<Part> {
        let of_root = |condition: Condition| match scope {
            Scope::Trace => Part::Trace(Tree::Leaf(TraceLeaf::Root(condition))),
            Scope::Span => Part::Span(condition),
        };
        match word {
            "responsetime" | "duration" => {
                let before = self.at;
                self.is_unmistakable |= word == "responsetime" && self.comparison().is_some();
                self.at = before;
                self.needs_entry = true;
                let (op, seconds) = self.seconds(start, word)?;
                if word == "duration" && scope == Scope::Trace {
                    return Ok(Part::Trace(figure("trace.root_to_end", op, seconds)));
                }
                Ok(of_root(compare("duration", op, seconds)))
            }
            "http.status" => {
                self.is_certain = true;
                self.needs_entry = true;
                Ok(of_root(self.comparison_of(start, &["http.response.status_code", "http.status_code"], false)?))
            }
            "http.url" => Ok(of_root(self.comparison_of(start, &["url.full", "http.url"], false)?)),
            "http.method" => Ok(of_root(self.comparison_of(start, &["http.request.method", "http.method"], false)?)),
            "http.useragent" => {
                self.is_certain = true;
                Ok(of_root(self.comparison_of(start, &["user_agent.original", "http.user_agent"], false)?))
            }
            "http.clientip" => {
                self.is_certain = true;
                Ok(of_root(self.comparison_of(start, &["client.address", "http.client_ip"], false)?))
            }
            "instance.id" => {
                self.is_certain = true;
                Ok(of_root(self.comparison_of(start, &["host.id", "service.instance.id"], false)?))
            }
            "user" => Ok(some(self.comparison_of(start, &["user.id", "enduser.id"], false)?, scope)),
            "name" => Ok(of_root(self.comparison_of(start, &["service"], false)?)),
            "message" => Ok(some(self.comparison_of(start, &["status_message", "exception.message"], false)?, scope)),
            _ => {
                self.wrong(start, format!("{word:?} is no keyword of X-Ray"), "put words in quotes to search for them")
            }
        }
    }

    fn comparison(&mut self) -> Option<Comparison> {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let longest_first = [GreaterOrEqual, LessOrEqual, NotEqual, Greater, Less, Equal];
        longest_first.into_iter().find(|op| self.sign(op.text()))
    }

    /// A comparison with a number of seconds, as a duration.
    fn seconds(&mut self, start: usize, word: &str) -> Read<(Comparison, Value)> {
        let hint = format!("write {word} > 1.5, in seconds");
        let Some(op) = self.comparison() else { return self.wrong(start, format!("{word} needs a comparison"), hint) };
        let number = self.word();
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return self.wrong(start, format!("{word} is compared with a number"), hint);
        }
        // `duration>0` says the same of a span in our own language.
        self.is_certain |= number != "0";
        Ok((op, Value::Bare(format!("{number}s"))))
    }

    /// A comparison of the first of `keys` that a span has. `may_be_bare`: without one, whether there is any.
    fn comparison_of(&mut self, start: usize, keys: &[&str], may_be_bare: bool) -> Read<Condition> {
        let any = |test: Test| Tree::or(keys.iter().map(|key| leaf(key, test.clone())).collect());
        let before = self.at;
        if let Some(op) = self.comparison() {
            let value = self.value(start)?;
            return Ok(match op {
                Comparison::Equal => any(Test::Is(value)),
                Comparison::NotEqual => Tree::and(vec![any(Test::Exists), any(Test::Is(value)).not()]),
                op => any(Test::Compare(op, value)),
            });
        }
        let word = self.word();
        if !matches!(word.as_str(), "CONTAINS" | "BEGINSWITH" | "ENDSWITH") {
            self.at = before;
            if may_be_bare {
                return Ok(any(Test::Exists));
            }
            return self.wrong(start, "an operator is missing", "write keyword = \"value\"");
        }
        self.is_certain = true;
        let (Value::Quoted(text) | Value::Bare(text)) = self.value(start)? else {
            return self.wrong(start, format!("{word} needs a text"), "put it in quotes");
        };
        let pieces = match word.as_str() {
            "CONTAINS" => vec![String::new(), text, String::new()],
            "BEGINSWITH" => vec![text, String::new()],
            _ => vec![String::new(), text],
        };
        Ok(any(Test::Is(Value::Pattern(Pattern(pieces)))))
    }

    /// A text in quotes, a number, true or false.
    fn value(&mut self, start: usize) -> Read<Value> {
        self.blanks();
        if matches!(self.peek(), Some('"' | '\'')) {
            return Ok(Value::Quoted(self.string(start)?));
        }
        let word = self.word();
        let is_number = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
        if is_number || word == "true" || word == "false" {
            return Ok(Value::Bare(word));
        }
        self.wrong(start, "the value is missing", "put text in quotes: annotation.key = \"value\"")
    }

    fn string(&mut self, start: usize) -> Read<String> {
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
        self.wrong(start, "the quote is not closed", "add it at the end")
    }

    /// `"name"` or `id(name: "name", type: "type")`; the type is read and passed by.
    fn name(&mut self, start: usize) -> Read<String> {
        if !self.keyword("id") {
            return self.string(start);
        }
        let mut name = None;
        if !self.sign("(") {
            return self.wrong(start, "id needs parentheses", "write id(name: \"x\")");
        }
        while !self.sign(")") {
            let part = self.word();
            if !self.sign(":") {
                return self.wrong(start, "id( is not closed", "write id(name: \"x\")");
            }
            let text = self.string(start)?;
            if part == "name" {
                name = Some(text);
            }
            self.sign(",");
        }
        match name {
            Some(name) => Ok(name),
            None => self.wrong(start, "id() needs a name", "write id(name: \"x\")"),
        }
    }

    fn service(&mut self, start: usize) -> Read<Part> {
        (self.is_certain, self.is_unmistakable) = (true, true);
        self.at += 1;
        let mut parts = Vec::new();
        if !self.sign(")") {
            parts.push(is("service", self.name(start)?));
            if !self.sign(")") {
                return self.wrong(start, "service( is not closed", "write service(\"name\")");
            }
        }
        if let Some((condition, needs_entry)) = self.braces(start)? {
            if needs_entry {
                let kind = |kind: &str| leaf("kind", Test::Has(Value::Bare(kind.to_owned())));
                parts.push(Tree::or(vec![kind("server"), kind("consumer")]));
            }
            parts.push(condition);
        }
        Ok(Part::Trace(Tree::Leaf(TraceLeaf::Some(Tree::and(parts)))))
    }

    fn edge(&mut self, start: usize) -> Read<Part> {
        (self.is_certain, self.is_unmistakable) = (true, true);
        self.at += 1;
        let source = self.name(start)?;
        if !self.sign(",") {
            return self.wrong(start, "edge() needs two services", "write edge(\"from\", \"to\")");
        }
        let destination = self.name(start)?;
        if !self.sign(")") {
            return self.wrong(start, "edge( is not closed", "write edge(\"from\", \"to\")");
        }
        let mut caller = vec![is("service", source)];
        caller.extend(self.braces(start)?.map(|(condition, _)| condition));
        let rest = vec![(Relation::Child, is("service", destination))];
        Ok(Part::Trace(Tree::Leaf(TraceLeaf::Related { first: Tree::and(caller), rest })))
    }

    /// `{filter}`, and whether it says how a service answered.
    fn braces(&mut self, start: usize) -> Read<Option<(Condition, bool)>> {
        if !self.sign("{") {
            return Ok(None);
        }
        self.enter()?;
        self.needs_entry = false;
        let Part::Span(condition) = self.any(Scope::Span)? else { return Err(Refusal::Other) };
        if !self.sign("}") {
            return self.wrong(start, "{ is not closed", "add }");
        }
        self.depth -= 1;
        Ok(Some((condition, self.needs_entry)))
    }
}

/// The key of `annotation.key` and `annotation[key]`.
fn annotation(word: &str) -> Option<&str> {
    let bracketed = || word.strip_prefix("annotation[")?.strip_suffix(']');
    word.strip_prefix("annotation.").or_else(bracketed).filter(|key| !key.is_empty())
}

fn leaf(key: &str, test: Test) -> Condition {
    Tree::Leaf(Leaf::Field(FieldTest { key: key.to_owned(), test, at: At::default() }))
}

fn is(key: &str, value: String) -> Condition {
    leaf(key, Test::Has(Value::Quoted(value)))
}

fn test(op: Comparison, value: Value) -> (Test, bool) {
    match op {
        Comparison::Equal => (Test::Is(value), false),
        Comparison::NotEqual => (Test::Is(value), true),
        op => (Test::Compare(op, value), false),
    }
}

fn compare(key: &str, op: Comparison, value: Value) -> Condition {
    let (test, is_negated) = test(op, value);
    if is_negated { leaf(key, test).not() } else { leaf(key, test) }
}

fn figure(key: &str, op: Comparison, value: Value) -> TraceCondition {
    let (test, is_negated) = test(op, value);
    let figure = Tree::Leaf(TraceLeaf::Figure(FieldTest { key: key.to_owned(), test, at: At::default() }));
    if is_negated { figure.not() } else { figure }
}

fn some(condition: Condition, scope: Scope) -> Part {
    match scope {
        Scope::Trace => Part::Trace(Tree::Leaf(TraceLeaf::Some(condition))),
        Scope::Span => Part::Span(condition),
    }
}
