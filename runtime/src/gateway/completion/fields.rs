//! A request's parameters, taken one by one so that every error names its field.
//!
//! What is left when a surface has taken what it carries out is accepted where it is known to change
//! nothing in the reply, and refused otherwise. What is not known is refused too: servers have many
//! parameters of their own, and a `guided_json` or `stop_token_ids` that passes silently is a reply of
//! another shape.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::gateway::error::ApiError;
use crate::gateway::mistake;

/// What is repeated of a parameter's name, in characters.
const MAX_SHOWN: usize = 64;

/// A parameter that would change the reply, and which of its values ask for nothing.
pub(crate) type Neutral = (&'static str, fn(&Value) -> bool);

/// Whether a list or an object has nothing in it, and so asks for nothing.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The parameters of a request that nobody has taken yet.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    rest: Map<String, Value>,
    /// The names that were asked for so far.
    known: Vec<String>,
    /// What stands before each name in errors: nothing, or the parameter that these are members of.
    within: String,
}

impl Fields {
    pub(crate) fn new(body: Map<String, Value>) -> Self {
        Self { rest: body, known: Vec::new(), within: String::new() }
    }

    /// The members of a parameter that is an object, and may be missing, or null. Those that may be missing are
    /// taken, and the others refused, as parameters are.
    pub(crate) fn members(&mut self, name: &str) -> Result<Option<Self>, ApiError> {
        let members = self.optional(name)?;
        let within = format!("{}{name}.", self.within);
        Ok(members.map(|rest| Self { rest, known: Vec::new(), within }))
    }

    /// A parameter that must be there.
    pub(crate) fn required<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, ApiError> {
        self.optional(name)?.ok_or_else(|| {
            let near = self.rest.keys().find(|written| mistake::slip(written, name));
            let near = near.map_or_else(String::new, |near| format!("; did you mean it by `{near}`?"));
            ApiError::invalid("missing_parameter", format!("`{name}` is missing{near}")).param(name)
        })
    }

    /// A parameter that may be missing, or null.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, ApiError> {
        self.known.push(name.to_owned());
        match self.rest.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => Self::read(&format!("{}{name}", self.within), value).map(Some),
        }
    }

    /// A seed: a whole number of 64 bits with a sign, as OpenAI has it. It is carried by its bits, in two's
    /// complement, so that -1 is the largest and the one that follows it is 0.
    pub(crate) fn seed(&mut self, name: &str) -> Result<Option<u64>, ApiError> {
        Ok(self.optional(name)?.map(i64::cast_unsigned))
    }

    /// A number of tokens, which is at least 1.
    pub(crate) fn tokens(&mut self, name: &str) -> Result<Option<u32>, ApiError> {
        let tokens = self.optional(name)?;
        if tokens == Some(0) {
            return Err(Self::wrong(name, "is 0; write 1 or more"));
        }
        Ok(tokens)
    }

    /// A temperature up to `most`.
    pub(crate) fn temperature(&mut self, most: f64) -> Result<Option<f64>, ApiError> {
        let temperature = self.optional::<f64>("temperature")?;
        if temperature.is_some_and(|value| !(0.0..=most).contains(&value)) {
            return Err(Self::wrong("temperature", &format!("is out of range; write 0 to {most}")));
        }
        Ok(temperature)
    }

    /// Refuses what is left unless it changes nothing.
    pub(crate) fn refuse_rest(&self, harmless: &[&str], neutral: &[Neutral]) -> Result<(), ApiError> {
        for (name, value) in &self.rest {
            let neutral = || neutral.iter().any(|(known, neutral)| known == name && neutral(value));
            if !value.is_null() && !harmless.contains(&name.as_str()) && !neutral() {
                let shown: String = name.chars().take(MAX_SHOWN).collect();
                let near = self.known.iter().find(|known| mistake::slip(&shown, known));
                let within = &self.within;
                let meant = |near: &String| format!("did you mean `{within}{near}`?");
                let remedy = near.map_or_else(|| "leave it out".to_owned(), meant);
                let message = format!("`{within}{shown}` is not supported for roles; {remedy}");
                return Err(ApiError::invalid("unsupported_parameter", message).param(format!("{within}{shown}")));
            }
        }
        Ok(())
    }

    /// A value of the field `name`; an error names the very place within it.
    pub(crate) fn read<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, ApiError> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let place = mistake::place(name, error.path());
            let message = format!("`{place}`: {}", mistake::words(error.inner()));
            ApiError::invalid("invalid_parameter", message).param(place)
        })
    }

    /// A value of another type than the field `name` has.
    pub(crate) fn mistyped(name: &str, found: &Value, wanted: &str) -> ApiError {
        let message = format!("`{name}`: found {}, expected {wanted}", mistake::kind(found));
        ApiError::invalid("invalid_parameter", message).param(name)
    }

    /// Content that roles do not read: `what` is a subject with its verb.
    pub(crate) fn unsupported(name: &str, what: &str) -> ApiError {
        ApiError::invalid("unsupported_content", format!("{what} not supported; send text")).param(name)
    }

    /// A field that is read but cannot be meant: `what` follows its name.
    pub(crate) fn wrong(name: &str, what: &str) -> ApiError {
        ApiError::invalid("invalid_parameter", format!("`{name}` {what}")).param(name)
    }
}
