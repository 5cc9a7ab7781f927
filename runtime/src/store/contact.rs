//! How a process is reached by the others on its store.

use std::fmt;

use super::Node;
use crate::ids::random_digits;

/// What requests to a process are sealed with: 128 random bits as digits, drawn at its start. Only those who read the store
/// know it.
#[derive(Clone, PartialEq, Eq)]
pub struct ContactKey(String);

impl ContactKey {
    /// One that nobody ever had.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        random_digits().map(Self)
    }

    /// The secret itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ContactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a process tells the others of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// `http://HOST:PORT` or `https://HOST:PORT`, without a slash at the end.
    pub url: String,
    /// What requests to it are sealed with.
    pub key: ContactKey,
}

/// How a process is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// It has no lease: it is dead, or stands still.
    Gone,
    /// It lives, and has told nobody how it is reached.
    Untold,
    /// So.
    At(Contact),
}

impl Contact {
    /// As text, for a process.
    pub(super) fn encode(&self, node: &Node) -> String {
        format!("{} {} {}", node.incarnation(), self.key.0, self.url)
    }

    /// From text; `None` for what another process of the node has said, or another release.
    pub(super) fn decode(text: &str, node: &Node) -> Option<Self> {
        let mut words = text.split(' ');
        let (process, key, url) = (words.next()?, words.next()?, words.next()?);
        let ours = process == node.incarnation() && !key.is_empty() && !url.is_empty();
        ours.then(|| Self { key: ContactKey(key.to_owned()), url: url.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a contact is another one on its way to the store and back, one of an earlier process of the node is taken
    // for this one's, or the key shows in a log.
    #[test]
    fn contacts_are_read_as_they_are_written() {
        let (node, later) = (Node::begin("a").unwrap(), Node::begin("a").unwrap());
        let contact = Contact { url: "http://192.0.2.1:8420".to_owned(), key: ContactKey::random().unwrap() };
        let text = contact.encode(&node);
        assert_eq!(Contact::decode(&text, &node), Some(contact.clone()));
        assert_eq!(Contact::decode(&text, &later), None);
        for wrong in ["", "x", &format!("{} k", node.incarnation()), &format!("{}  u", node.incarnation())] {
            assert_eq!(Contact::decode(wrong, &node), None, "{wrong}");
        }
        assert!(!format!("{contact:?}").contains(contact.key.reveal()));
    }
}
