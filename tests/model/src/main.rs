use rolecall_model::*;
fn main() {
    let a: Vec<String> = std::env::args().skip(1).collect();
    if a[0] == "faults" {
        for f in fault::Fault::ALL {
            if a.len() > 1 && a[1] != f.label() { continue }
            let r = check::check(&setups::hunt(*f), 2);
            let found = r.counterexample.as_ref().map(|(p, s)| (p.to_string(), s.len(), s.last().cloned()));
            println!("{:?} {:?} {} {} {:?} {:?}", f, f.breaks(), r.unique, r.depth, r.took, found);
            if a.len() > 1 { if let Some((_, s)) = &r.counterexample { for (i, s) in s.iter().enumerate() { println!("  {i} {s}"); } } }
        }
        return;
    }
    for s in setups::all().into_iter().chain([setups::small()]) {
        if a[0] != "all" && a[0] != s.name { continue }
        let r = check::check(&s, 2);
        println!("{} {} {} {} {:?}", s.name, r.generated, r.unique, r.depth, r.took);
        for v in &r.verdicts { if !v.holds { println!("  not: {} {:?}", v.property, v.expectation); } }
        if let Some((p, steps)) = &r.counterexample { println!("{p}"); for (i, s) in steps.iter().enumerate() { println!("  {i} {s}"); } }
    }
}
