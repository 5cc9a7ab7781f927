//! A deterministic simulator of the rolecall session protocol, over the machines that ship.
//!
//! A seed stands for a whole life of a session: devices with applications, one or two nodes, a store, and
//! a network between them, all of which misbehave in ways that the protocol promises to survive. Time is
//! virtual, and everything follows from the seed, so that whatever goes wrong goes wrong again.
//! For those who work on `rolecall-wire`; nothing here is linked into a product.
//!
//! In the order of a run:
//!
//! - [`plan`]: what this seed's world is like, drawn by [`chance`];
//! - [`world`]: what there is, and how time passes;
//! - [`user`], [`app`], [`device`]: clients and their applications;
//! - [`connection`], [`serve`], [`said`], [`actor`], [`nap`], [`commit`], [`store`]: connections, nodes, and an
//!   executable model of the session, of its sleep and of its store;
//! - [`chaos`], [`nat`], [`odd`]: what is done to it all, and peers that break the rules;
//! - [`watch`], [`property`], [`checks`], [`finish`]: what must hold, after every step and at the end;
//! - [`run`], [`sweep`], [`count`], [`trace`]: a seed, many seeds, and what was met;
//! - [`quiet`]: hours and days in which nothing happens, and what comes behind them;
//! - [`mutants`]: known bugs, put into copies of the machines, each of which must be noticed.

mod actor;
mod app;
mod chance;
mod chaos;
mod checks;
mod commit;
mod connection;
pub mod count;
mod device;
mod ear;
mod finish;
pub mod mutants;
mod nap;
mod nat;
mod odd;
mod plan;
pub mod property;
pub mod quiet;
pub mod run;
mod said;
mod serve;
mod store;
pub mod sweep;
mod trace;
mod user;
mod watch;
mod world;
