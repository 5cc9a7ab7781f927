//! A live instance: a store under limits and the handles in it.

pub(crate) mod abi;
mod constraint;
mod delivery;
mod failure;
mod instance;
mod state;

use std::time::Duration;

use wasmtime::{Engine, Store, StoreContextMut, Trap, UpdateDeadline};

pub(crate) use constraint::{ConstraintGuest, StreamGuest};
pub(crate) use delivery::DeliveryGuest;
pub(crate) use failure::Call;
pub(crate) use state::State;

use crate::Limits;
use crate::services::Outfit;
use crate::ticker::TICK;
use failure::DeadlinePassed;

/// Instructions that stand for a tick.
const FUEL_A_TICK: u64 = 1_000_000;

/// A store with every limit armed, before anything of the guest runs in it.
pub(crate) fn store(engine: &Engine, outfit: &Outfit, limits: &Limits) -> Store<State> {
    let mut store = Store::new(engine, State::new(outfit.clone(), limits));
    store.limiter(|state| state);
    store.set_hostcall_fuel(limits.result_bytes);
    store.set_max_component_handles(1_000);
    // A tick counts when the guest sees it. A thread that does not get to run sees one tick for the
    // whole pause, so a busy machine does not use up a guest's time.
    store.epoch_deadline_callback(|mut context| {
        if context.data_mut().spend_tick() { Ok(UpdateDeadline::Continue(1)) } else { Err(DeadlinePassed.into()) }
    });
    store.set_epoch_deadline(1);
    store
}

/// Gives the next calls time that they share.
pub(crate) fn grant(store: &mut Store<State>, time: Duration) {
    settle(store);
    store.data_mut().grant(ticks(time));
}

/// Gives the next call its time, of what is left of that granted, and its log lines.
pub(crate) fn arm(store: &mut Store<State>, time: Duration) {
    settle(store);
    store.data_mut().arm(ticks(time));
    store.set_epoch_deadline(1);
    if let Some(fuel) = store.data_mut().fuel() {
        // An engine without fuel has no fuel to set, and its states have none either.
        let _set = store.set_fuel(fuel);
    }
}

/// Counts the instructions of the call before as its ticks.
fn settle(store: &mut Store<State>) {
    if store.data().counts_fuel()
        && let Ok(left) = store.get_fuel()
    {
        store.data_mut().settle(left);
    }
}

/// Counts what the host does for a guest as if it had run so many instructions.
pub(crate) fn charge(store: &mut StoreContextMut<'_, State>, instructions: u64) -> wasmtime::Result<()> {
    if !store.data().counts_fuel() {
        return Ok(store.data_mut().charge(instructions)?);
    }
    let left = store.get_fuel()?.checked_sub(instructions);
    store.set_fuel(left.unwrap_or_default())?;
    left.map(drop).ok_or_else(|| Trap::OutOfFuel.into())
}

/// Instructions that stand for a time. So few that a machine which is no slower than one of 1 GHz does not
/// stop what was let through.
pub(crate) fn fuel(time: Duration) -> u64 {
    // Whole ticks: the first one is no partial one here.
    (ticks(time) - 1).saturating_mul(FUEL_A_TICK)
}

fn ticks(time: Duration) -> u64 {
    // The first tick is a partial one.
    u64::try_from(time.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}
