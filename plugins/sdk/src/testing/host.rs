//! What stands in for the host's offers in native tests. Each thread has its own.

use std::cell::{Cell, RefCell};

use crate::host::embed::EmbedError;

/// Makes a vector of a text, or says why not.
type Embedder = Box<dyn Fn(&str) -> Result<Vec<f32>, String>>;

thread_local! {
    static CLOCK: Cell<u64> = const { Cell::new(0) };
    static EMBEDDER: RefCell<Option<Embedder>> = const { RefCell::new(None) };
}

/// Sets the time of day for this thread: milliseconds since the Unix epoch.
pub fn set_clock(ms: u64) {
    CLOCK.set(ms);
}

/// Sets what embeds texts in this thread. Without it, nothing does.
pub fn set_embedder(embedder: impl Fn(&str) -> Result<Vec<f32>, String> + 'static) {
    EMBEDDER.set(Some(Box::new(embedder)));
}

/// Empties the store of this thread.
pub fn clear_kv() {
    #[cfg(not(target_arch = "wasm32"))]
    kv::clear();
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn clock() -> u64 {
    CLOCK.get()
}

#[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "the host embeds"))]
pub(crate) fn embed(text: &str) -> Result<Vec<f32>, EmbedError> {
    EMBEDDER.with_borrow(|embedder| match embedder {
        Some(embedder) => embedder(text).map_err(EmbedError::Unavailable),
        None => Err(EmbedError::Unavailable("a test sets one with rolecall_plugin::testing::set_embedder".into())),
    })
}

/// The store, with the host's bounds.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod kv {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use crate::host::kv::KvError;

    thread_local! {
        static STORE: RefCell<BTreeMap<String, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
    }

    pub(super) fn clear() {
        STORE.with_borrow_mut(BTreeMap::clear);
    }

    pub(crate) fn get(key: &str) -> Option<Vec<u8>> {
        STORE.with_borrow(|store| store.get(key).cloned())
    }

    pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), KvError> {
        if key.len() > 256 {
            return Err(KvError::KeyTooLong);
        }
        STORE.with_borrow_mut(|store| {
            let before = store.insert(key.to_owned(), value.to_vec());
            let bytes: usize = store.iter().map(|(key, value)| key.len() + value.len()).sum();
            if store.len() <= 1_024 && bytes <= 1 << 20 {
                return Ok(());
            }
            match before {
                Some(before) => drop(store.insert(key.to_owned(), before)),
                None => drop(store.remove(key)),
            }
            Err(KvError::Full)
        })
    }

    pub(crate) fn add(key: &str, by: i64) -> Result<i64, KvError> {
        let before = get(key).and_then(|value| value.try_into().ok()).map_or(0, i64::from_le_bytes);
        let sum = before.saturating_add(by);
        set(key, &sum.to_le_bytes()).map(|()| sum)
    }

    pub(crate) fn delete(key: &str) {
        STORE.with_borrow_mut(|store| store.remove(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host;

    #[test]
    fn tests_say_what_the_host_says() {
        assert_eq!(host::clock::now_ms(), 0);
        set_clock(7);
        assert_eq!(host::clock::now_ms(), 7);
        assert!(matches!(host::embed::embed("a"), Err(EmbedError::Unavailable(_))));
        set_embedder(|text| if text.is_empty() { Err("nothing".into()) } else { Ok(vec![1.0]) });
        assert_eq!(host::embed::embed("a"), Ok(vec![1.0]));
        assert_eq!(host::embed::embed(""), Err(EmbedError::Unavailable("nothing".into())));
        assert_eq!(host::embed::embed(&"a".repeat((64 << 10) + 1)), Err(EmbedError::TooLong));
        assert!((host::similarity::edit("你好吗", "你好").unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!(host::similarity::edit("", &"字".repeat(2_049)).is_err());
    }

    /// Fails when a test could keep what a host would refuse.
    #[test]
    fn the_store_has_the_hosts_bounds() {
        use host::kv::{KvError, add, delete, get, set};
        assert_eq!((add("n", 2), add("n", -3)), (Ok(2), Ok(-1)));
        assert_eq!(set(&"k".repeat(257), b""), Err(KvError::KeyTooLong));
        assert_eq!(set("n", &vec![0; 1 << 20]), Err(KvError::Full));
        assert_eq!(get("n"), Some((-1_i64).to_le_bytes().to_vec()));
        delete("n");
        assert_eq!(get("n"), None);
        assert!((0..1_024).all(|number| set(&number.to_string(), b"").is_ok()));
        assert_eq!(set("more", b""), Err(KvError::Full));
        clear_kv();
        assert_eq!(set("more", b""), Ok(()));
    }
}
