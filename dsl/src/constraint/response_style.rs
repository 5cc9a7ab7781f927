//! `response_style METRIC >= 40%`, `<= 40%`: a share of the reply's sentences has a form.
//!
//! Also read: the one-string form `"反问句占比≥40%"`. An empty reply has no shares and breaks the rule
//! unless the contract says `min_sentences 0`.

use std::sync::Arc;

use super::args::{Reader, list};
use super::share::{basis_points, percent, shown};
use super::{Class, Constraint, Demand, Fact, View};
use crate::ast::{Arg, Entry, Op};
use crate::contract::Language;
use crate::diagnostic::{Finding, codes};
use crate::monitor::Residual;
use crate::source::Source;
use crate::span::{Span, Spanned};
use crate::text::counted::counted;
use crate::text::rhetorical::Form;

pub(super) const KEYWORD: &str = "response_style";

const USAGE: &str = "response_style rhetorical >= 40%";

/// The names of the metrics, the first of each form being the one used in messages.
const METRICS: [(&str, Form); 17] = [
    ("rhetorical", Form::Rhetorical),
    ("反问句", Form::Rhetorical),
    ("反问", Form::Rhetorical),
    ("反問句", Form::Rhetorical),
    ("question", Form::Question),
    ("疑问句", Form::Question),
    ("疑問句", Form::Question),
    ("问句", Form::Question),
    ("exclamation", Form::Exclamation),
    ("感叹句", Form::Exclamation),
    ("感嘆句", Form::Exclamation),
    ("quotation", Form::Quotation),
    ("引用", Form::Quotation),
    ("引用句", Form::Quotation),
    ("list_item", Form::ListItem),
    ("列表项", Form::ListItem),
    ("列表項", Form::ListItem),
];

/// 100 %.
const WHOLE: u32 = 10_000;

#[derive(Debug, Clone, Copy)]
struct Share {
    form: Form,
    at_least: bool,
    basis_points: u32,
}

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let mut reader = Reader::new(entry, source, findings, USAGE);
    let (metric, op, share) = match reader.args() {
        [] => return reader.nothing(),
        [Spanned { value: Arg::Str(text), span }] => parts(text, *span, &mut reader)?,
        [metric, op, share] => {
            let metric = match &metric.value {
                Arg::Word(word) | Arg::Str(word) => Spanned::new(word.clone(), metric.span),
                _ => return reader.wrong(codes::WRONG_ARGUMENTS, metric.span, "this is not the name of a metric"),
            };
            let Arg::Op(comparison) = op.value else {
                return reader.wrong(codes::WRONG_ARGUMENTS, op.span, "a comparison is expected here, `>=` or `<=`");
            };
            (metric, Spanned::new(comparison, op.span), percent(share, &mut reader)?)
        }
        [first, ..] => {
            return reader.wrong(
                codes::WRONG_ARGUMENTS,
                first.span,
                "a share has a metric, a comparison and a percentage",
            );
        }
    };
    let form = form(&metric, &mut reader);
    let at_least = direction(op, &mut reader);
    if share.value > WHOLE {
        return reader.wrong(codes::ARGUMENT_OUT_OF_RANGE, share.span, "a share is at most 100%");
    }
    Some(Arc::new(Share { form: form?, at_least: at_least?, basis_points: share.value }))
}

/// Takes `反问句占比≥40%` apart.
fn parts(text: &str, span: Span, reader: &mut Reader<'_>) -> Option<(Spanned<String>, Spanned<Op>, Spanned<u32>)> {
    let comparisons = [(">=", Op::Ge), ("≥", Op::Ge), ("<=", Op::Le), ("≤", Op::Le), (">", Op::Gt), ("<", Op::Lt)];
    let found = comparisons.iter().find_map(|(sign, op)| text.split_once(sign).map(|(name, rest)| (name, *op, rest)));
    let Some((name, op, rest)) = found else {
        return reader.wrong(codes::WRONG_ARGUMENTS, span, "a share has a comparison, `>=` or `<=`");
    };
    let number = rest.trim().trim_end_matches(['%', '％']).trim();
    let marked = rest.trim_end().ends_with(['%', '％']);
    let Some(basis_points) = basis_points(number).filter(|_| marked) else {
        return reader.wrong(codes::WRONG_ARGUMENTS, span, "a share is a percentage such as `40%`");
    };
    let mut name = name.trim();
    for suffix in ["占比", "佔比", "比例", " share", " ratio"] {
        name = name.strip_suffix(suffix).unwrap_or(name).trim();
    }
    Some((Spanned::new(name.to_owned(), span), Spanned::new(op, span), Spanned::new(basis_points, span)))
}

fn form(metric: &Spanned<String>, reader: &mut Reader<'_>) -> Option<Form> {
    let name = metric.value.as_str();
    if let Some((_, form)) = METRICS.iter().find(|(known, _)| *known == name) {
        return Some(*form);
    }
    let source = reader.source();
    let known = METRICS.iter().map(|(known, _)| *known);
    let finding = Finding::new(codes::UNKNOWN_METRIC, source, metric.span, format!("there is no metric `{name}`"))
        .with_help(format!("the metrics are {}", list(known.clone())))
        .did_you_mean(name, metric.span, known);
    reader.add(finding)
}

fn direction(op: Spanned<Op>, reader: &mut Reader<'_>) -> Option<bool> {
    let offered = match op.value {
        Op::Ge => return Some(true),
        Op::Le => return Some(false),
        Op::Gt | Op::Eq => ">=",
        Op::Lt => "<=",
    };
    let finding = Finding::new(codes::WRONG_ARGUMENTS, reader.source(), op.span, "a share is compared by `>=` or `<=`")
        .with_help(format!("write `{offered}`"));
    let in_string = reader.source().slice(op.span).starts_with('"');
    reader.add(if in_string { finding } else { finding.with_fix(op.span, offered) })
}

impl Share {
    fn is_met(self, formed: u64, sentences: u64) -> bool {
        let (have, want) = (formed * u64::from(WHOLE), u64::from(self.basis_points) * sentences);
        if self.at_least { have >= want } else { have <= want }
    }

    /// Whether the share holds once `more` further sentences have come, all of the form or none.
    fn is_met_after(self, view: &View<'_>, more: u64, of_form: bool) -> bool {
        let formed = view.formed + if of_form { more } else { 0 };
        let sentences = view.ended + more;
        sentences > 0 && self.is_met(formed, sentences)
    }

    /// Whether even the best continuation misses the share.
    fn is_dead(self, view: &View<'_>) -> bool {
        let open = view.sentences > view.ended;
        if view.ended == 0 && !open {
            return false;
        }
        let may_end_here = !open && self.is_met_after(view, 0, false);
        match view.sentences_left(self.form.shortest()) {
            Some(left) => !may_end_here && !self.is_met_after(view, left, self.at_least),
            // Without a bound only a share of all or none is beyond repair.
            None if self.at_least => self.basis_points == WHOLE && view.formed < view.ended,
            None => self.basis_points == 0 && view.formed > 0,
        }
    }

    /// Whether even the worst continuation keeps the share.
    fn holds(self, view: &View<'_>) -> bool {
        let worst = view.sentences_left(1);
        let always = if self.at_least { self.basis_points == 0 } else { self.basis_points == WHOLE };
        view.sentences > 0 && (always || worst.is_some_and(|left| self.is_met_after(view, left, !self.at_least)))
    }

    /// How many further sentences of the form (for a lower bound) or without it are needed.
    fn needed(self, view: &View<'_>) -> u64 {
        let within = (1..=1_000).find(|more| self.is_met_after(view, *more, self.at_least));
        within.unwrap_or(1)
    }
}

impl Constraint for Share {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::Ratio
    }

    fn prompt(&self, language: Language) -> String {
        let percent = shown(self.basis_points);
        let (what, example) = described(self.form, language);
        match (language, self.at_least) {
            (Language::Zh, true) => format!("回答中至少{percent}的句子必须是{what}{example}。"),
            (Language::Zh, false) => format!("回答中{what}不得超过全部句子的{percent}。"),
            (Language::En, true) => format!("At least {percent} of the sentences must be {what}{example}."),
            (Language::En, false) => format!("At most {percent} of the sentences may be {what}."),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::Share { form: self.form, at_least: self.at_least, basis_points: self.basis_points }
    }

    fn demand(&self) -> Demand<'_> {
        Demand::Form(self.form)
    }

    fn outlook(&self, view: &View<'_>) -> Residual {
        let view = view.settled();
        if self.is_dead(&view) {
            Residual::Dead
        } else if self.holds(&view) {
            Residual::Holds
        } else {
            Residual::Open
        }
    }

    fn broken(&self, view: &View<'_>) -> Option<String> {
        let (formed, all) = (view.formed, view.ended);
        if all == 0 {
            return (!view.bounds.may_be_empty)
                .then(|| "the reply is empty, so it has no share of anything".to_owned());
        }
        let bound = if self.at_least { "at least" } else { "at most" };
        let percent = shown(self.basis_points);
        (!self.is_met(formed, all)).then(|| {
            let (of, what) = (counted(all, "sentence"), self.form.plural());
            let are = if formed == 1 { format!("is {}", one(what)) } else { format!("are {what}") };
            format!("{formed} of {of} {are}; {bound} {percent} are required")
        })
    }

    fn missing(&self, view: &View<'_>, language: Language) -> Option<String> {
        self.broken(view)?;
        let more = self.needed(view);
        let (what, example) = described(self.form, language);
        Some(match (language, self.at_least) {
            (Language::Zh, true) => format!("还需要至少{more}个{what}{example}。"),
            (Language::Zh, false) => format!("还需要至少{more}个不是{what}的句子。"),
            (Language::En, true) if more == 1 => format!("At least one more {}{example} must come.", singular(what)),
            (Language::En, true) => format!("At least {more} more {what}{example} must come."),
            (Language::En, false) if more == 1 => {
                format!("At least one more sentence must come that is not {}.", one(what))
            }
            (Language::En, false) => format!("At least {more} more sentences must come that are not {what}."),
        })
    }
}

/// One of what is called so in the plural.
fn singular(what: &str) -> &str {
    what.strip_suffix('s').unwrap_or(what)
}

/// The same with its article.
fn one(what: &str) -> String {
    let article = if what.starts_with('e') { "an" } else { "a" };
    format!("{article} {}", singular(what))
}

/// What sentences of a form are called to a model, and how they look.
fn described(form: Form, language: Language) -> (&'static str, &'static str) {
    match (language, form) {
        (Language::Zh, Form::Rhetorical) => {
            ("反问句", "（要有明显的标志，如“难道……吗？”“岂能……？”“何必……？”“谁不……？”，引号中的话不算）")
        }
        (Language::Zh, Form::Question) => ("问句", "（以问号结尾）"),
        (Language::Zh, Form::Exclamation) => ("感叹句", "（以感叹号结尾，引号中的不算）"),
        (Language::Zh, Form::Quotation) => ("带引用的句子", "（句中有用引号引起来的话）"),
        (Language::Zh, Form::ListItem) => ("列表项", "（独占一行，以“1.”“一、”“①”或“- ”开头）"),
        (Language::En, Form::Rhetorical) => (
            "rhetorical questions",
            " with a clear cue (\"Who doesn't …?\", \"What's the point of …?\", \"How could anyone …?\", \"…, isn't it?\"; words in quotation marks do not count)",
        ),
        (Language::En, Form::Question) => ("questions", ""),
        (Language::En, Form::Exclamation) => {
            ("exclamations", " (ending in an exclamation mark; words in quotation marks do not count)")
        }
        (Language::En, Form::Quotation) => ("quotations", " (with some words in quotation marks)"),
        (Language::En, Form::ListItem) => {
            ("list items", " (each on a line of its own that begins with \"1.\" or \"- \")")
        }
    }
}
