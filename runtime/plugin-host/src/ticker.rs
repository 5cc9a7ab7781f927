//! The engine's clock: its own thread, a tick a millisecond while guests run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use wasmtime::Engine;

/// One tick of guest time.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// Ticks without a guest before the thread sleeps.
const LINGER_TICKS: u32 = 100;

/// Starts and stops the ticks. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Ticker(Arc<Inner>);

struct Inner {
    running: AtomicUsize,
    closed: AtomicBool,
    asleep: Mutex<()>,
    wake: Condvar,
}

/// Ticks go on while this lives.
pub(crate) struct Running<'a>(&'a Inner);

impl Ticker {
    /// Starts the thread.
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let inner = Arc::new(Inner {
            running: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            asleep: Mutex::new(()),
            wake: Condvar::new(),
        });
        let ticking = Arc::clone(&inner);
        std::thread::Builder::new().name("plugin-ticker".into()).spawn(move || ticking.tick(&engine))?;
        Ok(Self(inner))
    }

    /// A guest runs now.
    pub(crate) fn running(&self) -> Running<'_> {
        if self.0.running.fetch_add(1, Ordering::SeqCst) == 0 {
            // The lock orders this behind a ticker that has just found nothing to do.
            let _asleep = self.0.asleep.lock();
            self.0.wake.notify_one();
        }
        Running(&self.0)
    }

    /// Ends the thread, as soon as no guest runs: without ticks it would run for ever.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        let _asleep = self.0.asleep.lock();
        self.0.wake.notify_one();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Inner {
    fn tick(&self, engine: &Engine) {
        let mut idle = 0;
        loop {
            let running = self.running.load(Ordering::SeqCst) > 0;
            if !running && self.closed.load(Ordering::SeqCst) {
                return;
            }
            idle = if running { 0 } else { idle + 1 };
            if idle > LINGER_TICKS {
                let mut asleep = self.asleep.lock();
                while self.running.load(Ordering::SeqCst) == 0 && !self.closed.load(Ordering::SeqCst) {
                    self.wake.wait(&mut asleep);
                }
                idle = 0;
            }
            std::thread::sleep(TICK);
            engine.increment_epoch();
        }
    }
}
