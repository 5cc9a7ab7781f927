//! The conformance cases of the session protocol. The cases are data, in the files beside this crate, and `README.md`
//! there describes their form; this reads them for runners in Rust. It knows no frame and no protocol, so that a case
//! may use frames of a later version.

mod case;
mod load;
mod pattern;
mod sections;
mod server;

pub use case::{Answer, Carrier, ClientCase, ClientStep, Do, Http, Open, Refused, ServerCase, ServerStep};
pub use load::{Broken, client_cases, server_cases};
pub use pattern::{Bindings, Mismatch};
pub use sections::sections;
pub use server::{Arrival, Call, Machine, Opening, Said, ServerHost, play, unhex};
