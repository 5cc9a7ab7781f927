use rolecall_plugin::OfflineMessage;

/// One text for several messages of one role and intent: a header and a numbered list, in the
/// language of the messages.
pub(crate) fn digest(parts: &[&OfflineMessage]) -> String {
    let Some(first) = parts.first() else { return String::new() };
    let mut text = header(first, parts.len(), is_chinese(parts));
    for (number, part) in parts.iter().enumerate() {
        text.push_str(&format!("\n{}. ", number + 1));
        // A part of several lines stays one item of the list.
        text.push_str(&part.text.trim().lines().map(str::trim_end).collect::<Vec<_>>().join("\n   "));
    }
    text
}

/// The most bytes of a header for this role and intent.
pub(crate) fn header_bytes(role: &str, intent: &str) -> usize {
    role.len() + intent.len() + 128
}

/// The most bytes that a message takes in a digest: its text, its number, and the indents of its lines.
pub(crate) fn item_bytes(part: &OfflineMessage) -> usize {
    part.text.len() + 16 + 3 * part.text.lines().count()
}

fn header(first: &OfflineMessage, count: usize, chinese: bool) -> String {
    let (role, intent) = (first.role.trim(), first.intent.trim());
    match (chinese, intent.is_empty()) {
        (true, true) => format!("你不在时，{role} 发来 {count} 条消息："),
        (true, false) => format!("你不在时，{role} 就“{intent}”发来 {count} 条消息："),
        (false, true) => format!("While you were away, {role} wrote {count} messages:"),
        (false, false) => format!("While you were away, {role} wrote {count} messages about “{intent}”:"),
    }
}

/// Whether there are at least half as many Chinese characters as Latin letters: a character is
/// about a word, a letter is not, so English names do not make a Chinese text English.
fn is_chinese(parts: &[&OfflineMessage]) -> bool {
    let chars = || parts.iter().flat_map(|part| part.text.chars());
    let han = chars()
        .filter(|c| matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}'))
        .count();
    let latin = chars().filter(char::is_ascii_alphabetic).count();
    han > 0 && han * 2 >= latin
}
