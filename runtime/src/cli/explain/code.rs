//! `rolecall explain CODE`.

use rolecall_dsl::diagnostic::codes::{self, Declaration};

use crate::cli::{DONE, print, print_line};

/// The page of a code, asked for by the code, also in the brackets that findings show it in, or by its name.
pub(super) fn page(code: &str) -> Option<&'static str> {
    let code = code.trim_matches(['[', ']']);
    let by_name = || codes::ALL.iter().find(|declared| declared.name.eq_ignore_ascii_case(code)).map(|d| d.page);
    codes::explain(code).or_else(by_name)
}

/// Whether this is written as a code and so names no role: no folder of contracts is needed to say that it is none.
pub(super) fn is_like_one(subject: &str) -> bool {
    let subject = subject.trim_matches(['[', ']']).to_ascii_lowercase();
    let digits = subject.strip_prefix("rc").unwrap_or(&subject);
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}

pub(super) fn show(page: &str) -> anyhow::Result<u8> {
    print(page)?;
    Ok(DONE)
}

pub(super) fn list() -> anyhow::Result<u8> {
    for declared in codes::ALL {
        print_line(&line(declared))?;
    }
    Ok(DONE)
}

fn line(declared: &Declaration) -> String {
    let severity = format!("{:?}", declared.severity).to_lowercase();
    format!("{} {severity} {}: {}", declared.code, declared.name, declared.summary)
}
