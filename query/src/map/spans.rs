//! Rows of the span table, reduced to what the map needs, with numbers in the place of names.

use std::hash::{DefaultHasher, Hash, Hasher};

use arrow::array::{Array, AsArray, BinaryArray, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;
use proto::{Signal, schema};

use super::peer::{NodeType, PEER_COLUMNS, peer_of};
use crate::columns::{ListOfStructs, TextColumn, binary, bytes_at, int_at, int64};
use crate::error::QueryError;
use crate::outcome::{OUTCOME_COLUMNS, Outcome, OutcomeColumns};

/// Fields of `schema::link_fields`.
const LINK_TRACE_ID: usize = 0;
const LINK_SPAN_ID: usize = 1;

/// The physical columns that are read.
pub(crate) fn columns() -> Vec<&'static str> {
    let mut columns = vec![
        schema::TRACE_ID,
        schema::SPAN_ID,
        schema::PARENT_SPAN_ID,
        schema::START_TIME_UNIX_NANO,
        schema::DURATION_NS,
        schema::SERVICE,
        schema::KIND,
        schema::LINKS,
    ];
    columns.extend(OUTCOME_COLUMNS);
    columns.extend(PEER_COLUMNS);
    columns
}

/// Columns that say of a call what it asks for, in [`CallText`].
const PARAMETER_COLUMNS: [&str; 4] = ["attr_db_query_text", "attr_db_statement", "attr_url_full", "attr_url_path"];
/// Of them, how many are statements, whose parameters may stand elsewhere.
const STATEMENT_COLUMNS: usize = 2;

/// What is read besides [`columns`] when calls are told apart by what they ask for.
pub(crate) fn call_columns() -> Vec<&'static str> {
    [schema::NAME].into_iter().chain(PARAMETER_COLUMNS).collect()
}

/// A name by its number in [`Names`].
pub(crate) type NameId = u32;
/// An inferred callee by its number in [`Names`].
pub(crate) type PeerId = u32;

/// The empty name, that of what has none.
const NAMELESS: NameId = 0;

/// The names that occur in one part of the work.
#[derive(Debug)]
pub(crate) struct Names {
    ids: HashMap<String, NameId>,
    texts: Vec<String>,
    peer_ids: HashMap<(NodeType, String), PeerId>,
    peers: Vec<(NodeType, String)>,
    /// What the same combination of attributes was found to be before.
    known_peers: HashMap<[NameId; PEER_COLUMNS.len()], Option<PeerId>>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            ids: HashMap::from([(String::new(), NAMELESS)]),
            texts: vec![String::new()],
            peer_ids: HashMap::new(),
            peers: Vec::new(),
            known_peers: HashMap::new(),
        }
    }
}

impl Names {
    pub(crate) fn id(&mut self, text: &str) -> NameId {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = self.texts.len() as NameId;
        self.texts.push(text.to_owned());
        self.ids.insert(text.to_owned(), id);
        id
    }

    pub(crate) fn text(&self, id: NameId) -> &str {
        &self.texts[id as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn find(&self, text: &str) -> Option<NameId> {
        self.ids.get(text).copied()
    }

    pub(crate) fn peer_id(&mut self, node_type: NodeType, name: &str) -> PeerId {
        let key = (node_type, name.to_owned());
        if let Some(id) = self.peer_ids.get(&key) {
            return *id;
        }
        let id = self.peers.len() as PeerId;
        self.peers.push(key.clone());
        self.peer_ids.insert(key, id);
        id
    }

    pub(crate) fn peer(&self, id: PeerId) -> (NodeType, &str) {
        let (node_type, name) = &self.peers[id as usize];
        (*node_type, name)
    }

    pub(crate) fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// Turns the numbers of a span from those of `other` into these.
    pub(super) fn adopt(&mut self, span: &mut Span, other: &Names) {
        span.service = self.id(other.text(span.service));
        span.peer = span.peer.map(|peer| {
            let (node_type, name) = other.peer(peer);
            self.peer_id(node_type, name)
        });
    }

    fn peer_of(&mut self, texts: [NameId; PEER_COLUMNS.len()]) -> Option<PeerId> {
        if let Some(known) = self.known_peers.get(&texts) {
            return *known;
        }
        let found = peer_of(texts.map(|id| self.text(id)));
        let peer = found.map(|(node_type, name)| self.peer_id(node_type, &name));
        self.known_peers.insert(texts, peer);
        peer
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Server,
    Client,
    Producer,
    Consumer,
    /// Internal, unspecified or unknown.
    Other,
}

impl Kind {
    fn of(text: &str) -> Self {
        match text {
            "SERVER" => Kind::Server,
            "CLIENT" => Kind::Client,
            "PRODUCER" => Kind::Producer,
            "CONSUMER" => Kind::Consumer,
            _ => Kind::Other,
        }
    }

    /// The calling side of a call.
    pub(crate) fn is_caller(self) -> bool {
        matches!(self, Kind::Client | Kind::Producer)
    }

    /// The called side of a call.
    pub(crate) fn is_callee(self) -> bool {
        matches!(self, Kind::Server | Kind::Consumer)
    }
}

/// 16 bytes of a trace id, big-endian: numbers compare as the bytes do.
pub(crate) type TraceKey = u128;
/// 8 bytes of a span id; 0, which is no valid id, where there is none.
pub(crate) type SpanKey = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) span_id: SpanKey,
    pub(crate) parent_span_id: SpanKey,
    pub(crate) start: i64,
    pub(crate) duration: i64,
    pub(crate) service: NameId,
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
    pub(crate) peer: Option<PeerId>,
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallText {
    pub(crate) name: NameId,
    /// A hash of statement and address. None when there is none, or when the statement has placeholders: what they stand
    /// for is not known.
    pub(crate) parameters: Option<u64>,
}

/// The columns of [`call_columns`].
struct CallColumns {
    names: Vec<NameId>,
    parameters: [TextColumn; PARAMETER_COLUMNS.len()],
}

impl CallColumns {
    fn of(batch: &RecordBatch, names: &mut Names) -> Result<Self, QueryError> {
        let named = numbered(batch, schema::NAME, |text| names.id(text))?.unwrap_or_default();
        let [query, statement, url, path] = PARAMETER_COLUMNS;
        Ok(Self {
            names: filled(named, batch.num_rows(), NAMELESS),
            parameters: [
                TextColumn::of(batch, query)?,
                TextColumn::of(batch, statement)?,
                TextColumn::of(batch, url)?,
                TextColumn::of(batch, path)?,
            ],
        })
    }

    fn at(&self, row: usize) -> CallText {
        let texts = self.parameters.each_ref().map(|column| column.get(row));
        let is_open = texts[..STATEMENT_COLUMNS].iter().flatten().any(|statement| has_placeholders(statement));
        let mut hasher = DefaultHasher::new();
        texts.hash(&mut hasher);
        let is_known = !is_open && texts.iter().any(Option::is_some);
        CallText { name: self.names[row], parameters: is_known.then(|| hasher.finish()) }
    }
}

/// `?`, `$1`, `:name` and `%s` stand for values in a statement.
fn has_placeholders(statement: &str) -> bool {
    let bytes = statement.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| {
        let next = bytes.get(at + 1);
        match byte {
            b'?' => true,
            b'$' => next.is_some_and(u8::is_ascii_digit),
            b'%' => next == Some(&b's'),
            // A cast is written `::type`, and times have digits behind their colons.
            b':' => next.is_some_and(u8::is_ascii_alphabetic) && (at == 0 || bytes[at - 1] != b':'),
            _ => false,
        }
    })
}

/// A batch of spans, ready to be read row by row.
pub(crate) struct SpanRows {
    rows: usize,
    trace_id: BinaryArray,
    span_id: BinaryArray,
    parent_span_id: BinaryArray,
    start: Int64Array,
    duration: Int64Array,
    service: Vec<NameId>,
    kind: Vec<Kind>,
    outcomes: OutcomeColumns,
    /// None when no row of the batch names a callee.
    peers: Option<[Option<Vec<NameId>>; PEER_COLUMNS.len()]>,
    /// None when no row of the batch has links.
    links: Option<ListOfStructs>,
    /// None when the batch has no [`call_columns`].
    calls: Option<CallColumns>,
}

impl SpanRows {
    /// `batch` has [`columns`], and may have [`call_columns`]. Errors: a column of a type that cannot be what the schema says.
    pub(crate) fn of(batch: &RecordBatch, names: &mut Names) -> Result<Self, QueryError> {
        let service = numbered(batch, schema::SERVICE, |text| names.id(text))?.unwrap_or_default();
        let kind = numbered(batch, schema::KIND, Kind::of)?.unwrap_or_default();
        let mut peers: [Option<Vec<NameId>>; PEER_COLUMNS.len()] = Default::default();
        for (column, peer) in PEER_COLUMNS.into_iter().zip(&mut peers) {
            let numbers = numbered(batch, column, |text| names.id(text))?;
            *peer = numbers.map(|column| column.into_iter().map(|id| id.unwrap_or(NAMELESS)).collect());
        }
        Ok(Self {
            rows: batch.num_rows(),
            trace_id: binary(batch, schema::TRACE_ID)?,
            span_id: binary(batch, schema::SPAN_ID)?,
            parent_span_id: binary(batch, schema::PARENT_SPAN_ID)?,
            start: int64(batch, schema::START_TIME_UNIX_NANO)?,
            duration: int64(batch, schema::DURATION_NS)?,
            service: filled(service, batch.num_rows(), NAMELESS),
            kind: filled(kind, batch.num_rows(), Kind::Other),
            outcomes: OutcomeColumns::of(batch)?,
            peers: peers.iter().any(Option::is_some).then_some(peers),
            links: match batch.column_by_name(schema::LINKS) {
                Some(column) if column.null_count() < column.len() => {
                    Some(ListOfStructs::of(batch, Signal::Spans, schema::LINKS)?)
                }
                _ => None,
            },
            calls: match batch.column_by_name(schema::NAME) {
                Some(_) => Some(CallColumns::of(batch, names)?),
                None => None,
            },
        })
    }

    /// What the span of a row asks for, if that was read.
    pub(crate) fn call(&self, row: usize) -> Option<CallText> {
        self.calls.as_ref().map(|calls| calls.at(row))
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    pub(crate) fn trace_id(&self, row: usize) -> TraceKey {
        trace_key(bytes_at(&self.trace_id, row))
    }

    pub(crate) fn span(&self, row: usize, names: &mut Names) -> Span {
        let kind = self.kind[row];
        let peer = match &self.peers {
            Some(columns) if kind.is_caller() || kind == Kind::Consumer => {
                names.peer_of(columns.each_ref().map(|column| column.as_ref().map_or(NAMELESS, |ids| ids[row])))
            }
            _ => None,
        };
        Span {
            span_id: span_key(bytes_at(&self.span_id, row)),
            parent_span_id: span_key(bytes_at(&self.parent_span_id, row)),
            start: int_at(&self.start, row).unwrap_or(0),
            duration: int_at(&self.duration, row).unwrap_or(0),
            service: self.service[row],
            kind,
            outcome: self.outcomes.at(row),
            peer,
        }
    }

    /// Trace and span that each link of a row names.
    pub(crate) fn links(&self, row: usize) -> impl Iterator<Item = (TraceKey, SpanKey)> + '_ {
        self.links.iter().flat_map(move |links| {
            let ids = move |element| {
                (trace_key(links.bytes(LINK_TRACE_ID, element)), span_key(links.bytes(LINK_SPAN_ID, element)))
            };
            links.elements(row).map(ids)
        })
    }
}

fn trace_key(bytes: Option<&[u8]>) -> TraceKey {
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, TraceKey::from_be_bytes)
}

fn span_key(bytes: Option<&[u8]>) -> SpanKey {
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, SpanKey::from_be_bytes)
}

/// Each row's text as a number; a text of the dictionary is looked at once for all rows. None when all are null.
fn numbered<T: Copy>(
    batch: &RecordBatch,
    name: &str,
    mut number: impl FnMut(&str) -> T,
) -> Result<Option<Vec<Option<T>>>, QueryError> {
    let Some(column) = batch.column_by_name(name).filter(|column| column.null_count() < column.len()) else {
        return Ok(None);
    };
    let column = cast(column, &schema::dictionary())?;
    let dictionary = column.as_dictionary::<Int32Type>();
    let values = dictionary.values().as_string::<i32>();
    let numbers: Vec<Option<T>> = values.iter().map(|text| text.map(&mut number)).collect();
    Ok(Some(dictionary.keys().iter().map(|key| key.and_then(|key| numbers[key as usize])).collect()))
}

fn filled<T: Copy>(column: Vec<Option<T>>, rows: usize, absent: T) -> Vec<T> {
    if column.is_empty() {
        return vec![absent; rows];
    }
    column.into_iter().map(|value| value.unwrap_or(absent)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_colons_and_casts() {
        let open = ["SELECT a FROM t WHERE id = ?", "id = $1", "id = %s", "id = :id"];
        assert!(open.iter().all(|statement| has_placeholders(statement)));
        let closed = ["SELECT 1", "at > '12:30:00'", "a::text", "cost > 5 $", "LIKE '100%'", ""];
        assert!(!closed.iter().any(|statement| has_placeholders(statement)));
    }
}
