//! What every session has in common: functions, optimizer rules, memory, and the one object store it may read.

use std::sync::Arc;

use datafusion::catalog::CatalogProviderList;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider,
};
use datafusion::common::config::ConfigNonZeroUsize;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool, TrackConsumersPool};
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::prelude::{SessionConfig, SessionContext};
use object_store::ObjectStore;
use proto::Signal;
use storage::Store;
use url::Url;

use crate::cancel::{Cancelled, StoppableJoins};
use crate::engine::EngineSettings;
use crate::error::QueryError;
use crate::running::{FollowPlans, Progress};
use crate::table::{LakeReaders, LakeTable, SnapshotPair};
use crate::{functions, pruning, view};

const CATALOG: &str = "spanlake";
const SCHEMA: &str = "public";
/// Parentheses, subqueries and CASEs within each other.
const NESTING_MAX: usize = 100;

/// Makes the session of a query.
pub(crate) struct SessionFactory {
    template: SessionState,
    task_context: Arc<TaskContext>,
    readers: Arc<LakeReaders>,
}

impl SessionFactory {
    pub(crate) fn new(store: &Store, settings: &EngineSettings) -> Result<Self, QueryError> {
        let pool = TrackConsumersPool::new(
            FairSpillPool::new(settings.memory_bytes_max),
            std::num::NonZeroUsize::new(3).expect("not zero"),
        );
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_metadata_cache_limit(settings.metadata_cache_bytes_max)
            .with_object_store_registry(Arc::new(OnlyTheLake(store.object_store())))
            // A query that needs more memory than it may have fails; it does not fill the disk that ingest needs.
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()?;
        let readers = Arc::new(LakeReaders::new(store.object_store(), runtime.cache_manager.get_file_metadata_cache()));
        let rules = pruning::optimizer_rules(&runtime.memory_pool);
        let mut state = SessionStateBuilder::new()
            .with_config(config(settings))
            .with_runtime_env(runtime)
            .with_expr_planners(functions::expr_planners())
            .with_scalar_functions(functions::scalar_functions())
            .with_aggregate_functions(functions::aggregate_functions())
            .with_window_functions(functions::window_functions())
            .with_table_function_list(functions::table_functions())
            .with_analyzer_rules(functions::analyzer_rules())
            .with_optimizer_rules(rules)
            .build();
        state.register_catalog_list(Arc::new(MemoryCatalogProviderList::new()));
        Ok(Self { task_context: state.task_ctx(), template: state, readers })
    }

    /// A session without tables, for what needs no plan.
    pub(crate) fn template(&self) -> &SessionState {
        &self.template
    }

    /// What plans of all sessions run with: functions, settings and memory are the same.
    pub(crate) fn task_context(&self) -> Arc<TaskContext> {
        Arc::clone(&self.task_context)
    }

    /// How segments are read.
    pub(crate) fn readers(&self) -> Arc<LakeReaders> {
        Arc::clone(&self.readers)
    }

    pub(crate) fn memory_pool(&self) -> Arc<dyn MemoryPool> {
        Arc::clone(&self.task_context.runtime_env().memory_pool)
    }

    /// A session whose tables `spans` and `logs` read `snapshots`, whose joins end once `cancelled` is set, and whose
    /// scans `progress` follows.
    pub(crate) fn open(
        &self,
        snapshots: &Arc<SnapshotPair>,
        cancelled: &Arc<Cancelled>,
        progress: &Arc<Progress>,
    ) -> Result<SessionContext, QueryError> {
        let schema = MemorySchemaProvider::new();
        for signal in Signal::ALL {
            let view = view::view(signal, self.physical(signal, snapshots))?;
            schema.register_table(signal.name().to_owned(), Arc::new(view))?;
        }
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(schema))?;
        let catalogs = MemoryCatalogProviderList::new();
        catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        let mut state = SessionStateBuilder::new_from_existing(self.template.clone())
            .with_physical_optimizer_rule(Arc::new(StoppableJoins(Arc::clone(cancelled))))
            .with_physical_optimizer_rule(Arc::new(FollowPlans(Arc::clone(progress))))
            .build();
        state.register_catalog_list(Arc::new(catalogs));
        Ok(SessionContext::new_with_state(state))
    }

    pub(crate) fn physical(&self, signal: Signal, snapshots: &Arc<SnapshotPair>) -> Arc<LakeTable> {
        Arc::new(LakeTable::new(signal, Arc::clone(snapshots), Arc::clone(&self.readers)))
    }
}

fn config(settings: &EngineSettings) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(settings.threads.max(1))
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false);
    let options = config.options_mut();
    options.sql_parser.recursion_limit = ConfigNonZeroUsize::try_new(NESTING_MAX).expect("not zero");
    options.sql_parser.map_string_types_to_utf8view = false;
    // Row groups are dealt to the partitions newest first; cutting files into ranges of bytes would undo that.
    options.optimizer.repartition_file_scans = false;
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    options.execution.time_zone = Some("UTC".into());
    // `x IS NOT TRUE` is never null, but its physical expression says that it may be. Taken out as a common part of what
    // is counted, the check that both say the same would end the query.
    options.execution.skip_physical_aggregate_schema_check = true;
    config
}

/// Resolves the lake and nothing else: no local files, no URLs.
#[derive(Debug)]
struct OnlyTheLake(Arc<dyn ObjectStore>);

impl ObjectStoreRegistry for OnlyTheLake {
    fn register_store(&self, _url: &Url, _store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> datafusion::error::Result<Arc<dyn ObjectStore>> {
        if url.scheme() == "lake" {
            return Ok(Arc::clone(&self.0));
        }
        Err(DataFusionError::Plan(format!("{url} cannot be read: queries read only the tables spans and logs")))
    }
}
