//! `rootcause.<cause>.<what> {filter}`: what stands on the way to a root cause.
//!
//! X-Ray lists, for the slowest, the failing and the faulty part of a trace, the services on the way to it, and of each
//! its entities (the segment and its subsegments), which may have exceptions. Here an entity is a span, named as the span
//! is, and its exception is the last one that it recorded; services are runs of spans of one service. `index` counts from 0 and from the top of the trace: services by
//! `span.hop`, entities and exceptions by `span.depth`. Where the way ends in a call to something that sends no spans,
//! that is the last service, inferred, named by the attributes of the call.

use super::conditions::{either, exists, has};
use super::{Part, Read, Reader, Scope, Side};
use crate::search::place::Cause;
use crate::search::syntax::Tree;

const WHERE: &str =
    "write rootcause.fault.service {...}: responsetime, error or fault, then service, entity or exception";

impl Reader {
    pub(super) fn root_cause(&mut self, start: usize, word: &str, scope: Scope) -> Read<Part> {
        (self.is_certain, self.is_unmistakable) = (true, true);
        if scope != Scope::Trace {
            return self.wrong(start, format!("{word} is said of traces"), "write it outside of the braces");
        }
        if word == "rootcause.json" {
            let hint =
                "write rootcause.responsetime.service {name = \"x\"} AND rootcause.responsetime.entity {name = \"y\"}";
            return self.wrong(start, "root causes are not read as JSON", hint);
        }
        let (cause, what) = match word.strip_prefix("rootcause.").and_then(|rest| rest.split_once('.')) {
            Some(("responsetime", what)) => (Cause::Time, what),
            Some(("error", what)) => (Cause::Error, what),
            Some(("fault", what)) => (Cause::Fault, what),
            _ => return self.wrong(start, format!("{word} is no root cause"), WHERE),
        };
        let on_path = has("span.path", cause.text());
        Ok(Part::Trace(match what {
            "service" => {
                let scopes = [Scope::CauseService(cause, Side::Sends), Scope::CauseService(cause, Side::Inferred)];
                let [sends, inferred] = self.braces(start, scopes)?.unwrap_or_else(|| [Tree::all(), Tree::Or(vec![])]);
                let mut call = Self::inferred_end(cause);
                call.push(inferred);
                either([Tree::And(vec![on_path, sends]), Tree::And(call)])
            }
            "entity" => {
                let [filter] = self.braces(start, [Scope::CauseEntity(cause)])?.unwrap_or_else(|| [Tree::all()]);
                either([Tree::And(vec![on_path, filter])])
            }
            "exception" if cause != Cause::Time => {
                let [filter] = self.braces(start, [Scope::CauseException(cause)])?.unwrap_or_else(|| [Tree::all()]);
                // An exception has one of them at least.
                let has_one = Tree::or(vec![exists("exception.type"), exists("exception.message")]);
                either([Tree::And(vec![on_path, has_one, filter])])
            }
            _ => return self.wrong(start, format!("{word} is no part of a root cause"), WHERE),
        }))
    }
}
