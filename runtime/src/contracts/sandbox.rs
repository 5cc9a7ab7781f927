//! The contract's own texts under the one checker and the real plugins: a stage of `verify`, and the
//! trial of a plugin that is to be exchanged.

use std::collections::HashSet;
use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::contract::{Case, Expect};
use rolecall_dsl::diagnostic::{Code, Finding, codes};
use rolecall_dsl::span::{Span, Spanned};
use rolecall_plugin_host::PluginHost;

use super::judge::{Broken, Judgement, binding, judge, judge_policy};

/// What judging gave.
#[derive(Debug, Default)]
pub(crate) struct Sandbox {
    pub(crate) findings: Vec<Finding>,
    /// Texts judged.
    pub(crate) judged: usize,
    /// The cases with a reply, in the order written.
    pub(crate) cases: Vec<Judged>,
}

/// A case with a reply, judged.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Its place among the contract's cases.
    pub(crate) case: usize,
    pub(crate) judgement: Judgement,
}

/// Judges the fallback, the samples of style and every case with a reply.
pub(crate) async fn run(contract: &Arc<Contract>, plugins: &PluginHost) -> Sandbox {
    let mut sandbox = Sandbox::default();
    let scenarios: Vec<Arc<Contract>> =
        (0..contract.scenarios.len()).filter_map(|index| contract.in_scenario(index)).collect();
    if let Some(fallback) = &contract.fallback {
        sandbox.judged += 1;
        // Under every guard the fallback may be what is said.
        for bound in &scenarios {
            if let Some(broken) = sandbox.sample(bound, plugins, fallback).await {
                let help = "write a text that keeps every rule of the role";
                sandbox.refused(contract, codes::FALLBACK_VIOLATES, fallback.span, "the fallback", &broken, help);
            }
        }
    }
    for style in &contract.style {
        sandbox.judged += 1;
        sandbox.style(contract, plugins, style).await;
    }
    sandbox.once();
    for (index, case) in contract.cases.iter().enumerate() {
        if let Some(judgement) = sandbox.case(contract, plugins, case).await {
            sandbox.cases.push(Judged { case: index, judgement });
        }
    }
    sandbox
}

impl Sandbox {
    /// What the plugins say of a sample of the role's tone. The other rules were asked while compiling,
    /// as far as they are about a part of a reply. A sample belongs to no turn, so no guard holds.
    async fn style(&mut self, contract: &Contract, plugins: &PluginHost, style: &Spanned<String>) {
        let mut judgement = Judgement::default();
        for rule in contract.rules.iter().filter(|rule| rule.guard.is_none()) {
            judge_policy(contract, rule, plugins, &style.value, &mut judgement).await;
        }
        self.failures(contract, &judgement, style.span);
        if let Some(broken) = judgement.first_error() {
            let help = "a model imitates its samples: change the sample or the rule";
            self.refused(contract, codes::STYLE_VIOLATES, style.span, "this sample of the role's style", broken, help);
        }
    }

    /// The first rule that a text of the contract breaks under these rules.
    async fn sample(&mut self, bound: &Contract, plugins: &PluginHost, text: &Spanned<String>) -> Option<Broken> {
        let judgement = judge(bound, plugins, &text.value).await;
        self.failures(bound, &judgement, text.span);
        judgement.first_error().cloned()
    }

    fn refused(&mut self, contract: &Contract, code: Code, span: Span, what: &str, broken: &Broken, help: &str) {
        let message = format!("{what} breaks `{}`: {}", broken.rule, broken.message);
        let mut finding = Finding::new(code, &contract.source, span, message).with_help(help);
        if let Some(rule) = contract.rules.iter().find(|rule| rule.id == broken.rule) {
            finding = finding.with_related_in(&rule.source, rule.span, "the rule");
        }
        self.findings.push(finding);
    }

    /// Leaves out what several scenarios say alike.
    fn once(&mut self) {
        let mut told = HashSet::new();
        self.findings.retain(|finding| told.insert((finding.code, finding.span, finding.message.clone())));
    }

    async fn case(&mut self, contract: &Arc<Contract>, plugins: &PluginHost, case: &Case) -> Option<Judgement> {
        let reply = case.reply.as_ref()?;
        let contract = &binding(contract, case.user.as_ref().map(|user| user.value.as_str()));
        let judgement = judge(contract, plugins, &reply.value).await;
        self.judged += 1;
        self.failures(contract, &judgement, reply.span);
        let title = &case.title.value;
        match &case.expect {
            Expect::Pass => {
                if let Some(broken) = judgement.first_error() {
                    let message = format!("case \"{title}\" breaks `{}`: {}", broken.rule, broken.message);
                    self.findings.push(
                        Finding::new(codes::CASE_FAILS, &contract.source, reply.span, message)
                            .with_help(format!("change the reply, or expect that it violates {}", broken.rule)),
                    );
                }
            }
            Expect::Violates(rules) => {
                for rule in rules.iter().filter(|rule| !judgement.breaks(&rule.value)) {
                    let message = format!("case \"{title}\" keeps `{}`, which it should break", rule.value);
                    self.findings.push(
                        Finding::new(codes::CASE_PASSES, &contract.source, rule.span, message)
                            .with_related(reply.span, "this reply"),
                    );
                }
            }
        }
        Some(judgement)
    }

    fn failures(&mut self, contract: &Contract, judgement: &Judgement, span: Span) {
        for (plugin, error) in &judgement.failed {
            let message = format!("plugin `{plugin}` gave no judgement: {error}");
            self.findings.push(Finding::new(codes::PLUGIN_FAILED, &contract.source, span, message));
        }
    }
}
