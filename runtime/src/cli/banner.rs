//! What the server says when it starts: where it is, what it serves, what it refused, what to try.

use std::fmt::Write;
use std::net::SocketAddr;

use rolecall_dsl::diagnostic::{Finding, Severity};

use crate::app::{App, Report};
use crate::config::{ModelKind, ReloadKind, Route, StoreKind};
use crate::model::{MISDEEDS, Share};
use crate::store::RedisAddress;

pub(super) fn text(app: &App, report: &Report, address: SocketAddr) -> String {
    let mut out = format!("rolecall {} on {}://{address}\n", env!("CARGO_PKG_VERSION"), scheme(app));
    // Writing to a string cannot fail.
    let _infallible = write_all(&mut out, app, report, address);
    out
}

fn scheme(app: &App) -> &'static str {
    if app.tls.is_some() { "https" } else { "http" }
}

fn write_all(out: &mut String, app: &App, report: &Report, address: SocketAddr) -> std::fmt::Result {
    access(out, app)?;
    setup(out, app)?;
    roles(out, app)?;
    plugins(out, app, report)?;
    refused(out, app, report)?;
    if report.recovered > 0 {
        writeln!(out, "  resumed   {} interrupted replies", report.recovered)?;
    }
    what_to_try(out, app, address)
}

fn access(out: &mut String, app: &App) -> std::fmt::Result {
    let config = &app.config;
    match (config.api_keys.len(), config.is_exposed()) {
        (0, true) => writeln!(out, "  access    INSECURE: no API keys, and anybody who reaches this port may use it"),
        (0, false) => writeln!(out, "  access    open, to this machine only"),
        (1, _) => writeln!(out, "  access    with the API key"),
        (count, _) => writeln!(out, "  access    with one of {count} API keys"),
    }
}

fn setup(out: &mut String, app: &App) -> std::fmt::Result {
    let config = &app.config;
    writeln!(out, "  model     {}", model(&config.default_route()))?;
    for (name, route) in &config.routes {
        writeln!(out, "  route     {name}: {}", model(route))?;
    }
    if !config.misbehave.is_empty() {
        let named = |(misdeed, share): &Share| {
            let name = MISDEEDS.iter().find(|(_, known)| known == misdeed).map_or("", |(name, _)| name);
            share.map_or_else(|| name.to_owned(), |percent| format!("{name} in {percent} of 100"))
        };
        let misdeeds: Vec<String> = config.misbehave.iter().map(named).collect();
        let (misdeeds, seed) = (misdeeds.join(", "), config.misbehave_seed);
        writeln!(out, "            MISBEHAVING on purpose: {misdeeds} (seed {seed}); not for users")?;
    }
    match config.store {
        StoreKind::Embedded => writeln!(out, "  store     embedded, in {}", config.data.display()),
        StoreKind::Memory => writeln!(out, "  store     memory: a restart forgets every session"),
        StoreKind::Redis => {
            let server =
                RedisAddress::parse(config.redis_url.reveal()).map_or_else(|_| String::new(), |a| a.name().to_owned());
            let (prefix, durability) = (&config.redis_prefix, config.redis_durability);
            writeln!(out, "  store     redis at {server}, keys {prefix}…, a write counts when: {durability}")
        }
    }
}

fn model(route: &Route) -> String {
    let fallback = route.fallback.as_ref().map_or_else(String::new, |name| format!(", or else route {name}"));
    match route.model {
        ModelKind::Rehearsal => format!("rehearsal (embedded: answers from the contracts themselves){fallback}"),
        ModelKind::OpenAi => {
            let (name, url) = (route.name.as_deref(), route.url.as_deref());
            format!("{} at {}{fallback}", name.unwrap_or_default(), url.unwrap_or_default())
        }
    }
}

fn roles(out: &mut String, app: &App) -> std::fmt::Result {
    let roles = app.contracts.list();
    if roles.is_empty() {
        return writeln!(out, "  roles     none in {}", app.config.contracts.display());
    }
    for (index, contract) in roles.iter().enumerate() {
        let label = if index == 0 { "roles" } else { "" };
        writeln!(out, "  {label:<9} {}@{}", contract.name, contract.version)?;
    }
    match (app.config.reload, app.config.locked) {
        (ReloadKind::Off, _) => writeln!(out, "  changes   of contracts and plugins take effect at the next start"),
        (_, true) => writeln!(
            out,
            "  changes   of contracts take effect at once, if they let nothing more through; of plugins if plugins.lock pins them"
        ),
        (_, false) => writeln!(out, "  changes   of contracts and plugins take effect at once"),
    }
}

fn plugins(out: &mut String, app: &App, report: &Report) -> std::fmt::Result {
    if !app.config.plugins.is_dir() {
        return writeln!(out, "  plugins   none: there is no folder {}", app.config.plugins.display());
    }
    if report.plugins.loaded.is_empty() {
        return writeln!(out, "  plugins   none");
    }
    for (index, plugin) in report.plugins.loaded.iter().enumerate() {
        let label = if index == 0 { "plugins" } else { "" };
        writeln!(out, "  {label:<9} {}@{}", plugin.name, plugin.version)?;
    }
    Ok(())
}

fn refused(out: &mut String, app: &App, report: &Report) -> std::fmt::Result {
    for role in app.contracts.refusals() {
        writeln!(out, "  REFUSED   role {}", role.role)?;
        for finding in &role.findings {
            writeln!(out, "            {}", line(finding))?;
        }
    }
    for (file, reason) in &report.plugins.refused {
        writeln!(out, "  REFUSED   plugin {}: {reason}", file.display())?;
    }
    for finding in report.findings.iter().filter(|finding| finding.severity == Severity::Warning) {
        writeln!(out, "  warning   {}", line(finding))?;
    }
    Ok(())
}

fn line(finding: &Finding) -> String {
    let at = finding.source.position(finding.span.start);
    format!("{}:{}:{}: {}: {}", finding.source.name(), at.line, at.column, finding.code, finding.message)
}

fn what_to_try(out: &mut String, app: &App, address: SocketAddr) -> std::fmt::Result {
    let roles = app.contracts.list();
    let favourite = roles.iter().find(|contract| contract.name == "zhanguoce_scholar").or_else(|| roles.first());
    let Some(contract) = favourite else {
        return writeln!(out, "\nput a contract into {}: it is served at once", app.config.contracts.display());
    };
    let url = if address.ip().is_unspecified() { format!("127.0.0.1:{}", address.port()) } else { address.to_string() };
    let key = if app.config.api_keys.is_empty() { "" } else { " -H \"Authorization: Bearer $ROLECALL_API_KEY\"" };
    let url = format!("{}://{url}", scheme(app));
    let elsewhere = if url == "http://127.0.0.1:8420" { String::new() } else { format!(" --url {url}") };
    let role = &contract.name;
    writeln!(out, "\ntry, in another terminal:\n")?;
    writeln!(out, "  rolecall chat {role}{elsewhere}")?;
    writeln!(out, "  curl -N {url}/v1/chat/completions{key} -H 'Content-Type: application/json' \\")?;
    writeln!(
        out,
        "    -d '{{\"model\": \"{role}\", \"stream\": true, \"messages\": [{{\"role\": \"user\", \"content\": \"你好\"}}]}}'\n"
    )
}
