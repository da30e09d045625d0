//! Addresses that alerts are sent to, as `alert-webhooks` holds them: `https://` or `http://`, perhaps with user and password. They are
//! shown without secrets: of services such as chats the path is the password, so that no more is shown than the host.

use crate::checks::is_authority;
use crate::codec::Invalid;

/// Addresses in the setting.
pub const WEBHOOKS_MAX: usize = 4;
/// Bytes of one.
pub const WEBHOOK_BYTES_MAX: usize = 1024;

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// It is reached by TLS.
    pub tls: bool,
    /// A name or an address, that of IPv6 without brackets.
    pub host: String,
    pub port: u16,
    /// Host and port as they were written.
    pub authority: String,
    /// Path and query.
    pub target: String,
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
        let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err("a webhook is an address like https://host/path"),
        };
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
        let (host, port) = split(authority, if tls { 443 } else { 80 });
        let scheme = if tls { "https" } else { "http" };
        let user = if credentials.is_some() { "***@" } else { "" };
        let path = if target == "/" { "/" } else { "/***" };
        Ok(Webhook {
            tls,
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            shown: format!("{scheme}://{user}{authority}{path}"),
            target,
            credentials: credentials.map(str::to_owned),
        })
    }
}

/// Host and port of what [`is_authority`].
fn split(authority: &str, default_port: u16) -> (&str, u16) {
    let end_of_host = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[end_of_host..].split_once(':') {
        Some((rest, port)) => (&authority[..end_of_host + rest.len()], port.parse().ok()),
        None => (authority, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    (bare.unwrap_or(host), port.unwrap_or(default_port))
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

    fn parse(url: &str) -> Webhook {
        Webhook::parse(url).expect("an address")
    }

    #[test]
    fn secrets_are_masked() {
        let hook = parse("http://ada:s%40crt@relay:9000/alerts?token=abc");
        assert_eq!(
            (hook.authority.as_str(), hook.target.as_str()),
            ("relay:9000", "/alerts?token=abc")
        );
        assert_eq!(hook.credentials.as_deref(), Some("ada:s%40crt"));
        assert_eq!(hook.shown, "http://***@relay:9000/***");
        let chat = parse("https://hooks.example/services/T0/B0/s3cret");
        assert_eq!(chat.shown, "https://hooks.example/***");
        assert_eq!(parse("http://[::1]:9000").shown, "http://[::1]:9000/");
        assert_eq!(parse("http://h?a").target, "/?a");
    }

    #[test]
    fn where_it_is_reached() {
        for (url, tls, host, port) in [
            ("http://h", false, "h", 80),
            ("https://h", true, "h", 443),
            ("https://h:8443/x", true, "h", 8443),
            ("https://[::1]", true, "::1", 443),
            ("http://u:p@[fe80::1]:81/x", false, "fe80::1", 81),
        ] {
            let hook = parse(url);
            assert_eq!(
                (hook.tls, hook.host.as_str(), hook.port),
                (tls, host, port),
                "{url}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "ftp://h",
            "http://",
            "https://",
            "HTTPS://h",
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
        assert!(are_webhooks("").is_ok() && are_webhooks(" http://a  https://b/ ").is_ok());
        assert!(are_webhooks("http://a http://a").is_err() && are_webhooks("http://a nonsense").is_err());
        assert!(are_webhooks("http://a http://b http://c http://d http://e").is_err());
    }
}
