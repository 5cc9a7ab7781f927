use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::{crowd, size, test};
use crate::plugin::{Figures, Spread, measure};

/// About 300 characters, of a text as replies are.
const TEXT: &str = "昔者苏秦说秦王，书十上而说不行。黑貂之裘弊，黄金百斤尽，资用乏绝，去秦而归。\
    The man came home; his wife did not leave her loom, and his parents would not speak to him. \
    归至家，妻不下纴，嫂不为炊，父母不与言。乃夜发书，陈箧数十，得太公阴符之谋，伏而诵之，简练以为揣摩。";

/// Measures a component.
pub(super) async fn run(
    out: &mut impl Write,
    file: &Path,
    params: Option<&str>,
    text: Option<&Path>,
) -> anyhow::Result<()> {
    let text = match text {
        Some(path) => fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?,
        None => TEXT.to_owned(),
    };
    let hint = if params.is_none() { " (its parameters are given with --params, a JSON object)" } else { "" };
    let (component, params) = (test::read(file)?, test::params(params)?);
    let figures =
        measure(&component, &params, &text).map_err(|why| anyhow::anyhow!("{}: {why}{hint}", file.display()))?;
    show(out, &figures)?;
    if let Some((count, spread)) = crowd::measure(&component, &params, &text, figures.instance).await? {
        line(out, &format!("a piece of {count} replies at once, as served"), spread)?;
    }
    Ok(())
}

fn show(out: &mut impl Write, figures: &Figures) -> std::io::Result<()> {
    if cfg!(debug_assertions) {
        writeln!(out, "this program was built without optimisation: its own part of the figures is too high")?;
    }
    writeln!(out, "{:<48} {:>12}", "size", size(figures.size))?;
    writeln!(out, "{:<48} {:>12}", "compiling", shown(figures.compile))?;
    if let Some(bytes) = figures.instance {
        writeln!(out, "{:<48} {:>12}", "resident memory of an open stream", format!("{} KB", bytes / 1_000))?;
    }
    writeln!(out, "{:<48} {:>12} {:>12}", "", "p50", "p99")?;
    for (what, spread) in &figures.calls {
        line(out, what, *spread)?;
    }
    Ok(())
}

fn line(out: &mut impl Write, what: &str, spread: Spread) -> std::io::Result<()> {
    writeln!(out, "{what:<48} {:>12} {:>12}", shown(spread.p50), shown(spread.p99))
}

fn shown(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 10_000.0 { format!("{micros:.1} µs") } else { format!("{:.1} ms", micros / 1e3) }
}
