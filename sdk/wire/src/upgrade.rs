//! What a client presents when it opens a connection (`PROTOCOL.md` §3), written and read in one place.
//! What carries it, a WebSocket's upgrade or another request, is for others to know.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use crate::frame::{Hello, Network};
use crate::limits::MAX_ROLLUP_MS;
use crate::server::Encoding;

/// What the token's subprotocol begins with.
pub const TOKEN_PROTOCOL: &str = "rolecall.token.";

/// Why a request presents nothing that opens a connection: the client's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A parameter that this version does not know.
    #[error(
        "`{0:.64}` is no parameter of a connection; there are `last_seq`, `epoch`, `network`, `instance`, `attempt`, \
         `window`, `rollup_ms`, `refresh` and `token`"
    )]
    Unknown(String),
    /// A parameter twice: which one counts cannot be told.
    #[error("`{0}` is there twice; write it once")]
    Twice(&'static str),
    /// A parameter with a value that it cannot have.
    #[error("`{name}` cannot be `{value:.64}`; write {}", allowed(name))]
    Value {
        /// The parameter.
        name: &'static str,
        /// Its value, decoded.
        value: String,
    },
    /// Subprotocols are offered, and none is known.
    #[error(
        "none of the offered subprotocols is known; offer `rolecall.bsp.v2`, `rolecall.bsp.v1` or `rolecall.json.v1`"
    )]
    Subprotocol,
    /// No place has a token.
    #[error(
        "send the session token as `Authorization: Bearer TOKEN`, as the subprotocol `rolecall.token.TOKEN` of a \
         WebSocket, or as `?token=TOKEN`"
    )]
    NoToken,
}

impl Fault {
    /// The parameter that is wrong, if it is one.
    #[must_use]
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::Unknown(name) => Some(name),
            Self::Twice(name) | Self::Value { name, .. } => Some(name),
            Self::Subprotocol | Self::NoToken => None,
        }
    }
}

/// What a parameter may be.
fn allowed(name: &str) -> String {
    let most = match name {
        "network" => return format!("`{}`", Network::ALL.map(Network::name).join("`, `")),
        "refresh" => return "`true` or `false`".to_owned(),
        "rollup_ms" => u64::from(MAX_ROLLUP_MS),
        "epoch" | "attempt" | "window" => u64::from(u32::MAX),
        _ => u64::MAX,
    };
    format!("a whole number from 0 to {most}")
}

/// The query of a request that presents this. The token is not in it: it has better places.
#[must_use]
pub fn query(hello: &Hello) -> String {
    let mut query = format!("last_seq={}&epoch={}&network={}", hello.last_seq, hello.epoch, hello.network.name());
    let mut add = |name: &str, value: u64| {
        // What has its default is left out.
        if value != 0 {
            query.push_str(&format!("&{name}={value}"));
        }
    };
    add("instance", hello.instance);
    add("attempt", hello.attempt.into());
    add("window", hello.window.into());
    add("rollup_ms", hello.rollup_ms.into());
    if hello.refresh {
        query.push_str("&refresh=true");
    }
    query
}

/// Reads what a request presents: its query, its `Authorization`, and the subprotocols that it offers, as
/// [`members`] gives them. The first place that has a token counts, in this order: `Authorization`, subprotocol, query.
///
/// # Errors
/// The client's fault, named.
pub fn hello<'a>(
    query: &str,
    authorization: Option<&str>,
    offered: impl IntoIterator<Item = &'a str>,
) -> Result<Hello, Fault> {
    let (mut last_seq, mut epoch, mut network, mut token) = (None, None, None, None);
    let (mut instance, mut attempt, mut window, mut rollup_ms, mut refresh) = (None, None, None, None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "last_seq" => once(&mut last_seq, "last_seq", &value, number(&value))?,
            "epoch" => once(&mut epoch, "epoch", &value, number(&value))?,
            "network" => once(&mut network, "network", &value, Network::from_name(&value))?,
            "instance" => once(&mut instance, "instance", &value, number(&value))?,
            "attempt" => once(&mut attempt, "attempt", &value, number(&value))?,
            "window" => once(&mut window, "window", &value, number(&value))?,
            "rollup_ms" => {
                let wait = number(&value).filter(|wait| *wait <= MAX_ROLLUP_MS);
                once(&mut rollup_ms, "rollup_ms", &value, wait)?;
            }
            "refresh" => once(&mut refresh, "refresh", &value, value.parse().ok())?,
            "token" => once(&mut token, "token", &value, Some(value.clone().into_owned()))?,
            unknown => return Err(Fault::Unknown(unknown.to_owned())),
        }
    }
    let said = |token: &&str| !token.is_empty();
    let in_protocol = offered.into_iter().find_map(|name| name.strip_prefix(TOKEN_PROTOCOL).filter(said));
    let token = token.filter(|token: &String| !token.is_empty());
    let token = authorization.and_then(bearer).or(in_protocol).map(str::to_owned).or(token).ok_or(Fault::NoToken)?;
    Ok(Hello {
        token,
        last_seq: last_seq.unwrap_or(0),
        epoch: epoch.unwrap_or(0),
        network: network.unwrap_or_default(),
        instance: instance.unwrap_or(0),
        attempt: attempt.unwrap_or(0),
        window: window.unwrap_or(0),
        rollup_ms: rollup_ms.unwrap_or(0),
        refresh: refresh.unwrap_or(false),
    })
}

/// A decimal number, without a sign.
fn number<T: core::str::FromStr>(value: &str) -> Option<T> {
    value.bytes().all(|digit| digit.is_ascii_digit()).then(|| value.parse().ok()).flatten()
}

/// The encoding of a WebSocket that offers these subprotocols: the first that is known. `None` when it offers
/// nothing, which stands for BSP and is not answered.
///
/// # Errors
/// When it offers only others.
pub fn encoding<'a>(offered: impl IntoIterator<Item = &'a str>) -> Result<Option<Encoding>, Fault> {
    let mut offered = offered.into_iter().peekable();
    if offered.peek().is_none() {
        return Ok(None);
    }
    offered.find_map(Encoding::from_subprotocol).map(Some).ok_or(Fault::Subprotocol)
}

/// The members of a header that is a list separated by commas.
pub fn members(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(str::trim).filter(|member| !member.is_empty())
}

fn once<T>(place: &mut Option<T>, name: &'static str, written: &str, read: Option<T>) -> Result<(), Fault> {
    let read = read.ok_or_else(|| Fault::Value { name, value: written.to_owned() })?;
    if place.replace(read).is_some() {
        return Err(Fault::Twice(name));
    }
    Ok(())
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use proptest::prelude::*;

    use super::*;

    fn read(query: &str) -> Result<Hello, Fault> {
        hello(query, Some("Bearer t"), [])
    }

    // Fails when a default is another one, an escape is not undone, or a parameter goes to another's place.
    #[test]
    fn every_parameter_is_optional() {
        let none = Hello { token: "t".into(), ..Hello::default() };
        assert_eq!(read(""), Ok(none.clone()));
        assert_eq!(read("&&epoch=0"), Ok(none));
        let all = Hello {
            token: "t".into(),
            last_seq: u64::MAX,
            epoch: u32::MAX,
            network: Network::SlowTwoG,
            instance: 5,
            attempt: 6,
            window: 7,
            rollup_ms: 1_000,
            refresh: true,
        };
        let place = "network=slow%2D2g&epoch=4294967295&last_seq=18446744073709551615";
        assert_eq!(read(&format!("{place}&instance=5&attempt=6&window=7&rollup_ms=1000&refresh=true")), Ok(all));
    }

    // Fails when a slip of the pen is taken for a default (the client would get everything again), or what is allowed is
    // not said.
    #[test]
    fn slips_are_named() {
        let value = |name, value: &str| Err(Fault::Value { name, value: value.to_owned() });
        for (query, fault) in [
            ("lastseq=1", Err(Fault::Unknown("lastseq".to_owned()))),
            ("last_seq=1&last_seq=1", Err(Fault::Twice("last_seq"))),
            ("token=a&token=b", Err(Fault::Twice("token"))),
            ("last_seq=-1", value("last_seq", "-1")),
            ("last_seq", value("last_seq", "")),
            ("last_seq=18446744073709551616", value("last_seq", "18446744073709551616")),
            ("epoch=4294967296", value("epoch", "4294967296")),
            ("network=4G", value("network", "4G")),
            ("rollup_ms=1001", value("rollup_ms", "1001")),
            ("refresh=1", value("refresh", "1")),
        ] {
            assert_eq!(read(query), fault, "{query}");
        }
        let said = |query: &str| read(query).unwrap_err().to_string();
        assert_eq!(said("refresh=1"), "`refresh` cannot be `1`; write `true` or `false`");
        assert_eq!(said("rollup_ms=1001"), "`rollup_ms` cannot be `1001`; write a whole number from 0 to 1000");
        assert_eq!(said("epoch=x"), "`epoch` cannot be `x`; write a whole number from 0 to 4294967295");
        for network in Network::ALL {
            assert!(said("network=5g").contains(&format!("`{}`", network.name())));
        }
        assert_eq!(encoding(["mqtt", "rolecall.token.t"]), Err(Fault::Subprotocol));
    }

    // Fails when the token is taken from a worse place than the client has, or an empty one hides another.
    #[test]
    fn the_first_place_with_a_token_counts() {
        let token = |authorization, offered: &[&str], query: &str| {
            hello(query, authorization, offered.iter().copied()).map(|hello| hello.token)
        };
        let protocol = ["rolecall.json.v1", "rolecall.token.p"];
        assert_eq!(token(Some("bEARER  h"), &protocol, "token=q"), Ok("h".into()));
        assert_eq!(token(Some("Basic h"), &protocol, "token=q"), Ok("p".into()));
        assert_eq!(token(Some("Bearer "), &[], "token=%71"), Ok("q".into()));
        assert_eq!(token(Some("Bearer"), &[], ""), Err(Fault::NoToken));
        assert_eq!(token(None, &["rolecall.token."], "token=q"), Ok("q".into()));
        assert_eq!(token(None, &["rolecall.token."], "token="), Err(Fault::NoToken));
        let signed = hello("last_seq=%2B5&token=q", None, []);
        assert_eq!(signed, Err(Fault::Value { name: "last_seq", value: "+5".into() }));
        assert_eq!(encoding(protocol), Ok(Some(Encoding::JsonV1)));
        assert_eq!(encoding([]), Ok(None));
        assert_eq!(members(" a,,b , c").collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    proptest! {
        // Fails when what one side writes is not what the other reads.
        #[test]
        fn what_is_written_is_read(
            (last_seq, epoch, at) in (any::<u64>(), any::<u32>(), 0usize..5),
            (instance, attempt, window, rollup_ms, refresh) in
                (any::<u64>(), any::<u32>(), any::<u32>(), 0..=MAX_ROLLUP_MS, any::<bool>()),
        ) {
            let (token, network) = ("t".into(), Network::ALL[at]);
            let presented = Hello {
                token, last_seq, epoch, network, instance, attempt, window, rollup_ms, refresh,
            };
            prop_assert_eq!(read(&query(&presented)), Ok(presented));
        }
    }
}
