//! The process that is killed: the store that ships, and many writers at once.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use rolecall::ids::{Epoch, Seq, SessionId};
use rolecall::store::{Commit, Delivered, EmbeddedStore, Enqueued, InboxItem, Leap, NewSession, Store, StoreError};
use rolecall_tests::clock::Dice;
use tokio::task::JoinSet;

use crate::content::{Header, fingerprint};
use crate::report::Report;

/// Writers at once.
pub const WRITERS: u64 = 12;

/// Opens the directory and writes until it is killed, in these sessions at first. `life` is not used twice for a directory:
/// it names what is written.
///
/// # Errors
/// When the directory cannot be opened.
pub async fn run(directory: &Path, life: u64, seed: u64, sessions: &[SessionId]) -> Result<()> {
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(directory)?);
    Report::Ready.tell()?;
    let mut lives = Vec::new();
    for number in 0..WRITERS {
        let at = match sessions.get(usize::try_from(number)?) {
            Some(id) => Some(Place::find(&*store, id).await?),
            None => None,
        };
        let dice = Dice::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (number << 17));
        lives.push(Writer { store: Arc::clone(&store), tokens: life * WRITERS + number, steps: 0, dice, at }.run());
    }
    for ended in all(lives).await {
        if let Err(error) = ended {
            Report::Failed { error: format!("{error:#}") }.tell()?;
        }
    }
    Ok(())
}

async fn all(lives: Vec<impl Future<Output = Result<()>> + Send + 'static>) -> Vec<Result<()>> {
    lives.into_iter().collect::<JoinSet<_>>().join_all().await
}

/// Where a writer stands.
struct Place {
    id: SessionId,
    epoch: Epoch,
    head: Seq,
    /// Messages that wait, and one that is delivered.
    waiting: Vec<String>,
    delivered: Option<String>,
}

impl Place {
    /// A session that is there already.
    async fn find(store: &dyn Store, id: &SessionId) -> Result<Self> {
        let row = store.session(id).await?.with_context(|| format!("{id} is gone"))?;
        let inbox = store.inbox(id, 0, usize::MAX).await?;
        let waiting = inbox.into_iter().map(|item| item.biz_id).collect();
        Ok(Self { id: id.clone(), epoch: row.epoch, head: row.head, waiting, delivered: None })
    }
}

struct Writer {
    store: Arc<dyn Store>,
    tokens: u64,
    steps: u64,
    dice: Dice,
    at: Option<Place>,
}

impl Writer {
    async fn run(mut self) -> Result<()> {
        loop {
            let Some(mut place) = self.at.take() else {
                self.at = Some(self.create().await?);
                continue;
            };
            match self.dice.below(100) {
                0..70 => self.commit(&mut place).await?,
                70..92 => self.enqueue(&mut place).await?,
                92..95 => self.repeat(&place).await?,
                95..97 => self.leap(&mut place).await?,
                _ => continue,
            }
            self.at = Some(place);
        }
    }

    fn token(&mut self) -> u64 {
        self.steps += 1;
        (self.tokens << 24) | self.steps
    }

    /// Mostly what a chat writes, sometimes so much that tables are written out and joined.
    fn filler(&mut self) -> usize {
        let most = if self.dice.below(12) == 0 { 48 << 10 } else { 600 };
        usize::try_from(self.dice.below(most)).unwrap_or_default()
    }

    async fn create(&self) -> Result<Place> {
        let id = SessionId::random()?;
        let new = NewSession { id: id.clone(), role: "scholar".to_owned(), user: String::new(), created_ms: 1 };
        self.store.create(new).await?;
        Report::Created { session: id.to_string() }.tell()?;
        Ok(Place { id, epoch: 1, head: 0, waiting: Vec::new(), delivered: None })
    }

    async fn commit(&mut self, place: &mut Place) -> Result<()> {
        let token = self.token();
        let count = 1 + self.dice.index(4);
        let state = self.dice.below(2) == 0;
        let running = self.dice.below(2) == 0;
        let delivered: Vec<String> = place.waiting.extract_if(.., |_| self.dice.below(3) == 0).collect();
        let mut entries = Vec::new();
        for index in 0..count {
            let filler = self.filler();
            let header = Header { token, index, count, delivered: delivered.clone(), state, running, filler };
            entries.push(Bytes::from(header.bytes()?));
        }
        let fingerprints = entries.iter().map(|bytes| fingerprint(bytes)).collect();
        let commit = Commit {
            fence: None,
            after: Some(place.head),
            known_in: None,
            entries,
            delivered: delivered.iter().map(|id| Delivered { biz_id: id.clone(), entry: count - 1 }).collect(),
            state: state.then(|| Bytes::from(token.to_string())),
            running: Some(running),
        };
        let committed = self.store.commit(&place.id, place.epoch, commit).await?;
        let session = place.id.to_string();
        Report::Committed { session, first: committed.first, head: committed.head, entries: fingerprints }.tell()?;
        place.head = committed.head;
        place.delivered = delivered.into_iter().next().or(place.delivered.take());
        Ok(())
    }

    async fn enqueue(&mut self, place: &mut Place) -> Result<()> {
        let token = self.token();
        let filler = self.filler();
        let header = Header { token, index: 0, count: 1, delivered: Vec::new(), state: false, running: false, filler };
        let bytes = header.bytes()?;
        let (biz_id, content) = (format!("b{token}"), fingerprint(&bytes));
        let item = InboxItem { biz_id: biz_id.clone(), bytes: bytes.into(), expires_ms: u64::MAX };
        match self.store.enqueue(&place.id, item).await {
            Ok(Enqueued::Fresh) => {}
            Err(StoreError::InboxFull(_)) => return Ok(()),
            other => anyhow::bail!("a new message was answered {other:?}"),
        }
        Report::Enqueued { session: place.id.to_string(), biz_id: biz_id.clone(), content }.tell()?;
        place.waiting.push(biz_id);
        Ok(())
    }

    /// Posts a delivered message again.
    async fn repeat(&self, place: &Place) -> Result<()> {
        let Some(biz_id) = place.delivered.clone() else { return Ok(()) };
        let item = InboxItem { biz_id: biz_id.clone(), bytes: Bytes::new(), expires_ms: u64::MAX };
        match self.store.enqueue(&place.id, item).await.context("a repeated message")? {
            Enqueued::Delivered(seq) => Ok(Report::Delivered { session: place.id.to_string(), biz_id, seq }.tell()?),
            other => anyhow::bail!("{biz_id} was delivered, and is {other:?} when it is posted again"),
        }
    }

    /// Goes on in a new epoch and, mostly, behind a hole.
    async fn leap(&mut self, place: &mut Place) -> Result<()> {
        let resume_at = place.head + self.dice.below(20);
        place.epoch = self.store.advance_epoch(&place.id, place.epoch, Leap::beyond(place.epoch, resume_at)).await?;
        place.head = place.head.max(resume_at.saturating_sub(1));
        Report::Leapt { session: place.id.to_string(), epoch: place.epoch, resume_at }.tell()?;
        Ok(())
    }
}
