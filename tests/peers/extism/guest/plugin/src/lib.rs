//! The policy `classical_tone` as an Extism plug-in: JSON in, JSON out, parameters from the plug-in's
//! configuration, and between calls it keeps what it has compiled.

#![allow(missing_docs, reason = "`plugin_fn` drops the comment of what it exports")]

use std::cell::{OnceCell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use extism_pdk::{Error, FnResult, Json, config, plugin_fn};
use rolecall_plugin::{ConstraintPolicy, Context, PolicyError, Severity, StreamCheck, Violation};
use serde::{Deserialize, Serialize};

use policy::ClassicalTone;

/// The source that the component is built from too.
#[allow(unreachable_pub, reason = "it is a crate of its own")]
#[path = "../../../../../../plugins/classical_tone/src/lib.rs"]
mod policy;

/// What a component gets as arguments of `check`.
#[derive(Debug, Deserialize)]
struct Question {
    reply: String,
    role: String,
    language: String,
}

/// A violation, with the names that a component's has.
#[derive(Debug, Serialize)]
struct Found {
    rule: String,
    message: String,
    severity: &'static str,
    spans: Vec<Range<usize>>,
    suggestion: Option<String>,
}

thread_local! {
    static POLICY: OnceCell<Rc<ClassicalTone>> = const { OnceCell::new() };
    static STREAM: RefCell<Option<policy::Reply>> = const { RefCell::new(None) };
}

/// Judges a whole reply.
#[plugin_fn]
pub fn check(Json(question): Json<Question>) -> FnResult<Json<Vec<Found>>> {
    let context = Context { role: question.role, language: question.language };
    Ok(found(policy()?.check(&question.reply, &context))?)
}

/// Begins a reply that grows.
#[plugin_fn]
pub fn open_stream() -> FnResult<()> {
    let opened = policy()?.open_stream(&Context::default());
    STREAM.with(|stream| *stream.borrow_mut() = opened);
    Ok(())
}

/// Judges its next piece.
#[plugin_fn]
pub fn push(delta: String) -> FnResult<Json<Vec<Found>>> {
    let pushed = STREAM.with(|stream| stream.borrow_mut().as_mut().map(|stream| stream.push(&delta)));
    Ok(found(pushed.ok_or_else(|| Error::msg("no stream is open"))?)?)
}

fn policy() -> Result<Rc<ClassicalTone>, Error> {
    POLICY.with(|policy| match policy.get() {
        Some(policy) => Ok(Rc::clone(policy)),
        None => {
            let params = config::get("params")?.unwrap_or_else(|| "{}".to_owned());
            let made = Rc::new(ClassicalTone::create(serde_json::from_str(&params)?).map_err(Error::msg)?);
            Ok(Rc::clone(policy.get_or_init(|| made)))
        }
    })
}

fn found(judged: Result<Vec<Violation>, PolicyError>) -> Result<Json<Vec<Found>>, Error> {
    let found = judged?.into_iter().map(|violation| Found {
        rule: violation.rule,
        message: violation.message,
        severity: match violation.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        spans: violation.spans,
        suggestion: violation.suggestion,
    });
    Ok(Json(found.collect()))
}
