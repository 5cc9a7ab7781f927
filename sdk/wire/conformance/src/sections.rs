//! The numbered rules of a protocol's text.

/// The rules of a text as `PROTOCOL.md` is laid out: `§8` for a heading, `§8.4` for a numbered item or a heading below.
#[must_use]
pub fn sections(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chapter = String::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            chapter = heading.split('.').next().unwrap_or_default().to_owned();
            found.extend(is_number(&chapter).then(|| format!("§{chapter}")));
        } else if let Some(heading) = line.strip_prefix("### ") {
            found.extend(heading.split(' ').next().map(|number| format!("§{number}")));
        } else if let Some((number, _)) = line.split_once(". ")
            && is_number(number)
        {
            found.push(format!("§{chapter}.{number}"));
        }
    }
    found
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a rule is not found, or a number within a sentence is taken for one.
    #[test]
    fn rules_are_found() {
        let text = "# T\n\n## 2. Two\n\n1. A\n   2. no\n2. B has 3. Not\n\n## 4. Four\n\n### 4.1 One\n\n| 1. | x |\n";
        assert_eq!(sections(text), ["§2", "§2.1", "§2.2", "§4", "§4.1"]);
    }
}
