//! Conditions on whole traces: braces, relations between spans, counts.

use super::{Parsed, Parser, Part, Subject};
use crate::search::error::SearchError;
use crate::search::syntax::{Leaf, Tree};
use crate::search::trace_syntax::{Raw, Relation, TraceLeaf};

impl Parser {
    /// `{A}`, `{A} => {B}`, `count({A}) > 3`, `root{A}`, `logs{A}`; nothing is read when none of them stands here.
    pub(super) fn trace_condition(&mut self) -> Part {
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
