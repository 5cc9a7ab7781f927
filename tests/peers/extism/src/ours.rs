//! Our host, with the limits that a server has by default and epochs on.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use rolecall_plugin_host::{Context, Figures, HostConfig, PluginHost, measure};
use serde_json::{Map, Value};

use crate::rounds::Costs;
use crate::theirs::Found;
use crate::{PARAMS, TEXT};

/// The component with its parameters.
pub(crate) struct Ours {
    component: Vec<u8>,
    params: Map<String, Value>,
}

impl Ours {
    pub(crate) fn new(component: Vec<u8>) -> Result<Self> {
        Ok(Self { component, params: serde_json::from_str(PARAMS)? })
    }

    /// What it finds in the text, as a server asks it.
    pub(crate) fn check(&self) -> Result<Vec<Found>> {
        let (host, manifest) = PluginHost::alone(&self.component, HostConfig::new(""))?;
        let context = Context { role: "scholar".into(), language: "zh".into() };
        let judged = host.check(&manifest.name, &self.params, &context, TEXT);
        let found = tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(judged)?;
        let found = found.into_iter().map(|violation| Found {
            rule: violation.rule,
            message: violation.message,
            severity: violation.severity,
            spans: violation.spans,
            suggestion: violation.suggestion,
        });
        Ok(found.collect())
    }

    /// As `rolecall plugin bench`; it compiles the component too, which nothing here looks at.
    pub(crate) fn measure(&self) -> Result<Costs> {
        let figures = measure(&self.component, &self.params, TEXT).map_err(|why| anyhow!("our host: {why}"))?;
        let bytes = figures.instance.context("this system does not say what memory is resident")?;
        Ok(Costs {
            fresh: micros(&figures, "a fresh instance, made and dropped")?,
            fresh_check: micros(&figures, "a fresh instance, parameters and a check")?,
            live_check: micros(&figures, "a check on a live instance")?,
            empty: micros(&figures, "an empty piece of a stream")?,
            resident: bytes as f64 / 1024.0,
        })
    }
}

fn micros(figures: &Figures, call: &str) -> Result<f64> {
    let spread = figures.calls.iter().find(|(what, _)| *what == call).map(|(_, spread)| spread.p50);
    spread.map(|took: Duration| took.as_secs_f64() * 1e6).with_context(|| format!("our host does not measure {call}"))
}
