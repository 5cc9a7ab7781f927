//! When a write counts as done.

use std::fmt;

/// What must have happened before a write is acknowledged. A level that cannot be reached is an error, never a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durability {
    /// The server has it on its disk (append-only file, fsync).
    pub aof: bool,
    /// So many replicas have it: in memory, or, with `aof`, on their disks. At most 16.
    pub replicas: u8,
}

/// How a connection makes sure of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// The server answers no write before that: there is nothing to wait for.
    Nothing,
    /// `WAIT`: so many replicas have it in memory.
    Replicas(u8),
    /// `WAITAOF`: the server and so many replicas have it on disk.
    Disk(u8),
}

/// Most replicas that can be waited for.
const MOST_REPLICAS: u8 = 16;
/// The first release with `WAITAOF`.
const WAITAOF_SINCE: (u32, u32) = (7, 2);

impl Durability {
    /// The server has it in memory: it survives the end of this process, not that of Redis.
    pub const MEMORY: Self = Self { aof: false, replicas: 0 };
    /// The server has it on its disk.
    pub const AOF: Self = Self { aof: true, replicas: 0 };

    /// Reads `memory`, `aof`, `replicas N` or `aof replicas N`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let count = |word: &str| word.parse().ok().filter(|count| (1..=MOST_REPLICAS).contains(count));
        match *text.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["memory"] => Some(Self::MEMORY),
            ["aof"] => Some(Self::AOF),
            ["replicas", many] => Some(Self { aof: false, replicas: count(many)? }),
            ["aof", "replicas", many] => Some(Self { aof: true, replicas: count(many)? }),
            _ => None,
        }
    }

    /// How it is reached on a server of this release, with this `appendfsync`; or what is missing, and the line that
    /// mends it.
    pub(super) fn on(self, version: (u32, u32), appendfsync: Option<&str>) -> Result<Wait, (String, String)> {
        let waits = version >= WAITAOF_SINCE;
        match self {
            Self { aof: false, replicas: 0 } => Ok(Wait::Nothing),
            Self { aof: false, replicas } => Ok(Wait::Replicas(replicas)),
            Self { aof: true, replicas } if waits => Ok(Wait::Disk(replicas)),
            Self { aof: true, replicas: 0 } => match appendfsync {
                // It answers a write behind its fsync.
                Some("always") => Ok(Wait::Nothing),
                found => {
                    let found = found.unwrap_or("not told");
                    Err((
                        format!("redis-durability = aof needs appendfsync always before Redis 7.2, and it is {found}"),
                        "run `redis-cli CONFIG SET appendfsync always` and put `appendfsync always` into redis.conf"
                            .to_owned(),
                    ))
                }
            },
            Self { aof: true, replicas: _ } => {
                let detail =
                    format!("redis-durability = {self} needs Redis 7.2, and it is {}.{}", version.0, version.1);
                Err((detail, "update Redis, or choose `aof` or `replicas N`".to_owned()))
            }
        }
    }
}

impl Wait {
    /// Whether what the server says to have reached is enough; else what was reached.
    pub(super) fn is_reached(self, local: i64, replicas: i64) -> Result<(), String> {
        let (disk, wanted) = match self {
            Self::Nothing => return Ok(()),
            Self::Replicas(wanted) => (false, wanted),
            Self::Disk(wanted) => (true, wanted),
        };
        if disk && local < 1 {
            return Err("it is not on its disk yet".to_owned());
        }
        if replicas < i64::from(wanted) {
            return Err(format!("{replicas} of {wanted} replicas have it"));
        }
        Ok(())
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { aof: false, replicas: 0 } => f.write_str("memory"),
            Self { aof: true, replicas: 0 } => f.write_str("aof"),
            Self { aof: false, replicas } => write!(f, "replicas {replicas}"),
            Self { aof: true, replicas } => write!(f, "aof replicas {replicas}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a level is read as another one, or written so that it is not read again.
    #[test]
    fn levels_are_read_as_they_are_written() {
        for text in ["memory", "aof", "replicas 1", "replicas 16", "aof replicas 2"] {
            assert_eq!(Durability::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "disk", "replicas", "replicas 0", "replicas 17", "replicas -1", "aof 2", "memory aof", "AOF"]
        {
            assert_eq!(Durability::parse(wrong), None, "{wrong}");
        }
    }

    // Fails when a level is taken for reached on a server that cannot reach it.
    #[test]
    fn no_level_is_lowered() {
        let (old, new) = ((7, 0), (7, 2));
        assert_eq!(Durability::AOF.on(old, Some("always")), Ok(Wait::Nothing));
        for appendfsync in [Some("everysec"), Some("no"), None] {
            let (_, remedy) = Durability::AOF.on(old, appendfsync).unwrap_err();
            assert!(remedy.contains("appendfsync always"), "{remedy}");
        }
        assert_eq!(Durability::AOF.on(new, Some("always")), Ok(Wait::Disk(0)));
        assert_eq!(Durability::AOF.on(new, None), Ok(Wait::Disk(0)));
        assert_eq!(Durability { aof: false, replicas: 2 }.on(old, None), Ok(Wait::Replicas(2)));
        assert!(Durability { aof: true, replicas: 2 }.on(old, Some("always")).is_err());
        assert_eq!(Durability { aof: true, replicas: 2 }.on(new, None), Ok(Wait::Disk(2)));
        assert_eq!(Durability::MEMORY.on(old, None), Ok(Wait::Nothing));

        assert!(Wait::Disk(0).is_reached(1, 0).is_ok() && Wait::Disk(2).is_reached(1, 2).is_ok());
        assert!(Wait::Disk(0).is_reached(0, 5).is_err() && Wait::Disk(2).is_reached(1, 1).is_err());
        assert!(Wait::Replicas(1).is_reached(0, 1).is_ok() && Wait::Replicas(2).is_reached(1, 1).is_err());
    }
}
