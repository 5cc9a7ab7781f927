//! Numbers as they are said: `三`, `二十一`, `3`, `３`, `three`, `third`, `3rd`.

/// Numbers in words and their ordinals, from one on.
const WORDS: [(&str, &str); 20] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("four", "fourth"),
    ("five", "fifth"),
    ("six", "sixth"),
    ("seven", "seventh"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("ten", "tenth"),
    ("eleven", "eleventh"),
    ("twelve", "twelfth"),
    ("thirteen", "thirteenth"),
    ("fourteen", "fourteenth"),
    ("fifteen", "fifteenth"),
    ("sixteen", "sixteenth"),
    ("seventeen", "seventeenth"),
    ("eighteen", "eighteenth"),
    ("nineteen", "nineteenth"),
    ("twenty", "twentieth"),
];

/// The number that a word, Chinese numerals or digits stand for, below 1,000; words up to twenty.
pub(super) fn parse(word: &str) -> Option<u32> {
    digits(word).or_else(|| chinese(word)).or_else(|| english(word))
}

fn digits(word: &str) -> Option<u32> {
    let mut value = 0u32;
    for c in word.chars() {
        let digit = match c {
            '0'..='9' => u32::from(c) - u32::from('0'),
            '０'..='９' => u32::from(c) - u32::from('０'),
            _ => return None,
        };
        value = value.checked_mul(10)?.checked_add(digit).filter(|value| *value < 1_000)?;
    }
    (!word.is_empty()).then_some(value)
}

fn chinese(word: &str) -> Option<u32> {
    let (mut total, mut digit) = (0u32, None);
    for c in word.chars() {
        let unit = match c {
            '百' => 100,
            '十' => 10,
            _ => 1,
        };
        if unit > 1 {
            // `十三` leaves the one of its ten unsaid.
            total = total.checked_add(digit.take().unwrap_or(1) * unit).filter(|total| *total < 1_000)?;
            continue;
        }
        let value = match c {
            '零' | '〇' => 0,
            '一' => 1,
            '二' | '两' => 2,
            '三' => 3,
            '四' => 4,
            '五' => 5,
            '六' => 6,
            '七' => 7,
            '八' => 8,
            '九' => 9,
            _ => return None,
        };
        if digit.replace(value).is_some_and(|before| before > 0) {
            return None;
        }
    }
    (!word.is_empty()).then(|| total + digit.unwrap_or(0))
}

fn english(word: &str) -> Option<u32> {
    let word = word.to_ascii_lowercase();
    let bare = ["st", "nd", "rd", "th"].iter().find_map(|ending| word.strip_suffix(ending));
    if let Some(number) = bare.and_then(digits) {
        return Some(number);
    }
    (1..).zip(WORDS).find(|(_, (cardinal, ordinal))| word == *cardinal || word == *ordinal).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::parse;

    // Fails when a number is read as another one, or something else is read as a number.
    #[test]
    fn numbers_are_read_as_they_are_said() {
        let said = [
            ("三", 3),
            ("两", 2),
            ("十", 10),
            ("十二", 12),
            ("二十", 20),
            ("九十九", 99),
            ("一百", 100),
            ("一百零三", 103),
            ("12", 12),
            ("３", 3),
            ("third", 3),
            ("Twelfth", 12),
            ("21st", 21),
            ("2nd", 2),
            ("twenty", 20),
            ("零", 0),
        ];
        for (word, number) in said {
            assert_eq!(parse(word), Some(number), "{word}");
        }
        for word in ["", "二三", "点", "1000", "99999999999", "th", "thirdly", "-1", "一千"] {
            assert_eq!(parse(word), None, "{word}");
        }
    }
}
