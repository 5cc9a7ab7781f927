//! Where a web page comes from (RFC 6454): scheme, host and port, as browsers write it into `Origin`.

use std::net::IpAddr;

use super::values::Problem;

/// Whose pages may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginRule {
    /// Everybody's.
    Any,
    /// Those that the user's own machine serves.
    Loopback,
    /// Those that a browser gives no origin: files, sandboxed frames.
    Opaque,
    /// Those of one origin.
    Exact(Origin),
}

/// An origin, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: Box<str>,
    host: Box<str>,
    port: Option<u16>,
}

impl Origin {
    /// Reads `SCHEME://HOST[:PORT]`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let in_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        if scheme.is_empty() || !scheme.chars().all(in_scheme) || authority.contains(['/', '?', '#', '@']) {
            return None;
        }
        let (host, port) = host_and_port(authority)?;
        let scheme = scheme.to_ascii_lowercase();
        let port = port.or(match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        });
        Some(Self { scheme: scheme.into(), host: host.into(), port })
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether the page comes from the user's own machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        matches!(&*self.scheme, "http" | "https") && is_loopback_name(&self.host)
    }

    /// Whether a request that names this `Host` goes where the page came from. Without a port in it, it is the
    /// scheme's own.
    #[must_use]
    pub fn is_at(&self, host: &str) -> bool {
        Self::parse(&format!("{}://{host}", self.scheme)).is_some_and(|other| other == *self)
    }
}

/// Whether a host, without its port, is this machine whoever resolves it.
#[must_use]
pub(crate) fn is_loopback_name(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An authority's two parts, the host in lower case.
fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    // The last colon, if it is none of an IPv6 address.
    let colon = authority.rfind(':').filter(|at| !authority.get(*at..).is_some_and(|rest| rest.contains(']')));
    let (host, port) = match colon.and_then(|at| authority.split_at_checked(at)) {
        Some((host, port)) => (host, Some(port.strip_prefix(':')?.parse().ok()?)),
        None => (authority, None),
    };
    let fits = !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic() && c != ',');
    fits.then(|| (host.to_ascii_lowercase(), port))
}

pub(super) fn origin(text: &str) -> Result<OriginRule, Problem> {
    match text {
        "*" => Ok(OriginRule::Any),
        "loopback" => Ok(OriginRule::Loopback),
        "null" => Ok(OriginRule::Opaque),
        _ => Origin::parse(text).map(OriginRule::Exact).ok_or_else(|| {
            let remedy = "write scheme, host and port only, such as https://app.example.com, or loopback, null or *";
            Problem::new("not an origin", remedy)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when two spellings of one origin differ, or two origins do not.
    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let read = |text| Origin::parse(text).unwrap();
        assert_eq!(read("https://App.example"), read("https://app.example:443"));
        assert_eq!(read("http://[::1]"), read("http://[::1]:80"));
        for other in ["http://app.example", "https://app.example:8443", "https://app.example.evil", "app://app.example"]
        {
            assert_ne!(read("https://app.example"), read(other), "{other}");
        }
        for wrong in [
            "",
            "null",
            "app.example",
            "https://",
            "https://a/",
            "https://a/b",
            "https://u@a",
            "https://a:b",
            "https://a b",
            "://a",
        ] {
            assert!(Origin::parse(wrong).is_none(), "{wrong}");
        }
    }

    // Fails when a page counts as the server's own because its name begins or ends alike.
    #[test]
    fn a_page_is_at_home_under_the_very_name_it_calls() {
        let page = Origin::parse("https://app.example").unwrap();
        assert!(page.is_at("app.example") && page.is_at("APP.example:443"));
        for host in ["app.example:80", "app.example.evil", "xapp.example", "", "app.example@evil", "app.example/x"] {
            assert!(!page.is_at(host), "{host}");
        }
    }

    // Fails when a name that others can register counts as this machine.
    #[test]
    fn loopback_names() {
        for name in ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "::1"] {
            assert!(is_loopback_name(name), "{name}");
        }
        for name in
            ["", "localhost.evil", "notlocalhost", "127.0.0.1.evil", "10.0.0.1", "[::2]", "128.0.0.1", "éлlocalhost"]
        {
            assert!(!is_loopback_name(name), "{name}");
        }
    }
}
