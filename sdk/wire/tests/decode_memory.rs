//! What decoding takes, as the allocator sees it: a peer must not make us take far more than it sent.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

#[path = "laws/codec.rs"]
#[allow(dead_code, unreachable_pub, clippy::panic, reason = "of the laws, only the frame around an envelope is needed")]
mod codec_laws;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use rolecall_wire::codec::{self, DecodeError};
use rolecall_wire::limits::{MAX_DECOMPRESSED, MAX_PAYLOAD, MAX_SERVER_PAYLOAD};

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting by thread, so that tests beside this one do not count.
struct Counting;

#[allow(unsafe_code, reason = "an allocator is an unsafe trait; this one hands everything on")]
// SAFETY: every call goes to the system's allocator as it came; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends has no counters any more, and is not measured.
        let _gone = HELD.try_with(|held| {
            held.set(held.get() + layout.size());
            MOST.with(|most| most.set(most.get().max(held.get())));
        });
        // SAFETY: the caller's own promise about `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        let _gone = HELD.try_with(|held| held.set(held.get().saturating_sub(layout.size())));
        // SAFETY: the caller's own promise about `place` and `layout`.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most that a call holds at once, above what was held before.
fn most_held<T>(call: impl FnOnce() -> T) -> (usize, T) {
    let before = HELD.get();
    MOST.set(before);
    let outcome = call();
    (MOST.get() - before, outcome)
}

/// An envelope with one frame of nothing but a repeated empty field: two bytes on the way, seventy in memory.
fn hoard(bytes: usize) -> Vec<u8> {
    let length = |mut value: usize| {
        let mut varint = Vec::new();
        while value >= 0x80 {
            varint.push(u8::try_from(value % 0x80 + 0x80).unwrap());
            value /= 0x80;
        }
        varint.push(u8::try_from(value).unwrap());
        varint
    };
    let hits = [0x1a, 0].repeat(bytes / 2);
    let reply = [vec![0x32], length(hits.len()), hits].concat();
    [vec![0x5a], length(reply.len()), reply].concat()
}

/// Fails when a client can make the server take many times what a frame may decompress to, by a frame that no client
/// may send.
#[test]
fn a_client_cannot_make_the_server_hoard() {
    let frame = codec_laws::enveloped(&hoard(250_000));
    let (most, outcome) = most_held(|| codec::decode_client(&frame, MAX_PAYLOAD));
    assert_eq!(outcome, Err(DecodeError::WrongDirection("message")));
    assert!(most <= 2 * MAX_PAYLOAD, "{most} bytes for a frame of {}", frame.len());
    // The same frame as a server may send it, so that it is known to be one.
    let (most, outcome) = most_held(|| codec::decode_server(&frame, MAX_SERVER_PAYLOAD));
    assert!(outcome.is_err(), "its outcome is none");
    assert!(most > 8 * MAX_PAYLOAD, "the frame hoards nothing: {most}");
}

/// Fails when a size is believed before the bytes are there.
#[test]
fn a_declared_size_takes_no_memory() {
    let mut frame = codec_laws::enveloped(b"\x12\x00");
    frame[7..11].copy_from_slice(&u32::try_from(MAX_DECOMPRESSED).unwrap().to_le_bytes());
    let (most, outcome) = most_held(|| codec::decode_client(&frame, MAX_PAYLOAD));
    assert!(matches!(outcome, Err(DecodeError::Bomb { .. })), "{outcome:?}");
    assert!(most < 1_024, "{most} bytes for a refusal");
}
