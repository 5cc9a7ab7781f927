//! The server's machine, to whom a case plays the client.

use rolecall_conformance::{Carrier, Open, ServerCase, ServerStep, play, server_cases};
use rolecall_wire::server::Encoding;

use crate::room::Room;

/// Whether a case is about frames alone: whoever answers requests has no machine.
fn is_of_frames(steps: &[ServerStep]) -> bool {
    steps.iter().all(|step| match step {
        ServerStep::Http(_) => false,
        ServerStep::Open(Open { refused, offer, token, headers, chosen, token_in, .. }) => {
            refused.is_none()
                && offer.is_none()
                && token.is_none()
                && headers.is_none()
                && chosen.is_none()
                && token_in.is_none()
        }
        ServerStep::Repeat { steps, .. } => is_of_frames(steps),
        _ => true,
    })
}

fn applies(case: &ServerCase) -> bool {
    let of_machines = case.config.get("machine").is_none_or(|machine| *machine != false);
    of_machines && (case.machine.is_some() || is_of_frames(&case.steps))
}

/// Fails when the server's machine breaks a rule that a case holds, in any encoding.
#[test]
fn the_machine_keeps_every_case() {
    let (mut failed, mut played) = (Vec::new(), 0);
    for case in server_cases().unwrap().iter().filter(|case| applies(case)) {
        let carriers = [
            (Carrier::WebsocketBsp, Encoding::BspV1),
            (Carrier::WebsocketBsp2, Encoding::BspV2),
            (Carrier::WebsocketJson, Encoding::JsonV1),
        ];
        for (carrier, encoding) in carriers {
            if case.except.contains_key(&carrier) {
                continue;
            }
            played += 1;
            if let Err(what) = play(case, &mut Room::new(case, encoding)) {
                failed.push(format!("{} {} ({encoding:?}): {what}", case.section, case.name));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {played}:\n{}", failed.len(), failed.join("\n"));
    assert!(played > 100, "only {played}");
}
