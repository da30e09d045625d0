//! A line in the log for each request of the API: method, route, status and time, at the level `verbose`; failures of the server
//! itself at `warning`, with their code.
//!
//! Every line that is written while a request is worked on, these too, lies in the span `request` with the id that the client was
//! told, so that they can be found together. Neither holds more of what was asked for than its route: paths and queries name keys.

use crate::error::Failed;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use std::net::SocketAddr;
use std::time::Instant;
use tracing::Span;

const KNOWN: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// The method, if it is one that is known: anybody can write what he likes there.
pub(crate) fn method_of(method: &Method) -> &str {
    match KNOWN.contains(method) {
        true => method.as_str(),
        false => "_OTHER",
    }
}

/// What was asked for, without what it was asked of.
pub(crate) fn route_of(request: &Request) -> Option<&str> {
    request.extensions().get::<MatchedPath>().map(MatchedPath::as_str)
}

/// A request that is worked on.
pub(crate) struct Entry {
    span: Span,
    began: Instant,
    method: String,
    route: String,
    peer: SocketAddr,
}

impl Entry {
    pub fn begin(request: &Request, request_id: &str, peer: SocketAddr) -> Self {
        Entry {
            // Of the highest level, so that an error's line has the id whatever level the log has.
            span: tracing::error_span!("request", request_id),
            began: Instant::now(),
            method: method_of(request.method()).to_owned(),
            route: route_of(request).unwrap_or("none").to_owned(),
            peer,
        }
    }

    /// What the work has to run in.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Writes the line. The time of an answer that is streamed is that until its first byte.
    pub fn end(self, response: &Response) {
        let _within = self.span.enter();
        let duration_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let status = response.status();
        let code = response
            .extensions()
            .get::<Failed>()
            .map_or("", |failed| failed.code());
        let (method, route, peer) = (&self.method, &self.route, self.peer);
        // That it ends, loads or is busy, a server says often and has logged elsewhere.
        let is_own_fault = status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE;
        let status = status.as_u16();
        if is_own_fault {
            tracing::warn!(%method, %route, status, code, duration_us, %peer, "a request failed");
        } else {
            tracing::debug!(%method, %route, status, code, duration_us, %peer, "a request was answered");
        }
    }
}
