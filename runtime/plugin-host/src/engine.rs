//! The one engine: its configuration, and whether this machine can pool.

use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, WasmBacktraceDetails,
};

use crate::config::WASM_STACK_BYTES;
use crate::{Limits, Metering};

/// Core instances, memories and tables of one component; Python needs 38 instances, JavaScript a
/// table of 7 693. The pool has as many for each instance, so that no crafted plugin exhausts it;
/// only memories, whose address space is dear, are counted by [`crate::instances`].
pub(crate) const MAX_CORE_INSTANCES: u32 = 64;
pub(crate) const MAX_MEMORIES: u32 = 4;
pub(crate) const MAX_TABLES: u32 = 16;
pub(crate) const MAX_TABLE_ELEMENTS: usize = 20_000;

/// Makes an engine that takes instances from a pool, or from the system where the address space for
/// the pool is not to be had (`ulimit -v`, some containers); the log says which.
pub(crate) fn start(limits: &Limits, workers: usize) -> Result<Engine, wasmtime::Error> {
    let metering = limits.metering;
    let mut pooling = config(metering);
    pooling.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits, workers)));
    match Engine::new(&pooling).and_then(|engine| probe(&engine).map(|()| engine)) {
        Ok(engine) => {
            tracing::debug!(streams = limits.streams, workers, "plugin instances come from a pool");
            Ok(engine)
        }
        Err(error) => {
            tracing::warn!(%error, "no pool for plugin instances; each is allocated on demand, which is slower");
            let engine = Engine::new(&config(metering))?;
            probe(&engine)?;
            Ok(engine)
        }
    }
}

/// An engine for looking at files, and for compiling.
pub(crate) fn for_inspection(metering: Metering) -> Result<Engine, wasmtime::Error> {
    Engine::new(&config(metering))
}

fn config(metering: Metering) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(metering == Metering::Time)
        .consume_fuel(metering == Metering::Fuel)
        .max_wasm_stack(WASM_STACK_BYTES)
        // Errors must not depend on the operator's environment.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}

/// With these three knobs a fresh instance costs 9 µs instead of 16; more resident memory without
/// the page map scan would be worse than none. There is an instance for every stream, for every worker,
/// and for the thread that loads.
fn pool(limits: &Limits, workers: usize) -> PoolingAllocationConfig {
    let calls = u32::try_from(workers.max(1)).unwrap_or(u32::MAX).saturating_add(1);
    let instances = limits.streams.max(MAX_MEMORIES).saturating_add(calls);
    let mut pool = PoolingAllocationConfig::new();
    pool.linear_memory_keep_resident(64 << 10)
        .table_keep_resident(4 << 10)
        .pagemap_scan(Enabled::Auto)
        .total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(MAX_CORE_INSTANCES))
        .total_memories(instances.saturating_add(calls.saturating_mul(MAX_MEMORIES)))
        .total_tables(instances.saturating_mul(MAX_TABLES))
        .total_stacks(1)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_memory_size(limits.memory_bytes)
        .max_core_instance_size(1 << 20)
        .max_component_instance_size(1 << 20);
    pool
}

/// Compiles and instantiates the smallest component with a memory.
fn probe(engine: &Engine) -> Result<(), wasmtime::Error> {
    /// `(component (core module $m (memory 1)) (core instance (instantiate $m)))`
    const PROBE: &[u8] = &[
        0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00, // component
        0x01, 0x0d, 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x05, 0x03, 0x01, 0x00, 0x01, // core module
        0x02, 0x04, 0x01, 0x00, 0x00, 0x00, // core instance
    ];
    let component = Component::new(engine, PROBE)?;
    let mut store = Store::new(engine, ());
    store.set_epoch_deadline(1);
    // It has no instructions; an engine that counts time has no fuel.
    let _set = store.set_fuel(1);
    Linker::new(engine).instantiate(&mut store, &component)?;
    Ok(())
}
