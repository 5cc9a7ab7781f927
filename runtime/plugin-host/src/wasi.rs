//! WASI 0.2 without its powers, for guests whose standard library brings its imports along.
//!
//! Of `wasi:*` a component may import whatever it likes; what a program needs to come up is answered as in an
//! empty world: no arguments, no environment, no folders, a clock that stands still, the same "random"
//! numbers for every instance, an input that has ended. What it writes to its output goes to the plugin's log.
//! Everything else fails the call and says what was asked for.
//!
//! This is not `wasmtime-wasi`, which could be given an empty context too: its functions wait (a sleeping
//! guest would hold a thread that others need, and no deadline stops a host function), and it would bring in
//! an asynchronous runtime and 7 MB for the sake of what is never granted.

mod answers;

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};

use crate::guest::State;

/// Whether an import is one of those that are linked here.
pub(crate) fn is_linked(import: &str) -> bool {
    import.starts_with("wasi:") && import.split_once('@').is_some_and(|(_, version)| version.starts_with("0.2."))
}

/// What every handle of WASI stands for: nothing. Its number says which stream it is.
struct Nothing;

/// The linker for a component: the host's own functions, and as much of WASI as it imports.
pub(crate) fn link(
    linker: &Linker<State>,
    engine: &Engine,
    component: &Component,
) -> wasmtime::Result<Option<Linker<State>>> {
    let shape = component.component_type();
    let mut linked = None;
    for (name, import) in shape.imports(engine).filter(|(name, _)| is_linked(name)) {
        let ComponentItem::ComponentInstance(interface) = import.ty else { continue };
        let mut instance = linked.get_or_insert_with(|| linker.clone()).instance(name)?;
        for (item, kind) in interface.exports(engine) {
            match kind.ty {
                ComponentItem::ComponentFunc(_) => {
                    let answer = answers::of(name, item);
                    instance.func_new(item, move |store, _, given, results| answer.give(store, given, results))?;
                }
                ComponentItem::Resource(_) => {
                    instance.resource(item, ResourceType::host::<Nothing>(), |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(linked)
}
