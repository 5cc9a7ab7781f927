mod common;
#[test]
fn s() {
    for (r, b) in [("required_terms all \"safe travels\" | \"see you soon\"\nmax_sentences 3", "")] {
        let c = common::contract(r);
        let t = std::time::Instant::now();
        println!(
            "{r}: {:?} {:?}",
            rolecall_dsl::conflict::solve(&c.rules.iter().collect::<Vec<_>>(), None),
            t.elapsed()
        );
    }
}
