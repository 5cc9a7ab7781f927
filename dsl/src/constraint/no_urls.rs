//! `no_urls`: no web address occurs, and no mail address.
//!
//! An address is one of
//!
//! - a scheme and something behind it: `https://a.b/c`, `ftp://x`;
//! - `www.` and something behind it;
//! - a name of ASCII letters, digits and hyphens under a well-known top-level domain (`example.com`,
//!   `docs.rolecall.dev`, `me@example.org`), whatever stands around it;
//! - the same under a top-level domain that is also a word (`me`, `it`, `top`), if a `/` follows.
//!
//! `e.g.`, `3.14`, `Node.js`, `版本2.0`, `ASP.NET` and `and/or` are none. The address ends before white
//! space, Han characters and the punctuation of a sentence.

use std::sync::{Arc, LazyLock};

use super::Constraint;
use super::args::Reader;
use super::unwanted::Unwanted;
use crate::ast::Entry;
use crate::diagnostic::Finding;
use crate::source::Source;
use crate::text::pattern::{Pattern, builtin};

pub(super) const KEYWORD: &str = "no_urls";

/// What may stand behind the host: a port, and a path or query that ends with no punctuation mark.
const TAIL: &str = r#"(?::[0-9]+)?(?:[/?#](?:[!-~&&[^<>"]]*[!-~&&[^<>".,;:!?)'\]]])?)?"#;

/// Domains whose names are no words, in the case in which addresses are written.
const DOMAINS: &str = "com|COM|org|ORG|net|edu|gov|mil|info|biz|io|dev|xyz|ai|cn|CN|tw|hk|jp|kr|sg|uk|de|fr|nl|ru|eu|ca|au|br|ch|es|tv|cc";

/// Domains whose names are words as well.
const WORDS: &str =
    "app|top|site|online|shop|store|club|link|live|tech|wiki|work|world|vip|co|me|to|in|it|us|so|is|be|at|gg|ly|sh|st";

static PATTERNS: LazyLock<Vec<Arc<Pattern>>> = LazyLock::new(|| {
    let label = "(?:[A-Za-z0-9_][A-Za-z0-9_-]*\\.)+";
    let user = "(?:[A-Za-z0-9._%+-]+@)?";
    vec![
        builtin(
            "a web address",
            "[A-Za-z][A-Za-z0-9+.-]*://[!-~&&[^<>\"\\s]](?:[!-~&&[^<>\"]]*[!-~&&[^<>\".,;:!?)'\\]]])?",
        ),
        builtin("a web address", &format!(r"(?-u:\b)[Ww][Ww][Ww]\.(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+{TAIL}")),
        builtin("a web address", &format!(r"(?-u:\b){user}{label}(?:{DOMAINS})(?-u:\b){TAIL}")),
        builtin(
            "a web address",
            &format!(
                r"(?-u:\b){user}{label}(?:{WORDS})(?::[0-9]+)?/(?:[!-~&&[^<>\x22]]*[!-~&&[^<>\x22.,;:!?)\x27\]]])?"
            ),
        ),
    ]
});

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    Reader::new(entry, source, findings, KEYWORD).bare()?;
    Some(Arc::new(Unwanted {
        keyword: KEYWORD,
        patterns: &PATTERNS,
        zh: "回答中不得出现网址、域名或邮箱地址。",
        en: "Write no web addresses, domain names or mail addresses.",
    }))
}
