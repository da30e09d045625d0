//! Before any handler: the request's id, whose page may ask (`Host`, `Origin`), and whether an open server answers at all
//! from there. Afterwards: the headers that every answer has, and the body of failures.

use crate::App;
use crate::cors;
use crate::error::{ApiError, with_body};
use crate::request_log;
use crate::sessions::random_hex;
use crate::traces;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use opentelemetry::context::FutureExt;
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What proxies add to the requests that they pass on.
const FORWARDED: [&str; 5] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-real-ip",
];

/// What a request is for, which decides who may ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Health: no login, from anywhere.
    Health,
    /// Files of the dashboard: the same for everybody.
    Page,
    /// All else.
    Api,
    /// As the API, and a page of another site must not even navigate to it.
    WebSocket,
}

fn kind(path: &str) -> Kind {
    match path {
        "/health" | "/ready" | "/live" | "/api/v1/healthz" | "/api/v1/readyz" => Kind::Health,
        "/ws" | "/api/v1/ws" | "/api/v1/console/run" => Kind::WebSocket,
        "/metrics" => Kind::Api,
        path if path == "/api" || path.starts_with("/api/") => Kind::Api,
        _ => Kind::Page,
    }
}

/// The id of a request, for what outlasts it.
#[derive(Clone)]
pub(crate) struct RequestId(pub String);

/// The middleware around everything.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let request_id = match random_hex(8) {
        Ok(digits) => format!("req_{digits}"),
        Err(error) => {
            tracing::error!(%error, "the system gives no random numbers");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    request.extensions_mut().insert(RequestId(request_id.clone()));
    let kind = kind(request.uri().path());
    let page_elsewhere = page_elsewhere(&app, &request, kind);
    let response = match admit(&app, peer, &request, kind, page_elsewhere.is_some()) {
        Err(refusal) => refusal.into_response(),
        Ok(()) if page_elsewhere.is_some() && cors::is_preflight(&request) => cors::preflight(),
        Ok(()) if matches!(kind, Kind::Api | Kind::WebSocket) => {
            watched(&app, peer, &request_id, request, next).await
        }
        Ok(()) => next.run(request).await,
    };
    let mut response = with_body(response, &request_id, app.engine.audit());
    let headers = response.headers_mut();
    if let Some(origin) = page_elsewhere {
        cors::admit(origin, headers);
    }
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if kind != Kind::Page {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
    }
    response
}

/// Has the request worked on, with a line in the log and, where there is a collector for them, a trace.
async fn watched(
    app: &Arc<App>,
    peer: SocketAddr,
    request_id: &str,
    request: Request,
    next: Next,
) -> Response {
    let entry = request_log::Entry::begin(&request, request_id, peer);
    let traces = app.traces.as_ref();
    let span = traces.map(|traces| traces.request(&request, request_id, &peer.to_string()));
    let work = next.run(request).instrument(entry.span());
    let response = match &span {
        Some(span) => work.with_context(span.clone()).await,
        None => work.await,
    };
    if let Some(span) = &span {
        traces::answered(span, &response);
    }
    entry.end(&response);
    response
}

/// The origin of a listed page of another site, if one asks.
fn page_elsewhere(app: &App, request: &Request, kind: Kind) -> Option<HeaderValue> {
    if kind != Kind::Api {
        return None;
    }
    cors::allowed(
        request.headers(),
        &app.engine.config().settings().http_allow_origins,
    )
}

fn admit(
    app: &App,
    peer: SocketAddr,
    request: &Request,
    kind: Kind,
    is_listed: bool,
) -> Result<(), ApiError> {
    let settings = app.engine.config().settings();
    let headers = request.headers();
    let host = host_of(request);
    if !host
        .as_deref()
        .is_some_and(|host| is_known(host, &settings.http_hosts))
    {
        return Err(ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "FOREIGN_HOST",
            "the server does not go by this name; http-hosts lists the names that it goes by",
        ));
    }
    if matches!(kind, Kind::Health | Kind::Page) {
        return Ok(());
    }
    if app.ending.load(Ordering::Acquire) {
        return Err(ApiError::stopping());
    }
    // What a proxy on this machine passes on is somebody else's, wherever it says that he is.
    let is_here =
        peer.ip().to_canonical().is_loopback() && !FORWARDED.iter().any(|name| headers.contains_key(*name));
    if app.engine.is_open() && !settings.http_open && !is_here {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "OPEN_SERVER",
            "the default user has no password, so this is answered to clients on the same machine only; set a \
             password, or http-open if nobody else can reach the server",
        )
        .with(json!({"settings": ["requirepass", "http-open"]})));
    }
    if !is_listed && is_foreign(headers, host.as_deref().unwrap_or_default(), kind) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "FOREIGN_ORIGIN",
            "pages of other sites may not use this server; http-allow-origins lists those that may use the API",
        ));
    }
    Ok(())
}

/// Host and port that the client asked for.
fn host_of(request: &Request) -> Option<String> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str().to_owned());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then(|| host.to_owned())
}

/// Whether the server may go by this name: an address, or a name that no other site can have pointed here.
fn is_known(host: &str, allowed: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.');
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || allowed
            .split([' ', ','])
            .any(|allowed| !allowed.is_empty() && allowed.eq_ignore_ascii_case(name))
}

fn is_foreign(headers: &HeaderMap, host: &str, kind: Kind) -> bool {
    let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    let from_elsewhere = match site {
        None | Some(b"same-origin") => false,
        Some(b"none") => kind == Kind::WebSocket,
        Some(_) => true,
    };
    let other_origin = headers.get(header::ORIGIN).is_some_and(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let name = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
        !name.is_some_and(|name| name.eq_ignore_ascii_case(host))
    });
    from_elsewhere || other_origin
}

/// Whether a web page asks, as opposed to a program or a person's address bar.
pub(crate) fn is_from_page(headers: &HeaderMap) -> bool {
    let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    headers.contains_key(header::ORIGIN) || site.is_some_and(|site| site != b"none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_another_site_may_have_are_not_known() {
        for known in [
            "127.0.0.1:8080",
            "localhost",
            "LOCALHOST:80",
            "[::1]:8080",
            "10.1.2.3",
            "db.example:8080",
            "b",
        ] {
            assert!(is_known(known, "db.example, b"), "{known}");
        }
        for foreign in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8080",
            ":80",
            "[x]",
            "db.example.evil",
        ] {
            assert!(!is_known(foreign, "db.example, b"), "{foreign}");
        }
        assert!(!is_known("anything", ""));
    }

    #[test]
    fn origins_have_to_be_that_of_the_host() {
        let foreign = |fields: &[(&'static str, &str)], kind| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.insert(*name, value.parse().expect("a header"));
            }
            is_foreign(&headers, "127.0.0.1:8080", kind)
        };
        assert!(!foreign(&[], Kind::Api));
        assert!(!foreign(
            &[
                ("origin", "http://127.0.0.1:8080"),
                ("sec-fetch-site", "same-origin")
            ],
            Kind::WebSocket
        ));
        assert!(!foreign(&[("sec-fetch-site", "none")], Kind::Api));
        assert!(foreign(&[("sec-fetch-site", "none")], Kind::WebSocket));
        for site in ["cross-site", "same-site", "x"] {
            assert!(foreign(&[("sec-fetch-site", site)], Kind::Api), "{site}");
        }
        for origin in [
            "null",
            "http://127.0.0.1",
            "http://localhost:8080",
            "http://evil",
            "",
            "127.0.0.1:8080",
        ] {
            assert!(foreign(&[("origin", origin)], Kind::Api), "{origin}");
        }
    }
}
