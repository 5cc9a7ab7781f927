//! What a session says to its connection besides committed messages: a bounded queue with one teller and one listener.
//!
//! A channel of tokio's takes its slots in blocks, 1.7 KB for a connection to which nothing is said; here an idle
//! line is two flags and whom to wake.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::attach::Control;
use super::state::PENDING_ANSWERS;

/// Frames that may wait for a connection besides what it reads from the outbox: the answers of a commit
/// under way, of the next one, and to what waits in the mailbox, however a client pipelines its sends. A
/// connection that takes none of so many is cut.
const FRAMES: usize = 4 * PENDING_ANSWERS;

#[derive(Debug, Default)]
struct Line {
    state: Mutex<State>,
    /// For the listener: there is something to hear.
    said: Notify,
    /// For the teller: the listener is gone.
    left: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Control>,
    teller_gone: bool,
    listener_gone: bool,
}

/// The session's end. Dropping it lets the listener hear what was said, and then that this was all.
#[derive(Debug)]
pub(super) struct Teller(Arc<Line>);

/// The connection's end.
#[derive(Debug)]
pub struct Listener(Arc<Line>);

/// Nobody takes what is said: the listener is gone, or as much waits as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unheard;

/// A line and its two ends.
pub(super) fn line() -> (Teller, Listener) {
    let line = Arc::new(Line::default());
    (Teller(Arc::clone(&line)), Listener(line))
}

impl Teller {
    /// Says a frame.
    ///
    /// # Errors
    /// [`Unheard`].
    pub(super) fn tell(&self, control: Control) -> Result<(), Unheard> {
        let mut state = self.0.state.lock();
        if state.listener_gone || state.waiting.len() >= FRAMES {
            return Err(Unheard);
        }
        state.waiting.push_back(control);
        drop(state);
        self.0.said.notify_one();
        Ok(())
    }

    /// The last word, for which there is a place however many frames wait.
    pub(super) fn hang_up(self, code: u16, reason: &'static str) {
        let mut state = self.0.state.lock();
        if !state.listener_gone {
            state.waiting.push_back(Control::Close { code, reason });
        }
    }

    /// Whether there is nobody at the other end.
    pub(super) fn is_alone(&self) -> bool {
        self.0.state.lock().listener_gone
    }

    /// Waits until there is nobody at the other end. Cancel-safe.
    pub(super) async fn alone(&self) {
        loop {
            let left = self.0.left.notified();
            if self.is_alone() {
                return;
            }
            left.await;
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.0.state.lock().teller_gone = true;
        self.0.said.notify_one();
    }
}

impl Listener {
    /// Waits for what is said next; `None` when nothing more comes. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Control> {
        loop {
            let said = self.0.said.notified();
            if let Some(outcome) = self.0.state.lock().next() {
                return outcome;
            }
            said.await;
        }
    }

    /// Hears nothing any more.
    pub(super) fn close(&mut self) {
        let mut state = self.0.state.lock();
        state.listener_gone = true;
        state.waiting = VecDeque::new();
        drop(state);
        self.0.left.notify_one();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

impl State {
    /// What comes next: nothing yet, something, or the end.
    fn next(&mut self) -> Option<Option<Control>> {
        let next = self.waiting.pop_front();
        if self.waiting.is_empty() {
            // Idle connections hold no memory for it.
            self.waiting = VecDeque::new();
        }
        if next.is_some() || self.teller_gone { Some(next) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use rolecall_wire::frame::ServerFrame;

    use super::*;

    fn frame(after_ms: u32) -> Control {
        Control::Frame(Box::new(ServerFrame::Goaway { after_ms }))
    }

    fn heard(control: Option<Control>) -> Option<u32> {
        match control? {
            Control::Frame(frame) => match *frame {
                ServerFrame::Goaway { after_ms } => Some(after_ms),
                other => panic!("{other:?}"),
            },
            Control::Close { code, .. } => Some(code.into()),
        }
    }

    // Fails when something is lost, told in another order, or kept without bound; or when there is no place for a last
    // word behind all that waits.
    #[tokio::test]
    async fn a_line_is_bounded_and_has_a_last_word() {
        let (teller, mut listener) = line();
        assert!(listener.recv().now_or_never().is_none(), "nothing was said yet");
        let told = (0..).take_while(|n| teller.tell(frame(*n)).is_ok()).count();
        assert_eq!(told, FRAMES);
        teller.hang_up(4304, "replaced");
        for expected in (0..).take(FRAMES).chain([4304]) {
            assert_eq!(heard(listener.recv().await), Some(expected));
        }
        assert!(listener.recv().await.is_none());
    }

    // Fails when one end waits for ever for another that is gone, or a wait that was given up takes its waking along.
    #[tokio::test]
    async fn both_ends_hear_of_each_other() {
        let (teller, mut listener) = line();
        let (told, heard_of) = tokio::join!(async { teller.tell(frame(7)) }, listener.recv());
        assert_eq!((told, heard(heard_of)), (Ok(()), Some(7)));
        assert!(teller.alone().now_or_never().is_none());
        let ((), ()) = tokio::join!(teller.alone(), async { listener.close() });
        assert_eq!(teller.tell(frame(8)), Err(Unheard));
        let (teller, mut listener) = line();
        let (end, ()) = tokio::join!(listener.recv(), async { drop(teller) });
        assert!(end.is_none());
    }
}
