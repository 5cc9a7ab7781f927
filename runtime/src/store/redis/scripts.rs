//! The scripts: each changes one session, at once and whole or not at all.
//!
//! They say `#!lua` in their first line, so that the server refuses them before their first command where it would refuse
//! a write: out of memory, as a replica, with a disk that fails. Each looks at the types of its keys, the session's epoch
//! and head before it writes. What else could fail there is a mistake of ours.

use std::sync::LazyLock;

use bytes::Bytes;
use redis::{Cmd, ErrorKind, RedisError, Script, ServerErrorKind, Value};

use super::route::{Servers, Way};
use crate::store::StoreError;

/// A script as the server knows it.
pub(super) struct Text {
    text: &'static str,
    script: LazyLock<Script>,
}

macro_rules! script {
    ($name:ident, $($part:literal),+) => {
        script!($name: "#!lua\n", $($part),+);
    };
    ($name:ident: $first:literal, $($part:literal),+) => {
        pub(in crate::store::redis) static $name: Text = Text {
            text: concat!($first, $(include_str!($part)),+),
            script: LazyLock::new(|| Script::new(concat!($first, $(include_str!($part)),+))),
        };
    };
}

script!(CREATE, "scripts/common.lua", "scripts/create.lua");
script!(COMMIT, "scripts/common.lua", "scripts/inbox.lua", "scripts/commit.lua");
script!(ENQUEUE, "scripts/common.lua", "scripts/inbox.lua", "scripts/enqueue.lua");
// A server that takes no writes still answers it.
script!(RECEIPT: "#!lua flags=no-writes\n", "scripts/common.lua", "scripts/receipt.lua");
script!(ADVANCE, "scripts/common.lua", "scripts/advance.lua");
script!(CLAIM, "scripts/common.lua", "scripts/claim.lua");
script!(RELEASE, "scripts/common.lua", "scripts/release.lua");
script!(TOUCH, "scripts/common.lua", "scripts/touch.lua");
script!(RENEW, "scripts/common.lua", "scripts/renew.lua");
script!(RING, "scripts/common.lua", "scripts/ring.lua");
script!(SETTLED, "scripts/common.lua", "scripts/settled.lua");

/// The scripts of the inference queue.
pub(super) mod jobs {
    use super::{LazyLock, Script, Text};

    script!(ADD, "scripts/common.lua", "scripts/jobs/common.lua", "scripts/jobs/add.lua");
    script!(TAKE, "scripts/common.lua", "scripts/jobs/common.lua", "scripts/jobs/take.lua");
    script!(RENEW, "scripts/common.lua", "scripts/jobs/common.lua", "scripts/jobs/renew.lua");
    script!(SETTLE, "scripts/common.lua", "scripts/jobs/common.lua", "scripts/jobs/settle.lua");
    script!(CANCEL, "scripts/common.lua", "scripts/jobs/common.lua", "scripts/jobs/cancel.lua");
    script!(RETRY, "scripts/common.lua", "scripts/jobs/common.lua", "scripts/jobs/retry.lua");
    script!(LOOK, "scripts/common.lua", "scripts/jobs/common.lua", "scripts/jobs/look.lua");
}

/// A call of a script.
pub(super) struct Call {
    text: &'static Text,
    keys: Vec<String>,
    arguments: Vec<Bytes>,
}

impl Call {
    /// A call on keys of one slot.
    pub(super) fn of(text: &'static Text, keys: impl Into<Vec<String>>) -> Self {
        Self { text, keys: keys.into(), arguments: Vec::new() }
    }

    /// Adds an argument.
    pub(super) fn arg(mut self, argument: impl Into<Bytes>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds a number, as it is.
    #[allow(clippy::needless_pass_by_value, reason = "numbers are copied")]
    pub(super) fn number(self, number: impl ToString) -> Self {
        self.arg(number.to_string())
    }

    /// The keys that it declares.
    #[cfg(test)]
    pub(super) fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The key that an error is about, as far as is known.
    pub(super) fn first_key(&self) -> &str {
        self.keys.first().map_or("", String::as_str)
    }

    /// Runs the script. A server that does not know it has done nothing, and gets its text.
    pub(super) async fn run(&self, way: &Way) -> Result<Value, RedisError> {
        match way.ask(&self.command("EVALSHA", self.text.script.get_hash())).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                way.ask(&self.command("EVAL", self.text.text)).await
            }
            other => other,
        }
    }

    /// Runs it where its keys are. It must be one that may run twice.
    pub(super) async fn run_anywhere(&self, servers: &Servers) -> Result<Value, StoreError> {
        let mut route = servers.route(self.first_key());
        loop {
            let way = route.way().await?;
            match self.run(&way).await {
                Ok(answer) => return Ok(answer),
                Err(error) if route.follows(&way, &error).await => {}
                Err(error) => return Err(way.failed(&error, self.first_key()).into()),
            }
        }
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let size = self.arguments.iter().map(Bytes::len).fold(256, usize::saturating_add);
        let count = self.arguments.len().saturating_add(self.keys.len()).saturating_add(3);
        let mut command = Cmd::with_capacity(count, size);
        command.arg(name).arg(script).arg(self.keys.len()).arg(&self.keys);
        for argument in &self.arguments {
            command.arg(argument.as_ref());
        }
        command
    }
}
