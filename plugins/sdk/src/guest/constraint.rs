use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use super::{install_panic_hook, offset, parse_params};
use crate::bindings::constraint::exports::rolecall::policy::constraint as abi;
use crate::bindings::constraint::rolecall::policy::types;
use crate::{BadParam, ConstraintPolicy, Context, Isolation, PolicyError, Severity, StreamCheck, Violation};

/// World `constraint-policy` by `P`.
#[derive(Debug)]
pub struct Constraint<P>(PhantomData<P>);

/// A live policy.
#[derive(Debug)]
pub struct Handle<P>(Rc<P>);

/// A live stream; `None` once finished.
#[derive(Debug)]
pub struct StreamHandle<P: ConstraintPolicy>(RefCell<Option<P::Stream>>);

impl<P: ConstraintPolicy> abi::Guest for Constraint<P> {
    type Policy = Handle<P>;
    type StreamCheck = StreamHandle<P>;

    fn describe() -> types::Manifest {
        install_panic_hook();
        let manifest = P::manifest();
        types::Manifest {
            name: manifest.name,
            version: manifest.version,
            doc: manifest.doc,
            params_schema: manifest.params_schema,
            streaming: P::Stream::STREAMING,
            isolation: match manifest.isolation {
                Isolation::Call => types::Isolation::Call,
                Isolation::Session => types::Isolation::Session,
            },
        }
    }
}

impl<P: ConstraintPolicy> abi::GuestPolicy for Handle<P> {
    fn create(params: String) -> Result<abi::Policy, types::PolicyError> {
        install_panic_hook();
        let policy = parse_params(&params).and_then(P::create).map_err(bad_params)?;
        Ok(abi::Policy::new(Self(Rc::new(policy))))
    }

    fn check(&self, reply: String, context: abi::Context) -> Result<Vec<types::Violation>, types::PolicyError> {
        lift(self.0.check(&reply, &lower(context)))
    }

    fn open_stream(&self, context: abi::Context) -> Option<abi::StreamCheck> {
        let stream = self.0.open_stream(&lower(context))?;
        Some(abi::StreamCheck::new(StreamHandle::<P>(RefCell::new(Some(stream)))))
    }
}

impl<P: ConstraintPolicy> abi::GuestStreamCheck for StreamHandle<P> {
    fn push(&self, delta: String) -> Result<Vec<types::Violation>, types::PolicyError> {
        match self.0.borrow_mut().as_mut() {
            Some(stream) => lift(stream.push(&delta)),
            None => Err(types::PolicyError::Internal("push after finish".to_owned())),
        }
    }

    fn finish(&self) -> Result<Vec<types::Violation>, types::PolicyError> {
        match self.0.borrow_mut().take() {
            Some(stream) => lift(stream.finish()),
            None => Err(types::PolicyError::Internal("finish after finish".to_owned())),
        }
    }
}

fn lower(context: abi::Context) -> Context {
    Context { role: context.role, language: context.language }
}

fn lift(result: Result<Vec<Violation>, PolicyError>) -> Result<Vec<types::Violation>, types::PolicyError> {
    match result {
        Ok(found) => Ok(found.into_iter().map(violation).collect()),
        Err(PolicyError::BadParams(bad)) => Err(bad_params(bad)),
        Err(PolicyError::Internal(message)) => Err(types::PolicyError::Internal(message)),
    }
}

fn violation(violation: Violation) -> types::Violation {
    let spans = violation.spans.iter();
    types::Violation {
        spans: spans.map(|span| types::Span { start: offset(span.start), end: offset(span.end) }).collect(),
        rule: violation.rule,
        message: violation.message,
        severity: match violation.severity {
            Severity::Error => types::Severity::Error,
            Severity::Warning => types::Severity::Warning,
        },
        suggestion: violation.suggestion,
    }
}

fn bad_params(bad: BadParam) -> types::PolicyError {
    types::PolicyError::BadParams(types::BadParam { param: bad.param, message: bad.message })
}
