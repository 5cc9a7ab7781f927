//! Random histories of a store, by which a backend is compared with the model.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use proptest::prelude::*;

use super::conformance::{START_MS, item, new_session};
use super::{
    Commit, DONE_KEPT_MS, Delivered, Fence, Leap, Lifetime, MemoryStore, NewSession, SessionRow, Store, StoreClock,
};
use crate::ids::SessionId;

/// One step of a random history.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Commit {
        session: usize,
        lost: bool,
        stale: bool,
        after: After,
        entries: usize,
        delivered: Vec<(u8, usize)>,
        state: Option<u8>,
        running: Option<bool>,
    },
    Enqueue {
        session: usize,
        biz_id: u8,
        keeps_ms: u64,
    },
    Claim {
        session: usize,
        fence: u8,
    },
    Release {
        session: usize,
        fence: u8,
    },
    Advance {
        session: usize,
        lost: bool,
        beyond: u32,
        by: u64,
    },
    Touch {
        session: usize,
    },
    Wait {
        ms: u64,
    },
    Expire,
    Reopen,
}

/// Any step.
pub(super) fn step() -> impl Strategy<Value = Step> {
    let entries = prop_oneof![8 => 0usize..4, 1 => Just(6_000usize)];
    let delivered = prop::collection::vec((0u8..12, 0usize..4), 0..3);
    let after = prop_oneof![3 => Just(After::Unsaid), 3 => Just(After::Head), 1 => Just(After::Elsewhere)];
    let lost = || prop::bool::weighted(0.1);
    let writer = (lost(), prop::bool::weighted(0.1), after);
    prop_oneof![
        8 => (0usize..3, writer, entries, delivered, any::<Option<u8>>(), any::<Option<bool>>()).prop_map(
            |(session, (lost, stale, after), entries, delivered, state, running)| {
                Step::Commit { session, lost, stale, after, entries, delivered, state, running }
            }
        ),
        8 => (0usize..3, 0u8..12, prop_oneof![Just(5u64), Just(DONE_KEPT_MS * 3)])
            .prop_map(|(session, biz_id, keeps_ms)| Step::Enqueue { session, biz_id, keeps_ms }),
        2 => (0usize..3, 0u8..3).prop_map(|(session, fence)| Step::Claim { session, fence }),
        1 => (0usize..3, 0u8..3).prop_map(|(session, fence)| Step::Release { session, fence }),
        1 => (0usize..3, lost(), 0u32..9, prop_oneof![0u64..9, Just(50_000u64)])
            .prop_map(|(session, lost, beyond, by)| Step::Advance { session, lost, beyond, by }),
        2 => prop_oneof![Just(3u64), Just(DONE_KEPT_MS / 2), Just(DONE_KEPT_MS)].prop_map(|ms| Step::Wait { ms }),
        1 => (0usize..3).prop_map(|session| Step::Touch { session }),
        2 => Just(Step::Expire),
        1 => Just(Step::Reopen),
    ]
}

/// Which head a writer names.
#[derive(Debug, Clone, Copy)]
pub(super) enum After {
    Unsaid,
    Head,
    Elsewhere,
}

/// What a step answers and what is then visible, as text that two stores must agree on.
async fn apply(store: &dyn Store, ids: &[SessionId], step: &Step, now_ms: u64) -> String {
    let answer = match step {
        Step::Commit { session, lost, stale, after, entries, delivered, state, running } => {
            let id = &ids[*session];
            let row = row(store, id).await;
            let epoch = row.epoch;
            let commit = Commit {
                fence: fence(&row, *lost),
                after: match after {
                    After::Unsaid => None,
                    After::Head => Some(row.head),
                    After::Elsewhere => Some(row.head ^ 1),
                },
                known_in: None,
                entries: (0..*entries).map(|n| Bytes::from(format!("entry {n}"))).collect(),
                delivered: delivered
                    .iter()
                    .map(|(id, entry)| Delivered { biz_id: format!("m{id}"), entry: *entry })
                    .collect(),
                state: state.map(|byte| Bytes::from(vec![byte; 3])),
                running: *running,
            };
            format!("{:?}", store.commit(id, epoch.saturating_sub(u32::from(*stale)), commit).await)
        }
        Step::Enqueue { session, biz_id, keeps_ms } => {
            format!("{:?}", store.enqueue(&ids[*session], item(&format!("m{biz_id}"), now_ms + keeps_ms)).await)
        }
        Step::Claim { session, fence } => {
            let (id, fence) = (&ids[*session], Fence::certain((*fence).into()));
            let owner = row(store, id).await.hold.map(|hold| hold.owner);
            format!("{:?}", store.claim(id, owner.as_ref(), fence).await.map(shown))
        }
        Step::Release { session, fence } => {
            format!("{:?}", store.release(&ids[*session], Fence::certain((*fence).into())).await)
        }
        Step::Advance { session, lost, beyond, by } => {
            let id = &ids[*session];
            let row = row(store, id).await;
            let leap = Leap { fence: fence(&row, *lost), ..Leap::beyond(*beyond, row.head + by) };
            format!("{:?}", store.advance_epoch(id, row.epoch, leap).await)
        }
        Step::Touch { session } => format!("{:?}", store.touch(&ids[*session]).await),
        Step::Expire => format!("{:?}", store.expire().await),
        Step::Wait { .. } | Step::Reopen => String::new(),
    };
    let mut seen = format!("{answer} expired {}", store.take_expired());
    for id in ids {
        let Some(row) = store.session(id).await.unwrap() else {
            seen.push_str(&format!("\n{id} is gone: {:?}", store.read(id, 0, 1).await));
            continue;
        };
        let log = store.read(id, row.head.saturating_sub(20), 50).await.unwrap();
        let oldest = store.read(id, 0, 3).await.unwrap();
        // At time 0 nothing has expired: this shows what is stored.
        let inbox = (store.inbox(id, now_ms, 50).await.unwrap(), store.inbox(id, 0, 50).await.unwrap());
        let row = shown(row);
        seen.push_str(&format!("\n{row} {oldest:?} {log:?} {inbox:?}"));
    }
    for interrupted in store.interrupted().await.unwrap() {
        seen.push_str(&format!("\n{} {}", interrupted.id, interrupted.owner.is_some()));
    }
    seen
}

/// A session's row; of one that is gone, as of a new one.
async fn row(store: &dyn Store, id: &SessionId) -> SessionRow {
    let gone = || SessionRow {
        created: NewSession { id: id.clone(), ..new_session() },
        epoch: 1,
        head: 0,
        floor: 0,
        state: Bytes::new(),
        running: false,
        hold: None,
        born_in: "".into(),
    };
    store.session(id).await.unwrap().unwrap_or_else(gone)
}

/// A row without the name of its owner, which is another one in each store.
fn shown(row: SessionRow) -> String {
    format!("{:?} {:?}", row.fence(), SessionRow { hold: None, born_in: "".into(), ..row })
}

/// The fence of the last claim, or another one.
fn fence(row: &SessionRow, lost: bool) -> Option<Fence> {
    if lost { Some(Fence::certain(u128::MAX)) } else { row.fence() }
}

/// Lives a history with the model and with a store that `open` opens, and opens again for each [`Step::Reopen`]. Both must
/// answer and show the same after every step. Some stores keep claims over that, some have them end with their process.
/// Sessions of both have this lifetime.
pub(super) async fn agree<S: Store>(
    keeps_claims: bool,
    lifetime: Lifetime,
    open: impl AsyncFn(Arc<AtomicU64>) -> Arc<S>,
    steps: Vec<Step>,
) {
    let clock = Arc::new(AtomicU64::new(START_MS));
    let model = MemoryStore::with_clock(StoreClock::Manual(clock.clone())).with_lifetime(lifetime);
    let mut store = open(clock.clone()).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let new = new_session();
        model.create(new.clone()).await.unwrap();
        store.create(new.clone()).await.unwrap();
        ids.push(new.id);
    }
    for step in steps {
        if let Step::Wait { ms } = step {
            clock.fetch_add(ms, Ordering::SeqCst);
        }
        if matches!(step, Step::Reopen) {
            store.close().await;
            store = open(clock.clone()).await;
            if !keeps_claims {
                model.forget_claims();
            }
        }
        let now_ms = clock.load(Ordering::SeqCst);
        assert_eq!(
            apply(&*store, &ids, &step, now_ms).await,
            apply(&model, &ids, &step, now_ms).await,
            "after {step:?}"
        );
    }
    store.close().await;
}
