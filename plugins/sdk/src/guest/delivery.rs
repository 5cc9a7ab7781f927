use std::marker::PhantomData;

use super::{install_panic_hook, offset, parse_params};
use crate::bindings::delivery::exports::rolecall::policy::delivery as abi;
use crate::bindings::delivery::rolecall::policy::types;
use crate::{BadParam, DeliveryPolicy, MergedGroup, OfflineMessage, PolicyError};

/// World `delivery-policy` by `P`.
#[derive(Debug)]
pub struct Delivery<P>(PhantomData<P>);

/// A live policy.
#[derive(Debug)]
pub struct Handle<P>(P);

impl<P: DeliveryPolicy> abi::Guest for Delivery<P> {
    type Policy = Handle<P>;

    fn describe() -> types::Manifest {
        install_panic_hook();
        let manifest = P::manifest();
        types::Manifest {
            name: manifest.name,
            version: manifest.version,
            doc: manifest.doc,
            params_schema: manifest.params_schema,
            streaming: false,
        }
    }
}

impl<P: DeliveryPolicy> abi::GuestPolicy for Handle<P> {
    fn create(params: String) -> Result<abi::Policy, types::PolicyError> {
        install_panic_hook();
        let policy = parse_params(&params).and_then(P::create).map_err(bad_params)?;
        Ok(abi::Policy::new(Self(policy)))
    }

    fn merge(&self, window: Vec<types::OfflineMessage>) -> Result<Vec<types::MergedGroup>, types::PolicyError> {
        let window: Vec<_> = window.into_iter().map(message).collect();
        match self.0.merge(&window) {
            Ok(groups) => Ok(groups.into_iter().map(group).collect()),
            Err(PolicyError::BadParams(bad)) => Err(bad_params(bad)),
            Err(PolicyError::Internal(message)) => Err(types::PolicyError::Internal(message)),
        }
    }
}

fn message(message: types::OfflineMessage) -> OfflineMessage {
    OfflineMessage {
        id: message.id,
        role: message.role,
        intent: message.intent,
        priority: message.priority,
        turn_id: message.turn_id,
        text: message.text,
        created_at_ms: message.created_at_ms,
    }
}

fn group(group: MergedGroup) -> types::MergedGroup {
    types::MergedGroup { members: group.members.into_iter().map(offset).collect(), text: group.text }
}

fn bad_params(bad: BadParam) -> types::PolicyError {
    types::PolicyError::BadParams(types::BadParam { param: bad.param, message: bad.message })
}
