//! A policy that tries what a host offers, and tells what came of it: for the host's tests, never installed.
//! The parameter `taste` says what. Built for `wasm32-wasip2` it also tries what the standard library asks of
//! a system.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use rolecall_plugin::host::{clock, embed, kv, similarity};
use rolecall_plugin::{BadParam, ConstraintPolicy, Context, Isolation, Manifest, PolicyError, StreamCheck, Violation};
use serde::Deserialize;

/// What to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taste {
    /// The time of day.
    Clock,
    /// Adds one to a counter named by the reply.
    Count,
    /// Keeps the reply under its own first character.
    Keep,
    /// What is kept under the reply.
    Recall,
    /// Writes until there is no room.
    Fill,
    /// How alike the halves of the reply are, around a `|`.
    Similar,
    /// The same, as often as time allows.
    SimilarForEver,
    /// The vector of the reply.
    Embed,
    /// How often this instance was asked, and by how many streams.
    Calls,
    /// Breaks after some calls of one instance.
    Tire,
    /// As many steps as the reply says, in thousands.
    Work,
    /// Writes the reply to the standard output and the standard error.
    Print,
    /// Panics with the reply, which the standard library reports.
    Panic,
    /// The order of a map of the standard library, which a random seed decides.
    Map,
    /// What is in the environment, and the folder it runs in.
    Environment,
    /// The standard library's clocks.
    Time,
    /// Reads the file named by the reply.
    File,
    /// Waits.
    Sleep,
    /// Ends the process.
    Exit,
    /// Connects to the address in the reply.
    Connect,
}

/// The parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    taste: Taste,
}

/// The policy.
#[derive(Debug)]
pub struct Sampler {
    taste: Taste,
    calls: Cell<u32>,
    streams: Cell<u32>,
}

impl ConstraintPolicy for Sampler {
    type Params = Params;
    type Stream = Stream;

    fn manifest() -> Manifest {
        Manifest {
            name: "sampler".into(),
            version: "1.0.0".into(),
            doc: "Tries what a host offers; for tests only.".into(),
            params_schema: r#"{ "type": "object", "properties": { "taste": { "type": "string" } } }"#.into(),
            isolation: Isolation::Session,
        }
    }

    fn create(params: Params) -> Result<Self, BadParam> {
        Ok(Self { taste: params.taste, calls: Cell::default(), streams: Cell::default() })
    }

    fn check(self: &Rc<Self>, reply: &str, _context: &Context) -> Result<Vec<Violation>, PolicyError> {
        self.calls.set(self.calls.get() + 1);
        Ok(vec![Violation::new("taste", self.taste(reply))])
    }

    fn open_stream(self: &Rc<Self>, _context: &Context) -> Option<Stream> {
        self.streams.set(self.streams.get() + 1);
        Some(Stream { policy: Rc::clone(self), text: String::new() })
    }
}

/// A stream that tastes at its end.
#[derive(Debug)]
pub struct Stream {
    policy: Rc<Sampler>,
    text: String,
}

impl StreamCheck for Stream {
    fn push(&mut self, delta: &str) -> Result<Vec<Violation>, PolicyError> {
        self.text.push_str(delta);
        Ok(Vec::new())
    }

    fn finish(self) -> Result<Vec<Violation>, PolicyError> {
        self.policy.check(&self.text, &Context::default())
    }
}

impl Sampler {
    fn taste(&self, reply: &str) -> String {
        match self.taste {
            Taste::Clock => clock::now_ms().to_string(),
            Taste::Count => told(kv::add(reply, 1)),
            Taste::Keep => told(kv::set(reply.get(..1).unwrap_or_default(), reply.as_bytes())),
            Taste::Recall => kv::get(reply).map_or("nothing".into(), |value| String::from_utf8_lossy(&value).into()),
            Taste::Fill => (0_u32..)
                .find_map(|n| kv::set(&n.to_string(), &[0; 2_000]).err().map(|e| (n, e)))
                .map_or_else(String::new, |(n, e)| format!("{n}: {e}")),
            Taste::Similar => halves(reply),
            Taste::SimilarForEver => loop {
                std::hint::black_box(halves(reply));
            },
            Taste::Embed => told(embed::embed(reply).map(|vector| (vector.len(), vector.first().copied()))),
            Taste::Calls => format!("{} {}", self.calls.get(), self.streams.get()),
            Taste::Tire => {
                assert!(self.calls.get() < 7, "tired");
                String::new()
            }
            Taste::Work => work(reply.parse().unwrap_or(0)),
            of_the_system => system(of_the_system, reply),
        }
    }
}

fn told<T: Debug, E: ToString>(result: Result<T, E>) -> String {
    result.map_or_else(|error| error.to_string(), |value| format!("{value:?}"))
}

fn halves(reply: &str) -> String {
    let (a, b) = reply.split_once('|').unwrap_or_default();
    told(similarity::edit(a, b))
}

fn work(thousands: u64) -> String {
    let steps = thousands.saturating_mul(1_000);
    (0..steps).fold(0_u64, |sum, step| std::hint::black_box(sum ^ step)).to_string()
}

/// What the standard library asks of a system.
#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    clippy::exit,
    reason = "what a guest must not be able to do is tried here"
)]
fn system(taste: Taste, reply: &str) -> String {
    match taste {
        Taste::Print => {
            println!("out: {reply}");
            eprintln!("err: {reply}");
            String::new()
        }
        Taste::Panic => {
            // Without the guest crate's hook, as a policy that is written without it would be.
            drop(std::panic::take_hook());
            panic!("{reply}")
        }
        Taste::Map => {
            let map: HashMap<u32, ()> = (0..8).map(|key| (key, ())).collect();
            format!("{:?}", map.keys().collect::<Vec<_>>())
        }
        Taste::Environment => {
            format!(
                "{:?} {:?} {:?}",
                std::env::vars().count(),
                std::env::args().count(),
                std::env::current_dir().is_ok()
            )
        }
        Taste::Time => {
            let (before, since) = (Instant::now(), SystemTime::UNIX_EPOCH.elapsed());
            format!("{:?} {since:?}", before.elapsed())
        }
        Taste::File => told(std::fs::read_to_string(reply)),
        Taste::Sleep => {
            std::thread::sleep(Duration::from_secs(3_600));
            "awake".into()
        }
        // The host must outlive a guest that ends itself; this one is there to try that.
        Taste::Exit => std::process::exit(3),
        Taste::Connect => told(std::net::TcpStream::connect(reply).map(drop)),
        _ => String::new(),
    }
}

rolecall_plugin::export_constraint!(Sampler);
