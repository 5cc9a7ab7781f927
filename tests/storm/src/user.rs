//! A user with a client: says something now and then, notes what is shown, and moves between transports.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rolecall_client::{Client, Encoding, Error, Event, Session, Transport};
use rolecall_tests::clock::Dice;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::Storm;
use crate::ledger::Heard;

/// How long a session may take to come to rest once it is calm, and any single step before. It bounds a hang.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) struct User {
    storm: Storm,
    session: Session,
    /// Whether it changes transports: it speaks JSON then, which every one of them carries.
    moves: bool,
    dice: Dice,
    calm: watch::Receiver<bool>,
    name: usize,
}

impl User {
    pub(crate) async fn open(
        storm: Storm,
        proxy: SocketAddr,
        name: usize,
        moves: bool,
        calm: watch::Receiver<bool>,
    ) -> Result<Self> {
        let mut dice = Dice::new(storm.seed ^ (name as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let speaks_json = dice.below(3) == 0;
        let encoding = match (speaks_json, dice.below(2)) {
            (true, _) => Encoding::JsonV1,
            (false, 0) => Encoding::BspV1,
            (false, _) => Encoding::BspV2,
        };
        let moves = moves && speaks_json;
        let client = Client::builder(format!("http://{proxy}")).encoding(encoding).build()?;
        // Creating a session is not what is tried here: a call that the storm cut, or that came while the store was down,
        // is made again.
        for _ in 0..100 {
            match client.create_session("storyteller").await {
                Ok(session) => return Ok(Self { storm, session, moves, dice, calm, name }),
                Err(Error::Transport { .. } | Error::Refused { status: 503, .. }) => {
                    sleep(Duration::from_millis(200)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        bail!("no session in 100 attempts")
    }

    /// Talks until it is calm, then listens until everything has come.
    pub(crate) async fn live(mut self) -> Result<Heard> {
        let mut heard = Heard::default();
        let (session, name) = (self.session.clone(), self.name);
        let mut talks = std::pin::pin!(self.talk());
        let said = loop {
            tokio::select! {
                said = &mut talks => break said?,
                event = session.next_event() => heard.note(event.context("the session ended")?)?,
            }
        };
        heard.said = said;
        heard.was_here = heard.absence.is_back();
        // What was accepted last is followed by its reply.
        let rest = async {
            while !heard.is_complete() {
                heard.note(session.next_event().await.context("the session ended")?)?;
            }
            Ok::<_, anyhow::Error>(())
        };
        timeout(PATIENCE, rest).await.with_context(|| format!("user {name}: a reply does not end"))??;
        heard.session = Some(session);
        Ok(heard)
    }

    /// Between two things that are said: uniform, with the mean that the storm has.
    ///
    /// Of the first one only the rest is left, which is distributed as the lesser of two. So many users say as much in the
    /// beginning as ever after; with a whole pause first they would say more and more, for two of its means.
    fn pause(&mut self) -> Duration {
        self.storm.pause.mul_f64(self.dice.below(2_000) as f64 / 1_000.0)
    }

    /// Says one thing after the other, each with a text of its own; gives back what was accepted, and as what.
    async fn talk(&mut self) -> Result<Vec<(u64, String)>> {
        let mut said = Vec::new();
        for turn in 0.. {
            let pause = if turn == 0 { self.pause().min(self.pause()) } else { self.pause() };
            let calm = timeout(pause, self.calm.wait_for(|calm| *calm)).await.is_ok();
            if calm {
                break;
            }
            if self.moves && self.dice.below(3) == 0 {
                let to = match self.dice.below(3) {
                    0 => Transport::WebSocket,
                    1 => Transport::Events,
                    _ => Transport::Poll,
                };
                self.session.set_transport(to).await?;
            }
            let text = format!("甲{}第{turn}问：天下大势如何？", self.name);
            match timeout(PATIENCE, self.session.send(&text)).await.context("nothing is accepted")? {
                Ok(seq) => said.push((seq, text)),
                // A reply is running: nothing was said.
                Err(Error::Refused { code, .. }) if code == "busy" => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(said)
    }
}

/// Whether an event says that nothing follows.
pub(crate) fn ended(event: &Event) -> Option<String> {
    match event {
        Event::Ended { code, reason, .. } => Some(format!("ended with {code}: {reason}")),
        _ => None,
    }
}
