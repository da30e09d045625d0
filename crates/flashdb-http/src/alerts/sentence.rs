//! An alert in a sentence, for receivers that show nothing but a `text`: chats do, and refuse what has none.

use super::{Alert, AlertState, Kind, RULES};
use crate::json::Bytes;

/// Characters of a key's name that is named.
const KEY_CHARS_MAX: usize = 64;

/// What an alert says, with the place that it is about.
pub(super) fn sentence(place: &str, alert: &Alert) -> String {
    let rule = RULES.iter().find(|rule| rule.kind == alert.kind);
    let (summary, unit) = rule.map_or(("", ""), |rule| (rule.summary, rule.unit));
    let over = alert.state == AlertState::Resolved;
    let (began, value, when) = match over {
        true => ("over: ", alert.worst, " at worst"),
        false => ("", alert.value, ""),
    };
    let what = match (&alert.text, alert.kind) {
        (Some(text), _) => format!("{text}."),
        (None, Kind::Persistence) => summary.to_owned(),
        (None, _) => format!(
            "{summary} {value:.0} {unit}{when}, threshold {}.",
            alert.threshold
        ),
    };
    let key = match &alert.key {
        Some(Bytes::Text(name)) if is_plain(name) => format!(" Key {name}."),
        _ => String::new(),
    };
    format!("FlashDB {place}: {began}{what}{key}")
}

/// A name that no chat reads as more than a name, such as a link or a call to everybody: whoever writes keys chooses it.
fn is_plain(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b":-_{}".contains(&byte);
    name.len() <= KEY_CHARS_MAX && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(kind: Kind) -> Alert {
        Alert {
            id: "a_1".into(),
            kind,
            rule: "",
            state: AlertState::Firing,
            since: 0,
            until: None,
            value: 95.2,
            worst: 97.0,
            threshold: 90,
            text: None,
            key: None,
            db: None,
            qps: None,
        }
    }

    #[test]
    fn an_alert_is_told_in_a_sentence() {
        let mut memory = alert(Kind::Memory);
        assert_eq!(
            sentence("eu-1:6379", &memory),
            "FlashDB eu-1:6379: Memory nears maxmemory. 95 %, threshold 90."
        );
        memory.state = AlertState::Resolved;
        assert_eq!(
            sentence("eu-1:6379", &memory),
            "FlashDB eu-1:6379: over: Memory nears maxmemory. 97 % at worst, threshold 90."
        );
        let mut disk = alert(Kind::Persistence);
        disk.text = Some("the last snapshot failed".into());
        assert_eq!(sentence("h:1", &disk), "FlashDB h:1: the last snapshot failed.");
    }

    #[test]
    fn a_key_is_named_where_its_name_is_plain() {
        let mut hot = alert(Kind::HotKey);
        hot.key = Some(Bytes::Text("cart:77".into()));
        assert!(sentence("h:1", &hot).ends_with("commands/s, threshold 90. Key cart:77."));
        for name in ["<!channel>", "see https://evil.example", "a.b", "@all"] {
            hot.key = Some(Bytes::Text(name.into()));
            assert!(!sentence("h:1", &hot).contains("Key"), "{name}");
        }
    }
}
