//! Conditions on values beyond kind and range, with the reasons of Redis 7.0.

use crate::codec::Invalid;
use std::net::Ipv6Addr;

/// Number of shards.
pub fn is_power_of_two(value: u32) -> Result<(), Invalid> {
    if value.is_power_of_two() {
        Ok(())
    } else {
        Err("argument must be a power of two".into())
    }
}

/// `dbfilename`: no folders.
pub fn is_db_file_name(name: &str) -> Result<(), Invalid> {
    if is_base_name(name) {
        Ok(())
    } else {
        Err("dbfilename can't be a path, just a filename".into())
    }
}

/// `appendfilename`: no folders, not empty.
pub fn is_append_file_name(name: &str) -> Result<(), Invalid> {
    match name {
        "" => Err("appendfilename can't be empty".into()),
        name if !is_base_name(name) => Err("appendfilename can't be a path, just a filename".into()),
        _ => Ok(()),
    }
}

/// `appenddirname`: one folder, not empty.
pub fn is_append_folder_name(name: &str) -> Result<(), Invalid> {
    match name {
        "" => Err("appenddirname can't be empty".into()),
        name if !is_base_name(name) => Err("appenddirname can't be a path, just a dirname".into()),
        _ => Ok(()),
    }
}

fn is_base_name(name: &str) -> bool {
    !name.contains(['/', '\\'])
}

/// One ASCII character.
pub fn is_one_byte(text: &str) -> Result<(), Invalid> {
    if text.len() == 1 && text.is_ascii() {
        Ok(())
    } else {
        Err("it must be one ASCII character".into())
    }
}

/// A name or address, perhaps with a port.
pub(crate) fn is_authority(authority: &str) -> bool {
    let end_of_host = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[end_of_host..].split_once(':') {
        Some((rest, port)) => (&authority[..end_of_host + rest.len()], Some(port)),
        None => (authority, None),
    };
    let is_name = |name: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        !name.is_empty() && name.bytes().all(fits)
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = address.map_or_else(|| is_name(host), |address| address.parse::<Ipv6Addr>().is_ok());
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    is_host && port.is_none_or(is_port)
}

/// Nothing, or where a server is reached by plain HTTP: a scheme, a name or address, perhaps a port and a path.
pub fn is_http_origin(text: &str) -> Result<(), Invalid> {
    let Some(place) = text.strip_prefix("http://") else {
        let message = "it must be an address like http://host:4318; TLS is not supported here";
        return if text.is_empty() {
            Ok(())
        } else {
            Err(message.into())
        };
    };
    let (authority, path) = place.split_once('/').unwrap_or((place, ""));
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/.-_~".contains(&byte);
    if is_authority(authority) && path.bytes().all(is_path) {
        Ok(())
    } else {
        Err("it must be a host, perhaps a port and a path, without user, password or query".into())
    }
}

/// `http-allow-origins`: what browsers send as `Origin`, separated by spaces or commas. `*` is none: an API that writes must not
/// be open to every page that somebody visits.
pub fn are_web_origins(text: &str) -> Result<(), Invalid> {
    let is_origin = |text: &str| {
        let rest = text.strip_prefix("https://").or(text.strip_prefix("http://"));
        rest.is_some_and(is_authority)
    };
    let mut origins = text.split([' ', ',']).filter(|origin| !origin.is_empty());
    if origins.all(is_origin) {
        Ok(())
    } else {
        Err("it must be origins such as https://tools.example, without paths; * is not allowed".into())
    }
}

/// The longest host name, with its end in C.
const HOST_NAME_BYTES_MAX: usize = 256;

/// Host and node names of the cluster.
pub fn is_host_name(name: &str) -> Result<(), Invalid> {
    if name.len() >= HOST_NAME_BYTES_MAX {
        return Err(format!("Hostnames must be less than {HOST_NAME_BYTES_MAX} characters").into());
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if name.bytes().all(allowed) {
        Ok(())
    } else {
        Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into())
    }
}

/// `proc-title-template`: literal text with `{variable}` from a fixed list, `{{` for a brace; and
/// not empty when the variables that may be empty are.
pub fn is_title_template(template: &str) -> Result<(), Invalid> {
    match expand_title(template) {
        Some(title) if !title.trim_matches(' ').is_empty() => Ok(()),
        _ => Err("template format is invalid or contains unknown variables".into()),
    }
}

/// The template with samples for its variables; `None` when malformed.
fn expand_title(template: &str) -> Option<String> {
    let mut title = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        title.push_str(before);
        if let Some(quoted) = after.strip_prefix('{') {
            title.push('{');
            rest = quoted;
            continue;
        }
        let (variable, tail) = after.split_once('}')?;
        match variable {
            "title" | "server-mode" | "unixsocket" => {}
            "listen-addr" | "port" | "tls-port" | "config-file" => title.push('-'),
            _ => return None,
        }
        rest = tail;
    }
    title.push_str(rest);
    Some(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collectors_are_reached_by_plain_http() {
        for fits in [
            "",
            "http://localhost:4318",
            "http://10.0.0.1",
            "http://otel/prefix/",
            "http://[::1]:4318/v1/traces",
        ] {
            assert!(is_http_origin(fits).is_ok(), "{fits}");
        }
        for bad in [
            "localhost:4318",
            "https://otel",
            "http://",
            "http://:4318",
            "http://a b",
            "http://a:b:c",
            "http://[::1",
            "http://[::x]",
            "http://%zz",
            "http://h:0",
            "http://h:99999",
            "http://h:+1",
            "http://h/?a=b",
            "http://h/#x",
            "http://ada:secret@h",
        ] {
            assert!(is_http_origin(bad).is_err(), "{bad}");
        }
        for fits in [
            "",
            "https://a.example",
            "http://localhost:3000, https://[::1]:8443  https://b",
        ] {
            assert!(are_web_origins(fits).is_ok(), "{fits}");
        }
        for bad in [
            "*",
            "null",
            "https://*.example",
            "https://a/",
            "https://a https://b/x",
            "ftp://a",
            "a.example",
        ] {
            assert!(are_web_origins(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_and_templates() {
        assert!(is_db_file_name("dump.rdb").is_ok() && is_db_file_name("").is_ok());
        assert!(is_db_file_name("../dump.rdb").is_err());
        assert!(is_append_file_name("").is_err() && is_append_folder_name("a/b").is_err());
        assert!(is_host_name("a-1.b").is_ok() && is_host_name("a_b").is_err());
        assert!(is_host_name(&"a".repeat(256)).is_err());
        for good in [
            "{title} {listen-addr} {server-mode}",
            "--my--title--template",
            "{{",
            "x{port}",
        ] {
            assert!(is_title_template(good).is_ok(), "{good}");
        }
        for bad in ["", " ", "{title}", "{nope}", "{", "a{port"] {
            assert!(is_title_template(bad).is_err(), "{bad}");
        }
    }
}
