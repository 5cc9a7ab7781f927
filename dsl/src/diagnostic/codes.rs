//! The registry of finding codes: each is declared once, here, and brings its page.

use super::{Code, Severity};

/// What is declared about a code.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// The code.
    pub code: Code,
    /// A stable name in kebab case.
    pub name: &'static str,
    /// The weight of its findings.
    pub severity: Severity,
    /// One sentence, without a full stop.
    pub summary: &'static str,
    /// The page: what it is, an example, the remedy; Markdown.
    pub page: &'static str,
}

/// The digits of a code's name.
const fn number(name: &str) -> u16 {
    let mut bytes = name.as_bytes();
    let mut value = 0;
    while let [first, rest @ ..] = bytes {
        if first.is_ascii_digit() {
            value = value * 10 + (*first - b'0') as u16;
        }
        bytes = rest;
    }
    value
}

macro_rules! codes {
    ($($number:ident $constant:ident $name:literal $severity:ident $summary:literal)*) => {
        $(
            #[doc = concat!(stringify!($number), ": ", $summary, ".")]
            pub const $constant: Code = Code(number(stringify!($number)));
        )*

        /// Every code, in ascending order.
        pub const ALL: &[Declaration] = &[
            $(Declaration {
                code: $constant,
                name: $name,
                severity: Severity::$severity,
                summary: $summary,
                page: include_str!(concat!("../../docs/codes/", stringify!($number), ".md")),
            },)*
        ];
    };
}

codes! {
    // Reading the file.
    RC0001 UNREADABLE "unreadable" Error "a part of the file does not have the shape of the language"
    RC0002 SOURCE_TOO_LARGE "source-too-large" Error "the file is larger than 1 MiB"
    RC0003 NOT_UTF8 "not-utf8" Error "the file is not UTF-8"
    RC0004 NESTED_TOO_DEEP "nested-too-deep" Error "blocks and lists are nested more than 16 deep"
    RC0005 INVALID_LITERAL "invalid-literal" Error "a literal has no value: a wrong escape, a number too large"
    RC0006 UNCLOSED "unclosed" Error "a string, pattern, block or list is opened and never closed"
    RC0007 NO_ROLE "no-role" Error "the file declares no role"
    RC0008 TOO_MANY_FINDINGS "too-many-findings" Note "further findings of the file were left out"
    RC0010 NOT_IMPLEMENTED "not-implemented" Error "a part of the language that this version does not carry out"
    RC0011 BIDI_CONTROL "bidi-control" Warning "a bidirectional control makes text look other than it is"
    RC0012 INVISIBLE_CHARACTER "invisible-character" Warning "a character that nobody can see"
    RC0013 CONFUSABLE "confusable" Warning "a character or word that looks like another one"
    RC0014 NOT_IN_EFFECT "not-in-effect" Note "a part of the language that is checked and kept, and not acted upon yet"
    // Imports.
    RC0021 IMPORT_PATH "import-path" Error "an import names a path that imports do not take"
    RC0022 IMPORT_MISSING "import-missing" Error "an imported file cannot be read"
    RC0023 IMPORT_CYCLE "import-cycle" Error "files import each other in a circle"
    RC0024 IMPORT_BROKEN "import-broken" Error "an imported file has errors"
    RC0025 TOO_MANY_IMPORTS "too-many-imports" Error "imports are nested too deep, or bring too many files"
    // Roles and their fields.
    RC0101 MISSING_FIELD "missing-field" Error "a required field is not there"
    RC0102 DUPLICATE_FIELD "duplicate-field" Error "a field, section or value is given twice"
    RC0103 UNKNOWN_WORD "unknown-word" Error "a word that means nothing in this place"
    RC0104 WRONG_VALUE "wrong-value" Error "a field has a value of another kind than it takes"
    RC0105 OUT_OF_RANGE "out-of-range" Error "a number is outside of what its field takes"
    RC0106 DUPLICATE_ROLE "duplicate-role" Error "two roles have one name"
    RC0107 EMPTY_TEXT "empty-text" Error "a text that must say something is empty"
    RC0108 TOO_MANY "too-many" Error "a role has more rules, terms or cases than are checked"
    RC0109 NEEDS_STATE "needs-state" Error "a role that keeps no dialogue state has a part that needs it"
    RC0110 DOES_NOT_FIT "does-not-fit" Error "two values of a section do not fit together"
    RC0111 UNKNOWN_PARENT "unknown-parent" Error "a role extends one that is not there"
    RC0112 EXTENDS_CYCLE "extends-cycle" Error "roles extend each other in a circle, or too deep"
    RC0113 PARENT_BROKEN "parent-broken" Error "a role extends one that has errors"
    RC0114 EMPTY_INTENT "empty-intent" Error "an intent has no sample"
    RC0115 DUPLICATE_SAMPLE "duplicate-sample" Error "two intents have one sample"
    // Rules.
    RC0201 UNKNOWN_KIND "unknown-kind" Error "no constraint kind has this name"
    RC0202 WRONG_ARGUMENTS "wrong-arguments" Error "a rule has other arguments than its kind takes"
    RC0203 ARGUMENT_OUT_OF_RANGE "argument-out-of-range" Error "a rule's number is outside of what its kind takes"
    RC0204 EMPTY_TERM "empty-term" Error "a term that every text contains, or none"
    RC0205 INVALID_PATTERN "invalid-pattern" Error "a regular expression is wrong, too large or not supported"
    RC0206 UNKNOWN_METRIC "unknown-metric" Error "no sentence metric has this name"
    RC0207 DUPLICATE_RULE "duplicate-rule" Error "two rules have one id"
    RC0208 IMPOSSIBLE_REACTION "impossible-reaction" Error "the kind of the rule cannot do what `on_violation` asks"
    RC0209 NO_FALLBACK "no-fallback" Error "`on_violation fallback` in a role without a fallback"
    RC0210 UNKNOWN_OPTION "unknown-option" Error "a rule's block has an option that rules do not have"
    RC0211 WRONG_OPTION "wrong-option" Error "an option has a value that it does not take"
    RC0220 INVALID_SCHEMA "invalid-schema" Error "a JSON Schema is not JSON, or not a schema"
    // Contradictions.
    RC0301 MIN_ABOVE_MAX "min-above-max" Error "a lower bound is above an upper bound"
    RC0302 REQUIRED_FORBIDDEN "required-forbidden" Error "a required term is, or contains, a forbidden one"
    RC0303 SHARE_UNREACHABLE "share-unreachable" Error "no number of sentences reaches the share"
    RC0304 CONTRADICTION "contradiction" Error "rules that no reply keeps together"
    RC0305 NO_ROOM "no-room" Error "what is asked for does not fit into what is allowed"
    RC0306 REPEATED_TERM "repeated-term" Warning "a term is listed twice"
    RC0307 IMPLIED_RULE "implied-rule" Note "a rule that the others imply"
    RC0308 IMPOSSIBLE_RULE "impossible-rule" Error "a rule that no reply keeps"
    RC0309 UNDECIDED "undecided" Note "whether the rules can hold together was not decided"
    RC0310 COMMON_CHARACTER "common-character" Warning "a forbidden term that is a single common character"
    RC0311 FOREIGN_TERM "foreign-term" Warning "a required term in another language than the reply's"
    RC0312 HOLDS_REPLY "holds-reply" Note "a reply is held until it is complete"
    RC0313 ESCAPES_PARENT "escapes-parent" Error "a role allows what the role it extends does not"
    // Texts of the contract.
    RC0401 FALLBACK_VIOLATES "fallback-violates" Error "the fallback breaks a rule of its own contract"
    RC0402 CASE_FAILS "case-fails" Error "the reply of a passing case breaks a rule"
    RC0403 CASE_PASSES "case-passes" Error "the reply of a case keeps a rule that it should break"
    RC0404 UNKNOWN_RULE "unknown-rule" Error "a case names a rule that the role does not have"
    RC0405 MALFORMED_CASE "malformed-case" Error "a case lacks a part or has one that does not fit"
    RC0406 REPLACEMENT_VIOLATES "replacement-violates" Error "a replacement breaks a rule of its own contract, or is nothing"
    RC0407 CASE_IMPOSSIBLE "case-impossible" Error "no reply can do what a case expects"
    RC0408 STYLE_VIOLATES "style-violates" Error "a sample of the role's style breaks a rule of its own contract"
    // Plugins.
    RC0501 WRONG_PARAMETER "wrong-parameter" Error "a plugin parameter is not of the form `name value`"
    RC0502 DUPLICATE_PARAMETER "duplicate-parameter" Error "a plugin parameter is given twice"
    RC0503 PLUGIN_MISSING "plugin-missing" Error "a contract names a plugin that is not loaded"
    RC0504 PLUGIN_WORLD "plugin-world" Error "a plugin is named where another kind of plugin is needed"
    RC0505 PARAMETER_REFUSED "parameter-refused" Error "a plugin does not accept a parameter"
    RC0506 PLUGIN_FAILED "plugin-failed" Error "a plugin gave no judgement"
    RC0507 WITNESS_REFUSED "witness-refused" Note "a plugin refuses the reply that shows that the rules can hold together"
    // Trial runs.
    RC0601 REHEARSAL_FAILS "rehearsal-fails" Error "the rehearsal model's reply did not get through the contract"
    RC0602 RULE_NOT_COVERED "rule-not-covered" Note "no case expects that a rule is broken"
    RC0603 MUTANT_SURVIVES "mutant-survives" Warning "a rule can be changed and no case notices"
    // Guards and rule sets.
    RC0701 MALFORMED_GUARD "malformed-guard" Error "a `when` does not have the form of a condition and a block"
    RC0702 UNKNOWN_INTENT "unknown-intent" Error "a condition names an intent that the role does not have"
    RC0703 GUARD_NEVER_HOLDS "guard-never-holds" Error "no turn satisfies a condition"
    RC0704 EMPTY_BLOCK "empty-block" Error "a `when` or a rule set holds no rule"
    RC0705 TOO_MANY_SCENARIOS "too-many-scenarios" Error "guards tell more scenarios apart than are checked"
    RC0706 UNKNOWN_SET "unknown-set" Error "`use` names a rule set that is not there"
    RC0707 SET_CYCLE "set-cycle" Error "rule sets use each other in a circle, or too deep"
    RC0708 DUPLICATE_SET "duplicate-set" Error "two rule sets of one file have one name"
    // Where it is served.
    RC0801 ROUTE_MISSING "route-missing" Warning "a role asks for a route that the server does not have"
}

/// The codes of rules and texts that contradict each other, in a contract that is readable.
pub const CONTRADICTIONS: std::ops::RangeInclusive<u16> = 300..=499;

/// The declaration of a code.
#[must_use]
pub fn lookup(code: Code) -> Option<&'static Declaration> {
    ALL.binary_search_by_key(&code, |declared| declared.code).ok().and_then(|index| ALL.get(index))
}

/// The severity a code is declared with; an undeclared code weighs as an error.
#[must_use]
pub fn severity(code: Code) -> Severity {
    lookup(code).map_or(Severity::Error, |declared| declared.severity)
}

/// The page of a code, written as `RC0203`, `rc203` or `203`.
#[must_use]
pub fn explain(code: &str) -> Option<&'static str> {
    let digits = code.trim().trim_start_matches(|c: char| c.eq_ignore_ascii_case(&'r') || c.eq_ignore_ascii_case(&'c'));
    let number = digits.parse().ok()?;
    lookup(Code(number)).map(|declared| declared.page)
}
