//! What a JSON text says: its strings, decoded.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How deep JSON inside of strings is looked for. Models like to put a document into a string, and
/// whoever reads it decodes it again.
const MAX_NESTED: usize = 3;

/// Every string of a JSON text, names of members included, decoded. What is JSON inside of a string is
/// decoded too.
///
/// # Errors
/// When the text is not JSON, or a member is there twice: which of the two counts is each reader's own
/// choice.
pub(super) fn strings(text: &str) -> Result<Vec<String>, serde_json::Error> {
    let mut found = Vec::new();
    read(text, &mut found)?;
    let mut from = 0;
    for _ in 0..MAX_NESTED {
        let to = found.len();
        for at in from..to {
            let inner =
                found.get(at).filter(|inner| inner.contains('\\') && inner.trim_start().starts_with(['{', '[', '"']));
            if let Some(inner) = inner.cloned() {
                // What is not JSON says what it says as it is.
                let _ = read(&inner, &mut found);
            }
        }
        from = to;
    }
    Ok(found)
}

fn read(text: &str, found: &mut Vec<String>) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    Strings(found).deserialize(&mut reader)?;
    reader.end()
}

struct Strings<'a>(&'a mut Vec<String>);

impl<'de> DeserializeSeed<'de> for Strings<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if !text.is_empty() {
            self.0.push(text.to_owned());
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            self.0.push(name.clone());
            members.next_value_seed(Strings(self.0))?;
            if let Some(twice) = names.replace(name) {
                return Err(A::Error::custom(format_args!("the member `{twice}` is there twice")));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Strings(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
