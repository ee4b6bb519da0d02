//! What a search says, before anyone asks which column a key is: the tree that the parser gives, and its one spelling.

use std::fmt::{self, Display, Write as _};

/// Conditions joined by AND, OR and NOT. The parser bounds its depth ([`super::DEPTH_MAX`]), so walks may recurse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree<L> {
    And(Vec<Tree<L>>),
    Or(Vec<Tree<L>>),
    Not(Box<Tree<L>>),
    Leaf(L),
}

/// A condition on one span or one log record. An empty AND is true of all of them.
pub(crate) type Condition = Tree<Leaf>;

/// A condition on one record that is not made of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// Every word of the text occurs, in any order.
    Words(String),
    /// The words of the text occur next to each other in this order.
    Phrase(String),
    /// A word that fits occurs.
    WordPattern(Pattern),
    Field(FieldTest),
}

/// `key:value`, `key>5`, `key:*`.
#[derive(Clone, Debug)]
pub(crate) struct FieldTest {
    pub(crate) key: String,
    pub(crate) test: Test,
    /// Where it stands in the text, in characters: for errors that only the meaning of the key can tell.
    pub(crate) at: At,
}

/// Tests are equal wherever they stand.
impl PartialEq for FieldTest {
    fn eq(&self, other: &Self) -> bool {
        (&self.key, &self.test) == (&other.key, &other.test)
    }
}

impl Eq for FieldTest {}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// `key:*`
    Exists,
    /// `key:value`; in a column of long text (body, status_message) the words of the value.
    Has(Value),
    /// `key=value`; differs from `Has` for long text only: the whole of it.
    Is(Value),
    Compare(Comparison, Value),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Bare(String),
    Quoted(String),
    Pattern(Pattern),
    Regex { pattern: String, ignore_case: bool },
}

/// Literal text between asterisks: `a*b` is `["a", "b"]`. At least two pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(pub(crate) Vec<String>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Comparison {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
        }
    }

    /// What holds where this does not.
    pub(super) fn inverse(self) -> Self {
        match self {
            Comparison::Equal => Comparison::NotEqual,
            Comparison::NotEqual => Comparison::Equal,
            Comparison::Greater => Comparison::LessOrEqual,
            Comparison::GreaterOrEqual => Comparison::Less,
            Comparison::Less => Comparison::GreaterOrEqual,
            Comparison::LessOrEqual => Comparison::Greater,
        }
    }

    pub(crate) fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Greater => left > right,
            Comparison::GreaterOrEqual => left >= right,
            Comparison::Less => left < right,
            Comparison::LessOrEqual => left <= right,
        }
    }
}

/// First character and the one behind the last, counted in characters from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl<L> Tree<L> {
    /// True of everything.
    pub(crate) fn all() -> Self {
        Tree::And(Vec::new())
    }

    /// All of them: flat, without those that are true of everything.
    pub(crate) fn and(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Tree::And(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Tree::And(flat) }
    }

    /// Any of them: flat.
    pub(crate) fn or(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Tree::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Tree::Or(flat) }
    }

    /// Two negations are none.
    pub(crate) fn not(self) -> Self {
        match self {
            Tree::Not(inner) => *inner,
            other => Tree::Not(Box::new(other)),
        }
    }

    /// The same tree over other leaves.
    pub(crate) fn map<M, E>(&self, leaf: &mut impl FnMut(&L) -> Result<M, E>) -> Result<Tree<M>, E> {
        Ok(match self {
            Tree::And(parts) => Tree::And(parts.iter().map(|part| part.map(leaf)).collect::<Result<_, _>>()?),
            Tree::Or(parts) => Tree::Or(parts.iter().map(|part| part.map(leaf)).collect::<Result<_, _>>()?),
            Tree::Not(inner) => Tree::Not(Box::new(inner.map(leaf)?)),
            Tree::Leaf(one) => Tree::Leaf(leaf(one)?),
        })
    }

    /// Whether it is true where `leaf` says which leaves are.
    pub(crate) fn holds(&self, leaf: &mut impl FnMut(&L) -> bool) -> bool {
        match self {
            Tree::And(parts) => parts.iter().all(|part| part.holds(leaf)),
            Tree::Or(parts) => parts.iter().any(|part| part.holds(leaf)),
            Tree::Not(inner) => !inner.holds(leaf),
            Tree::Leaf(one) => leaf(one),
        }
    }
}

/// The canonical text: explicit ANDs, values quoted where they must be. Parsing it gives an equal tree.
impl<L: Display> Display for Tree<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tree::And(parts) if parts.is_empty() => f.write_char('*'),
            Tree::And(parts) => joined(f, parts, " AND ", |part| matches!(part, Tree::Or(_))),
            Tree::Or(parts) => joined(f, parts, " OR ", |_| false),
            Tree::Not(inner) => match **inner {
                Tree::And(ref parts) if !parts.is_empty() => write!(f, "NOT ({inner})"),
                Tree::Or(_) => write!(f, "NOT ({inner})"),
                _ => write!(f, "NOT {inner}"),
            },
            Tree::Leaf(leaf) => leaf.fmt(f),
        }
    }
}

fn joined<L: Display>(
    f: &mut fmt::Formatter<'_>,
    parts: &[Tree<L>],
    between: &str,
    needs_parentheses: impl Fn(&Tree<L>) -> bool,
) -> fmt::Result {
    for (nth, part) in parts.iter().enumerate() {
        if nth > 0 {
            f.write_str(between)?;
        }
        if needs_parentheses(part) { write!(f, "({part})")? } else { part.fmt(f)? }
    }
    Ok(())
}

impl Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Leaf::Words(text) => f.write_str(&escaped(text)),
            Leaf::Phrase(text) => f.write_str(&quoted(text)),
            Leaf::WordPattern(pattern) => pattern.fmt(f),
            Leaf::Field(field) => field.fmt(f),
        }
    }
}

impl Display for FieldTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_key(&self.key) {
            f.write_str(&self.key)?
        } else {
            f.write_str(&quoted(&self.key))?
        }
        match &self.test {
            Test::Exists => f.write_str(":*"),
            Test::Has(value) => write!(f, ":{value}"),
            Test::Is(value) => write!(f, "={value}"),
            Test::Compare(op, value) => write!(f, "{}{value}", op.text()),
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bare(text) if is_plain(text) => f.write_str(text),
            Value::Bare(text) => f.write_str(&escaped(text)),
            Value::Quoted(text) => f.write_str(&quoted(text)),
            Value::Pattern(pattern) => pattern.fmt(f),
            Value::Regex { pattern, ignore_case } => {
                write!(f, "/{}/{}", pattern.replace('/', "\\/"), if *ignore_case { "i" } else { "" })
            }
        }
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, piece) in self.0.iter().enumerate() {
            if nth > 0 {
                f.write_char('*')?;
            }
            f.write_str(&escaped(piece))?;
        }
        Ok(())
    }
}

/// Characters that a key begins with.
pub(super) fn begins_key(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '@' | '$')
}

/// Characters that a key goes on with.
pub(super) fn continues_key(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '$' | '.' | '-' | '/')
}

pub(super) fn is_key(text: &str) -> bool {
    text.chars().next().is_some_and(begins_key) && text.chars().all(continues_key)
}

/// Characters that a backslash takes their meaning from, in text without quotes.
pub(super) fn is_special(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\\' | '"' | '(' | ')' | '{' | '}' | '*' | ':' | '=' | '<' | '>' | '!' | '-' | '/' | '|' | '&')
}

/// Values that need no escape: not a slash first, which begins a regular expression.
fn is_plain(text: &str) -> bool {
    let is_safe = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':' | '@' | '%' | '+' | ',');
    !text.is_empty() && !text.starts_with('/') && text.chars().all(is_safe)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (nth, c) in text.chars().enumerate() {
        // These mean something at the beginning only.
        if is_special(c) && (nth == 0 || !matches!(c, '-' | '/' | '|' | '&')) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
