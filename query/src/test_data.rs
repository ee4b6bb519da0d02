//! Rows for tests, written as JSON: hex for ids, objects for attributes, columns of the physical schema as keys.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::json::ReaderBuilder;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use proto::Signal;
use serde_json::Value as Json;
use storage::{Store, StoreSettings};
use tempfile::TempDir;

use crate::engine::{Engine, EngineSettings, Rows};
use crate::error::QueryError;

/// A batch with exactly the physical columns of `signal`; a column that no row names is null.
pub(crate) fn batch(signal: Signal, rows: &[Json]) -> RecordBatch {
    let physical = signal.schema();
    let readable: Vec<Field> = physical
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Dictionary(_, value) => field.as_ref().clone().with_data_type(value.as_ref().clone()),
            _ => field.as_ref().clone(),
        })
        .collect();
    let mut decoder = ReaderBuilder::new(Arc::new(Schema::new(readable)))
        .with_strict_mode(true)
        .with_batch_size(rows.len().max(1))
        .build_decoder()
        .expect("types that JSON can hold");
    decoder.serialize(rows).expect("rows of the schema");
    let read = decoder.flush().expect("rows of the schema").expect("at least one row");
    let columns: Vec<ArrayRef> = physical
        .fields()
        .iter()
        .zip(read.columns())
        .map(|(field, column)| cast(column, field.data_type()).expect("text to dictionary"))
        .collect();
    RecordBatch::try_new(physical, columns).expect("the physical schema")
}

/// A store in a directory of its own.
pub(crate) async fn store() -> (TempDir, Store) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(StoreSettings::new(directory.path())).await.expect("an empty store");
    // Until the log has been replayed, a flush does nothing: tests of segments would be tests of the memtable.
    store.replay(|_, _| Err("a new log has no records".to_owned())).await.expect("nothing to replay");
    (directory, store)
}

pub(crate) async fn append(store: &Store, signal: Signal, rows: &[Json]) {
    store.append(signal, Bytes::from_static(b"not replayed"), batch(signal, rows)).await.expect("appended");
}

pub(crate) fn engine(store: &Store) -> Engine {
    Engine::new(store.clone(), EngineSettings { threads: 2, ..EngineSettings::default() }).expect("threads")
}

pub(crate) async fn ask(engine: &Engine, sql: &str) -> Result<Rows, QueryError> {
    engine.begin("test", None).await?.answer(sql, engine.settings().rows_max).await
}

/// The rows of an answer as JSON arrays.
pub(crate) async fn rows(engine: &Engine, sql: &str) -> Json {
    let rows = ask(engine, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let answer = crate::result::json(&rows, 0, &|_| Ok(())).expect("encodes");
    let answer: Json = serde_json::from_slice(&answer).expect("JSON");
    answer["rows"].clone()
}
