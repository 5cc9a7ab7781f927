//! scratch
use rolecall_dsl::*;
fn main() {
    if let [_, diff, a, b] = &std::env::args().collect::<Vec<_>>()[..]
        && diff == "diff"
    {
        let load = |p: &str, i: usize| {
            let c = compile(&source::Source::new(p, &std::fs::read_to_string(p).unwrap()));
            c.contracts.into_iter().chain(c.contradictory).nth(i).unwrap()
        };
        println!("{:?}", conflict::compare(&load(a, 0), &load(b, 1)));
        return;
    }
    for p in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&p).unwrap();
        let src = source::Source::new(&p, &text);
        let t = std::time::Instant::now();
        let c = compile(&src);
        let a = t.elapsed();
        let t = std::time::Instant::now();
        let r: Vec<_> = c.contracts.iter().flat_map(|c| conflict::review(c)).collect();
        println!("{p} compile {a:?} review {:?}", t.elapsed());
        print!("{}", diagnostic::render(&c.findings, diagnostic::Format::Human { color: false }));
        print!("{}", diagnostic::render(&r, diagnostic::Format::Short));
    }
}
