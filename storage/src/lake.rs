//! Which segments are live: one Delta Lake table per signal.
//!
//! A commit adds and removes segments and records, as a `txn` action, up to which WAL position the table holds the
//! signal's rows. The rest of what is known of a segment travels in the `tags` of its `add` action; foreign readers
//! see its statistics.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use deltalake_core::kernel::transaction::CommitBuilder;
use deltalake_core::kernel::transaction::CommitProperties;
use deltalake_core::kernel::{Action, Add, Remove, StructField, StructType, Transaction};
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use proto::time::date_of_day;
use proto::{Signal, schema};
use serde_json::json;
use url::Url;

use crate::error::StorageError;
use crate::paths;
use crate::segment::{SegmentId, SegmentMeta};

/// Name of our `txn` actions: the version is the WAL position (a sequence number).
const APP_ID: &str = "spanlake-wal";
const CHECKPOINT_INTERVAL: &str = "20";

mod tag {
    pub(super) const ROWS: &str = "spanlake.rows";
    pub(super) const INDEX: &str = "spanlake.index";
    pub(super) const INDEX_BYTES: &str = "spanlake.index_bytes";
    pub(super) const MIN_TIME: &str = "spanlake.min_time_unix_nano";
    pub(super) const MAX_TIME: &str = "spanlake.max_time_unix_nano";
}

/// What one commit changes.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) added: Vec<SegmentMeta>,
    pub(crate) removed: Vec<SegmentMeta>,
    /// New WAL position, where the change publishes rows of the WAL.
    pub(crate) position: Option<u64>,
    /// False when the same rows only move to other files.
    pub(crate) data_change: bool,
}

/// The table of one signal. Commits must not run at the same time: the caller holds a lock.
#[derive(Debug)]
pub(crate) struct LakeTable {
    signal: Signal,
    dir: PathBuf,
    table: DeltaTable,
}

impl LakeTable {
    /// Opens the table, creating it when there is none.
    pub(crate) async fn open(dir: PathBuf, signal: Signal) -> Result<Self, StorageError> {
        paths::create_dir(&dir)?;
        let lake_error = StorageError::lake(signal.name());
        let url = Url::from_directory_path(std::path::absolute(&dir).map_err(StorageError::io("resolve", &dir))?)
            .map_err(|()| StorageError::LakeSchema {
                table: signal.name(),
                what: format!("{} is not a directory path", dir.display()),
            })?;
        let mut table = DeltaTableBuilder::from_url(url).and_then(DeltaTableBuilder::build).map_err(&lake_error)?;
        if table.verify_deltatable_existence().await.map_err(&lake_error)? {
            table.load().await.map_err(&lake_error)?;
        } else {
            table = create(table, signal).await?;
            sync_commit(&dir, 0)?;
        }
        let lake = Self { signal, dir, table };
        lake.check_schema()?;
        Ok(lake)
    }

    fn check_schema(&self) -> Result<(), StorageError> {
        let state = self.table.snapshot().map_err(StorageError::lake(self.signal.name()))?;
        let ours = delta_schema(self.signal)?;
        for field in ours.fields() {
            if state.schema().field(field.name()).is_none() {
                return Err(StorageError::LakeSchema {
                    table: self.signal.name(),
                    what: format!(
                        "column {} is missing: the data directory was written by another version of Spanlake",
                        field.name()
                    ),
                });
            }
        }
        Ok(())
    }

    /// Segments that are live now.
    pub(crate) fn segments(&self) -> Result<Vec<SegmentMeta>, StorageError> {
        let state = self.table.snapshot().map_err(StorageError::lake(self.signal.name()))?;
        #[expect(deprecated, reason = "the only public way to an add action's tags; the Arrow form drops them")]
        state.log_data().iter().map(|file| self.segment_meta(&file.add_action())).collect()
    }

    fn segment_meta(&self, add: &Add) -> Result<SegmentMeta, StorageError> {
        let bad = |what: String| StorageError::corrupt(&self.dir.join(&add.path), what);
        let tag = |name: &str| {
            let value = add.tags.as_ref().and_then(|tags| tags.get(name)).and_then(Option::as_ref);
            value.ok_or_else(|| bad(format!("its add action has no tag {name}")))
        };
        let number = |name: &str| tag(name)?.parse::<i64>().map_err(|error| bad(format!("tag {name}: {error}")));
        let min_time = number(tag::MIN_TIME)?;
        Ok(SegmentMeta {
            id: SegmentId::from_path(&add.path).ok_or_else(|| bad("not the name of a segment".into()))?,
            day: proto::time::day_of(min_time),
            rows: number(tag::ROWS)?.unsigned_abs(),
            bytes: add.size.unsigned_abs(),
            index_bytes: number(tag::INDEX_BYTES)?.unsigned_abs(),
            min_time,
            max_time: number(tag::MAX_TIME)?,
            created_unix_ms: add.modification_time,
        })
    }

    /// Sequence number below which every record of the signal lies in segments.
    pub(crate) async fn position(&self) -> Result<u64, StorageError> {
        let lake_error = StorageError::lake(self.signal.name());
        let state = self.table.snapshot().map_err(&lake_error)?;
        let log_store = self.table.log_store();
        let version = state.transaction_version(log_store.as_ref(), APP_ID).await.map_err(&lake_error)?;
        Ok(version.unwrap_or(0).unsigned_abs())
    }

    /// Publishes a change. When it returns the change is durable. An error leaves the table as it was; an error whose
    /// outcome is unknown is resolved by reading the table again.
    pub(crate) async fn commit(&mut self, change: &Change) -> Result<(), StorageError> {
        match self.try_commit(change).await {
            Ok(()) => Ok(()),
            Err(error) => {
                self.table.update_state().await.map_err(StorageError::lake(self.signal.name()))?;
                if self.holds(change)? {
                    return Ok(());
                }
                Err(error)
            }
        }
    }

    fn holds(&self, change: &Change) -> Result<bool, StorageError> {
        let live = self.segments()?;
        let is_live = |meta: &SegmentMeta| live.iter().any(|other| other.id == meta.id);
        let something = !change.added.is_empty() || !change.removed.is_empty();
        Ok(something && change.added.iter().all(is_live) && !change.removed.iter().any(is_live))
    }

    async fn try_commit(&mut self, change: &Change) -> Result<(), StorageError> {
        let lake_error = StorageError::lake(self.signal.name());
        let added = change.added.iter().map(|meta| Action::Add(self.add_action(meta, change.data_change)));
        let removed = change.removed.iter().map(|meta| Action::Remove(remove_action(meta, change.data_change)));
        let actions: Vec<_> = removed.chain(added).collect();
        let mut properties = CommitProperties::default();
        if let Some(position) = change.position {
            let version = i64::try_from(position).expect("sequence numbers count requests: below 2^63");
            properties = properties.with_application_transaction(Transaction::new(APP_ID, version));
        }
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: Some(vec![schema::DATE.to_owned()]),
            predicate: None,
        };
        let state = self.table.snapshot().map_err(&lake_error)?;
        let commit = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(state.snapshot()), self.table.log_store(), operation)
            .await
            .map_err(&lake_error)?;
        sync_commit(&self.dir, commit.version())?;
        self.table.state = Some(commit.snapshot());
        Ok(())
    }

    fn add_action(&self, meta: &SegmentMeta, data_change: bool) -> Add {
        let spec = self.signal.spec();
        let bounds = |time: i64| json!({ spec.time_column: time });
        let stats = json!({
            "numRecords": meta.rows,
            "minValues": bounds(meta.min_time),
            "maxValues": bounds(meta.max_time),
            "nullCount": { spec.time_column: 0 },
        });
        let index = (meta.index_bytes > 0).then(|| paths::index(&meta.id));
        let tags = [
            (tag::ROWS, Some(meta.rows.to_string())),
            (tag::INDEX, index),
            (tag::INDEX_BYTES, Some(meta.index_bytes.to_string())),
            (tag::MIN_TIME, Some(meta.min_time.to_string())),
            (tag::MAX_TIME, Some(meta.max_time.to_string())),
        ];
        Add {
            path: paths::parquet(meta.day, &meta.id),
            partition_values: partition_values(meta),
            size: meta.bytes as i64,
            modification_time: meta.created_unix_ms,
            data_change,
            stats: Some(stats.to_string()),
            tags: Some(tags.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            ..Add::default()
        }
    }

    /// Every file below the table's directory that is part of no live segment, Delta's own files aside.
    pub(crate) fn orphans(&self) -> Result<Vec<PathBuf>, StorageError> {
        let live = self.segments()?;
        let mut expected = std::collections::HashSet::new();
        for meta in &live {
            expected.insert(self.dir.join(paths::parquet(meta.day, &meta.id)));
            expected.insert(self.dir.join(paths::index(&meta.id)));
        }
        let mut orphans = Vec::new();
        for dir in sub_directories(&self.dir)? {
            for entry in std::fs::read_dir(&dir).map_err(StorageError::io("list", &dir))? {
                let path = entry.map_err(StorageError::io("list", &dir))?.path();
                if !expected.contains(&path) {
                    orphans.push(path);
                }
            }
        }
        Ok(orphans)
    }
}

fn sub_directories(dir: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let mut directories = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(StorageError::io("list", dir))? {
        let entry = entry.map_err(StorageError::io("list", dir))?;
        let is_dir = entry.file_type().map_err(StorageError::io("inspect", dir))?.is_dir();
        if is_dir && entry.file_name() != paths::DELTA_LOG {
            directories.push(entry.path());
        }
    }
    Ok(directories)
}

fn partition_values(meta: &SegmentMeta) -> HashMap<String, Option<String>> {
    HashMap::from([(schema::DATE.to_owned(), Some(date_of_day(meta.day)))])
}

fn remove_action(meta: &SegmentMeta, data_change: bool) -> Remove {
    Remove {
        path: paths::parquet(meta.day, &meta.id),
        data_change,
        deletion_timestamp: Some(meta.created_unix_ms.max(now_unix_ms())),
        extended_file_metadata: Some(true),
        partition_values: Some(partition_values(meta)),
        size: Some(meta.bytes as i64),
        ..Remove::default()
    }
}

fn now_unix_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The object store renames a commit into place but does not sync it; the WAL is truncated on its strength, so we do.
fn sync_commit(dir: &Path, version: impl std::fmt::Display) -> Result<(), StorageError> {
    let log = dir.join(paths::DELTA_LOG);
    let file = log.join(format!("{:0>20}.json", version.to_string()));
    std::fs::File::open(&file).and_then(|file| file.sync_all()).map_err(StorageError::io("sync", &file))?;
    paths::sync_dir(&log)?;
    paths::sync_dir(dir)
}

async fn create(table: DeltaTable, signal: Signal) -> Result<DeltaTable, StorageError> {
    let fields: Vec<StructField> = delta_schema(signal)?.fields().cloned().collect();
    let properties = [
        ("delta.checkpointInterval", CHECKPOINT_INTERVAL),
        ("delta.logRetentionDuration", "interval 1 days"),
        ("delta.enableExpiredLogCleanup", "true"),
    ];
    CreateBuilder::new()
        .with_log_store(table.log_store())
        .with_table_name(signal.name())
        .with_columns(fields)
        .with_partition_columns([schema::DATE])
        .with_configuration(properties.map(|(key, value)| (key, Some(value))))
        .with_raise_if_key_not_exists(false)
        .await
        .map_err(StorageError::lake(signal.name()))
}

/// The signal's columns as Delta types: dictionaries are plain text, the partition column is a date.
fn delta_schema(signal: Signal) -> Result<StructType, StorageError> {
    use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel as _;
    let mut fields: Vec<Field> =
        signal.spec().schema.fields().iter().map(|field| field.as_ref().clone()).map(plain).collect();
    fields.push(Field::new(schema::DATE, DataType::Date32, true));
    (&Schema::new(fields))
        .try_into_kernel()
        .map_err(|error| StorageError::LakeSchema { table: signal.name(), what: error.to_string() })
}

fn plain(field: Field) -> Field {
    let data_type = match field.data_type() {
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        DataType::List(element) => DataType::List(plain(element.as_ref().clone()).into()),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| plain(field.as_ref().clone())).collect::<Fields>())
        }
        DataType::Timestamp(_, _) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        other => other.clone(),
    };
    field.with_data_type(data_type)
}

impl From<DeltaTableError> for Box<StorageError> {
    fn from(source: DeltaTableError) -> Self {
        Box::new(StorageError::Lake { table: "lake", source: Box::new(source) })
    }
}
