//! Settings that do not go together, and those that look like a mistake.

use super::kinds::{ModelKind, StoreKind};
use super::{Config, ConfigError, Place, Shown, routes};
use crate::jobs::LONGEST_PAUSE;

impl Config {
    /// Settings that do not go together.
    pub(super) fn contradictions(&self) -> Vec<ConfigError> {
        let mut found = Vec::new();
        let mut add = |detail: String, remedy: &str| {
            found.push(ConfigError::Combination { detail, remedy: remedy.to_owned() });
        };
        if self.model == ModelKind::OpenAi {
            if self.model_url.is_none() {
                add(
                    "model = openai needs model-url".to_owned(),
                    "add --model-url http://host/v1, or use --model rehearsal",
                );
            }
            if self.model_name.is_none() {
                add(
                    "model = openai needs model-name".to_owned(),
                    "add --model-name NAME, the name that the model has at its server",
                );
            }
        }
        let rehearsed = self.default_route().model == ModelKind::Rehearsal
            || self.routes.values().any(|route| route.model == ModelKind::Rehearsal);
        if !self.misbehave.is_empty() && !rehearsed {
            add(
                "misbehave is for the rehearsal model, and none is used".to_owned(),
                "leave it out, or use --model rehearsal",
            );
        }
        for about_words in [true, false] {
            let shares = self.misbehave.iter().filter(|(misdeed, _)| misdeed.is_about_words() == about_words);
            let percent: u32 = shares.filter_map(|(_, share)| share.map(u32::from)).sum();
            if percent > 100 {
                let kind = if about_words { "what is said" } else { "how it comes" };
                add(
                    format!("misbehave spoils {kind} in {percent} of a hundred answers"),
                    "let the shares add up to 100 at most",
                );
            }
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            add("tls-cert and tls-key go together, and one is missing".to_owned(), "set both, or neither");
        }
        if self.token_key.is_some() && self.token_key_file.is_some() {
            add("token-key and token-key-file both say which key signs".to_owned(), "set one of them");
        }
        if self.token_key.is_none() && !self.token_keys_old.is_empty() {
            add(
                "token-keys-old goes with token-key, which is missing".to_owned(),
                "set token-key, or let `rolecall token rotate` keep old keys in the key file",
            );
        }
        for error in routes::contradictions(self) {
            found.push(error);
        }
        let mut add = |detail: String, remedy: &str| {
            found.push(ConfigError::Combination { detail, remedy: remedy.to_owned() });
        };
        if self.is_exposed() && !self.insecure {
            add(
                format!("listen = {} can be reached from other machines, and there are no API keys", self.listen),
                "set ROLECALL_API_KEYS (or `api-keys` in rolecall.toml), or listen on 127.0.0.1, or say --insecure if anybody may use it",
            );
        }
        found
    }

    /// What looks like a mistake and works; `shown` says where each setting comes from.
    pub(super) fn doubts(&self, shown: &[Shown]) -> Vec<String> {
        let mut found = Vec::new();
        let is_several = |key: &str| key.starts_with("redis-") || key.starts_with("node-") || key == "hand-over";
        let given = || shown.iter().filter(|setting| setting.origin != Place::Default).map(|setting| &setting.key);
        let unused: Vec<String> = given().filter(|key| is_several(key)).map(|key| format!("`{key}`")).collect();
        if self.store != StoreKind::Redis && !unused.is_empty() {
            let unused = unused.join(", ");
            found.push(format!("without store = redis there is no use for {unused}; say that, or leave it out"));
        }
        if self.store == StoreKind::Redis && self.token_key.is_none() && self.token_key_file.is_none() {
            found.push(
                "store = redis without token-key and token-key-file: this server signs tokens with a key of its own, \
                 and others on this Redis refuse its clients unless they have the same; set one for all"
                    .to_owned(),
            );
        }
        let pause_ms = u64::try_from(LONGEST_PAUSE.as_millis()).unwrap_or(u64::MAX);
        if self.session_ttl.ms().is_some_and(|ms| ms <= pause_ms) {
            found.push(format!(
                "session-ttl is not longer than the longest pause between two attempts at a job ({} min), so a session may end, \
                 and its job with it, while that waits",
                LONGEST_PAUSE.as_secs() / 60
            ));
        }
        if self.jobs_per_session > self.jobs_limit && given().any(|key| key == "jobs-per-session") {
            found.push(format!(
                "jobs-per-session = {} is more than all sessions may have together (jobs-limit = {})",
                self.jobs_per_session, self.jobs_limit
            ));
        }
        found
    }
}
