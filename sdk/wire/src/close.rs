//! Close codes: a published range plan, so that an old client knows what to do about a code it
//! has never seen (`PROTOCOL.md` §9).
//!
//! | range | the client |
//! |---|---|
//! | 4000–4099 | reconnects with jitter and resumes |
//! | 4100–4199 | goes on with a newer token, if it has one |
//! | 4200–4299 | waits longer, then resumes |
//! | 4300–4399 | stops: trying again cannot help |

/// The purpose is fulfilled; the session stays, the client asked for the end.
pub const NORMAL: u16 = 1000;
/// The endpoint is going away.
pub const GOING_AWAY: u16 = 1001;
/// A WebSocket protocol error.
pub const WS_PROTOCOL: u16 = 1002;
/// The close frame had no code (never sent).
pub const NO_STATUS: u16 = 1005;
/// The socket ended without a close frame (never sent).
pub const ABNORMAL: u16 = 1006;
/// A frame was larger than the limit.
pub const TOO_LARGE: u16 = 1009;
/// The server's own fault.
pub const INTERNAL: u16 = 1011;
/// The server restarts.
pub const RESTART: u16 = 1012;
/// The server is overloaded.
pub const TRY_LATER: u16 = 1013;

/// No sign of life for the timeout.
pub const EXPIRED: u16 = 4000;
/// The receiver saw a hole in the sequence and asks for it again.
pub const SEQUENCE: u16 = 4001;
/// The server hands the connection over to another; the `Goaway` said when to come back.
pub const HANDOVER: u16 = 4002;
/// The client moves to another connection of its own accord.
pub const MIGRATE: u16 = 4003;

/// The token has expired.
pub const TOKEN_EXPIRED: u16 = 4100;
/// The token is not accepted any more.
pub const TOKEN_REFUSED: u16 = 4101;

/// The client sent more frames than the limit.
pub const TOO_MANY_FRAMES: u16 = 4200;
/// The server took too long to look the session up, or the client too long to connect.
pub const HANDSHAKE_TIMEOUT: u16 = 4201;
/// The session cannot serve this connection now.
pub const BUSY: u16 = 4202;

/// The client took nothing for so long that the server let go.
pub const SLOW: u16 = 4203;

/// A legal frame at an illegal moment, or with an illegal field.
pub const PROTOCOL: u16 = 4300;
/// Bytes that are not a frame.
pub const BAD_FRAME: u16 = 4301;
/// A frame version this server does not speak.
pub const BAD_VERSION: u16 = 4302;
/// The session does not exist, or what the client misses was dropped long ago.
pub const SESSION_GONE: u16 = 4303;
/// Another connection of the session took over.
pub const REPLACED: u16 = 4304;

/// What a client does about a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Advice {
    /// Reconnect with jitter and resume.
    Resume,
    /// Get a new token, then resume.
    Reauthenticate,
    /// Wait longer, then resume.
    RetryLater,
    /// Do not come back by itself.
    Stop,
}

/// Whether a code has a name here, or in the WebSocket standard.
#[must_use]
pub const fn is_named(code: u16) -> bool {
    matches!(
        code,
        1000..=1015
            | EXPIRED
            | SEQUENCE
            | HANDOVER
            | MIGRATE
            | TOKEN_EXPIRED
            | TOKEN_REFUSED
            | TOO_MANY_FRAMES
            | HANDSHAKE_TIMEOUT
            | BUSY
            | SLOW
            | PROTOCOL
            | BAD_FRAME
            | BAD_VERSION
            | SESSION_GONE
            | REPLACED
    )
}

/// What a client does about a close code. Codes nobody has assigned act by their range.
#[must_use]
pub fn advice(code: u16) -> Advice {
    match code {
        GOING_AWAY | NO_STATUS | ABNORMAL | RESTART | 4000..=4099 => Advice::Resume,
        4100..=4199 => Advice::Reauthenticate,
        INTERNAL | TRY_LATER | 1014 | 1015 | 3000..=3999 | 4200..=4299 => Advice::RetryLater,
        _ => Advice::Stop,
    }
}

/// What a client does when the upgrade is answered with an HTTP status instead (`PROTOCOL.md` §3).
#[must_use]
pub fn advice_for_status(status: u16) -> Advice {
    match status {
        401 => Advice::Reauthenticate,
        408 | 425 | 429 | 500..=599 => Advice::RetryLater,
        _ => Advice::Stop,
    }
}

/// The close code that stands for a refused upgrade, and the advice.
pub(crate) fn for_status(status: u16) -> (u16, Advice) {
    let advice = advice_for_status(status);
    let code = match advice {
        Advice::Reauthenticate => TOKEN_REFUSED,
        Advice::RetryLater | Advice::Resume => TRY_LATER,
        Advice::Stop => SESSION_GONE,
    };
    (code, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if a range is cut or a standard code falls into the wrong class: an old client would
    /// hammer a server that told it to stop, or give up on a restart.
    #[test]
    fn every_code_has_the_advice_of_its_range() {
        for (codes, expected) in [
            (4000..=4099, Advice::Resume),
            (4100..=4199, Advice::Reauthenticate),
            (4200..=4299, Advice::RetryLater),
            (4300..=4999, Advice::Stop),
            (3000..=3999, Advice::RetryLater),
        ] {
            for code in codes {
                assert_eq!(advice(code), expected, "{code}");
            }
        }
        let standard = [
            (NORMAL, Advice::Stop),
            (GOING_AWAY, Advice::Resume),
            (WS_PROTOCOL, Advice::Stop),
            (1003, Advice::Stop),
            (NO_STATUS, Advice::Resume),
            (ABNORMAL, Advice::Resume),
            (1007, Advice::Stop),
            (1008, Advice::Stop),
            (TOO_LARGE, Advice::Stop),
            (INTERNAL, Advice::RetryLater),
            (RESTART, Advice::Resume),
            (TRY_LATER, Advice::RetryLater),
        ];
        for (code, expected) in standard {
            assert_eq!(advice(code), expected, "{code}");
        }
    }

    /// Fails if a bad token would be retried for ever, or a restart would end the client.
    #[test]
    fn statuses_of_a_refused_upgrade_are_told_apart() {
        assert_eq!(advice_for_status(401), Advice::Reauthenticate);
        assert_eq!(advice_for_status(404), Advice::Stop);
        assert_eq!(advice_for_status(410), Advice::Stop);
        assert_eq!(advice_for_status(429), Advice::RetryLater);
        assert_eq!(advice_for_status(503), Advice::RetryLater);
    }
}
