//! Where the user's lines come from.
//!
//! Reading blocks, so a thread does it, and nothing else does. It reads one line when asked: with an
//! editor and a prompt while no reply is running. While one is running there is no prompt to disturb
//! it, and the terminal's own line discipline reads what the user types.

use std::io::{self, BufRead};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::sync::mpsc;

use super::prompt::Prompt;

/// What the user did.
#[derive(Debug)]
pub(super) enum Input {
    Line(String),
    End,
    Failed(io::Error),
}

/// The user's lines, one at a time.
#[derive(Debug)]
pub(super) struct Lines {
    asked: Arc<Asked>,
    answers: mpsc::Receiver<Input>,
    prompt: Prompt,
    terminal: Option<tty::Settings>,
}

impl Lines {
    /// Starts the thread. It ends with the input, or when nobody asks any more; a read that is
    /// still blocked then ends with the process.
    pub(super) fn start(terminal: bool) -> anyhow::Result<Self> {
        let mut editor = if terminal { Some(DefaultEditor::new()?) } else { None };
        let prompt = match &mut editor {
            Some(editor) => Prompt::of(editor)?,
            None => Prompt::default(),
        };
        let terminal = if terminal { Some(tty::Settings::current()?) } else { None };
        let asked = Arc::new(Asked::default());
        let (sender, answers) = mpsc::channel(1);
        let asks = Arc::clone(&asked);
        std::thread::Builder::new().name("input".into()).spawn(move || {
            let mut reader = Reader { editor, typed: Vec::new() };
            while let Some(ask) = asks.wait() {
                let input = reader.read(ask, &asks);
                asks.answer(input, &sender);
            }
        })?;
        Ok(Self { asked, answers, prompt, terminal })
    }

    /// The next line. `idle` says that no reply is running: a prompt can be shown. Cancel-safe: a
    /// line that is being read is the next call's.
    pub(super) async fn next(&mut self, idle: bool) -> Input {
        if let Ok(input) = self.answers.try_recv() {
            self.prompt.set_open(false);
            return input;
        }
        // A prompt that is open stays open until its line is there.
        if !self.prompt.is_open() {
            let edit = idle && self.terminal.is_some();
            self.prompt.set_open(edit);
            self.asked.ask(if edit { Ask::Edited } else { Ask::Plain }, &self.answers);
        }
        let input = self.answers.recv().await;
        self.prompt.set_open(false);
        input.unwrap_or(Input::End)
    }

    /// Whether a terminal is read.
    pub(super) const fn is_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// The prompt, for those who write around it.
    pub(super) const fn prompt(&self) -> &Prompt {
        &self.prompt
    }
}

impl Drop for Lines {
    /// An editor that is left alone would leave the terminal as it needs it itself.
    fn drop(&mut self) {
        self.asked.close();
        if let Some(terminal) = &self.terminal {
            terminal.restore();
        }
    }
}

/// Ctrl-C in a terminal. Without one, the signal keeps its usual effect.
pub(super) async fn interrupt(terminal: bool) {
    if !terminal || tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// How a line is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Edited,
    Plain,
}

/// The line that is asked for. One ask has one answer; a plain ask may become an edited one before
/// its line is there.
#[derive(Debug, Default)]
struct Asked {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ask: Option<Ask>,
    closed: bool,
}

impl Asked {
    /// Asks, unless the last ask was answered already.
    fn ask(&self, ask: Ask, answers: &mpsc::Receiver<Input>) {
        let mut state = self.state.lock();
        if answers.is_empty() {
            state.ask = Some(ask);
            self.changed.notify_one();
        }
    }

    /// Answers. The lock keeps an ask from falling between the answer and the end of its ask.
    fn answer(&self, input: Input, answers: &mpsc::Sender<Input>) {
        let mut state = self.state.lock();
        state.ask = None;
        // Never full: nothing is asked while an answer waits. When nobody listens, it is closed.
        if answers.try_send(input).is_err() {
            state.closed = true;
        }
    }

    fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_one();
    }

    fn closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Whether a plain line is still what is asked for.
    fn still_plain(&self) -> bool {
        let state = self.state.lock();
        !state.closed && state.ask == Some(Ask::Plain)
    }

    /// The next ask; `None` when nobody will ask any more.
    fn wait(&self) -> Option<Ask> {
        let mut state = self.state.lock();
        loop {
            match state.ask {
                _ if state.closed => return None,
                Some(ask) => return Some(ask),
                None => self.changed.wait(&mut state),
            }
        }
    }
}

/// The thread's side.
struct Reader {
    editor: Option<DefaultEditor>,
    /// What the terminal gave of a line that has not ended.
    typed: Vec<u8>,
}

impl Reader {
    fn read(&mut self, ask: Ask, asks: &Asked) -> Input {
        let Some(editor) = &mut self.editor else { return read_line() };
        if ask == Ask::Plain
            && let Some(input) = plain_line(&mut self.typed, asks)
        {
            return input;
        }
        if asks.closed() {
            return Input::End;
        }
        let typed = String::from_utf8_lossy(&std::mem::take(&mut self.typed)).into_owned();
        match editor.readline_with_initial("> ", (&typed, "")) {
            Ok(line) => {
                // A history without duplicates, in memory only; a line it refuses is no loss.
                let _ = editor.add_history_entry(&line);
                Input::Line(line)
            }
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => Input::End,
            Err(ReadlineError::Io(error)) => Input::Failed(error),
            Err(error) => Input::Failed(io::Error::other(error)),
        }
    }
}

/// One line of standard input. Bytes that are not UTF-8 are replaced: a line is text.
fn read_line() -> Input {
    let mut line = Vec::new();
    match io::stdin().lock().read_until(b'\n', &mut line) {
        Ok(0) => Input::End,
        Ok(_) => Input::Line(String::from_utf8_lossy(&line).into_owned()),
        Err(error) => Input::Failed(error),
    }
}

/// A line of the terminal without an editor; `None` when an edited one is asked for instead. It
/// reads only when something is there, so it never misses that.
fn plain_line(typed: &mut Vec<u8>, asks: &Asked) -> Option<Input> {
    while asks.still_plain() {
        match tty::readable() {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => return Some(Input::Failed(error)),
        }
        let mut stdin = io::stdin().lock();
        let read = match stdin.fill_buf() {
            Ok(read) => read,
            Err(error) => return Some(Input::Failed(error)),
        };
        if read.is_empty() {
            return Some(Input::End);
        }
        // What was typed while an editor was open ends with a carriage return.
        let end = read.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let taken = end.map_or(read.len(), |end| end + 1);
        typed.extend(read.iter().take(taken));
        stdin.consume(taken);
        if end.is_some() {
            return Some(Input::Line(String::from_utf8_lossy(&std::mem::take(typed)).into_owned()));
        }
    }
    None
}

#[cfg(unix)]
mod tty {
    use std::io;
    use std::os::fd::AsFd;

    use nix::errno::Errno;
    use nix::poll::{PollFd, PollFlags, poll};
    use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};

    /// How often a reader that waits looks at what is asked for.
    const LOOK_MS: u8 = 25;

    /// Waits a moment for something to read. A line typed at a terminal is there as a whole.
    pub(super) fn readable() -> io::Result<bool> {
        let stdin = io::stdin();
        match poll(&mut [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)], LOOK_MS) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// How the terminal was set when the program started.
    #[derive(Debug)]
    pub(super) struct Settings(Termios);

    impl Settings {
        pub(super) fn current() -> io::Result<Self> {
            Ok(Self(tcgetattr(io::stdin())?))
        }

        pub(super) fn restore(&self) {
            // A terminal that is gone needs no settings.
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.0);
        }
    }
}

#[cfg(not(unix))]
mod tty {
    use std::io;
    use std::time::Duration;

    /// There is no way to look without blocking: the user waits for the reply.
    pub(super) fn readable() -> io::Result<bool> {
        std::thread::sleep(Duration::from_millis(25));
        Ok(false)
    }

    #[derive(Debug)]
    pub(super) struct Settings;

    impl Settings {
        pub(super) fn current() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) fn restore(&self) {}
    }
}
