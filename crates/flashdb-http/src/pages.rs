//! The dashboard's files, as `build.rs` has embedded them: the same for everybody, compressed beforehand, with a policy of
//! their own for each page. Where the dashboard was not built, the first page says how to get it.

use crate::error::ApiError;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Response, StatusCode};
use axum::response::IntoResponse;

/// An embedded file.
struct File {
    path: &'static str,
    kind: &'static str,
    /// Without quotes.
    etag: &'static str,
    /// Of a page: what it may load and run.
    policy: Option<&'static str>,
    /// Its name changes with what is in it.
    is_immutable: bool,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>FlashDB</title>\n\
    <h1>FlashDB is running</h1>\n<p>This build has no dashboard. To get it, with Node 20 or later:</p>\n\
    <pre>cd dashboard &amp;&amp; npm install --no-save &amp;&amp; npm run build\ncd .. &amp;&amp; cargo build --release -p flashdb</pre>\n\
    <p>The API is here: <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a>, \
    <a href=\"/health\">/health</a>, <a href=\"/metrics\">/metrics</a>.</p>\n</html>\n";
const POLICY_NOT_BUILT: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=()";

/// Any path that is no other route.
pub(crate) async fn show(request: Request) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let message = format!("the path does not take {}", request.method());
        let refusal = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message);
        let mut response = refusal.into_response();
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    answer(FILES, request.uri().path(), request.headers())
}

fn answer(files: &'static [File], path: &str, headers: &HeaderMap) -> Response<Body> {
    let trimmed = path.trim_end_matches('/');
    let path = if trimmed.is_empty() { "/" } else { trimmed };
    match find(files, path) {
        Some(file) => serve(file, headers, StatusCode::OK),
        None if files.is_empty() && path == "/" => not_built(),
        None => match find(files, "/404.html").or_else(|| find(files, "/404")) {
            Some(file) => serve(file, &HeaderMap::new(), StatusCode::NOT_FOUND),
            None => plain(
                StatusCode::NOT_FOUND,
                "text/plain; charset=utf-8",
                "there is no such page\n",
            ),
        },
    }
}

fn find(files: &'static [File], path: &str) -> Option<&'static File> {
    let at = files.binary_search_by(|file| file.path.cmp(path)).ok()?;
    Some(&files[at])
}

fn plain(status: StatusCode, kind: &'static str, text: &'static str) -> Response<Body> {
    (status, [(header::CONTENT_TYPE, kind)], text).into_response()
}

fn not_built() -> Response<Body> {
    let mut response = plain(StatusCode::OK, "text/html; charset=utf-8", NOT_BUILT);
    let policy = HeaderValue::from_static(POLICY_NOT_BUILT);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn serve(file: &'static File, asked: &HeaderMap, status: StatusCode) -> Response<Body> {
    let (encoding, bytes) = choose(file, asked);
    let suffix = encoding.map_or(String::new(), |encoding| format!("-{encoding}"));
    let etag = format!("\"{}{suffix}\"", file.etag);
    let is_known = asked.get_all(header::IF_NONE_MATCH).iter().any(|known| {
        let known = known.to_str().unwrap_or_default();
        known
            .split(',')
            .any(|one| one.trim().trim_start_matches("W/") == etag)
    });
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        (status, Bytes::from_static(bytes)).into_response()
    };
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, file.kind);
    set(header::ETAG, &etag);
    set(header::VARY, "Accept-Encoding");
    if let Some(encoding) = encoding {
        set(header::CONTENT_ENCODING, encoding);
    }
    let caching = if file.is_immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    set(header::CACHE_CONTROL, caching);
    if let Some(policy) = file.policy {
        set(header::CONTENT_SECURITY_POLICY, policy);
        set(
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        );
        set(HeaderName::from_static("permissions-policy"), PERMISSIONS);
    }
    response
}

/// The smallest form that the client takes.
fn choose(file: &'static File, asked: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    let accepts = |wanted: &str| {
        asked.get_all(header::ACCEPT_ENCODING).iter().any(|accepted| {
            accepted.to_str().unwrap_or_default().split(',').any(|one| {
                let (name, quality) = one.split_once(';').unwrap_or((one, ""));
                let refused = matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
                name.trim().eq_ignore_ascii_case(wanted) && !refused
            })
        })
    };
    match (file.brotli, file.gzip) {
        (Some(bytes), _) if accepts("br") => (Some("br"), bytes),
        (_, Some(bytes)) if accepts("gzip") => (Some("gzip"), bytes),
        _ => (None, file.plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static BUILT: &[File] = &[
        page("/", b"first", Some("script-src 'self'")),
        page("/404.html", b"lost", Some("script-src 'self'")),
        page("/_next/static/a.js", b"code", None),
        page("/explorer", b"keys", Some("script-src 'self' 'sha256-x'")),
    ];

    const fn page(path: &'static str, plain: &'static [u8], policy: Option<&'static str>) -> File {
        File {
            path,
            kind: "text/html; charset=utf-8",
            etag: "e",
            policy,
            is_immutable: policy.is_none(),
            plain,
            brotli: Some(b"br"),
            gzip: Some(b"gz"),
        }
    }

    fn ask(path: &str, fields: &[(HeaderName, &str)]) -> (u16, HeaderMap) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(name, value.parse().expect("a header"));
        }
        let response = answer(BUILT, path, &headers);
        (response.status().as_u16(), response.headers().clone())
    }

    #[test]
    fn pages_with_and_without_a_slash_are_the_same_and_others_are_not_found() {
        let explorer = |path| ask(path, &[]).1[header::CONTENT_SECURITY_POLICY].clone();
        assert_eq!(explorer("/explorer"), explorer("/explorer/"));
        assert_eq!(ask("/explorer/x", &[]).0, 404);
        assert_eq!(ask("/../etc/passwd", &[]).0, 404);
        assert_eq!(ask("//", &[]).0, 200);
        assert_eq!(ask("/explorer", &[]).1[header::CACHE_CONTROL], "no-cache");
        let (_, script) = ask("/_next/static/a.js", &[]);
        assert!(
            script[header::CACHE_CONTROL]
                .to_str()
                .is_ok_and(|value| value.ends_with("immutable"))
        );
    }

    #[test]
    fn the_client_chooses_the_encoding_and_knows_what_it_has() {
        let (_, headers) = ask("/", &[(header::ACCEPT_ENCODING, "gzip, br;q=0.5")]);
        assert_eq!(
            (&headers[header::CONTENT_ENCODING], &headers[header::ETAG]),
            (
                &"br".parse().expect("a value"),
                &"\"e-br\"".parse().expect("a value")
            )
        );
        assert_eq!(
            ask("/", &[(header::ACCEPT_ENCODING, "br;q=0, gzip")]).1[header::CONTENT_ENCODING],
            "gzip"
        );
        assert!(!ask("/", &[]).1.contains_key(header::CONTENT_ENCODING));
        assert_eq!(ask("/", &[(header::IF_NONE_MATCH, "\"x\", W/\"e\"")]).0, 304);
        assert_eq!(ask("/", &[(header::IF_NONE_MATCH, "\"e-br\"")]).0, 200);
        assert_eq!(ask("/lost", &[(header::IF_NONE_MATCH, "\"e\"")]).0, 404);
    }

    #[test]
    fn without_files_the_first_page_says_so() {
        assert_eq!(answer(&[], "/", &HeaderMap::new()).status(), 200);
        assert_eq!(answer(&[], "/explorer", &HeaderMap::new()).status(), 404);
    }

    #[test]
    fn embedded_files_are_in_order() {
        assert!(FILES.is_sorted_by(|a, b| a.path < b.path));
    }
}
