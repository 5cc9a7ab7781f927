mod common;
#[test]
fn s() {
    for r in [
        "forbidden_terms \"promise\" | \"guarantee\"\nrequired_terms \"satisfaction guarantee\"",
        "script han\nrequired_terms \"AI\"",
        "no_emoji\nends_with \"😀\"",
        "language zh >= 100%\nrequired_terms \"hello\"",
        "max_repeat 1\nmin_sentences 3\nmax_chars 6",
        "no_urls\nrequired_terms \"example.com\"",
        "format json\nends_with \"。\"",
    ] {
        let c = common::contract(r);
        let t = std::time::Instant::now();
        println!(
            "{r}: {:?} {:?}",
            rolecall_dsl::conflict::solve(&c.rules.iter().collect::<Vec<_>>(), None),
            t.elapsed()
        );
    }
}
