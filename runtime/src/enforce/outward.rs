//! What people outside are told about the rules that acted.

use rolecall_wire::frame::Hit;

/// Hits as clients may see them: rule and action stay, and the message says only what was done. The
/// detailed one quotes what it is about, such as the forbidden term itself or a plugin's failure; it
/// goes to the log (at `debug`).
#[must_use]
pub fn outward(hits: Vec<Hit>) -> Vec<Hit> {
    let mut told: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        tracing::debug!(rule = %hit.rule, action = %hit.action, detail = %hit.message, "a rule acted");
        let hit = Hit { message: neutral(&hit.action).to_owned(), ..hit };
        if !told.contains(&hit) {
            told.push(hit);
        }
    }
    told
}

fn neutral(action: &str) -> &'static str {
    match action {
        "warn" => "the reply does not quite keep this rule",
        "redact" => "something that this rule forbids was replaced",
        "drop" => "a part that broke this rule was left out",
        "truncate" => "the reply ends where this rule ends it",
        "repair" => "the reply was mended, or asked for again, because of this rule",
        "fallback" => "the fallback took the reply's place because of this rule",
        "reject" => "this rule refused the text",
        _ => "this rule acted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails when a client reads in a hit's message what the rule forbids, or loses rule or action.
    #[test]
    fn details_stay_inside() {
        let hit = |action: &str, message: &str| Hit {
            rule: "secrets".into(),
            action: action.into(),
            message: message.into(),
        };
        for action in ["warn", "redact", "drop", "truncate", "repair", "fallback", "reject", "new"] {
            let told = outward(vec![hit(action, "the text contains `hunter2`"), hit(action, "it contains `hunter3`")]);
            assert_eq!(told.len(), 1, "they differ in details only");
            assert_eq!((told[0].rule.as_str(), told[0].action.as_str()), ("secrets", action));
            assert!(!told[0].message.is_empty() && !told[0].message.contains("hunter"));
        }
    }
}
