//! The session protocol in a model checker: two clients of one session, two nodes, one store, and in each
//! configuration *every* order in which what may happen there can happen. For those who work on the protocol, and on
//! sessions that many nodes serve; nothing here is linked into a product. `make model` checks all configurations,
//! `rolecall-model --fault LABEL` shows how a known bug comes about.
//!
//! # What is modelled
//!
//! - **The machines that ship.** `rolecall_wire`'s `Client` and `Server` are values and lie in the states as they
//!   are; frames go between them as the bytes that they encode ([`system`](System), `clients`, `serving`, `link`).
//! - **The session** as `runtime/src/session` keeps it: decide, commit one step at a time, answer behind the commit,
//!   settle before anybody attaches, continue an unfinished turn (`actor`, `commits`).
//! - **Ownership** of one node among many, designed here before it was built: a lease with a fence in every write,
//!   takeover by whoever a client or a post comes to, even while the owner lives. So an owner that was only paused,
//!   and writes of owners that are gone, come by themselves.
//! - **The store** as its contract says: a journal that takes a write whole or not at all, whose answers get lost, and
//!   which loses its tail, its lease with it, and knows it or not (`store`).
//! - **Accidents**, each as often as a configuration's [`Budget`](setup::Budget) allows: cut connections, attempts given
//!   up, crashes, lost answers, lost tails, client processes that start again from where they were saved (`action`).
//! - **Promises** P1 to P6 in every state ([`promise`]); and from every state of `rest` the way to where everything has
//!   arrived is walked (`rest`). What must happen somewhere is a `sometimes` property ([`met`]), so that a model
//!   in which nothing happens fails. Known bugs ([`fault`]) must each be found by the promise that they break.
//!
//! # What many nodes must have, by what was found without it
//!
//! 1. A fence is unique, not the last one plus one: a store that lost its tail gives a counted one twice (`fence-counted`).
//! 2. Beginning an epoch is a write like any other: fenced, and at the head that the writer knows (`epoch-unfenced`).
//! 3. A write names the head that it follows, and the store looks (`written-again`).
//! 4. A reader ends where it meets an entry of a later epoch (`reads-later-epoch`), and names numbers as never coming only
//!    up to the store's own head (`skips-what-may-come`).
//! 5. Who looks at its lease looks at head and epoch as well (`loss-unnoticed`).
//! 6. An owner that lost its lease closes with 4002, not 4304: it does not know who came (`stale-says-replaced`).
//!
//! # What is not
//!
//! - **Time stands.** What is due later is due now, and its driver late: every delay is as short as it can be, and a
//!   timer acts whenever the checker likes. Heartbeats neither go out nor come in: expiry differs from a cut
//!   connection in its code only, and a beat's watermark from an `Ack` in nothing. Pace, jitter and beats are the
//!   simulator's matter.
//! - **An assumption about stores:** after a loss that the store does not notice, nothing is committed before a client has
//!   come that saw what was lost. Without it no protocol can tell (`commits-unproven`).
//! - Replies are a piece and an end, or an end; contracts, models, `Goaway`, cancelling, refusals for load, forgotten answers
//!   and dropped logs do not occur. Applications process what they are shown at once, and save themselves with their position.
//! - One client's own abandoned attempt is not attached. Attempts are not numbered here, which is how nodes tell it (`PROTOCOL.md`
//!   §7.7): the checker would take each attempt for another client.
//! - Windows, pieces that wait for each other, BSP version 2, tokens and sleeping sessions do not occur.
//! - States are told apart by 64 bits: with a million of them, two are taken for one with a chance below one in ten million.
//!
//! # Reading a counterexample
//!
//! It is a list of steps, the first at the top. `#1 (B to A)` is the second connection, client B's to node A; "client gets"
//! and "node gets" say which frame arrives. The last line says what was seen that must not be. Where the way to rest is
//! what fails, the steps behind "nothing else happens to it" are that way. `--threads 1` finds a short one.

mod accidents;
mod action;
mod actor;
pub mod check;
mod clients;
mod commits;
mod device;
pub mod fault;
mod link;
pub mod met;
pub mod model;
pub mod pair;
pub mod promise;
mod rest;
mod serving;
pub mod setup;
pub mod setups;
mod store;
mod system;
mod words;

pub use action::Action;
pub use system::System;
