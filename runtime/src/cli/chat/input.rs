//! Where the user's lines come from.
//!
//! Reading a terminal blocks, so a thread does it. It reads one line when asked: with an editor and
//! a prompt while no reply is running. While one is running there is no prompt to disturb it, and
//! the terminal's own line discipline reads what the user types.

use std::io::{self, BufRead};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::sync::mpsc;

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
    asks: SyncSender<()>,
    answers: mpsc::Receiver<Input>,
    /// Whether the thread is reading a line now.
    asked: bool,
    terminal: Option<Terminal>,
}

impl Lines {
    /// Starts the thread. It ends with the input, or when nobody asks any more; a read that is
    /// still blocked then ends with the process.
    pub(super) fn start(terminal: bool) -> anyhow::Result<Self> {
        let editor = if terminal { Some(DefaultEditor::new()?) } else { None };
        let (asks, asked) = sync_channel(1);
        let (sender, answers) = mpsc::channel(1);
        std::thread::Builder::new().name("input".into()).spawn(move || match editor {
            Some(editor) => edit(editor, &asked, &sender),
            None => read(&asked, &sender),
        })?;
        let terminal = if terminal { Some(Terminal::new()?) } else { None };
        Ok(Self { asks, answers, asked: false, terminal })
    }

    /// The next line. `idle` says that no reply is running. Cancel-safe.
    pub(super) async fn next(&mut self, idle: bool) -> Input {
        if !idle
            && !self.asked
            && let Some(terminal) = &self.terminal
        {
            return terminal.line().await;
        }
        if !self.asked {
            // Room for one: the thread takes an ask before it answers. Full and gone show below.
            let _ = self.asks.try_send(());
            self.asked = true;
        }
        let input = self.answers.recv().await;
        self.asked = false;
        input.unwrap_or(Input::End)
    }

    /// Whether a terminal is read.
    pub(super) const fn is_terminal(&self) -> bool {
        self.terminal.is_some()
    }
}

/// Ctrl-C in a terminal. Without one, the signal keeps its usual effect.
pub(super) async fn interrupt(terminal: bool) {
    if !terminal || tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn edit(mut editor: DefaultEditor, asked: &Receiver<()>, answers: &mpsc::Sender<Input>) {
    while asked.recv().is_ok() {
        let input = match editor.readline("> ") {
            Ok(line) => {
                // A history without duplicates, in memory only; a line it refuses is no loss.
                let _ = editor.add_history_entry(&line);
                Input::Line(line)
            }
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => Input::End,
            Err(ReadlineError::Io(error)) => Input::Failed(error),
            Err(error) => Input::Failed(io::Error::other(error)),
        };
        if answers.blocking_send(input).is_err() {
            return;
        }
    }
}

fn read(asked: &Receiver<()>, answers: &mpsc::Sender<Input>) {
    while asked.recv().is_ok() {
        if answers.blocking_send(read_line()).is_err() {
            return;
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

/// The terminal while no editor reads it: a whole line is there when it is readable.
#[derive(Debug)]
struct Terminal {
    #[cfg(unix)]
    stdin: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
}

#[cfg(unix)]
impl Terminal {
    fn new() -> io::Result<Self> {
        let own = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?;
        #[allow(
            deprecated,
            reason = "sound for a descriptor of our own, which nobody else closes; its successor is unsafe"
        )]
        let stdin = tokio::io::unix::AsyncFd::with_interest(own, tokio::io::Interest::READABLE)?;
        Ok(Self { stdin })
    }

    async fn line(&self) -> Input {
        match self.stdin.readable().await {
            Ok(mut ready) => {
                ready.clear_ready();
                read_line()
            }
            Err(error) => Input::Failed(error),
        }
    }
}

#[cfg(not(unix))]
impl Terminal {
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// There is no way to look without blocking: the user waits for the reply.
    async fn line(&self) -> Input {
        std::future::pending().await
    }
}
