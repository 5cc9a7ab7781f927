//! Whether the plugins that a contract names are there, fit, and accept their parameters.

use rolecall_dsl::Contract;
use rolecall_dsl::contract::{OnFailure, PolicyRef};
use rolecall_dsl::diagnostic::{Finding, Severity, codes, nearest};
use rolecall_dsl::source::Source;
use rolecall_plugin_host::{PluginHost, World};

/// Every finding about the plugins of one contract. A plugin that is not there is an error, or a
/// warning where the contract goes on without it (`on_failure allow`).
pub async fn check_policies(contract: &Contract, plugins: &PluginHost) -> Vec<Finding> {
    let (mut findings, plugins) = (Vec::new(), &plugins.on_trial());
    for (rule, policy) in contract.rules.iter().filter_map(|rule| Some((rule, rule.constraint.policy()?))) {
        check(&rule.source, policy, World::ConstraintPolicy, plugins, &mut findings).await;
    }
    if let Some(policy) = &contract.delivery.policy {
        check(&contract.source, policy, World::DeliveryPolicy, plugins, &mut findings).await;
    }
    findings
}

async fn check(source: &Source, policy: &PolicyRef, world: World, plugins: &PluginHost, findings: &mut Vec<Finding>) {
    let name = &policy.plugin;
    let Some(manifest) = plugins.manifest(name) else {
        findings.push(missing(source, policy, plugins));
        return;
    };
    if !manifest.worlds.contains(&world) {
        let message = format!("plugin `{name}` is not a {}", kind(world));
        let others: Vec<String> =
            plugins.manifests().iter().filter(|m| m.worlds.contains(&world)).map(|m| m.name.clone()).collect();
        let help = match others.as_slice() {
            [] => format!("no {} is loaded", kind(world)),
            _ => format!("plugins of this kind: {}", others.join(", ")),
        };
        findings.push(Finding::new(codes::PLUGIN_WORLD, source, policy.span, message).with_help(help));
        return;
    }
    if let Err(problems) = plugins.validate(name, &policy.params).await {
        for (parameter, problem) in problems {
            let span = policy.param_spans.iter().find(|(known, _)| *known == parameter).map(|(_, span)| *span);
            let about = if parameter.is_empty() { String::new() } else { format!(" `{parameter}`") };
            let message = format!("plugin `{name}` does not accept its parameter{about}: {problem}");
            let finding = Finding::new(codes::PARAMETER_REFUSED, source, span.unwrap_or(policy.span), message);
            findings
                .push(finding.with_help(format!("`rolecall plugin inspect plugins/{name}.wasm` shows the parameters")));
        }
    }
}

fn missing(source: &Source, policy: &PolicyRef, plugins: &PluginHost) -> Finding {
    let name = &policy.plugin;
    let message = format!("plugin `{name}` is not loaded");
    let mut finding = Finding::new(codes::PLUGIN_MISSING, source, policy.span, message);
    let loaded = plugins.manifests();
    let near = nearest(name, loaded.iter().map(|manifest| manifest.name.as_str()));
    finding.help = Some(near.map_or_else(
        || format!("run `make plugins`, which builds those that ship, or put {name}.wasm into the plugin folder"),
        |near| format!("did you mean `{near}`?"),
    ));
    if policy.on_failure == OnFailure::Allow {
        finding.severity = Severity::Warning;
    }
    finding
}

fn kind(world: World) -> &'static str {
    match world {
        World::ConstraintPolicy => "constraint policy",
        World::DeliveryPolicy => "delivery policy",
    }
}
