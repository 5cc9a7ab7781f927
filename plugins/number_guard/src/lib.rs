//! Policy `number_guard`: messages that differ in a number are not the same, however alike they look.
//!
//! “Order 1234 left at 3 pm” and “Order 1235 left at 4 pm” are one letter apart, and similarity takes
//! one for a resend of the other. This policy only objects: it says that two messages are different, or
//! that it is unsure, and then the host decides as it would without it. It merges nothing. What must not
//! differ, Chinese and English alike, in the order of the text:
//!
//! - the numbers in digits of any script, as the host reads them;
//! - around digits that are ASCII or full-width: sign, decimal point, the marks of times, dates and
//!   ranges, the currency in front, and a unit behind (`5%`, `5 kg`, `5元`), whose spellings count as one;
//! - numbers in words (`三`, `twelve`, `dozen`), and units behind them; `½`, `²`, `①`, `Ⅳ`;
//! - days, months and times of the day (`周日`, `明天`, `May`, `afternoon`);
//! - how often something is denied (`不`, `没`, `not`, `don’t`).
//!
//! In doubt it objects, for a message too many does less harm than one that never comes: `3` and `三`,
//! `1,200` and `1200`, `2024-05-01` and `2024/05/01` are different. It does not see a changed name,
//! pronoun or adjective, nor units that it does not know. Parameter:
//!
//! - `negation` (boolean, default true): whether denials count.

mod facts;
mod figures;
mod lexicon;

use facts::Facts;
use lexicon::Lexicon;
use rolecall_plugin::{
    BadParam, DeliveryPolicy, Features, Manifest, MergedGroup, OfflineMessage, PolicyError, Verdict,
};
use serde::Deserialize;

/// The policy with its words compiled.
#[derive(Debug)]
pub struct NumberGuard {
    lexicon: Lexicon,
}

/// The parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(default = "default_negation")]
    negation: bool,
}

fn default_negation() -> bool {
    true
}

impl DeliveryPolicy for NumberGuard {
    type Params = Params;

    fn manifest() -> Manifest {
        Manifest {
            name: "number_guard".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            doc: "Keeps messages apart that differ in a number, a unit, a day or a denial.".into(),
            params_schema: include_str!("../params.schema.json").into(),
            ..Manifest::default()
        }
    }

    fn create(params: Params) -> Result<Self, BadParam> {
        Ok(Self { lexicon: Lexicon::new(params.negation) })
    }

    fn merge(&self, window: &[OfflineMessage]) -> Result<Vec<MergedGroup>, PolicyError> {
        Ok((0..window.len()).map(|member| MergedGroup { members: vec![member], text: None }).collect())
    }

    fn same(&self, a: &OfflineMessage, b: &OfflineMessage, features: &Features) -> Result<Verdict, PolicyError> {
        let alike = features.a_numbers == features.b_numbers
            && Facts::read(&a.text, &self.lexicon) == Facts::read(&b.text, &self.lexicon);
        // Alike numbers are no reason to call two messages the same.
        Ok(if alike { Verdict::Unsure } else { Verdict::Different })
    }
}

rolecall_plugin::export_delivery!(NumberGuard);

#[cfg(test)]
mod tests;
