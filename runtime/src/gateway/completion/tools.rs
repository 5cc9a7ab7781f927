//! Tools on offer, whichever words they are offered in.

use serde_json::Value;

use crate::enforce::{BadTools, Offer, ToolChoice, Tools};
use crate::gateway::error::ApiError;

/// Takes tools on offer, each read by `offer`, which is told where it stands. `name` and `schema` are what the
/// surface calls these fields of a tool.
///
/// # Errors
/// When they cannot be offered; the field is named as the surface does.
pub(crate) fn tools(
    offered: Vec<Value>,
    offer: impl Fn(&str, Value) -> Result<Offer, ApiError>,
    choice: ToolChoice,
    parallel: Option<bool>,
    [name, schema]: [&str; 2],
) -> Result<Tools, ApiError> {
    let offers = offered.into_iter().enumerate().map(|(index, value)| offer(&format!("tools[{index}]"), value));
    let offers = offers.collect::<Result<Vec<_>, _>>()?;
    Tools::new(offers, choice, parallel).map_err(|bad| {
        let param = match (&bad, bad.tool()) {
            (BadTools::Choice, _) => "tool_choice".to_owned(),
            (BadTools::Parameters(..), Some(index)) => format!("tools[{index}].{schema}"),
            (_, Some(index)) => format!("tools[{index}].{name}"),
            (_, None) => "tools".to_owned(),
        };
        ApiError::invalid("invalid_tools", bad.to_string()).param(param)
    })
}
