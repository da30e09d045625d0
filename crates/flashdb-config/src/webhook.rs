//! Addresses that alerts are sent to, as `alert-webhooks` holds them: plain HTTP, perhaps with user and password. They are shown
//! without secrets: passwords and queries, where tokens tend to be, are masked.

use crate::checks::is_authority;
use crate::codec::Invalid;

/// Addresses in the setting.
pub const WEBHOOKS_MAX: usize = 4;
/// Bytes of one.
pub const WEBHOOK_BYTES_MAX: usize = 1024;

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// What is asked for, without user and password.
    pub url: String,
    /// User and password, still percent-encoded.
    pub credentials: Option<String>,
    /// As it may be shown.
    pub shown: String,
}

fn is_of_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte)
}

impl Webhook {
    /// Reads an address.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        if url.starts_with("https://") {
            return Err(
                "TLS is not supported for webhooks: name an http:// address, such as that of a proxy on this machine",
            );
        }
        let rest = url
            .strip_prefix("http://")
            .ok_or("a webhook is an address like http://host:9000/path")?;
        if url.len() > WEBHOOK_BYTES_MAX || !url.bytes().all(is_of_url) {
            return Err(
                "a webhook has at most 1024 characters, others than those of addresses percent-encoded",
            );
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (place, target) = rest.split_at(end);
        let (credentials, authority) = match place.rsplit_once('@') {
            Some((credentials, authority)) => (Some(credentials), authority),
            None => (None, place),
        };
        if !is_authority(authority) {
            return Err("a webhook names a host, perhaps with a port");
        }
        let target = match target {
            "" => "/".to_owned(),
            target if target.starts_with('?') => format!("/{target}"),
            target => target.to_owned(),
        };
        let mask = if credentials.is_some() { "***@" } else { "" };
        let shown = match target.split_once('?') {
            Some((path, _)) => format!("http://{mask}{authority}{path}?***"),
            None => format!("http://{mask}{authority}{target}"),
        };
        Ok(Webhook {
            url: format!("http://{authority}{target}"),
            credentials: credentials.map(str::to_owned),
            shown,
        })
    }
}

/// `alert-webhooks`: addresses, separated by spaces.
pub(crate) fn are_webhooks(text: &str) -> Result<(), Invalid> {
    let mut seen: Vec<&str> = Vec::new();
    for url in text.split_ascii_whitespace() {
        Webhook::parse(url)?;
        if seen.contains(&url) {
            return Err("a webhook is named twice".into());
        }
        seen.push(url);
    }
    if seen.len() > WEBHOOKS_MAX {
        return Err("there are at most 4 webhooks".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked() {
        let hook = Webhook::parse("http://ada:s%40crt@relay:9000/alerts?token=abc").expect("an address");
        assert_eq!(hook.url, "http://relay:9000/alerts?token=abc");
        assert_eq!(hook.credentials.as_deref(), Some("ada:s%40crt"));
        assert_eq!(hook.shown, "http://***@relay:9000/alerts?***");
        let plain = Webhook::parse("http://[::1]:9000").expect("an address");
        assert_eq!(
            (plain.url.as_str(), plain.shown.as_str()),
            ("http://[::1]:9000/", "http://[::1]:9000/")
        );
        assert_eq!(
            Webhook::parse("http://h?a").expect("an address").url,
            "http://h/?a"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert!(Webhook::parse("https://hooks.example/x").is_err_and(|why| why.contains("TLS")));
        for bad in [
            "",
            "ftp://h",
            "http://",
            "http:///x",
            "http://a b",
            "http://h/#x",
            "http://h:0/",
            "http://@/",
            "http://h/\r\nX: y",
            "http://ü/",
        ] {
            assert!(Webhook::parse(bad).is_err(), "{bad}");
        }
        assert!(Webhook::parse(&format!("http://h/{}", "x".repeat(1024))).is_err());
        assert!(are_webhooks("").is_ok() && are_webhooks(" http://a  http://b/ ").is_ok());
        assert!(are_webhooks("http://a http://a").is_err() && are_webhooks("http://a nonsense").is_err());
        assert!(are_webhooks("http://a http://b http://c http://d http://e").is_err());
    }
}
