//! What a JSON text says: its strings, decoded.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How deep JSON inside of strings is read. Models like to put a document into a string, and whoever reads
/// it decodes it again. Each level doubles the backslashes of the next, so that arguments of
/// [`MAX_ARGUMENT_BYTES`](super::MAX_ARGUMENT_BYTES) do not get there; what does is not let out.
const MAX_NESTED: usize = 16;

/// Every string of a JSON text, names of members included, decoded. What is JSON inside of a string is
/// decoded too, down to where nothing is left to decode: every level is shorter than the one around it.
///
/// # Errors
/// When the text is not JSON, when it is nested deeper than is read, or when readers may differ about what it
/// or JSON inside of it says: a member that is there twice, for one, of which each reader picks its own.
pub(super) fn strings(text: &str) -> Result<Vec<String>, serde_json::Error> {
    let mut found = Vec::new();
    read(text, &mut found)?;
    let mut from = 0;
    for _ in 0..=MAX_NESTED {
        let to = found.len();
        for at in from..to {
            let inner =
                found.get(at).filter(|inner| inner.contains('\\') && inner.trim_start().starts_with(['{', '[', '"']));
            if let Some(inner) = inner.cloned() {
                read_nested(&inner, &mut found)?;
            }
        }
        if found.len() == to {
            return Ok(found);
        }
        from = to;
    }
    Err(serde_json::Error::custom(format_args!("JSON stands in strings of JSON more than {MAX_NESTED} levels deep")))
}

/// What is not JSON says what it says as it is. What is, but cannot be read here, may be read elsewhere.
fn read_nested(inner: &str, found: &mut Vec<String>) -> Result<(), serde_json::Error> {
    match read(inner, found) {
        Err(error) if serde_json::from_str::<IgnoredAny>(inner).is_ok() => Err(error),
        _ => Ok(()),
    }
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
