//! One pass finds everything: files with many independent mistakes.

mod support;

use support::{compile_text, lines};

// Fails when a mistake hides another one, or is told twice.
#[test]
fn independent_mistakes_are_all_found() {
    for (text, expected) in [FIELDS, SECTIONS, GUARDS] {
        assert_eq!(lines(&compile_text(text).findings), expected, "{text}");
    }
}

const FIELDS: (&str, &[&str]) = (
    r#"import shared
rules safety {
    secrets = forbidden_terms "password"
    brief: max_sentences many
}
role clerk extends nobody {
    version 1
    langage en
    persona "A \q clerk"
    stateful maybe
    model { temperature 7  max_tokens "many" }
    fallback ""
    constraints {
        max_sentences 3 { on_violation truncat }
        forbidden_terms "a" "b"
        must_match /(/
        : max_chars 9
    }
}
"#,
    &[
        "RC0001 1:1 error",
        "RC0001 3:13 error",
        "RC0202 4:26 error",
        "RC0104 7:13 error",
        "RC0103 8:5 error",
        "RC0005 9:16 error",
        "RC0104 10:14 error",
        "RC0105 11:25 error",
        "RC0104 11:39 error",
        "RC0107 12:14 error",
        "RC0211 14:40 error",
        "RC0202 15:29 error",
        "RC0205 16:20 error",
        "RC0001 17:9 error",
    ],
);

const SECTIONS: (&str, &[&str]) = (
    r#"role clerk {
    version 1.0.0
    language en
    persona "A clerk"
    style "Certainly."
    intents {
        refund
        hours   "open" -> open
        refund2 "Open!"
    }
    state { history 50 turns  points maybe }
    delivery {
        group_by intent, trun
        merge window 1s slide 2s
        dedup guarded 0.3 levenshtein + 0.3 embedding >= 0.82
        expire 2
    }
    heartbeat { timeout 1s  base { 5g 8s  4g 1s } }
    cases { case { user "x" } }
}
"#,
    &[
        "RC0104 5:11 error",
        "RC0114 7:9 error",
        "RC0104 8:24 error",
        "RC0115 9:17 error",
        "RC0105 11:21 error",
        "RC0104 11:38 error",
        "RC0014 13:9 note",
        "RC0104 13:26 error",
        "RC0110 14:31 error",
        "RC0110 15:23 error",
        "RC0104 16:16 error",
        "RC0105 18:25 error",
        "RC0103 18:36 error",
        "RC0110 18:43 error",
        "RC0405 19:13 error",
    ],
);

const GUARDS: (&str, &[&str]) = (
    r#"rules a { }
rules a { max_chars 9 }
role clerk {
    version 1.0.0
    language en
    persona "A clerk"
    constraints {
        when intent refund { max_chars 50  no_such_kind 3 }
        when turn soon { max_chars 60 }
        when language zh { max_chars 70 }
        when turn first { }
        use b
        use
        short: max_chars 80
        short: max_chars 90
    }
}
"#,
    &[
        "RC0704 1:7 error",
        "RC0708 2:7 error",
        "RC0702 8:21 error",
        "RC0201 8:44 error",
        "RC0701 9:19 error",
        "RC0703 10:14 error",
        "RC0704 11:9 error",
        "RC0706 12:13 error",
        "RC0706 13:9 error",
        "RC0207 15:9 error",
    ],
);
