//! What let a connection in, and the newer tokens that it gives its client (`PROTOCOL.md` §3.6).

use rolecall_wire::frame::{Secret, ServerFrame};

use crate::clock;
use crate::gateway::token::{Claims, Revocation, Tokens};
use crate::ids::{Epoch, SessionId, TokenGeneration};

/// A connection's token.
#[derive(Debug)]
pub(super) struct Pass {
    tokens: Tokens,
    /// How often the newest token that the client has was renewed.
    generation: TokenGeneration,
    /// Of the key that signed the one it came with.
    revocation: Revocation,
    /// When the next token is due, on the monotonic clock; `None` for a client that takes none.
    due_ms: Option<u64>,
}

impl Pass {
    /// For a token that was verified just now.
    pub(super) fn new(tokens: &Tokens, claims: &Claims, refreshes: bool) -> Self {
        // Half of iat + exp, in milliseconds.
        let half_ms = claims.iat.saturating_add(claims.exp).saturating_mul(500);
        let due = || clock::monotonic_ms().saturating_add(half_ms.saturating_sub(clock::unix_ms()));
        let (tokens, revocation) = (tokens.clone(), tokens.revocation(&claims.kid));
        Self { due_ms: refreshes.then(due), tokens, revocation, generation: claims.generation }
    }

    /// When [`renew`](Self::renew) has a token, on the monotonic clock.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }

    /// The next token of the session, when more than half of the lifetime of the one before is over.
    pub(super) fn renew(&mut self, now_ms: u64, sid: &SessionId, role: &str, epoch: Epoch) -> Option<ServerFrame> {
        self.due_ms.filter(|due| *due <= now_ms)?;
        let renewed = self.tokens.issue_generation(sid, role, epoch, self.generation.saturating_add(1));
        let (token, claims) = match renewed {
            Ok(renewed) => renewed,
            Err(error) => {
                // Nothing that another moment would change.
                tracing::error!(session = %sid, %error, "a token cannot be renewed");
                self.due_ms = None;
                return None;
            }
        };
        // From now on and not by the token's seconds: a lifetime of one second would be half over at once.
        let lifetime_ms = claims.exp.saturating_sub(claims.iat).saturating_mul(1_000);
        self.due_ms = Some(now_ms.saturating_add((lifetime_ms / 2).max(1)));
        self.generation = claims.generation;
        Some(ServerFrame::Token { token: Secret::new(token) })
    }

    /// Waits until the key of the token that let the connection in is revoked. Cancel-safe.
    pub(super) async fn revoked(&mut self) {
        self.revocation.happens().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TTL: u64 = 1_000;

    fn renew(pass: &mut Pass, claims: &Claims, now_ms: u64, epoch: Epoch) -> Option<ServerFrame> {
        pass.renew(now_ms, &claims.sid, &claims.role, epoch)
    }

    fn tokens() -> Tokens {
        Tokens::ephemeral(Duration::from_secs(TTL)).unwrap()
    }

    /// The claims of a token of which so many seconds are over.
    fn aged(tokens: &Tokens, seconds: u64) -> Claims {
        let (_, claims) = tokens.issue_generation(&SessionId::random().unwrap(), "clerk", 1, 4).unwrap();
        Claims { iat: claims.iat - seconds, exp: claims.exp - seconds, ..claims }
    }

    // Fails when a token is renewed in the first half of its life, not behind it, or more than once in a half-life.
    #[test]
    fn a_token_is_renewed_when_half_of_it_is_over() {
        let tokens = tokens();
        let claims = aged(&tokens, 0);
        let mut pass = Pass::new(&tokens, &claims, true);
        let due = pass.due_ms().unwrap();
        assert_eq!(renew(&mut pass, &claims, due - 1, 2), None);
        for (generation, at) in [(5, due), (6, due + 500 * TTL), (7, due + 1_000 * TTL)] {
            assert_eq!(renew(&mut pass, &claims, at - 1, 2), None);
            let Some(ServerFrame::Token { token }) = renew(&mut pass, &claims, at, 2) else {
                panic!("no token at {at}")
            };
            let renewed = tokens.verify(token.reveal()).unwrap();
            assert_eq!((&renewed.sid, &renewed.role), (&claims.sid, &claims.role));
            assert_eq!((renewed.generation, renewed.epoch), (generation, 2));
            assert_eq!(renew(&mut pass, &claims, at, 2), None, "once");
        }
    }

    // Fails when a client that comes late in its token's life waits for a new one, or one that takes none gets it.
    #[test]
    fn an_old_token_is_renewed_at_once_and_only_for_those_who_take_it() {
        let tokens = tokens();
        for over in [TTL / 2 + 1, TTL - 1] {
            let claims = aged(&tokens, over);
            let now = clock::monotonic_ms();
            let mut pass = Pass::new(&tokens, &claims, true);
            assert!(renew(&mut pass, &claims, now + 1, 1).is_some());
            let mut pass = Pass::new(&tokens, &claims, false);
            assert_eq!(renew(&mut pass, &claims, u64::MAX, 1), None);
        }
    }
}
