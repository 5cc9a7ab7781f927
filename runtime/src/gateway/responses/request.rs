//! A request of the Responses API, read field by field so that every error names its field.

use serde_json::{Map, Value};

use super::input;
use super::parameters::{HARMLESS, NEUTRAL, refuse_references};
use super::tools::Given;
use crate::enforce::Tools;
use crate::gateway::completion::{Dialogue, Fields};
use crate::gateway::error::ApiError;
use crate::session::turn::Overrides;

/// A request that a role can answer.
#[derive(Debug, Clone)]
pub(super) struct ResponsesRequest {
    /// The role.
    pub(super) model: String,
    pub(super) dialogue: Dialogue,
    pub(super) overrides: Overrides,
    pub(super) tools: Tools,
    pub(super) stream: bool,
    pub(super) echo: Echo,
}

/// What a response repeats of its request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Echo {
    pub(super) instructions: Option<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) temperature: Option<f64>,
    pub(super) max_output_tokens: Option<u32>,
    pub(super) tools: Given,
}

impl ResponsesRequest {
    /// Reads a body.
    pub(super) fn parse(mut fields: Fields) -> Result<Self, ApiError> {
        let model = fields.required("model")?;
        let input = fields.required("input")?;
        let instructions: Option<String> = fields.optional("instructions")?;
        let metadata = fields.optional("metadata")?.unwrap_or_default();
        let stream = fields.optional("stream")?.unwrap_or(false);
        let temperature = fields.temperature(2.0)?;
        let max_output_tokens = fields.tokens("max_output_tokens")?;
        let given = Given::take(&mut fields)?;
        refuse_references(&mut fields)?;
        fields.refuse_rest(HARMLESS, NEUTRAL)?;
        Ok(Self {
            model,
            dialogue: input::dialogue(instructions.clone(), input)?,
            overrides: Overrides { temperature, max_tokens: max_output_tokens, seed: None },
            tools: given.read()?,
            stream,
            echo: Echo { instructions, metadata, temperature, max_output_tokens, tools: given },
        })
    }
}
