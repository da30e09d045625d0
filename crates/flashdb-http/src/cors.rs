//! Pages of other sites that `http-allow-origins` lists: what browsers are told so that they let such a page ask the API.
//!
//! They bring no cookies (`Access-Control-Allow-Credentials` is never sent, and the session's cookie is `SameSite=Strict`), so
//! that they log in by Basic auth, with a user made for them. The WebSocket takes no such header from a browser and stays closed
//! to them. Without a listed origin nothing of this is ever answered. The protocol is that of the Fetch standard, section 3.2.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, if-match, traceparent");
const ANSWER_HEADERS: HeaderValue =
    HeaderValue::from_static("x-request-id, retry-after, content-disposition");
/// Seconds for which a browser need not ask again.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("600");

const VARIES: HeaderValue = HeaderValue::from_static("origin");

/// The request's origin, if the setting lists it: by its bytes, as browsers write it.
pub(crate) fn allowed(headers: &HeaderMap, listed: &str) -> Option<HeaderValue> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next().filter(|_| origins.next().is_none())?;
    let mut listed = listed.split([' ', ',']).filter(|name| !name.is_empty());
    listed
        .any(|name| name.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
        .then(|| origin.clone())
}

/// Whether a browser only asks if it may ask.
pub(crate) fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that: yes, for whatever the API knows.
pub(crate) fn preflight() -> Response {
    let fields: [(HeaderName, HeaderValue); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S),
    ];
    (StatusCode::NO_CONTENT, fields).into_response()
}

/// Lets the page of that origin read the answer.
pub(crate) fn admit(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
    headers.append(header::VARY, VARIES);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_are_allowed() {
        let origin_of = |origins: &[&'static str], listed| {
            let mut headers = HeaderMap::new();
            for origin in origins {
                headers.append(header::ORIGIN, HeaderValue::from_static(origin));
            }
            allowed(&headers, listed)
        };
        let listed = "https://a.example, http://localhost:3000";
        for origin in ["https://a.example", "http://localhost:3000", "https://A.example"] {
            assert_eq!(
                origin_of(&[origin], listed),
                Some(HeaderValue::from_static(origin))
            );
        }
        for origin in [
            "https://a.example.evil",
            "http://a.example",
            "https://a.example:444",
            "null",
            "",
        ] {
            assert_eq!(origin_of(&[origin], listed), None, "{origin}");
        }
        assert_eq!(origin_of(&["https://a.example"], ""), None);
        assert_eq!(origin_of(&["https://a.example", "https://evil"], listed), None);
        assert_eq!(origin_of(&[], listed), None);
    }
}
