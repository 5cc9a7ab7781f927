//! Points in time as callers write and read them: RFC 3339, or milliseconds since the Unix epoch.

use serde::Deserialize;
use toml::value::{Datetime, Offset};

/// A point in time as given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "write RFC 3339 such as 2026-01-31T08:00:00Z, or milliseconds since 1970")]
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

/// A point in time, in seconds since the Unix epoch, as RFC 3339.
pub(super) fn rfc3339(unix_s: u64) -> String {
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    let (year, month, day) = civil(i64::try_from(days).unwrap_or(i64::MAX / 86_400));
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a number of days since 1970-01-01; the inverse of [`days_since_epoch`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
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

    // Fails when a day is written wrongly anywhere in four centuries: the reader is the oracle.
    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(rfc3339(951_825_600), "2000-02-29T12:00:00Z");
        for day in 0..146_097 {
            let unix_s = day * 86_400 + day % 86_400;
            assert_eq!(parse(&rfc3339(unix_s)), Some(unix_s * 1_000), "{}", rfc3339(unix_s));
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
