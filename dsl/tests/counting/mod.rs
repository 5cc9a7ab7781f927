//! An allocator that counts what the current thread asks for. A test or bench that uses this module
//! makes it its global allocator by naming it; there is one per binary.

#![allow(unsafe_code, reason = "`GlobalAlloc` can only be implemented unsafely; every call goes on to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Allocated {
    /// Calls that took memory or moved it.
    pub(crate) calls: u64,
    /// Bytes taken and not given back. Negative when more was given back.
    pub(crate) bytes: i64,
}

thread_local! {
    static SO_FAR: Cell<Allocated> = const { Cell::new(Allocated { calls: 0, bytes: 0 }) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

/// What the current thread allocates during a call.
pub(crate) fn allocated<T>(call: impl FnOnce() -> T) -> (T, Allocated) {
    let before = SO_FAR.get();
    let value = call();
    let after = SO_FAR.get();
    (value, Allocated { calls: after.calls - before.calls, bytes: after.bytes - before.bytes })
}

fn count(calls: u64, bytes: usize, taken: bool) {
    // A thread that ends has no counter any more, and nobody to tell.
    let _ = SO_FAR.try_with(|so_far| {
        let Allocated { calls: called, bytes: held } = so_far.get();
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        so_far.set(Allocated { calls: called + calls, bytes: if taken { held + bytes } else { held - bytes } });
    });
}

// SAFETY: every method hands its arguments to the system's allocator unchanged and returns what that
// returns; counting touches only a thread's own cell, which takes no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), true);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, layout.size(), false);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, layout.size(), false);
        count(0, size, true);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(at, layout, size) }
    }
}
