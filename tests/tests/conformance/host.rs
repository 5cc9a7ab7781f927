//! A real server as the cases know it, with a session of the case's own.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::Result;
use rolecall_conformance::{Arrival, Bindings, Call, Carrier, Machine, Opening, Said, ServerHost};
use rolecall_tests::api::{self, Session};
use rolecall_tests::http::Request;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::link::{Link, Opened};

const ROLE: &str = "storyteller";

pub(crate) struct Host {
    to: SocketAddr,
    carrier: Carrier,
    runtime: Handle,
    session: Session,
    links: BTreeMap<String, Link>,
}

impl Host {
    pub(crate) async fn new(to: SocketAddr, carrier: Carrier, runtime: Handle) -> Result<Self> {
        let session = api::create(to, ROLE).await?;
        Ok(Self { to, carrier, runtime, session, links: BTreeMap::new() })
    }
}

impl ServerHost for Host {
    fn start(&mut self, bound: &mut Bindings) {
        for (name, value) in [("session", &*self.session.id), ("token", &*self.session.token), ("role", ROLE)] {
            bound.bind(name, value);
        }
    }

    fn open(&mut self, name: &str, opening: &Opening, bound: &mut Bindings) -> Result<Option<(u16, String)>, String> {
        let opened = Link::open(self.to, self.carrier, opening, &self.session.token);
        match self.runtime.block_on(opened).map_err(|error| format!("{error:#}"))? {
            Opened::Live(link) => {
                if let Link::WebSocket(socket) = &link {
                    bound.bind("chosen", socket.chosen.clone());
                }
                if let Some(connection) = link.name() {
                    bound.bind("connection", connection);
                }
                self.links.insert(name.to_owned(), link);
                Ok(None)
            }
            Opened::Refused(status, code) => Ok(Some((status, code))),
        }
    }

    fn say(&mut self, name: &str, said: Said) -> Result<(), String> {
        let link = self.links.get_mut(name).ok_or("no such connection")?;
        self.runtime.block_on(link.say(said)).map_err(|error| format!("{error:#}"))
    }

    fn next(&mut self, name: &str) -> Result<Arrival, String> {
        let link = self.links.get_mut(name).ok_or("no such connection")?;
        self.runtime.block_on(link.next()).map_err(|error| format!("{error:#}"))
    }

    fn call(&mut self, call: Call<'_>) -> Result<(u16, Value), String> {
        let Call { method, path, token, body } = call;
        let mut request = Request::new(method, path);
        if let Some(body) = body.filter(|body| !body.is_null()) {
            request = request.header("content-type", "application/json").body(body.to_string().into_bytes());
        }
        if let Some(token) = token {
            request = request.bearer(token);
        }
        let answer = self.runtime.block_on(request.send(self.to)).map_err(|error| format!("{error:#}"))?;
        Ok((answer.status, answer.json().unwrap_or_default()))
    }

    fn machine(&mut self, _: &str, what: Machine) -> Result<(), String> {
        Err(format!("a whole server cannot be told {what:?}"))
    }
}
