//! Rows of the span table, reduced to what the map needs, with numbers in the place of names.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int32Array, Int64Array, ListArray};
use arrow::compute::cast;
use arrow::datatypes::{Int32Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;
use proto::schema;

use super::parts::ColumnPath;
use super::peer::{NamedBy, NodeType, PEER_COLUMNS};
use crate::columns::{TextColumn, binary, bytes_at, int64};
use crate::error::QueryError;
use crate::outcome::{OUTCOME_COLUMNS, Outcome, OutcomeColumns};

/// The physical columns that are read, besides the trace id.
pub(crate) fn columns() -> Vec<ColumnPath> {
    let columns = [
        schema::SPAN_ID,
        schema::PARENT_SPAN_ID,
        schema::START_TIME_UNIX_NANO,
        schema::DURATION_NS,
        schema::SERVICE,
        schema::KIND,
    ];
    let links = ColumnPath { root: schema::LINKS, leaves: &[schema::TRACE_ID, schema::SPAN_ID] };
    let whole = columns.into_iter().chain(OUTCOME_COLUMNS).chain(PEER_COLUMNS).map(ColumnPath::from);
    whole.chain([links]).collect()
}

/// Columns that say of a call what it asks for, in [`CallText`].
const PARAMETER_COLUMNS: [&str; 4] = ["attr_db_query_text", "attr_db_statement", "attr_url_full", "attr_url_path"];
/// Of them, how many are statements, whose parameters may stand elsewhere.
const STATEMENT_COLUMNS: usize = 2;

/// What is read besides [`columns`] when calls are told apart by what they ask for.
pub(crate) fn call_columns() -> Vec<ColumnPath> {
    [schema::NAME].into_iter().chain(PARAMETER_COLUMNS).map(ColumnPath::from).collect()
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
    /// What the same attributes were found to be before, by [`packed`].
    known_peers: HashMap<u64, PeerId>,
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

    fn peer_of(&mut self, attributes: [NameId; PEER_COLUMNS.len()]) -> Option<PeerId> {
        let named_by = NamedBy::of(attributes, |id| id == NAMELESS)?;
        if let Some(known) = self.known_peers.get(&packed(named_by)) {
            return Some(*known);
        }
        let (node_type, name) = named_by.map(|id| self.text(id)).peer();
        let peer = self.peer_id(node_type, &name);
        self.known_peers.insert(packed(named_by), peer);
        Some(peer)
    }
}

/// One number is quick to hash. There is no memory for a thousand million names: each takes at most 31 bits.
fn packed(named_by: NamedBy<NameId>) -> u64 {
    let both = |first: NameId, second: NameId| u64::from(first) << 31 | u64::from(second);
    match named_by {
        NamedBy::Queue(system, destination) => both(system, destination),
        NamedBy::Database(system, rest) => 1 << 62 | both(system, rest),
        NamedBy::Host(host) => 2 << 62 | u64::from(host),
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

/// Numbers of the texts of a dictionary: the batches of a row group share it.
#[derive(Debug)]
struct Numbers<T> {
    dictionary: Option<ArrayRef>,
    /// Of each text of the dictionary.
    numbers: Vec<T>,
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self { dictionary: None, numbers: Vec::new() }
    }
}

impl<T: Copy> Numbers<T> {
    /// For each row the place of its text in `numbers`. None when all are null.
    fn keys(
        &mut self,
        batch: &RecordBatch,
        name: &str,
        absent: T,
        mut number: impl FnMut(&str) -> T,
    ) -> Result<Option<Int32Array>, QueryError> {
        let Some(column) = batch.column_by_name(name).filter(|column| column.null_count() < column.len()) else {
            return Ok(None);
        };
        let is_dictionary = *column.data_type() == schema::dictionary();
        let column = if is_dictionary { Arc::clone(column) } else { cast(column, &schema::dictionary())? };
        let column = column.as_dictionary::<Int32Type>();
        if !self.dictionary.as_ref().is_some_and(|known| Arc::ptr_eq(known, column.values())) {
            let texts = column.values().as_string::<i32>().iter();
            self.numbers = texts.map(|text| text.map_or(absent, &mut number)).collect();
            self.dictionary = Some(Arc::clone(column.values()));
        }
        Ok(Some(column.keys().clone()))
    }

    /// Each row's number.
    fn rows(
        &mut self,
        batch: &RecordBatch,
        name: &str,
        absent: T,
        number: impl FnMut(&str) -> T,
    ) -> Result<Vec<T>, QueryError> {
        let Some(keys) = self.keys(batch, name, absent, number)? else { return Ok(vec![absent; batch.num_rows()]) };
        if keys.null_count() > 0 {
            return Ok(keys.iter().map(|key| key.map_or(absent, |key| self.numbers[key as usize])).collect());
        }
        Ok(keys.values().iter().map(|key| self.numbers[*key as usize]).collect())
    }
}

/// The names of one part of the work, and the numbers of the dictionaries that were read last.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) names: Names,
    services: Numbers<NameId>,
    kinds: Numbers<Kind>,
    peers: [Numbers<NameId>; PEER_COLUMNS.len()],
    operations: Numbers<NameId>,
}

impl Texts {
    /// Whom the spans of a batch call or get messages from. None when no row says so.
    fn peers(&mut self, batch: &RecordBatch, kinds: &[Kind]) -> Result<Option<Vec<Option<PeerId>>>, QueryError> {
        let Self { names, peers, .. } = self;
        let mut columns = Vec::with_capacity(PEER_COLUMNS.len());
        for ((nth, name), peers) in PEER_COLUMNS.into_iter().enumerate().zip(peers) {
            let keys = peers.keys(batch, name, NAMELESS, |text| names.id(text))?;
            columns.extend(keys.map(|keys| (nth, keys, &peers.numbers)));
        }
        if columns.is_empty() {
            return Ok(None);
        }
        let peer = |(row, kind): (usize, &Kind)| {
            if !kind.is_caller() && *kind != Kind::Consumer {
                return None;
            }
            let mut texts = [NAMELESS; PEER_COLUMNS.len()];
            for (nth, keys, numbers) in &columns {
                if keys.is_valid(row) {
                    texts[*nth] = numbers[keys.values()[row] as usize];
                }
            }
            names.peer_of(texts)
        };
        Ok(Some(kinds.iter().enumerate().map(peer).collect()))
    }
}

/// The columns of [`call_columns`].
struct CallColumns {
    names: Vec<NameId>,
    parameters: [TextColumn; PARAMETER_COLUMNS.len()],
}

impl CallColumns {
    fn of(batch: &RecordBatch, texts: &mut Texts) -> Result<Self, QueryError> {
        let Texts { names, operations, .. } = texts;
        let [query, statement, url, path] = PARAMETER_COLUMNS;
        Ok(Self {
            names: operations.rows(batch, schema::NAME, NAMELESS, |text| names.id(text))?,
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

/// The spans of a batch, in the order of its rows.
pub(super) struct SpanRows {
    pub(super) spans: Vec<Span>,
    /// None when no row of the batch has links.
    links: Option<Links>,
    /// None when the batch has no [`call_columns`].
    calls: Option<CallColumns>,
}

impl SpanRows {
    /// `batch` has [`columns`], ids of spans as bytes or as numbers, and may have [`call_columns`]; a column that is not there has no values.
    /// Errors: a column of a type that cannot be what the schema says.
    pub(super) fn of(batch: &RecordBatch, texts: &mut Texts) -> Result<Self, QueryError> {
        let Texts { names, services, kinds, .. } = texts;
        let services = services.rows(batch, schema::SERVICE, NAMELESS, |text| names.id(text))?;
        let kinds = kinds.rows(batch, schema::KIND, Kind::Other, Kind::of)?;
        let peers = texts.peers(batch, &kinds)?;
        let (ids, parents) = (span_keys(batch, schema::SPAN_ID)?, span_keys(batch, schema::PARENT_SPAN_ID)?);
        let starts = integers(&int64(batch, schema::START_TIME_UNIX_NANO)?);
        let durations = integers(&int64(batch, schema::DURATION_NS)?);
        let outcomes = OutcomeColumns::of(batch)?;
        let columns = ids.into_iter().zip(parents).zip(starts).zip(durations).zip(services).zip(kinds);
        let spans =
            columns.enumerate().map(|(row, (((((span_id, parent_span_id), start), duration), service), kind))| {
                let (outcome, peer) = (outcomes.at(row), peers.as_ref().and_then(|peers| peers[row]));
                Span { span_id, parent_span_id, start, duration, service, kind, outcome, peer }
            });
        Ok(Self {
            spans: spans.collect(),
            links: Links::of(batch)?,
            calls: match batch.column_by_name(schema::NAME) {
                Some(_) => Some(CallColumns::of(batch, texts)?),
                None => None,
            },
        })
    }

    /// Whether rows have more to them than their spans.
    pub(super) fn has_more(&self) -> bool {
        self.links.is_some() || self.calls.is_some()
    }

    /// What the span of a row asks for, if that was read.
    pub(super) fn call(&self, row: usize) -> Option<CallText> {
        self.calls.as_ref().map(|calls| calls.at(row))
    }

    /// Trace and span that each link of a row names.
    pub(super) fn links(&self, row: usize) -> impl Iterator<Item = (TraceKey, SpanKey)> + '_ {
        self.links.iter().flat_map(move |links| links.of_row(row))
    }
}

/// The ids of a column of links.
struct Links {
    list: ListArray,
    trace_id: BinaryArray,
    span_id: BinaryArray,
}

impl Links {
    /// None when no row has any.
    fn of(batch: &RecordBatch) -> Result<Option<Self>, QueryError> {
        let column = batch.column_by_name(schema::LINKS).filter(|column| column.null_count() < column.len());
        let list = column.and_then(|column| column.as_list_opt::<i32>()).filter(|list| !list.values().is_empty());
        let Some(list) = list else { return Ok(None) };
        let links = list.values().as_struct_opt();
        let links = links.ok_or_else(|| QueryError::internal("links are no structs"))?;
        let links = RecordBatch::from(links.clone());
        let (trace_id, span_id) = (binary(&links, schema::TRACE_ID)?, binary(&links, schema::SPAN_ID)?);
        Ok(Some(Self { list: list.clone(), trace_id, span_id }))
    }

    fn of_row(&self, row: usize) -> impl Iterator<Item = (TraceKey, SpanKey)> + '_ {
        let offsets = self.list.value_offsets();
        let all: Range<i32> = if self.list.is_null(row) { 0..0 } else { offsets[row]..offsets[row + 1] };
        all.map(|link| link as usize)
            .map(|link| (trace_key(bytes_at(&self.trace_id, link)), span_key(bytes_at(&self.span_id, link))))
    }
}

/// 0, which is no valid id, where there are not 16 bytes.
pub(super) fn trace_key(bytes: Option<&[u8]>) -> TraceKey {
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, TraceKey::from_be_bytes)
}

/// 0, which is no valid id, where there are not 8 bytes.
pub(super) fn span_key(bytes: Option<&[u8]>) -> SpanKey {
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, SpanKey::from_be_bytes)
}

/// 0 where there is none.
fn integers(column: &Int64Array) -> Vec<i64> {
    if column.null_count() == 0 {
        return column.values().to_vec();
    }
    column.iter().map(|value| value.unwrap_or(0)).collect()
}

/// A column of ids, as numbers already or as bytes.
fn span_keys(batch: &RecordBatch, name: &str) -> Result<Vec<SpanKey>, QueryError> {
    let numbers = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<UInt64Type>());
    if let Some(numbers) = numbers {
        return Ok(numbers.values().to_vec());
    }
    let ids = binary(batch, name)?;
    Ok((0..ids.len()).map(|row| span_key(bytes_at(&ids, row))).collect())
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
