//! Laws of what opens a connection: any request presents a place or a fault, and a place survives being written.

use rolecall_wire::upgrade::{self, Fault};

/// The first line is a query, the second an `Authorization`, the others are lines of subprotocols.
pub fn request(text: &str) {
    let mut lines = text.lines();
    let query = lines.next().unwrap_or_default();
    let authorization = lines.next().filter(|line| !line.is_empty());
    let offered: Vec<&str> = lines.flat_map(upgrade::members).collect();
    assert!(offered.iter().all(|name| !name.is_empty() && !name.contains(',')));
    match upgrade::encoding(offered.iter().copied()) {
        Ok(None) => assert!(offered.is_empty(), "an offer is not answered"),
        Ok(Some(encoding)) => assert!(offered.contains(&encoding.subprotocol()), "chosen, but not offered"),
        Err(fault) => assert_eq!(fault, Fault::Subprotocol),
    }
    match upgrade::hello(query, authorization, offered.iter().copied()) {
        Ok(hello) => {
            let bearer = format!("Bearer {}", hello.token);
            let again = upgrade::hello(&upgrade::query(&hello), Some(&bearer), []);
            // A header carries no token with spaces at its ends, and no empty one; a query does.
            let carried = !hello.token.is_empty() && hello.token.trim() == hello.token;
            assert!(!carried || again.as_ref() == Ok(&hello), "{again:?} is not {hello:?}");
        }
        Err(Fault::NoToken) => {
            let mut tokens = offered.iter().filter_map(|name| name.strip_prefix(upgrade::TOKEN_PROTOCOL));
            assert!(tokens.all(str::is_empty), "a token is offered");
        }
        Err(Fault::Subprotocol) => panic!("a subprotocol has no part in the place"),
        Err(Fault::Unknown(_) | Fault::Twice(_) | Fault::Value { .. }) => assert!(!query.is_empty()),
    }
}
