//! Stage 4: the contract's own texts under the one checker and the real plugins.

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::contract::{Case, Expect};
use rolecall_dsl::diagnostic::{Code, Finding, codes};
use rolecall_dsl::span::Span;
use rolecall_plugin_host::PluginHost;

use super::judge::{Judgement, binding, judge};

/// What judging gave.
#[derive(Debug, Default)]
pub(super) struct Sandbox {
    pub(super) findings: Vec<Finding>,
    /// Texts judged.
    pub(super) judged: usize,
    /// The cases with a reply, in the order written.
    pub(super) cases: Vec<Judged>,
}

/// A case with a reply, judged.
#[derive(Debug)]
pub(super) struct Judged {
    /// Its place among the contract's cases.
    pub(super) case: usize,
    pub(super) judgement: Judgement,
}

/// A text that must keep every rule, besides the replies of passing cases.
struct Sample<'a> {
    /// What it is called: `the fallback`.
    what: &'static str,
    text: &'a str,
    span: Span,
    code: Code,
}

/// What the contract says of itself: each of these must keep every rule. The witness replies of
/// the conflict analysis, and style samples, belong here too.
fn samples(contract: &Contract) -> Vec<Sample<'_>> {
    let fallback = contract.fallback.iter().map(|fallback| Sample {
        what: "the fallback",
        text: &fallback.value,
        span: fallback.span,
        code: codes::FALLBACK_VIOLATES,
    });
    fallback.collect()
}

pub(super) async fn run(contract: &Arc<Contract>, plugins: &PluginHost) -> Sandbox {
    let mut sandbox = Sandbox::default();
    for sample in samples(contract) {
        let judgement = judge(contract, plugins, sample.text).await;
        sandbox.judged += 1;
        sandbox.failures(contract, &judgement, sample.span);
        if let Some(broken) = judgement.first_error() {
            let message = format!("{} breaks `{}`: {}", sample.what, broken.rule, broken.message);
            sandbox.findings.push(
                Finding::new(sample.code, &contract.source, sample.span, message)
                    .with_help("write a text that keeps every rule of the role"),
            );
        }
    }
    for (index, case) in contract.cases.iter().enumerate() {
        if let Some(judgement) = sandbox.case(contract, plugins, case).await {
            sandbox.cases.push(Judged { case: index, judgement });
        }
    }
    sandbox
}

impl Sandbox {
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
