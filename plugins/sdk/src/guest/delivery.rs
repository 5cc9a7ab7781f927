use std::marker::PhantomData;

use super::{install_panic_hook, offset, parse_params};
use crate::bindings::delivery::exports::rolecall::policy::delivery as abi;
use crate::bindings::delivery::rolecall::policy::types;
use crate::{BadParam, DeliveryPolicy, Features, Isolation, MergedGroup, OfflineMessage, PolicyError, Verdict};

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
            isolation: match manifest.isolation {
                Isolation::Call => types::Isolation::Call,
                Isolation::Session => types::Isolation::Session,
            },
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
        let groups = self.0.merge(&window).map_err(failed)?;
        Ok(groups.into_iter().map(group).collect())
    }

    fn same(
        &self,
        a: types::OfflineMessage,
        b: types::OfflineMessage,
        features: types::Features,
    ) -> Result<types::Verdict, types::PolicyError> {
        let verdict = self.0.same(&message(a), &message(b), &computed(features)).map_err(failed)?;
        Ok(match verdict {
            Verdict::Same => types::Verdict::Same,
            Verdict::Contains => types::Verdict::Contains,
            Verdict::Contained => types::Verdict::Contained,
            Verdict::Different => types::Verdict::Different,
            Verdict::Unsure => types::Verdict::Unsure,
        })
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

fn computed(features: types::Features) -> Features {
    Features {
        a_chars: features.a_chars,
        b_chars: features.b_chars,
        edit_similarity: features.edit_similarity,
        embedding_similarity: features.embedding_similarity,
        a_numbers: features.a_numbers,
        b_numbers: features.b_numbers,
    }
}

fn failed(error: PolicyError) -> types::PolicyError {
    match error {
        PolicyError::BadParams(bad) => bad_params(bad),
        PolicyError::Internal(message) => types::PolicyError::Internal(message),
    }
}

fn bad_params(bad: BadParam) -> types::PolicyError {
    types::PolicyError::BadParams(types::BadParam { param: bad.param, message: bad.message })
}
