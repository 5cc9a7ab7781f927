use super::*;
use crate::enforce::testing::role;
use crate::model::Rehearsal;

fn plan(fallback: Option<&str>) -> Plan {
    Plan { model: Arc::new(Rehearsal::default()), rations: Rations::default(), fallback: fallback.map(str::to_owned) }
}

fn named(plans: &[(&str, Option<&str>)]) -> Result<Models, ModelError> {
    let plans = plans.iter().map(|(name, fallback)| ((*name).to_owned(), plan(*fallback))).collect();
    Models::named(plans, &Metrics::new().unwrap())
}

fn asking(route: &str) -> Arc<Contract> {
    role("en", "max_sentences 3", &format!("model {{ route \"{route}\" }}"))
}

// Fails when a role is answered by another model than its route's, or its finding does not lead to the line.
#[test]
fn a_route_that_is_not_there_is_an_error_and_never_another_model() {
    let models = named(&[("default", None), ("fast", None)]).unwrap();
    for contract in [role("en", "max_sentences 3", ""), asking("fast"), asking("default")] {
        assert!(models.asking(&contract).is_ok() && models.missing_route(&contract).is_none());
    }
    let lost = asking("slow");
    let error = models.asking(&lost).unwrap_err();
    assert_eq!((error.code(), error.status(), error.retryable()), ("model_no_route", 500, false));
    assert!(error.outward().contains("[routes.slow]"), "{error}");
    let finding = models.missing_route(&lost).unwrap();
    assert_eq!(finding.source.text().get(finding.span.start as usize..finding.span.end as usize), Some("\"slow\""));
    // One model for everything is what `verify` and the rehearsal mean.
    let only = Models::only(Arc::new(Rehearsal::default()), Rations::default(), &Metrics::new().unwrap());
    assert!(only.asking(&lost).is_ok() && only.missing_route(&lost).is_none());
}

// Fails when a fallback is built before what it leads to, or a circle is taken.
#[test]
fn fallbacks_are_a_chain() {
    assert!(named(&[("a", Some("b")), ("b", Some("default")), ("default", None)]).is_ok());
    for wrong in [
        &[("default", Some("a")), ("a", Some("default"))][..],
        &[("default", None), ("a", Some("a"))],
        &[("default", None), ("a", Some("nowhere"))],
        &[("a", None)],
    ] {
        assert_eq!(named(wrong).unwrap_err().code(), "model_config");
    }
}
