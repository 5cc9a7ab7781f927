//! Long polling, and requests for what the client says.

use std::collections::VecDeque;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use rolecall_conformance::{Arrival, Opening, Said};
use rolecall_tests::http::Request;
use serde_json::Value;

use crate::link::{Link, Opened, bearer, post, query, refused};

/// A polled connection.
pub(crate) struct Poll {
    to: SocketAddr,
    token: String,
    pub(crate) connection: String,
    arrived: VecDeque<Arrival>,
    cut: bool,
}

impl Poll {
    pub(crate) async fn open(to: SocketAddr, opening: &Opening, token: &str) -> Result<Opened> {
        let request = Request::new("POST", &format!("/v1/session/poll?{}", query(opening)));
        let request = bearer(opening).map_or(request.clone(), |token| request.bearer(token));
        let answer = request.send(to).await?;
        if answer.status != 201 {
            return Ok(refused(answer.status, &answer.body));
        }
        let connection = answer.json()?["connection"].as_str().context("the connection has no name")?.to_owned();
        let (arrived, token) = (VecDeque::new(), token.to_owned());
        Ok(Opened::Live(Link::Poll(Box::new(Self { to, token, connection, arrived, cut: false }))))
    }

    pub(crate) async fn say(&mut self, said: Said) -> Result<()> {
        match said {
            Said::Cut | Said::Close(_) => self.cut = true,
            said => drop(post(self.to, &self.connection, &self.token, said).await?),
        }
        Ok(())
    }

    pub(crate) async fn next(&mut self) -> Result<Arrival> {
        ensure!(!self.cut, "the connection was cut");
        if let Some(arrival) = self.arrived.pop_front() {
            return Ok(arrival);
        }
        let path = format!("/v1/session/poll?connection={}&wait_ms=20000", self.connection);
        let answer = Request::new("GET", &path).bearer(&self.token).send(self.to).await?.expect(200)?;
        let frames = answer["frames"].as_array().context("no frames")?;
        ensure!(frames.len() <= 64, "{} frames in an answer", frames.len());
        self.arrived.extend(frames.iter().cloned().map(Arrival::Frame));
        if let Some(code) = answer["close"]["code"].as_u64() {
            let reason = answer["close"]["reason"].as_str().unwrap_or_default().to_owned();
            self.arrived.push_back(Arrival::Closed(u16::try_from(code)?, reason));
        }
        match self.arrived.pop_front() {
            Some(arrival) => Ok(arrival),
            None => bail!("nothing comes: {}", Value::clone(&answer)),
        }
    }
}
