//! The analysis: what can hold together, what cannot, and the reply or the rules that show it.

mod common;

use common::contract;
use rolecall_dsl::conflict::{Answer, conflicts, solve};
use rolecall_dsl::contract::Rule;

fn check(rules: &str) -> (Answer, Vec<Vec<String>>) {
    let contract = contract(rules);
    let all: Vec<&Rule> = contract.rules.iter().collect();
    let answer = solve(&all, None);
    let sets = if answer == Answer::Impossible {
        conflicts(&all)
            .into_iter()
            .map(|set| {
                set.members
                    .iter()
                    .map(|m| format!("{} ({})", all[m.rule].id, m.without.as_deref().unwrap_or("?")))
                    .collect()
            })
            .collect()
    } else {
        Vec::new()
    };
    (answer, sets)
}

#[test]
fn scratch() {
    for rules in [
        "max_sentences 3\nforbidden_terms \"AI\" | \"算法\" | \"2024\"\nresponse_style 反问句 >= 40%",
        "required_terms \"人工智能\"\nforbidden_terms \"智能\"",
        "max_sentences 1\nresponse_style rhetorical >= 40%\nresponse_style rhetorical <= 60%",
        "max_sentences 2\nrequired_terms \"A。B。C。\"",
        "max_sentences 1\nrequired_terms all \"甲。\" | \"乙！\"",
        "max_chars 3\nrequired_terms all \"甲乙\" | \"丙丁\"",
        "max_chars 3\nrequired_terms all \"甲乙\" | \"乙丁\"",
        "must_match /^[a-z]+$/\nrequired_terms \"好\"",
        "must_match /^[a-z]+$/\nmust_not_match /[aeiou]/\nmax_chars 5\nmin_sentences 2",
        "min_sentences 50\nmax_chars 120\nresponse_style question >= 33.33%",
        "min_sentences 50\nmax_chars 49",
        "min_sentences 10000\nresponse_style rhetorical >= 40%\nresponse_style question <= 10%",
        "forbidden_terms \"。\" | \"？\" | \"?\" | \".\" | \"!\"\nresponse_style question >= 50%",
        "forbidden_terms \"吗\" | \"？\" | \"?\"\nresponse_style question >= 50%",
        "forbidden_terms \"难道\" | \"岂\" | \"何\" | \"焉\" | \"孰\" | \"能\" | \"怎\" | \"哪\" | \"谁\" | \"是\" | \"这\" | \"那\" | \"还\" | \"有\" | \"凭\" | \"至\" | \"算\" | \"安\" \nmust_not_match /[a-zA-Z]/\nresponse_style rhetorical >= 10%",
    ] {
        let start = std::time::Instant::now();
        let (answer, sets) = check(rules);
        let shown = match &answer {
            Answer::Witness(w) => format!("Witness({:?})", w.chars().take(80).collect::<String>()),
            o => format!("{o:?}"),
        };
        println!("{:>9.3?}  {}\n     {} {:?}", start.elapsed(), rules.replace('\n', " ; "), shown, sets);
    }
}
