//! Points in time as callers write them: RFC 3339, or milliseconds since the Unix epoch.

use serde::Deserialize;
use toml::value::{Datetime, Offset};

/// A point in time as given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Given {
    /// Milliseconds since the Unix epoch.
    Milliseconds(u64),
    /// RFC 3339, with a zone.
    Text(String),
}

impl Given {
    /// Milliseconds since the Unix epoch.
    pub(super) fn unix_ms(&self) -> Result<u64, String> {
        match self {
            Self::Milliseconds(ms) => Ok(*ms),
            Self::Text(text) => parse(text)
                .ok_or_else(|| format!("`{text}` is not a time; write RFC 3339 such as 2026-01-31T08:00:00Z")),
        }
    }
}

/// TOML's date-time with a zone is RFC 3339's, so its reader serves here too.
fn parse(text: &str) -> Option<u64> {
    let Datetime { date: Some(date), time: Some(time), offset: Some(offset) } = text.parse::<Datetime>().ok()? else {
        return None;
    };
    let minutes_east = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days_since_epoch(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let minutes = days * 1_440 + i64::from(time.hour) * 60 + i64::from(time.minute) - minutes_east;
    let second = i64::from(time.second.unwrap_or(0));
    let ms = (minutes * 60 + second) * 1_000 + i64::from(time.nanosecond.unwrap_or(0) / 1_000_000);
    u64::try_from(ms).ok()
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_agree_with_known_ones() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2026-11-23T22:51:11.250+08:00", 1_795_445_471_250),
            ("2026-11-23t14:51:11z", 1_795_445_471_000),
        ] {
            assert_eq!(Given::Text(text.to_owned()).unix_ms(), Ok(ms), "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in
            ["", "yesterday", "2026-11-23", "2026-11-23T14:51:11", "2026-13-01T00:00:00Z", "1960-01-01T00:00:00Z"]
        {
            assert!(Given::Text(text.to_owned()).unix_ms().is_err(), "{text}");
        }
    }
}
