//! draft

mod accidents;
mod action;
mod actor;
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
mod store;
mod system;
mod words;
pub use system::System;
pub use action::Action;
pub mod check;
pub mod setups;
