use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::bindings::host::rolecall::host::kv::KvError;

/// Keys of a plugin.
const MAX_KEYS: usize = 1_024;
/// Bytes of a key.
const MAX_KEY_BYTES: usize = 256;
/// Bytes of all keys and values of a plugin.
const MAX_BYTES: usize = 1 << 20;

/// The store of one plugin, in memory. Bounds and meaning are those of `plugins/wit/host/kv.wit`.
#[derive(Debug, Default)]
pub(crate) struct Kv(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    values: BTreeMap<String, Vec<u8>>,
    bytes: usize,
}

impl Kv {
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.0.lock().values.get(key).cloned()
    }

    pub(crate) fn set(&self, key: &str, value: Vec<u8>) -> Result<(), KvError> {
        self.0.lock().set(key, value)
    }

    pub(crate) fn add(&self, key: &str, by: i64) -> Result<i64, KvError> {
        let mut entries = self.0.lock();
        let before = entries.values.get(key).and_then(|value| value.as_slice().try_into().ok());
        let sum = before.map_or(0, i64::from_le_bytes).saturating_add(by);
        entries.set(key, sum.to_le_bytes().to_vec())?;
        Ok(sum)
    }

    pub(crate) fn delete(&self, key: &str) {
        let mut entries = self.0.lock();
        if let Some(value) = entries.values.remove(key) {
            entries.bytes -= key.len() + value.len();
        }
    }
}

impl Entries {
    fn set(&mut self, key: &str, value: Vec<u8>) -> Result<(), KvError> {
        if key.len() > MAX_KEY_BYTES {
            return Err(KvError::KeyTooLong);
        }
        let before = self.values.get(key).map(|value| key.len() + value.len());
        let bytes = self.bytes - before.unwrap_or(0) + key.len() + value.len();
        if bytes > MAX_BYTES || (before.is_none() && self.values.len() >= MAX_KEYS) {
            return Err(KvError::Full);
        }
        self.bytes = bytes;
        self.values.insert(key.to_owned(), value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counters_begin_with_nothing_and_stop_at_their_ends() {
        let kv = Kv::default();
        assert_eq!((kv.add("n", 2).unwrap(), kv.add("n", -5).unwrap()), (2, -3));
        assert_eq!(kv.add("n", i64::MIN).unwrap(), i64::MIN);
        kv.set("n", b"no counter".to_vec()).unwrap();
        assert_eq!(kv.add("n", 1).unwrap(), 1);
        assert_eq!(kv.get("n"), Some(1_i64.to_le_bytes().to_vec()));
    }

    #[test]
    fn there_is_room_for_so_much_and_no_more() {
        let kv = Kv::default();
        assert!(matches!(kv.set(&"k".repeat(257), Vec::new()), Err(KvError::KeyTooLong)));
        for number in 0..MAX_KEYS {
            kv.set(&number.to_string(), Vec::new()).unwrap();
        }
        assert!(matches!(kv.set("more", Vec::new()), Err(KvError::Full)));
        kv.set("7", vec![1; 500_000]).unwrap();
        assert!(matches!(kv.set("8", vec![1; 600_000]), Err(KvError::Full)));
        kv.set("7", vec![2; 600_000]).unwrap();
        kv.delete("7");
        kv.set("8", vec![3; 600_000]).unwrap();
        assert_eq!(kv.get("7"), None);
    }

    proptest! {
        /// Fails when bytes are counted twice or not given back.
        #[test]
        fn what_is_counted_is_what_is_there(steps in prop::collection::vec((0..6_u8, 0..300_usize, 0..3_u8), 0..60)) {
            let kv = Kv::default();
            for (key, len, what) in steps {
                let key = "k".repeat(key.into());
                match what {
                    0 => drop(kv.set(&key, vec![0; len])),
                    1 => kv.delete(&key),
                    _ => drop(kv.add(&key, 1)),
                }
                let entries = kv.0.lock();
                let bytes: usize = entries.values.iter().map(|(key, value)| key.len() + value.len()).sum();
                prop_assert_eq!(entries.bytes, bytes);
            }
        }
    }
}
