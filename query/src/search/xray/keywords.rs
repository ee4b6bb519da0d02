//! Keywords: booleans, numbers and texts.

use super::conditions::{compare, constant, either, exists, figure, folded, has, of_root, of_some};
use super::nodes::{any_key, callee_named, service_type};
use super::{Part, Read, Reader, Refusal, Scope, Side};
use crate::search::place::Cause;
use crate::search::syntax::{At, Comparison, Condition, FieldTest, Pattern, Test, Tree, Value};
use crate::search::trace_syntax::TraceLeaf;

const BOOLEANS: [&str; 10] =
    ["ok", "error", "throttle", "fault", "partial", "inferred", "first", "last", "remote", "root"];
/// Those that people do not search for as words.
const OUTCOMES: [&str; 5] = ["ok", "error", "throttle", "fault", "partial"];

const STATUS_KEYS: [&str; 2] = ["http.response.status_code", "http.status_code"];
const URL_KEYS: [&str; 2] = ["url.full", "http.url"];
const ARN_KEYS: [&str; 4] =
    ["cloud.resource_id", "aws.lambda.invoked_arn", "aws.ecs.container.arn", "aws.ecs.task.arn"];

impl Reader {
    /// A keyword, as it was written, and what stands behind it.
    pub(super) fn keyword_of(&mut self, start: usize, written: &str, scope: Scope) -> Read<Part> {
        let lower = written.to_ascii_lowercase();
        let word = lower.as_str();
        if BOOLEANS.contains(&word) {
            return self.boolean(start, word, scope);
        }
        if matches!(word, "group.name" | "group.arn") && self.peek() != Some(':') {
            self.is_unmistakable = true;
            let message = "groups of X-Ray are expressions kept in an AWS account, which is not asked";
            return self.wrong(start, message, "write the expression of the group in its place");
        }
        if let Some(key) = annotation(written) {
            if self.peek() == Some(':') {
                return Err(Refusal::Other);
            }
            (self.is_certain, self.is_unmistakable) = (true, true);
            let condition = self.comparison_of(start, &[key], &[], true)?;
            return Ok(of_some(condition, scope));
        }
        match word {
            "index" | "coverage" => self.position(start, word, scope),
            "type" => self.type_keyword(start, scope),
            _ => self.compared(start, word, written, scope),
        }
    }

    /// `fault`, `fault = true`, `fault != false`.
    fn boolean(&mut self, start: usize, word: &str, scope: Scope) -> Read<Part> {
        let before = self.at;
        if self.peek() == Some(':') {
            return Err(Refusal::Other);
        }
        let keyword_end = self.at;
        let mut is_negated = false;
        match self.telling_comparison() {
            Some(op @ (Comparison::Equal | Comparison::NotEqual)) => {
                let value = self.word().to_ascii_lowercase();
                // Outside of braces `error=x` is ours.
                if value != "true" && value != "false" {
                    return self.wrong(start, format!("{word} is true or false"), format!("write {word} or !{word}"));
                }
                is_negated = (value == "true") == (op == Comparison::NotEqual);
            }
            Some(_) => {
                return self.wrong(start, format!("{word} is true or false"), format!("write {word} or !{word}"));
            }
            None => {
                self.at = before;
                self.is_certain |= OUTCOMES.contains(&word);
            }
        }
        let behind = std::mem::replace(&mut self.at, keyword_end);
        let part = self.boolean_part(start, word, scope)?;
        self.at = behind;
        Ok(if is_negated { part.not() } else { part })
    }

    fn boolean_part(&mut self, start: usize, word: &str, scope: Scope) -> Read<Part> {
        match word {
            "partial" if scope == Scope::Trace => {
                let test = Test::Has(Value::Bare("true".to_owned()));
                let figure = FieldTest { key: "trace.partial".to_owned(), test, at: At::default() };
                Ok(Part::Trace(Tree::Leaf(TraceLeaf::Figure(figure))))
            }
            "partial" => self.wrong(start, "partial is said of traces", "write partial outside of the braces"),
            "throttle" => {
                self.needs_entry = true;
                Ok(of_some(has("outcome", word), scope))
            }
            "ok" | "error" | "fault" => {
                self.needs_entry = true;
                Ok(of_root(has("outcome", word), scope))
            }
            "root" if matches!(scope, Scope::Node(_)) => Ok(Part::Span(exists("parent_span_id").not())),
            "root" => self.wrong(start, "root is said of services", "write service(\"name\") {root}"),
            "inferred" => self.inferred(start, scope),
            _ => self.position(start, word, scope),
        }
    }

    fn inferred(&mut self, start: usize, scope: Scope) -> Read<Part> {
        self.asks_for_inferred = true;
        match scope {
            Scope::Trace => Ok(of_some(has("span.inferred", "true"), scope)),
            Scope::Node(side) | Scope::CauseService(_, side) => Ok(Part::Span(constant(side == Side::Inferred))),
            Scope::CauseEntity(_) | Scope::CauseException(_) => {
                self.wrong(start, "inferred is said of services", "write rootcause.fault.service {inferred}")
            }
        }
    }

    /// `first`, `last`, `remote`, `index`, `coverage`: said of what stands on the way to a root cause.
    fn position(&mut self, start: usize, word: &str, scope: Scope) -> Read<Part> {
        let (cause, key, hops) = match scope {
            Scope::CauseEntity(cause) | Scope::CauseException(cause) => (cause, "span.depth", 0),
            Scope::CauseService(cause, Side::Sends) => (cause, "span.hop", 0),
            // It stands behind the service that calls it.
            Scope::CauseService(cause, Side::Inferred) => (cause, "span.hop", 1),
            Scope::Trace | Scope::Node(_) => {
                let message = format!("{word} is said of what stands on the way to a root cause");
                return self.wrong(start, message, format!("write rootcause.fault.entity {{{word}}}"));
            }
        };
        let of_service = matches!(scope, Scope::CauseService(..));
        Ok(Part::Span(match word {
            "first" if hops > 0 => constant(false),
            "first" => has(key, "0"),
            "last" if hops > 0 => constant(true),
            "last" if of_service => has("span.cause_service", cause.text()),
            "last" => has("span.cause", cause.text()),
            "index" => {
                let (op, number) = self.number(start, word)?;
                let Ok(number) = number.parse::<i64>() else {
                    return self.wrong(start, "index is compared with a whole number", "write index > 5");
                };
                compare(key, op, Value::Bare((number - hops).to_string()))
            }
            _ if of_service => {
                let hint = format!("write rootcause.responsetime.entity {{{word}}}");
                return self.wrong(start, format!("{word} is said of entities"), hint);
            }
            "remote" => Tree::or(vec![has("kind", "client"), has("kind", "producer")]),
            _ if cause != Cause::Time => {
                let hint = "write rootcause.responsetime.entity {coverage > 0.7}";
                return self.wrong(start, "coverage is the share of the response time", hint);
            }
            _ => {
                let (op, number) = self.number(start, word)?;
                compare("span.coverage", op, Value::Bare(number))
            }
        }))
    }

    fn type_keyword(&mut self, start: usize, scope: Scope) -> Read<Part> {
        let side = match scope {
            Scope::Trace => Side::Sends,
            Scope::Node(side) | Scope::CauseService(_, side) => side,
            Scope::CauseEntity(_) | Scope::CauseException(_) => {
                return self.wrong(start, "type is said of services", "write rootcause.fault.service {type = \"...\"}");
            }
        };
        let Some(op @ (Comparison::Equal | Comparison::NotEqual)) = self.telling_comparison() else {
            return self.wrong(start, "type is equal to a text or not", "write type = \"AWS::Lambda::Function\"");
        };
        let value = self.string(start)?;
        self.asks_for_inferred = true;
        let Some(condition) = service_type(&value, side) else { return self.unknown_type(start, &value) };
        let condition = match (op, side) {
            // Another type, not none.
            (Comparison::NotEqual, Side::Sends) => Tree::and(vec![exists("cloud.platform"), condition.not()]),
            // What is called has one always.
            (Comparison::NotEqual, Side::Inferred) => condition.not(),
            _ => condition,
        };
        if scope != Scope::Trace {
            return Ok(Part::Span(condition));
        }
        Ok(match folded(condition) {
            Some(condition) => of_root(condition, scope),
            None => Part::Trace(either([])),
        })
    }

    /// `keyword operator value`.
    fn compared(&mut self, start: usize, word: &str, written: &str, scope: Scope) -> Read<Part> {
        match word {
            "responsetime" | "duration" => {
                let before = self.at;
                self.is_unmistakable |= word != "duration" && self.comparison().is_some();
                self.at = before;
                self.needs_entry = true;
                let (op, number) = self.number(start, word)?;
                // `duration>0` is said of a span in our own language; other numbers need a unit there.
                self.is_certain |= word != "duration" || number != "0" || self.is_set_off;
                let seconds = Value::Bare(format!("{number}s"));
                if word == "duration" && scope == Scope::Trace {
                    return Ok(Part::Trace(figure("trace.root_to_end", op, seconds)));
                }
                Ok(of_root(compare("duration", op, seconds), scope))
            }
            "name" => self.name_keyword(start, scope),
            "message" => {
                let keys: &[&str] = match scope {
                    Scope::CauseException(_) => &["exception.message"],
                    _ => &["exception.message", "status_message"],
                };
                Ok(of_some(self.comparison_of(start, keys, &[], false)?, scope))
            }
            _ => {
                if word.is_empty() {
                    let what =
                        if scope == Scope::Trace { "a condition is missing" } else { "the braces need a keyword" };
                    return self.wrong(start, what, "write a keyword of X-Ray, such as fault");
                }
                let Some(text) = text_keyword(word) else {
                    let message = format!("{written:?} is no keyword of X-Ray");
                    return self.wrong(
                        start,
                        message,
                        "write a keyword of X-Ray; search for words in a search without any",
                    );
                };
                self.is_certain |= text.is_certain;
                self.needs_entry |= word == "http.status";
                let condition = self.comparison_of(start, text.keys, text.otherwise, word.contains('.'))?;
                Ok(if text.of_root { of_root(condition, scope) } else { of_some(condition, scope) })
            }
        }
    }

    /// Of a service, of an operation, of an exception.
    fn name_keyword(&mut self, start: usize, scope: Scope) -> Read<Part> {
        Ok(Part::Span(match scope {
            Scope::Trace => return Ok(of_root(self.comparison_of(start, &["service"], &[], false)?, scope)),
            Scope::Node(Side::Sends) | Scope::CauseService(_, Side::Sends) => {
                self.comparison_of(start, &["service"], &[], false)?
            }
            Scope::Node(Side::Inferred) | Scope::CauseService(_, Side::Inferred) => {
                self.comparison_of(start, &callee_named(), &[], false)?
            }
            Scope::CauseEntity(_) => self.comparison_of(start, &["name"], &[], false)?,
            Scope::CauseException(_) => self.comparison_of(start, &["exception.type"], &[], false)?,
        }))
    }

    /// A comparison of any of `keys` that a span has, or where it has none of them, of any of `otherwise`.
    /// `may_be_bare`: without a comparison, whether there is any.
    fn comparison_of(&mut self, start: usize, keys: &[&str], otherwise: &[&str], may_be_bare: bool) -> Read<Condition> {
        let any = |test: Test| {
            let of_keys = any_key(keys, &test);
            match test {
                _ if otherwise.is_empty() => of_keys,
                Test::Exists => Tree::or(vec![of_keys, any_key(otherwise, &test)]),
                _ => {
                    let has_none = any_key(keys, &Test::Exists).not();
                    Tree::or(vec![of_keys, Tree::and(vec![has_none, any_key(otherwise, &test)])])
                }
            }
        };
        let before = self.at;
        if let Some(op) = self.telling_comparison() {
            let value = self.value(start)?;
            return Ok(match op {
                Comparison::Equal => any(Test::Is(value)),
                Comparison::NotEqual => Tree::and(vec![any(Test::Exists), any(Test::Is(value)).not()]),
                op => any(Test::Compare(op, value)),
            });
        }
        let word = self.word().to_ascii_uppercase();
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
        // X-Ray's way to ask for any value.
        if text.is_empty() {
            return Ok(any(Test::Exists));
        }
        let pieces = match word.as_str() {
            "CONTAINS" => vec![String::new(), text, String::new()],
            "BEGINSWITH" => vec![text, String::new()],
            _ => vec![String::new(), text],
        };
        Ok(any(Test::Is(Value::Pattern(Pattern(pieces)))))
    }
}

/// The key of `annotation.key` and `annotation[key]`, as it was written.
fn annotation(word: &str) -> Option<&str> {
    let (annotation, key) = word.split_at_checked("annotation".len())?;
    if !annotation.eq_ignore_ascii_case("annotation") {
        return None;
    }
    let bracketed = || key.strip_prefix('[')?.strip_suffix(']');
    key.strip_prefix('.').or_else(bracketed).filter(|key| !key.is_empty())
}

struct TextKeyword {
    keys: &'static [&'static str],
    /// What is asked where a span has none of the keys.
    otherwise: &'static [&'static str],
    /// Nobody else writes it.
    is_certain: bool,
    /// Of the request that the trace began with; else of any span.
    of_root: bool,
}

/// Current and older semantic conventions, the current ones first.
fn text_keyword(word: &str) -> Option<TextKeyword> {
    let (keys, is_certain, of_root): (&[&str], bool, bool) = match word {
        "http.status" => (&STATUS_KEYS, true, true),
        "http.url" => (&URL_KEYS, false, true),
        "http.method" => (&["http.request.method", "http.method"], false, true),
        "http.useragent" => (&["user_agent.original", "http.user_agent"], true, true),
        "http.clientip" => (&["client.address", "http.client_ip"], true, true),
        "user" => (&["user.id", "enduser.id"], false, false),
        "instance.id" => (&["host.id", "service.instance.id"], true, false),
        "availabilityzone" => (&["cloud.availability_zone"], false, false),
        "resource.arn" => (&ARN_KEYS, true, false),
        _ => return None,
    };
    // Servers know the path of what they were asked for, not where that was.
    let otherwise: &[&str] = if word == "http.url" { &["url.path", "http.target"] } else { &[] };
    Some(TextKeyword { keys, otherwise, is_certain, of_root })
}
