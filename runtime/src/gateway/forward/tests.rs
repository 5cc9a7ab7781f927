//! Names, seals, and who is taken at his word.

use axum::http::{HeaderMap, HeaderValue, Request};

use super::*;

fn request(method: &str, path: &str, token: &str) -> Request<()> {
    Request::builder().method(method).uri(path).header("authorization", token).body(()).unwrap()
}

fn on(value: &HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(FORWARDED, value.clone());
    headers
}

// Fails when the name of a connection loses its server on the way, or a name that a client made up names one.
#[test]
fn a_connection_names_its_server() {
    for name in ["n1", "eu-1.example_2", "a.b.c"] {
        let node = Node::begin(name).unwrap();
        let connection = format!("c_0123abc.{}.{}", node.incarnation(), node.name());
        assert_eq!(carrier(&connection), Some(node), "{connection}");
    }
    for wrong in [
        "",
        "c_1",
        "c_1.x",
        "c_1.x.",
        "c_1..n",
        ".x.n",
        "c_1.x.a/b",
        "c_1&a=1.x.n",
        "c_1.x/y.n",
        "c_1.x.n\r\n",
        "c 1.x.n",
    ] {
        assert_eq!(carrier(wrong), None, "{wrong:?}");
    }
}

// Fails when a seal that belongs to another request, token or process, or that is made up or doubled, is taken; or one that
// is right is not.
#[test]
fn a_seal_fits_one_request_to_one_process() {
    let (key, other) = (ContactKey::random().unwrap(), ContactKey::random().unwrap());
    let (path, token) = ("/v1/session/poll?connection=c_1.x.n&wait_ms=5", HeaderValue::from_static("Bearer a.b.c"));
    let seal = Seal::of(&key, "GET", path, &token);
    let sealed = on(&seal.value());
    assert!(Seal::expected(&key, &request("GET", path, "Bearer a.b.c")).unwrap().is_on(&sealed));
    for (key, moved) in [
        (&other, request("GET", path, "Bearer a.b.c")),
        (&key, request("POST", path, "Bearer a.b.c")),
        (&key, request("GET", "/v1/session/poll?connection=c_2.x.n&wait_ms=5", "Bearer a.b.c")),
        (&key, request("GET", path, "Bearer a.b.d")),
        (&key, request("GET", "/metrics", "Bearer a.b.c")),
    ] {
        assert!(!Seal::expected(key, &moved).unwrap().is_on(&sealed), "{moved:?}");
    }
    assert!(
        Seal::expected(&key, &Request::get(path).body(()).unwrap()).is_none(),
        "nothing is passed on without a token"
    );
    for made_up in ["", "1", "true", &"0".repeat(64), &"0".repeat(65), "n1"] {
        assert!(!seal.is_on(&on(&HeaderValue::from_str(made_up).unwrap())), "{made_up}");
    }
    let mut twice = sealed;
    twice.append(FORWARDED, seal.value());
    assert!(!seal.is_on(&twice));
}

// Fails when an answer of another process, or to another request, passes for this one's.
#[test]
fn an_answer_belongs_to_its_request() {
    let (key, other) = (ContactKey::random().unwrap(), ContactKey::random().unwrap());
    let token = HeaderValue::from_static("Bearer a.b.c");
    let seal = Seal::of(&key, "GET", "/a", &token);
    let answered = |value: HeaderValue| {
        let mut headers = HeaderMap::new();
        headers.insert(ANSWERED, value);
        seal.is_answered(&headers)
    };
    assert!(answered(seal.answer()) && !seal.is_answered(&HeaderMap::new()));
    assert!(!answered(seal.value()), "what was sent is no answer");
    assert!(!answered(Seal::of(&other, "GET", "/a", &token).answer()));
    assert!(!answered(Seal::of(&key, "GET", "/b", &token).answer()));
}
