use wasmtime::component::{Resource, Val};
use wasmtime::{AsContextMut, StoreContextMut};

use super::Nothing;
use crate::guest::{State, charge};

/// Bytes that a write may have at once.
const WRITE: u64 = 4_096;
/// Random bytes that may be asked for at once; std and the common libraries want 16 to 64.
const RANDOM: u64 = 4_096;

/// Instructions that a call counts as.
const CALL: u64 = 5_000;

/// Numbers of handles.
const STDIN: u32 = 0;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// How a function of WASI answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// `[]`
    Empty,
    /// `none`
    Absent,
    /// A handle of this number.
    Handle(u32),
    /// `ok`
    Done,
    /// Nothing: what it waits for is there. Only streams are waited for, and these are always ready.
    Ready,
    /// `true`
    Yes,
    /// Each of those given.
    All,
    /// `ok(n)`: so many bytes may be written.
    Room,
    /// Writes the bytes to the log.
    Write,
    /// `err(closed)`
    Ended,
    /// 1970-01-01, and a resolution of nothing.
    Epoch,
    /// 0 nanoseconds.
    Zero,
    /// Bytes, as many as asked for.
    Bytes,
    /// A number.
    Number,
    /// Two numbers.
    Seed,
    /// The call fails; so is it called.
    Refused(String),
}

/// How the function of an interface answers.
pub(super) fn of(interface: &str, function: &str) -> Answer {
    let name = interface.split_once('@').map_or(interface, |(name, _)| name);
    match (name, function) {
        ("wasi:cli/environment", "get-environment" | "get-arguments")
        | ("wasi:filesystem/preopens", "get-directories") => Answer::Empty,
        ("wasi:cli/environment", "initial-cwd")
        | ("wasi:cli/terminal-stdin", "get-terminal-stdin")
        | ("wasi:cli/terminal-stdout", "get-terminal-stdout")
        | ("wasi:cli/terminal-stderr", "get-terminal-stderr") => Answer::Absent,
        ("wasi:cli/stdin", "get-stdin") => Answer::Handle(STDIN),
        ("wasi:cli/stdout", "get-stdout") => Answer::Handle(STDOUT),
        ("wasi:cli/stderr", "get-stderr") => Answer::Handle(STDERR),
        ("wasi:io/streams", "[method]output-stream.check-write") => Answer::Room,
        ("wasi:io/streams", "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush") => {
            Answer::Write
        }
        ("wasi:io/streams", "[method]output-stream.flush" | "[method]output-stream.blocking-flush") => Answer::Done,
        (
            "wasi:io/streams",
            "[method]input-stream.read"
            | "[method]input-stream.blocking-read"
            | "[method]input-stream.skip"
            | "[method]input-stream.blocking-skip",
        ) => Answer::Ended,
        ("wasi:io/streams", "[method]output-stream.subscribe" | "[method]input-stream.subscribe") => {
            Answer::Handle(STDIN)
        }
        ("wasi:io/poll", "[method]pollable.block") => Answer::Ready,
        ("wasi:io/poll", "[method]pollable.ready") => Answer::Yes,
        ("wasi:io/poll", "poll") => Answer::All,
        ("wasi:clocks/wall-clock", "now" | "resolution") => Answer::Epoch,
        ("wasi:clocks/monotonic-clock", "now" | "resolution") => Answer::Zero,
        ("wasi:random/random", "get-random-bytes") | ("wasi:random/insecure", "get-insecure-random-bytes") => {
            Answer::Bytes
        }
        ("wasi:random/random", "get-random-u64") | ("wasi:random/insecure", "get-insecure-random-u64") => {
            Answer::Number
        }
        ("wasi:random/insecure-seed", "insecure-seed") => Answer::Seed,
        _ => Answer::Refused(format!("{name}#{function}")),
    }
}

impl Answer {
    pub(super) fn give(
        &self,
        mut store: StoreContextMut<'_, State>,
        given: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        charge(&mut store, CALL)?;
        // A call ends with all that it lent given back.
        let mut handles = Vec::new();
        given.iter().try_for_each(|value| take_back(&mut store, value, &mut handles))?;
        let value = match self {
            Self::Empty => Val::List(Vec::new()),
            Self::Absent => Val::Option(None),
            Self::Handle(number) => {
                Val::Resource(Resource::<Nothing>::new_own(*number).try_into_resource_any(&mut store)?)
            }
            Self::Done => ok(None),
            Self::Ready => return Ok(()),
            Self::Yes => Val::Bool(true),
            Self::All => match given {
                [Val::List(waited)] => Val::List((0_u32..).zip(waited).map(|(at, _)| Val::U32(at)).collect()),
                _ => Val::List(Vec::new()),
            },
            Self::Room => ok(Some(Val::U64(WRITE))),
            Self::Write => {
                if let [_, Val::List(bytes)] = given {
                    write(&mut store, handles == [STDERR], bytes);
                }
                ok(None)
            }
            Self::Ended => Val::Result(Err(Some(Box::new(Val::Variant("closed".into(), None))))),
            Self::Epoch => Val::Record(vec![("seconds".into(), Val::U64(0)), ("nanoseconds".into(), Val::U32(0))]),
            Self::Zero => Val::U64(0),
            Self::Bytes => match given {
                [Val::U64(count @ ..=RANDOM)] => {
                    Val::List((0..*count).map(|_| Val::U8(random(&mut store).to_le_bytes()[0])).collect())
                }
                _ => return Err(refused(&format!("more than {RANDOM} random bytes"))),
            },
            Self::Number => Val::U64(random(&mut store)),
            Self::Seed => Val::Tuple(vec![Val::U64(random(&mut store)), Val::U64(random(&mut store))]),
            Self::Refused(what) => return Err(refused(what)),
        };
        if let Some(result) = results.first_mut() {
            *result = value;
        }
        Ok(())
    }
}

fn ok(value: Option<Val>) -> Val {
    Val::Result(Ok(value.map(Box::new)))
}

fn refused(what: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("the policy called {what}; policies have no files, network, time or processes"))
}

fn random(store: &mut StoreContextMut<'_, State>) -> u64 {
    store.data_mut().random()
}

fn write(store: &mut StoreContextMut<'_, State>, to_errors: bool, bytes: &[Val]) {
    let bytes: Vec<u8> = bytes.iter().map(|byte| if let Val::U8(byte) = byte { *byte } else { b'?' }).collect();
    store.data_mut().output(to_errors, &bytes);
}

/// Gives back what was lent: the numbers of the handles.
fn take_back(store: &mut StoreContextMut<'_, State>, value: &Val, handles: &mut Vec<u32>) -> wasmtime::Result<()> {
    match value {
        Val::Resource(handle) => {
            handles.push(handle.try_into_resource::<Nothing>(store.as_context_mut())?.rep());
            Ok(())
        }
        Val::List(values) => values.iter().try_for_each(|value| take_back(store, value, handles)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails when what reaches outside, or gives something to wait for, is answered.
    #[test]
    fn what_has_power_is_refused() {
        for (interface, function) in [
            ("wasi:filesystem/types@0.2.6", "[method]descriptor.open-at"),
            ("wasi:clocks/monotonic-clock@0.2.6", "subscribe-duration"),
            ("wasi:clocks/monotonic-clock@0.2.6", "subscribe-instant"),
            ("wasi:cli/exit@0.2.6", "exit"),
            ("wasi:sockets/instance-network@0.2.6", "instance-network"),
            ("wasi:http/outgoing-handler@0.2.6", "handle"),
        ] {
            assert!(matches!(of(interface, function), Answer::Refused(_)), "{interface} {function}");
        }
        assert_eq!(of("wasi:cli/environment@0.2.0", "get-environment"), Answer::Empty);
    }
}
