//! Where a server is, and the URI that says so: `redis://[[user:]password@]host[:port][/db]`.

use std::fmt;

/// The port of a server that nobody gave another.
pub const PORT: u16 = 6379;

/// The place of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Host and port.
    Tcp(String, u16),
    /// Path of a Unix socket.
    Unix(String),
}

impl Default for Address {
    fn default() -> Self {
        Address::Tcp("127.0.0.1".to_owned(), PORT)
    }
}

/// As error messages name it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp(host, port) => write!(f, "{host}:{port}"),
            Address::Unix(path) => f.write_str(path),
        }
    }
}

/// What a URI says; what it leaves out stays as it was.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Uri {
    /// User of the password.
    pub user: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// Host.
    pub host: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// Database.
    pub db: Option<i64>,
}

/// Reads a URI; user and password may hold `%XX`.
///
/// # Errors
/// What is wrong with it, in one line.
pub fn parse_uri(text: &str) -> Result<Uri, String> {
    if text.starts_with("rediss://") {
        return Err("rediss:// asks for TLS, which is not supported".to_owned());
    }
    let rest = text.strip_prefix("redis://").ok_or("Invalid URI scheme")?;
    let mut uri = Uri::default();
    let (place, path) = match rest.split_once('/') {
        Some((place, path)) => (place, Some(path)),
        None => (rest, None),
    };
    let place = match place.rsplit_once('@') {
        Some((who, place)) => {
            match who.split_once(':') {
                Some((user, password)) => {
                    uri.user = Some(unescaped(user)?).filter(|user| !user.is_empty());
                    uri.password = Some(unescaped(password)?);
                }
                None => uri.password = Some(unescaped(who)?),
            }
            place
        }
        None => place,
    };
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    uri.host = Some(host.to_owned()).filter(|host| !host.is_empty());
    if let Some(port) = port {
        uri.port = Some(port.parse().map_err(|_| format!("Invalid port in URI: {port}"))?);
    }
    // A query is left to those who know it.
    let path = path.map(|path| path.split('?').next().unwrap_or_default());
    if let Some(path) = path.filter(|path| !path.is_empty()) {
        uri.db = Some(
            path.parse()
                .map_err(|_| format!("Invalid database in URI: {path}"))?,
        );
    }
    Ok(uri)
}

fn unescaped(text: &str) -> Result<String, String> {
    let wrong = || "Incomplete URI encoding".to_owned();
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2).ok_or_else(wrong)?;
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| "URI is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_uris() {
        let all = parse_uri("redis://a%20b:p%40q@host:7/3?x=y").expect("a URI");
        let expected = Uri {
            user: Some("a b".into()),
            password: Some("p@q".into()),
            host: Some("host".into()),
            port: Some(7),
            db: Some(3),
        };
        assert_eq!(all, expected);
        assert_eq!(parse_uri("redis://"), Ok(Uri::default()));
        let password = parse_uri("redis://secret@[::1]").expect("a URI");
        assert_eq!(password.password.as_deref(), Some("secret"));
        assert_eq!((password.user, password.host.as_deref()), (None, Some("::1")));
        for wrong in [
            "http://x",
            "rediss://x",
            "redis://x:y",
            "redis://x/y",
            "redis://%4@x",
            "redis://%ff@x",
        ] {
            assert!(parse_uri(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn is_shown_as_in_a_prompt() {
        assert_eq!(Address::default().to_string(), "127.0.0.1:6379");
        assert_eq!(Address::Tcp("::1".into(), 1).to_string(), "[::1]:1");
        assert_eq!(Address::Unix("/tmp/s".into()).to_string(), "/tmp/s");
    }
}
