//! A connection: the server's machine, and what is on its way. Frames come in order or not at all.

use std::collections::VecDeque;

use bytes::Bytes;
use rolecall_wire::frame::Hello;
use rolecall_wire::server::{Server, State};

use crate::pair::Name;
use crate::store::Token;

/// From a client to a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Up {
    /// The upgrade request.
    Hello,
    Frame(Bytes),
    /// The client's end is closed, or seems to be.
    End,
}

/// From a node to a client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Down {
    Opened,
    Refused(u16),
    Frame(Bytes),
    Close(u16),
    /// The node's end is closed, or seems to be.
    Gone,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) id: u8,
    pub(crate) device: Name,
    pub(crate) node: Name,
    pub(crate) hello: Hello,
    pub(crate) client_open: bool,
    pub(crate) server_open: bool,
    /// Nothing comes through any more.
    pub(crate) cut: bool,
    pub(crate) server: Option<Server>,
    pub(crate) up: VecDeque<Up>,
    pub(crate) down: VecDeque<Down>,
    pub(crate) attached: Option<Attached>,
}

/// How a connection that is served stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Attached {
    /// Of the owner that serves it.
    pub(crate) token: Token,
    pub(crate) epoch: u8,
    /// The owner's head when the client attached: where the replay ends.
    pub(crate) head: u8,
    /// The last sequence id given to the machine.
    pub(crate) cursor: u8,
    /// The last one of a message, and not of a skip.
    pub(crate) sent: u8,
    /// Where the replay began, until it is over.
    pub(crate) replaying: Option<u8>,
}

impl Link {
    pub(crate) fn new(id: u8, device: Name, node: Name, hello: Hello) -> Self {
        Self {
            id,
            device,
            node,
            hello,
            client_open: true,
            server_open: true,
            cut: false,
            server: None,
            up: VecDeque::from([Up::Hello]),
            down: VecDeque::new(),
            attached: None,
        }
    }

    /// Whether a server's machine is live on it.
    pub(crate) fn is_live(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.state() == State::Active)
    }

    pub(crate) fn push_up(&mut self, item: Up) {
        if self.server_open && !self.cut {
            self.up.push_back(item);
        }
    }

    pub(crate) fn push_down(&mut self, item: Down) {
        if self.client_open && !self.cut {
            self.down.push_back(item);
        }
    }

    /// The client drops its socket.
    pub(crate) fn leave(&mut self) {
        self.client_open = false;
        self.down.clear();
        self.push_up(Up::End);
    }

    /// The node drops its socket.
    pub(crate) fn drop_server(&mut self) {
        (self.server, self.server_open) = (None, false);
        self.up.clear();
    }

    /// What is on its way is lost, and both ends find out some time.
    pub(crate) fn sever(&mut self) {
        self.cut = true;
        (self.up, self.down) = (VecDeque::from([Up::End]), VecDeque::from([Down::Gone]));
        if self.server.is_none() {
            // No node knows of it.
            self.drop_server();
        }
        if !self.client_open {
            self.down.clear();
        }
    }
}
