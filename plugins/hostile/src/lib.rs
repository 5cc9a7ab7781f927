//! A policy that misbehaves on request, for the host's tests. Never installed: it is built to
//! `target/hostile/`, not into the plugin folder. It implements both worlds; the parameter `mode`
//! says how it sins, `honest` not at all.
#![allow(clippy::panic, reason = "to panic is one of its modes")]

mod sins;

use std::rc::Rc;

use rolecall_plugin::{
    BadParam, ConstraintPolicy, Context, DeliveryPolicy, Features, Isolation, Manifest, MergedGroup, OfflineMessage,
    PolicyError, StreamCheck, Verdict, Violation,
};
use serde::Deserialize;

/// How to sin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Not at all; finds the word "bad".
    Honest,
    /// As honest, but only warns.
    Mild,
    /// As honest, but opens no stream.
    NoStream,
    /// Never returns.
    Spin,
    /// Never returns from making the policy.
    SpinCreate,
    /// Takes memory until there is none.
    Hoard,
    /// Calls itself without end.
    Recurse,
    /// Executes `unreachable`.
    Trap,
    /// Panics with a message.
    Panic,
    /// Returns 60 000 violations.
    HugeList,
    /// Returns one violation of 20 MB.
    HugeText,
    /// Returns a gigabyte: many violations that share one long message.
    Gigabyte,
    /// Returns a message that ends beyond its memory.
    Elsewhere,
    /// Logs 20 MB at once.
    HugeLog,
    /// Logs without end.
    LogFlood,
    /// More violations and longer messages than are kept.
    ManyViolations,
    /// A span inside a character.
    SpanInside,
    /// A span that ends before it begins.
    SpanReversed,
    /// A span beyond the text.
    SpanBeyond,
    /// Spans out of order.
    SpanDisorder,
    /// Reports a failure of its own.
    Internal,
    /// Refuses its parameters.
    BadParams,
    /// Keeps what it has seen and reports it again.
    Remember,
    /// A merge that leaves a message out.
    LeaveOut,
    /// A merge that delivers a message twice.
    Twice,
    /// A merge of a message that does not exist.
    Invent,
    /// A merge without a text.
    NoText,
    /// A merge with an empty group.
    EmptyGroup,
    /// A comparison that repeats all that it was told, as a failure.
    Tell,
}

/// The parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    mode: Mode,
}

/// The policy.
#[derive(Debug)]
pub struct Hostile(Mode);

impl Hostile {
    fn make(params: &Params) -> Result<Self, BadParam> {
        match params.mode {
            Mode::SpinCreate => sins::spin(),
            Mode::BadParams => Err(BadParam::new("mode", "no such day")),
            mode => Ok(Self(mode)),
        }
    }
}

/// How it describes itself. Tests write another word of this length in its place in the component.
static CONDUCT: &str = "conduct:honest";

fn manifest(world: &str) -> Manifest {
    let version = match std::hint::black_box(CONDUCT) {
        "conduct:spins!" => sins::spin(),
        "conduct:panics" => panic!("deliberate panic in describe"),
        "conduct:differ" => format!("1.0.0-{world}"),
        "conduct:gossip" => "1".repeat(20 << 20),
        _ => "1.0.0".into(),
    };
    Manifest {
        name: "hostile".into(),
        version,
        doc: "Misbehaves on request; for tests only.".into(),
        params_schema: r#"{
            "type": "object",
            "properties": { "mode": { "type": "string" } },
            "required": ["mode"],
            "additionalProperties": false
        }"#
        .into(),
        isolation: Isolation::Session,
    }
}

impl ConstraintPolicy for Hostile {
    type Params = Params;
    type Stream = Stream;

    fn manifest() -> Manifest {
        manifest("constraint")
    }

    fn create(params: Params) -> Result<Self, BadParam> {
        Self::make(&params)
    }

    fn check(self: &Rc<Self>, reply: &str, _context: &Context) -> Result<Vec<Violation>, PolicyError> {
        sins::judge(self.0, reply)
    }

    fn open_stream(self: &Rc<Self>, _context: &Context) -> Option<Stream> {
        (self.0 != Mode::NoStream).then(|| Stream { mode: self.0, text: String::new(), reported: 0 })
    }
}

/// Sins at each push.
#[derive(Debug)]
pub struct Stream {
    mode: Mode,
    text: String,
    reported: usize,
}

impl StreamCheck for Stream {
    fn push(&mut self, delta: &str) -> Result<Vec<Violation>, PolicyError> {
        self.text.push_str(delta);
        let mut found = sins::judge(self.mode, &self.text)?;
        let new = found.split_off(self.reported.min(found.len()));
        self.reported += new.len();
        Ok(new)
    }

    fn finish(self) -> Result<Vec<Violation>, PolicyError> {
        Ok(Vec::new())
    }
}

impl DeliveryPolicy for Hostile {
    type Params = Params;

    fn manifest() -> Manifest {
        manifest("delivery")
    }

    fn create(params: Params) -> Result<Self, BadParam> {
        Self::make(&params)
    }

    fn merge(&self, window: &[OfflineMessage]) -> Result<Vec<MergedGroup>, PolicyError> {
        sins::judge(self.0, "")?;
        Ok(sins::groups(self.0, window.len()))
    }

    fn same(&self, a: &OfflineMessage, b: &OfflineMessage, features: &Features) -> Result<Verdict, PolicyError> {
        sins::judge(self.0, "")?;
        sins::compare(self.0, a, b, features)
    }
}

rolecall_plugin::export_constraint!(Hostile);
rolecall_plugin::export_delivery!(Hostile);
