//! Posts something to a webhook, over a connection of its own that is closed behind it: an address is told something now and then.
//!
//! A name is resolved once, and what comes of that is both looked at and connected to, so that no name leads elsewhere between the two.
//! Addresses of the link itself are refused: clouds hand out credentials there. Every step has a time, answers are read up to their
//! head only, and no redirect is followed.

use super::tls;
use axum::body::Bytes;
use axum::http::{Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flashdb_config::{Settings, Webhook};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ring::hmac;
use std::error::Error;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// Time for the whole.
const SEND_TIME: Duration = Duration::from_secs(10);
/// Time for a name to be resolved.
const LOOKUP_TIME: Duration = Duration::from_secs(3);
/// Time for a connection, shared by the addresses that a name has.
const CONNECT_TIME: Duration = Duration::from_secs(3);
const HANDSHAKE_TIME: Duration = Duration::from_secs(3);
/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 3;
/// Bytes of the head of an answer; 8 KiB is the least that hyper takes.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// The header with the signature of the body.
const SIGNATURE: &str = "x-flashdb-signature";

/// What the settings say of how webhooks are spoken to.
pub(super) struct Terms {
    /// See `alert-webhook-ca-file`.
    pub ca_file: Option<PathBuf>,
    /// See `alert-webhook-secret`.
    pub secret: Vec<u8>,
}

impl Terms {
    pub fn of(settings: &Settings) -> Self {
        Terms {
            ca_file: ca_file(settings),
            secret: settings.alert_webhook_secret.clone(),
        }
    }
}

/// The file that `alert-webhook-ca-file` names.
pub(super) fn ca_file(settings: &Settings) -> Option<PathBuf> {
    let file = &settings.alert_webhook_ca_file;
    (!file.is_empty()).then(|| settings.dir.join(file))
}

/// Posts a body, once.
///
/// # Errors
/// Why there is no answer; without secrets of the address.
pub(super) async fn post(webhook: &Webhook, terms: &Terms, body: Bytes) -> Result<StatusCode, String> {
    within(SEND_TIME, "answer", attempt(webhook, terms, body)).await
}

async fn attempt(webhook: &Webhook, terms: &Terms, body: Bytes) -> Result<StatusCode, String> {
    let request = request(webhook, &terms.secret, body).map_err(|error| error.to_string())?;
    if !webhook.tls {
        return ask(connect(webhook).await?, request).await;
    }
    let config = tls::config(terms.ca_file.clone()).await?;
    let stream = connect(webhook).await?;
    let handshake = tls::handshake(config, &webhook.host, stream);
    ask(within(HANDSHAKE_TIME, "TLS handshake", handshake).await?, request).await
}

/// Cuts off what takes too long.
async fn within<T>(
    time: Duration,
    what: &str,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let late = |_| Err(format!("no {what} within {} s", time.as_secs()));
    timeout(time, work).await.unwrap_or_else(late)
}

// ---- where it goes -------------------------------------------------------------------------------

async fn connect(webhook: &Webhook) -> Result<TcpStream, String> {
    let lookup = async {
        let found = lookup_host((webhook.host.as_str(), webhook.port)).await;
        found.map(Vec::from_iter).map_err(|error| error.to_string())
    };
    let found = within(LOOKUP_TIME, "address of the host's name", lookup).await?;
    let allowed = allowed(&found)?;
    let share = CONNECT_TIME / allowed.len().max(1) as u32;
    let mut fault = "its name has no address".to_owned();
    for address in allowed {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => fault = error.to_string(),
            Err(_) => fault = format!("no connection within {} s", CONNECT_TIME.as_secs()),
        }
    }
    Err(fault)
}

/// The addresses of a name that are tried; an error where it has some, and all are refused.
fn allowed(found: &[SocketAddr]) -> Result<Vec<SocketAddr>, String> {
    let allowed = found.iter().filter(|address| !is_refused(address.ip()));
    let allowed: Vec<SocketAddr> = allowed.take(ADDRESSES_MAX).copied().collect();
    match found.first() {
        Some(first) if allowed.is_empty() => Err(format!(
            "{} is refused: it is link-local, or where a cloud keeps credentials of machines",
            first.ip()
        )),
        _ => Ok(allowed),
    }
}

/// Where only this link's neighbours are, or a cloud's service for the machine itself.
fn is_refused(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_refused_v4(ip),
        IpAddr::V6(ip) => is_refused_v6(ip),
    }
}

fn is_refused_v4(ip: Ipv4Addr) -> bool {
    /// Of Alibaba Cloud and of Azure; the others' are link-local.
    const SERVICES: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];
    ip.is_link_local() || SERVICES.contains(&ip)
}

fn is_refused_v6(ip: Ipv6Addr) -> bool {
    /// Of AWS.
    const SERVICE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    if ip.is_unicast_link_local() || ip == SERVICE {
        return true;
    }
    let words = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_refused_v4(Ipv4Addr::new(a, b, c, d))
    };
    match words {
        // An address of IPv4 in one of IPv6, as it is or as translators write it (RFC 4291, 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => v4(high, low),
        _ => false,
    }
}

// ---- what is said --------------------------------------------------------------------------------

/// Sends a request and waits for the head of its answer. What comes behind that is nobody's business, and goes with the connection.
async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Full<Bytes>>,
) -> Result<StatusCode, String> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| cause_of(&error))?;
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    let answer = tokio::select! {
        answer = &mut answer => answer,
        // It may have ended behind an answer.
        _ended = connection => answer.await,
    };
    answer
        .map(|answer| answer.status())
        .map_err(|error| cause_of(&error))
}

/// What is behind an error: the outermost only says that there is one.
fn cause_of(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn request(webhook: &Webhook, secret: &[u8], body: Bytes) -> Result<Request<Full<Bytes>>, axum::http::Error> {
    let mut request = Request::post(&webhook.target)
        .header(header::HOST, &webhook.authority)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("flashdb/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close");
    if let Some(credentials) = &webhook.credentials {
        let decoded: Vec<u8> = percent_encoding::percent_decode_str(credentials).collect();
        request = request.header(
            header::AUTHORIZATION,
            format!("Basic {}", STANDARD.encode(decoded)),
        );
    }
    if !secret.is_empty() {
        request = request.header(SIGNATURE, signature(secret, &body));
    }
    request.body(Full::new(body))
}

/// As GitHub and others write it, so that receivers have code for it.
fn signature(secret: &[u8], body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body);
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_carries_its_credentials_apart_from_the_address() {
        let webhook = Webhook::parse("http://ada:s%40crt@relay:9000/alerts?token=abc").expect("an address");
        let asked = request(&webhook, b"", "{}".into()).expect("a request");
        assert_eq!(asked.uri(), "/alerts?token=abc");
        assert_eq!(asked.headers()[header::HOST], "relay:9000");
        assert_eq!(asked.headers()[header::AUTHORIZATION], "Basic YWRhOnNAY3J0");
        assert!(!asked.headers().contains_key(SIGNATURE));
        let signed = request(&webhook, b"key", "{}".into()).expect("a request");
        assert!(signed.headers().contains_key(SIGNATURE));
    }

    #[test]
    fn the_signature_is_hmac_sha256() {
        // RFC 4231, case 2.
        assert_eq!(
            signature(b"Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn link_local_addresses_are_refused_however_they_are_written() {
        for refused in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(is_refused(refused.parse().expect("an address")), "{refused}");
        }
        for fits in [
            "127.0.0.1",
            "10.0.0.1",
            "192.168.1.1",
            "169.253.1.1",
            "8.8.8.8",
            "::1",
            "fd00::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "64:ff9b::8.8.8.8",
            "2001:db8::1",
        ] {
            assert!(!is_refused(fits.parse().expect("an address")), "{fits}");
        }
    }

    #[test]
    fn a_name_is_refused_where_nothing_else_is_left() {
        let of = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let (link, other) = (of("169.254.169.254:80"), of("10.0.0.1:80"));
        assert_eq!(allowed(&[link, other]), Ok(vec![other]));
        assert_eq!(allowed(&[]), Ok(vec![]));
        let why = allowed(&[link]).expect_err("nothing is left");
        assert!(
            why.starts_with("169.254.169.254 is refused") && why.contains("link-local"),
            "{why}"
        );
        assert_eq!(allowed(&[other; 9]).map(|list| list.len()), Ok(ADDRESSES_MAX));
    }
}
