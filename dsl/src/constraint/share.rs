//! Shares: how they are read and shown.

use super::args::Reader;
use crate::ast::Arg;
use crate::diagnostic::{Finding, codes};
use crate::span::Spanned;

/// `40%`; a bare number is a finding that offers the percent sign.
pub(super) fn percent(arg: &Spanned<Arg>, reader: &mut Reader<'_>) -> Option<Spanned<u32>> {
    match arg.value {
        Arg::Percent(basis_points) => Some(Spanned::new(basis_points, arg.span)),
        Arg::Int(number) if number <= 100 => {
            let message = format!("a share is a percentage: {number}%");
            let finding = Finding::new(codes::WRONG_ARGUMENTS, reader.source(), arg.span, message)
                .with_help(format!("write `{number}%`"))
                .with_fix(arg.span, format!("{number}%"));
            reader.add(finding)
        }
        _ => reader.wrong(codes::WRONG_ARGUMENTS, arg.span, "a share is a percentage such as `40%`"),
    }
}

/// `40` or `33.3`, in basis points.
pub(super) fn basis_points(number: &str) -> Option<u32> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 2 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let fraction: u32 = format!("{fraction:0<2}").parse().ok()?;
    whole.checked_mul(100)?.checked_add(fraction)
}

/// Basis points as people write them.
pub(super) fn shown(basis_points: u32) -> String {
    let (whole, fraction) = (basis_points / 100, basis_points % 100);
    match fraction {
        0 => format!("{whole}%"),
        fraction if fraction % 10 == 0 => format!("{whole}.{}%", fraction / 10),
        fraction => format!("{whole}.{fraction:02}%"),
    }
}
