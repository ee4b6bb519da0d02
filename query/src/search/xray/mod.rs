//! Filter expressions of AWS X-Ray, read as conditions on traces
//! (<https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html>).
//!
//! | expression | here |
//! |---|---|
//! | `fault`, `error`, `ok` | `root{outcome:fault}` |
//! | `throttle` | `{outcome:throttle}` |
//! | `partial` | `trace.partial:true` |
//! | `inferred` | `{span.inferred:true}` |
//! | `responsetime > 1` (seconds) | `root{duration>1s}` |
//! | `duration > 1` | `trace.root_to_end>1s` |
//! | `http.status >= 500`, `http.url CONTAINS "x"` | `root{...}` of the attributes, current and old |
//! | `user`, `instance.id`, `availabilityzone`, `resource.arn` | `{...}` likewise: of any span |
//! | `annotation.key = "v"`, `annotation[key]` | `{key="v"}`, `{key:*}` |
//! | `service("x")` | `{service:"x"}` |
//! | `service("x") {fault}` | the same, of a span in which the service answers: `kind:server OR kind:consumer` |
//! | `edge("a", "b") {responsetime > 1}` | `{service:"a" AND duration>1s} => {service:"b"}`: the caller's view |
//! | `id(name: "x", type: "Database::SQL", account.id: "1")` | for a name: see [`nodes`] for the types |
//! | `rootcause.fault.entity {last and name = "x"}` | `{span.path:fault AND span.cause:fault AND name="x"}`, see [`root_cause`] |
//!
//! Keywords and operators may be written in any case.
//!
//! A text is such an expression when all of it can be read as one and some of it says so: a lone outcome (`error`), a
//! keyword that only X-Ray has (`responsetime`, `service(`), or a comparison set off by blanks (`name = "a"`).
//! `error timeout`, `"error"` and `name="a"` are ours.

mod conditions;
mod keywords;
mod nodes;
mod root_cause;
mod text;

use super::error::SearchError;
use super::place::Cause;
use super::syntax::{Condition, Tree};
use super::trace_syntax::TraceCondition;
use super::{DEPTH_MAX, LENGTH_MAX, TERMS_MAX};

/// What a text is to X-Ray.
pub(super) enum Parsed {
    Expression(TraceCondition),
    /// An expression, but a wrong one.
    Wrong(SearchError),
    /// A search of our own.
    Ours,
    /// A search of our own that looks like an expression; the error is what keeps it from being one.
    OursInDoubt(SearchError),
}

pub(super) fn parse(text: &str) -> Parsed {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() > LENGTH_MAX {
        return Parsed::Ours;
    }
    let mut reader = Reader {
        chars,
        at: 0,
        depth: 0,
        terms: 0,
        is_certain: false,
        is_unmistakable: false,
        is_likely: false,
        is_set_off: false,
        needs_entry: false,
        asks_for_inferred: false,
    };
    let result = reader.any(Scope::Trace);
    reader.blanks();
    match result {
        Ok(Part::Trace(condition)) if reader.at == reader.chars.len() && reader.is_certain => {
            Parsed::Expression(condition)
        }
        Ok(_) if reader.is_unmistakable => {
            let rest = reader.at;
            Parsed::Wrong(reader.error(rest, "this ends the expression", "join what follows with AND, or remove it"))
        }
        Err(Refusal::Wrong(error)) => Parsed::Wrong(error),
        Err(Refusal::Doubt(error)) => Parsed::OursInDoubt(error),
        Ok(_) | Err(Refusal::Other) => Parsed::Ours,
    }
}

/// Why a text could not be read.
enum Refusal {
    /// It may be a search in our own language.
    Other,
    /// Likewise, but its author may have meant an expression of X-Ray.
    Doubt(SearchError),
    /// It is an expression of X-Ray, but a wrong one.
    Wrong(SearchError),
}

type Read<T> = Result<T, Refusal>;

/// What keywords are about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// The trace or its root.
    Trace,
    /// Within `service() {...}` or `edge() {...}`: a span.
    Node(Side),
    /// Within `rootcause.<cause>.service {...}`: a service on the way to a root cause.
    CauseService(Cause, Side),
    /// Within `rootcause.<cause>.entity {...}`: a span on that way.
    CauseEntity(Cause),
    /// Within `rootcause.<cause>.exception {...}`: an exception of such a span.
    CauseException(Cause),
}

/// Who tells about a service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// It sends spans.
    Sends,
    /// It sends none (X-Ray's inferred segments): the span that calls it does.
    Inferred,
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
            // Nothing that is flattened may be lost: these may hold constants.
            (_, true) if spans.len() > 1 => Part::Span(Tree::Or(spans)),
            (_, false) if spans.len() > 1 => Part::Span(Tree::And(spans)),
            _ => Part::Span(spans.pop().unwrap_or_else(Tree::all)),
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
    /// Something has been read as X-Ray writes it and our own language may.
    is_likely: bool,
    /// The last comparison had blanks before and behind it.
    is_set_off: bool,
    /// The braces say something about how a service answered.
    needs_entry: bool,
    /// The braces, or the name before them, ask for services that send no spans.
    asks_for_inferred: bool,
}

impl Reader {
    fn any(&mut self, scope: Scope) -> Read<Part> {
        let mut parts = vec![self.all(scope)?];
        while self.joined_by("OR", "||") {
            parts.push(self.all(scope)?);
        }
        Ok(Part::join(parts, scope, true))
    }

    fn all(&mut self, scope: Scope) -> Read<Part> {
        let mut parts = vec![self.one(scope)?];
        loop {
            let with_and = self.joined_by("AND", "&&");
            self.blanks();
            let before = self.at;
            let is_or = self.joined_by("OR", "||");
            self.at = before;
            if !with_and && (is_or || matches!(self.peek(), None | Some(')' | '}'))) {
                return Ok(Part::join(parts, scope, false));
            }
            parts.push(self.one(scope)?);
        }
    }

    /// In our own language `and` in small letters is a word.
    fn joined_by(&mut self, keyword: &str, sign: &str) -> bool {
        if self.sign(sign) {
            return true;
        }
        let is_here = self.keyword(keyword);
        let is_ours = self.chars[..self.at].ends_with(&keyword.chars().collect::<Vec<_>>());
        self.is_likely |= is_here && !is_ours && self.is_certain;
        is_here
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
        let written = self.word();
        let word = written.to_ascii_lowercase();
        if scope == Scope::Trace {
            match word.as_str() {
                "service" if self.peek() == Some('(') => return self.service(start),
                "edge" if self.peek() == Some('(') => return self.edge(start),
                _ => {}
            }
        }
        if word.starts_with("rootcause.") && self.peek() != Some(':') {
            return self.root_cause(start, &word, scope);
        }
        self.keyword_of(start, &written, scope)
    }

    /// `{filter}` for each of `scopes`, which read the same text differently. None where no brace stands.
    fn braces<const N: usize>(&mut self, start: usize, scopes: [Scope; N]) -> Read<Option<[Condition; N]>> {
        if !self.sign("{") {
            return Ok(None);
        }
        self.enter()?;
        let inner = self.at;
        let mut conditions = [const { Tree::And(Vec::new()) }; N];
        for (scope, condition) in scopes.into_iter().zip(&mut conditions) {
            self.at = inner;
            let Part::Span(read) = self.any(scope)? else { return Err(Refusal::Other) };
            *condition = read;
        }
        if !self.sign("}") {
            return self.wrong(start, "{ is not closed", "add }");
        }
        self.depth -= 1;
        Ok(Some(conditions))
    }
}
