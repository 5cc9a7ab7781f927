//! A state of everything: clients, connections, nodes, the store, and what may still happen.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::actor::Actor;
use crate::device::{App, Device};
use crate::link::Link;
use crate::met::Met;
use crate::pair::{Name, Pair};
use crate::promise::{Broken, Held, Promise, hold};
use crate::setup::{Budget, Setup};
use crate::store::{Request, Said, Store};

/// A state. What did not change in a step is shared with the state before.
#[derive(Debug, Clone)]
pub struct System {
    pub(crate) devices: Pair<Arc<Device>>,
    pub(crate) links: Vec<Arc<Link>>,
    /// Who owns the session, or thinks so.
    pub(crate) nodes: Pair<Option<Arc<Actor>>>,
    pub(crate) store: Arc<Store>,
    /// Writes whose writers are gone. They may be taken yet.
    pub(crate) late: Vec<Request>,
    /// Whose connection attached last.
    pub(crate) latest: Option<Name>,
    pub(crate) left: Budget,
    pub(crate) broken: Option<Broken>,
    /// What happened in the last step: no part of the state.
    pub(crate) mets: Vec<Met>,
}

impl System {
    pub(crate) fn new(setup: &Setup) -> Self {
        let device = Arc::new(Device::new(setup.acks));
        Self {
            devices: Pair { a: device.clone(), b: device },
            links: Vec::new(),
            nodes: Pair { a: None, b: None },
            store: Arc::new(Store::new()),
            late: Vec::new(),
            latest: None,
            left: setup.budget,
            broken: None,
            mets: Vec::new(),
        }
    }

    /// Which promise was broken on the way here.
    #[must_use]
    pub const fn broken(&self) -> Option<Broken> {
        self.broken
    }

    pub(crate) fn met(&mut self, met: Met) {
        self.mets.push(met);
    }

    pub(crate) fn device(&mut self, name: Name) -> &mut Device {
        Arc::make_mut(self.devices.of_mut(name))
    }

    pub(crate) fn find(&self, id: u8) -> Option<&Link> {
        self.links.iter().find(|link| link.id == id).map(Arc::as_ref)
    }

    pub(crate) fn link(&mut self, id: u8) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.id == id).map(Arc::make_mut)
    }

    pub(crate) fn actor(&mut self, node: Name) -> Option<&mut Actor> {
        self.nodes.of_mut(node).as_mut().map(Arc::make_mut)
    }

    pub(crate) fn store(&mut self) -> &mut Store {
        Arc::make_mut(&mut self.store)
    }

    /// The lowest number that no connection has.
    pub(crate) fn free_link(&self) -> u8 {
        (0..=u8::MAX).find(|id| self.find(*id).is_none()).unwrap_or(u8::MAX)
    }

    /// The lowest number that makes a token unlike any that is anywhere.
    pub(crate) fn free_token(&self) -> u8 {
        let actors = self.nodes.iter().filter_map(|(_, actor)| Some(actor.as_ref()?.token));
        let links = self.links.iter().filter_map(|link| Some(link.attached?.token));
        let late = self.late.iter().map(|request| request.token);
        let used: Vec<u8> = (actors.chain(links).chain(late).chain(self.store.earlier()).chain([self.store.token]))
            .map(|token| token.unique)
            .collect();
        (1..=u8::MAX).find(|unique| !used.contains(unique)).unwrap_or(u8::MAX)
    }

    /// Whether a loss was not noticed by the store, and somebody knows otherwise what may be committed next.
    /// Until this client has come, nothing must be committed: nobody could tell any more that two messages
    /// have one number. This is what the protocol assumes of its stores.
    pub(crate) fn unproven(&self) -> bool {
        let head = self.store.head();
        let has = |app: &App| app.journal.last().is_some_and(|seen| seen.seq > head);
        let ahead = |device: &Device| has(&device.app) || device.saved.as_ref().is_some_and(|saved| has(&saved.1));
        let on_its_way = |link: &Link| link.client_open && !link.cut && link.attached.is_some_and(|it| it.sent > head);
        self.store.silent
            && (self.devices.iter().any(|(_, device)| ahead(device)) || self.links.iter().any(|link| on_its_way(link)))
    }

    /// What cannot matter any more is not told apart, so that states coincide.
    pub(crate) fn tidy(&mut self, setup: &Setup) {
        let over = |link: &Link| !link.client_open && !link.server_open;
        while let Some(id) = self.links.iter().find(|link| over(link)).map(|link| link.id) {
            self.links.retain(|link| link.id != id);
            for node in Name::BOTH {
                if let Some(actor) = self.actor(node) {
                    actor.forget(id);
                }
            }
        }
        self.links.sort_unstable_by_key(|link| link.id);
        if self.store.silent && !self.unproven() {
            self.store().silent = false;
        }
        if self.left.losses == 0 {
            if self.store.earlier().next().is_some() {
                self.store().forget_claims();
            }
            let (store, fault) = (self.store.clone(), setup.fault);
            self.late.retain(|request| store.takes(request, fault));
        }
    }

    /// What must hold whatever happened.
    pub(crate) fn check(&self) -> Held {
        for node in Name::BOTH {
            let live = self.links.iter().filter(|link| link.node == node && link.is_live()).count();
            hold(live <= 1, Promise::P4, "a node serves two connections of the session")?;
        }
        Ok(())
    }

    /// Whether everything is delivered, answered and settled.
    pub(crate) fn is_at_rest(&self) -> bool {
        let client = |device: &Device| {
            device.over.is_some()
                || device.client.state() == rolecall_wire::client::State::Idle
                || (device.client.state() == rolecall_wire::client::State::Active
                    && device.caught_up
                    && device.app.last == self.store.head()
                    && device.client.unaccepted() == 0)
        };
        let answered = |turn| self.store.entries().any(|entry| entry.turn == turn && entry.said == Said::Reply);
        self.devices.iter().all(|(_, device)| client(device))
            && self.store.entries().all(|entry| entry.turn == 0 || answered(entry.turn))
            && self.nodes.iter().all(|(_, actor)| actor.as_ref().is_none_or(|actor| actor.is_settled()))
    }

    /// A write is on its way without its writer.
    pub(crate) fn orphan(&mut self, request: Request) {
        if !self.late.contains(&request) {
            self.late.push(request);
        }
    }
}

impl PartialEq for System {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for System {}

impl Hash for System {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

type Identity<'a> = (
    &'a Pair<Arc<Device>>,
    &'a Vec<Arc<Link>>,
    &'a Pair<Option<Arc<Actor>>>,
    &'a Store,
    &'a Vec<Request>,
    (Option<Name>, Budget, Option<Broken>),
);

impl System {
    fn identity(&self) -> Identity<'_> {
        let Self { devices, links, nodes, store, late, latest, left, broken, mets: _ } = self;
        (devices, links, nodes, store, late, (*latest, *left, *broken))
    }
}
