//! `rolecall chat ROLE`: talk to a role in the terminal, over a connection that may drop.
//!
//! A line is said as soon as the running reply has ended; a command acts at once. Without a
//! terminal, plain lines are read, and the end of the input, or `/quit`, waits for the running reply.

mod input;
mod prompt;
mod saved;
mod screen;

use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use rolecall_client::{Client, Error, Event, Session};

use self::input::{Input, Lines};
use self::screen::Screen;
use crate::clock;
use crate::config::Secret;

/// What to talk to, and how.
#[derive(Debug, Clone, Args)]
pub struct ChatArgs {
    /// The role to talk to, as its contract names it
    pub role: String,
    /// The server's base URL
    #[arg(long, default_value = "http://127.0.0.1:8420", value_name = "URL")]
    pub url: String,
    /// The server's API key
    #[arg(long, env = "ROLECALL_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub api_key: Option<Secret>,
    /// Keep the session in a file, and go on from there when the file exists. The file holds a
    /// secret: the session's token
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
}

/// Without a terminal, or after the end of the input, a lost connection is waited for this long.
const PATIENCE: Duration = Duration::from_secs(60);

const HELP: &str = "\
A line is said to the role. Commands, also while a reply is running:
  /drop     cut the connection; the client reconnects and shows what it resumed
  /status   connection, round trip, sequence, epoch, rules that acted
  /stop     stop the running reply
  /help     this text
  /quit     end (so does the end of input)
";

/// Talks until the input ends.
///
/// # Errors
/// When the session cannot be opened, or ends for a reason that reconnecting cannot help.
pub async fn run(args: ChatArgs) -> anyhow::Result<()> {
    let terminal = io::stdin().is_terminal();
    let session = open(&args).await?;
    let mut lines = Lines::start(terminal).context("the input cannot be read")?;
    let (out, notices) = (lines.prompt().around(io::stdout()), lines.prompt().around(io::stderr()));
    let mut chat = Chat::new(session, Screen::new(out, notices), args);
    let talked = chat.talk(&mut lines).await;
    // Also after a failure: what was processed is worth keeping.
    let kept = chat.keep();
    chat.session.close().await;
    talked.and(kept)
}

async fn open(args: &ChatArgs) -> anyhow::Result<Session> {
    let mut builder = Client::builder(&args.url).user("chat");
    if let Some(key) = &args.api_key {
        builder = builder.api_key(key.reveal());
    }
    let client = builder.build()?;
    if let Some(file) = &args.resume
        && let Some(saved) = saved::read(file)?
    {
        return Ok(client.resume(saved)?);
    }
    client.create_session(&args.role).await.map_err(|error| match error {
        Error::Transport { detail, .. } => unreachable(&args.url, &detail),
        error => error.into(),
    })
}

/// The detail is a chain of causes; the last one is what the user can act on.
fn unreachable(url: &str, detail: &str) -> anyhow::Error {
    let cause = detail.rsplit(": ").next().unwrap_or(detail);
    let cause = cause.split(" (os error").next().unwrap_or(cause).to_lowercase();
    anyhow::anyhow!("cannot reach {url}: {cause}; is `rolecall serve` running there?")
}

type Interrupted = Pin<Box<dyn Future<Output = ()> + Send>>;
type Sending = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send>>;

struct Chat<O, E> {
    session: Session,
    args: ChatArgs,
    screen: Screen<O, E>,
    /// What was said and is not accepted yet.
    sending: Option<Sending>,
    /// Whether what was said has not got its reply yet.
    awaiting: bool,
    /// The line to say when the running reply has ended.
    next: Option<String>,
    input_ended: bool,
    /// Whether the connection was up to date once.
    ready: bool,
    greeted: bool,
    /// The turn that was asked to stop.
    stopped: Option<u64>,
    /// Kept from one wait to the next, so that no signal falls between two.
    interrupted: Option<Interrupted>,
    /// When the connection was lost.
    lost_at_ms: Option<u64>,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Quit,
}

/// What happens next.
enum Happens {
    Event(Option<Event>),
    Input(Input),
    Accepted(Result<u64, Error>),
    Interrupt,
    GaveUp,
}

impl<O: Write, E: Write> Chat<O, E> {
    fn new(session: Session, screen: Screen<O, E>, args: ChatArgs) -> Self {
        Self {
            session,
            args,
            screen,
            sending: None,
            awaiting: false,
            next: None,
            input_ended: false,
            ready: false,
            greeted: false,
            stopped: None,
            interrupted: None,
            lost_at_ms: None,
        }
    }

    async fn talk(&mut self, lines: &mut Lines) -> anyhow::Result<()> {
        loop {
            if !self.running()
                && let Some(line) = self.next.take()
            {
                self.say(line);
            }
            if self.input_ended && !self.running() && !self.screen.resuming() {
                return Ok(());
            }
            if self.happens(lines).await? == Flow::Quit {
                return Ok(());
            }
        }
    }

    async fn happens(&mut self, lines: &mut Lines) -> anyhow::Result<Flow> {
        let terminal = lines.is_terminal();
        let settled = self.ready && !self.screen.resuming();
        let listening = !self.input_ended && self.next.is_none() && (terminal || settled);
        let idle = settled && !self.running();
        let patience = self.patience(terminal);
        let interrupted = self.interrupted.get_or_insert_with(|| Box::pin(input::interrupt(terminal)));
        let happens = tokio::select! {
            event = self.session.next_event() => Happens::Event(event),
            accepted = accepted(&mut self.sending) => Happens::Accepted(accepted),
            input = lines.next(idle), if listening => Happens::Input(input),
            () = tokio::time::sleep(patience.unwrap_or(PATIENCE)), if patience.is_some() => Happens::GaveUp,
            () = interrupted => Happens::Interrupt,
        };
        match happens {
            Happens::Event(Some(event)) => self.event(&event),
            Happens::Event(None) => bail!("the session has ended"),
            Happens::Accepted(outcome) => self.accepted(outcome),
            Happens::Input(input) => self.input(input, terminal).await,
            Happens::Interrupt => self.interrupt().await,
            Happens::GaveUp => bail!("the connection did not come back within {} s", PATIENCE.as_secs()),
        }
    }

    /// How much longer a lost connection is waited for; `None` when it is not lost, or the user can decide.
    fn patience(&mut self, terminal: bool) -> Option<Duration> {
        if !self.screen.disconnected() {
            self.lost_at_ms = None;
            return None;
        }
        let now = clock::monotonic_ms();
        let lost_at = *self.lost_at_ms.get_or_insert(now);
        let waited = Duration::from_millis(now.saturating_sub(lost_at));
        (self.input_ended || !terminal).then(|| PATIENCE.saturating_sub(waited))
    }

    /// Whether a reply is awaited or coming.
    fn running(&self) -> bool {
        self.awaiting || self.screen.reply_running()
    }

    fn event(&mut self, event: &Event) -> anyhow::Result<Flow> {
        if let Event::Connected { role, .. } = event
            && *role == self.args.role
            && !std::mem::replace(&mut self.greeted, true)
        {
            self.screen.note(&format!("{role}: connected; /help lists the commands"))?;
        }
        self.screen.show(event, clock::monotonic_ms())?;
        match event {
            Event::Connected { role, .. } if *role != self.args.role => {
                bail!("the saved session is with {role}, not with {}; name another file", self.args.role)
            }
            Event::CaughtUp { .. } => self.ready = true,
            // The saved one is refused once the new one was used.
            Event::TokenRenewed => self.keep()?,
            Event::Message(message) if matches!(message.body, rolecall_client::Body::Reply { .. }) => {
                self.awaiting = false;
                self.keep()?;
            }
            Event::Ended { code, reason, advice } => bail!("{reason} (code {code}); {}", screen::advise(*advice)),
            _ => {}
        }
        Ok(Flow::On)
    }

    fn accepted(&mut self, outcome: Result<u64, Error>) -> anyhow::Result<Flow> {
        self.sending = None;
        if let Err(error) = outcome {
            self.awaiting = false;
            // A refusal came as an event too.
            if !matches!(error, Error::Refused { .. }) {
                self.screen.note(&error.to_string())?;
            }
        }
        Ok(Flow::On)
    }

    async fn input(&mut self, input: Input, terminal: bool) -> anyhow::Result<Flow> {
        let line = match input {
            Input::Line(line) => line,
            Input::End => {
                self.input_ended = true;
                return Ok(Flow::On);
            }
            Input::Failed(error) => return Err(error).context("the input cannot be read"),
        };
        match line.trim() {
            "" => {}
            "/quit" | "/exit" if terminal => return Ok(Flow::Quit),
            "/quit" | "/exit" => self.input_ended = true,
            "/help" => self.screen.answer(HELP)?,
            "/status" => self.screen.status(&self.session.status())?,
            "/stop" => self.stop().await?,
            "/drop" => {
                self.screen.cut(self.session.status().last_seq, clock::monotonic_ms())?;
                self.session.drop_connection().await?;
            }
            command if command.starts_with('/') => {
                self.screen.answer(&format!("there is no command {command}; /help lists them\n"))?;
            }
            text => self.next = Some(text.to_owned()),
        }
        Ok(Flow::On)
    }

    fn say(&mut self, text: String) {
        self.awaiting = true;
        let session = self.session.clone();
        self.sending = Some(Box::pin(async move { session.send(&text).await }));
    }

    /// Stops the reply that is running; leaves when there is none, or it was asked to stop already.
    async fn interrupt(&mut self) -> anyhow::Result<Flow> {
        self.interrupted = None;
        match self.screen.turn() {
            Some(turn) if self.stopped.replace(turn) != Some(turn) => {
                self.session.cancel(turn).await?;
                Ok(Flow::On)
            }
            _ => Ok(Flow::Quit),
        }
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        match self.screen.turn() {
            Some(turn) => self.session.cancel(turn).await?,
            None => self.screen.answer("no reply is running\n")?,
        }
        Ok(())
    }

    /// Writes the session to its file, if it has one.
    fn keep(&self) -> anyhow::Result<()> {
        self.args.resume.as_deref().map_or(Ok(()), |file| saved::write(file, &self.session.saved()))
    }
}

/// The outcome of what was said; never, when nothing was.
async fn accepted(sending: &mut Option<Sending>) -> Result<u64, Error> {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}
