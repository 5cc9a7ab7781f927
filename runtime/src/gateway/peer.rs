//! Who is at the other end: the connection's address, or, behind a proxy that is trusted, the one that it tells.

use std::net::IpAddr;

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The other end of the connection that a request came over. Callers within the process have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its address; an IPv4 address is one also where the socket is an IPv6 one.
    pub(crate) address: IpAddr,
    /// Whether it speaks TLS to this process.
    pub(crate) secure: bool,
}

/// Whether what a proxy says of its callers is believed.
pub(super) fn is_trusted(address: IpAddr, proxies: &[IpNet]) -> bool {
    proxies.iter().any(|network| network.contains(&address))
}

/// The caller's address: the peer's, or the last one that a chain of trusted proxies names and that is none of them.
/// What stands before that was written by the caller, and may be anything.
///
/// A proxy writes one of the two headers and passes the other on as the caller sent it. So where both are there and do not
/// name the same address, neither is believed, and the caller shares the allowance of his proxy.
pub(super) fn caller(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    if !is_trusted(peer, proxies) {
        return peer;
    }
    let told = |name: &str, read: fn(&str) -> Option<IpAddr>| {
        let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default()).collect();
        (!lines.is_empty()).then(|| last_stranger(peer, lines.join(",").rsplit(',').map(read), proxies))
    };
    match (told("forwarded", forwarded), told("x-forwarded-for", node)) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(told), _) | (None, Some(told)) => told,
        (None, None) => peer,
    }
}

/// Goes back along the hops, the latest first, as far as each was reported by somebody who is trusted.
fn last_stranger(peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>, proxies: &[IpNet]) -> IpAddr {
    let mut last = peer;
    for hop in hops {
        match hop {
            Some(address) if is_trusted(address, proxies) => last = address,
            Some(address) => return address,
            // `unknown`, or a name of the proxy's own: what stands before is not his word.
            None => return last,
        }
    }
    last
}

/// The `for` of one element of `Forwarded` (RFC 7239).
fn forwarded(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    named.next().and_then(|(_, value)| node(value.trim().trim_matches('"')))
}

/// An address, with a port or without.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _port)| address)?,
        None if text.matches(':').count() == 1 => text.split_once(':').map(|(address, _port)| address)?,
        None => text,
    };
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let proxies: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].iter().map(|network| network.parse().unwrap()).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        caller(peer.parse().unwrap(), &map, &proxies).to_string()
    }

    // Fails when a caller chooses his address, or a trusted proxy is not believed.
    #[test]
    fn the_last_stranger_is_the_caller() {
        let xff = "x-forwarded-for";
        for (peer, headers, expected) in [
            // Nobody is believed who is not listed.
            ("192.0.2.1", vec![(xff, "198.51.100.7")], "192.0.2.1"),
            ("192.0.2.1", vec![("forwarded", "for=198.51.100.7")], "192.0.2.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec![(xff, "198.51.100.7")], "198.51.100.7"),
            // The caller wrote the first two himself, on a line of his own or not.
            ("10.0.0.1", vec![(xff, "127.0.0.1, 203.0.113.9, 198.51.100.7")], "198.51.100.7"),
            ("10.0.0.1", vec![(xff, "203.0.113.9"), (xff, "198.51.100.7, 10.2.3.4")], "198.51.100.7"),
            ("10.0.0.1", vec![(xff, "203.0.113.9, junk, 10.2.3.4")], "10.2.3.4"),
            ("10.0.0.1", vec![(xff, "10.9.9.9, 10.2.3.4")], "10.9.9.9"),
            ("fd00::1", vec![(xff, "[2001:db8::7]:4711")], "2001:db8::7"),
            ("10.0.0.1", vec![(xff, "198.51.100.7:4711")], "198.51.100.7"),
            ("10.0.0.1", vec![(xff, "::ffff:198.51.100.7")], "198.51.100.7"),
            ("10.0.0.1", vec![("forwarded", "for=203.0.113.9, for=\"[2001:db8::7]:9\";proto=https")], "2001:db8::7"),
            ("10.0.0.1", vec![("forwarded", "For=198.51.100.7, by=10.0.0.1;for=10.2.3.4")], "198.51.100.7"),
            ("10.0.0.1", vec![("forwarded", "for=203.0.113.9, for=unknown")], "10.0.0.1"),
            // One of the two comes from the caller.
            ("10.0.0.1", vec![("forwarded", "for=203.0.113.9"), (xff, "198.51.100.7")], "10.0.0.1"),
            ("10.0.0.1", vec![("forwarded", "for=198.51.100.7"), (xff, "198.51.100.7")], "198.51.100.7"),
        ] {
            assert_eq!(called(peer, &headers), expected, "{peer} {headers:?}");
        }
    }
}
