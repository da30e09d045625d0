//! Traces of requests in OpenTelemetry's words, sent over OTLP to the collector that `otlp-endpoint` names; none without it.
//!
//! A request of the API is a span, below the caller's own where it sent a `traceparent`; what it asks the engine is a span
//! below that; the connection that it came over is a span that it links to. With `otlp-connections` each connection of a client that
//! speaks RESP is a span once it has ended: its commands are none, since they are what the server is fast at. Spans carry the request's id, the route and the names of commands: never keys, values or passwords. They
//! are sent in batches by a thread of the SDK, which drops them where the collector does not keep up, and tells the log.

use crate::request_log::{method_of, route_of};
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;
use flashdb_config::Settings;
use flashdb_server::engine::{Engine, LeftClient};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::context::FutureExt;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;
use tracing::Instrument;

/// Where collectors take traces, behind the endpoint.
const PATH: &str = "/v1/traces";
/// Time for a batch to be taken, and for the last one when the server ends.
const SEND_TIME: Duration = Duration::from_secs(5);
/// Bytes of a header that says whose trace it is.
const HEADER_BYTES_MAX: usize = 512;
/// Bytes of a collector's answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// The source of spans.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// As the settings say; `None` where they name no collector.
    ///
    /// # Errors
    /// When spans cannot be sent to what they name.
    pub fn begin(settings: &Settings, instance: &str, runtime: &Handle) -> io::Result<Option<Self>> {
        if settings.otlp_endpoint.is_empty() {
            return Ok(None);
        }
        let given = settings.otlp_endpoint.trim_end_matches('/');
        let endpoint = format!("{}{PATH}", given.strip_suffix(PATH).unwrap_or(given));
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(Sender::new(runtime))
            .with_protocol(Protocol::HttpJson)
            .with_endpoint(&endpoint)
            .with_timeout(SEND_TIME)
            .build()
            .map_err(|error| io::Error::other(format!("otlp-endpoint {endpoint}: {error}")))?;
        let share = f64::from(settings.otlp_sample_percent) / 100.0;
        let resource = Resource::builder_empty()
            .with_service_name("flashdb")
            .with_attributes([
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", instance.to_owned()),
            ])
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            // A caller may leave his trace out, but not have more kept than the share: it is anybody who reaches the port.
            .with_sampler(
                Sampler::parent_based(Sampler::TraceIdRatioBased(share))
                    .with_remote_parent_sampled(Sampler::TraceIdRatioBased(share)),
            )
            .with_resource(resource)
            .build();
        tracing::info!(endpoint, "requests are traced");
        let tracer = provider.tracer("flashdb-http");
        Ok(Some(Traces { provider, tracer }))
    }

    /// The span of a request, as the context that what it asks is to run in.
    pub fn request(&self, request: &Request, request_id: &str, peer: &str) -> Context {
        let caller = TraceContextPropagator::new().extract(&Headers(request.headers()));
        let method = method_of(request.method()).to_owned();
        // What was asked for may name keys; its route does not.
        let route = route_of(request).map(str::to_owned);
        let name = match &route {
            Some(route) => format!("{method} {route}"),
            None => method.clone(),
        };
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("client.address", peer.to_owned()),
            KeyValue::new("flashdb.request_id", request_id.to_owned()),
        ];
        attributes.extend(route.map(|route| KeyValue::new("http.route", route)));
        let builder = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        let mut span = self.tracer.build_with_context(builder, &caller);
        if let Some(connection) = request.extensions().get::<Arc<Connection>>()
            && span.span_context().is_sampled()
        {
            span.add_link(connection.carried(&self.tracer), Vec::new());
        }
        caller.with_span(span)
    }

    /// The span of commands that are sent to the engine together, below that of the request; `None` where it is not kept.
    pub fn commands(&self, name: impl FnOnce() -> String, count: usize) -> Option<EngineSpan> {
        let request = Context::current();
        if !request.span().span_context().is_sampled() {
            return None;
        }
        let name = name();
        let mut attributes = vec![
            KeyValue::new("db.system.name", "flashdb"),
            KeyValue::new("db.operation.name", name.clone()),
        ];
        if count > 1 {
            attributes.push(KeyValue::new("db.operation.batch.size", count as i64));
        }
        let builder = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Client)
            .with_attributes(attributes);
        Some(EngineSpan(self.tracer.build_with_context(builder, &request)))
    }

    /// Has the connections of clients be spans as they end, where the settings ask for it.
    pub fn follow_clients(&self, engine: &Engine) {
        if engine.config().settings().otlp_connections {
            let tracer = self.tracer.clone();
            engine.on_client_left(move |client| client_left(&tracer, client, SystemTime::now()));
        }
    }

    /// Sends what is left, for at most five seconds. Blocks.
    pub fn end(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(SEND_TIME) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// A connection: a span from the first request of it that is traced, which counts from when it was accepted and ends with it.
/// One that only asks whether the server is well is none.
pub(crate) struct Connection {
    peer: SocketAddr,
    accepted: SystemTime,
    requests: AtomicU64,
    span: OnceLock<Context>,
}

impl Connection {
    pub fn new(peer: SocketAddr) -> Self {
        Connection {
            peer,
            accepted: SystemTime::now(),
            requests: AtomicU64::new(0),
            span: OnceLock::new(),
        }
    }

    /// Its span, which has carried one more request.
    fn carried(&self, tracer: &SdkTracer) -> SpanContext {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let context = self.span.get_or_init(|| {
            let builder = SpanBuilder::from_name("HTTP connection")
                .with_kind(SpanKind::Server)
                .with_start_time(self.accepted)
                .with_attributes([
                    KeyValue::new("client.address", self.peer.ip().to_string()),
                    KeyValue::new("client.port", i64::from(self.peer.port())),
                    KeyValue::new("network.transport", "tcp"),
                ]);
            Context::new().with_span(tracer.build_with_context(builder, &Context::new()))
        });
        context.span().span_context().clone()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(context) = self.span.get() {
            let requests = self.requests.load(Ordering::Relaxed);
            let span = context.span();
            span.set_attribute(KeyValue::new("flashdb.requests", requests as i64));
            span.end();
        }
    }
}

/// The span of a client's connection, which has ended at this time.
fn client_left(tracer: &SdkTracer, client: &LeftClient, ended: SystemTime) {
    let connected = UNIX_EPOCH + Duration::from_millis(u64::try_from(client.created_ms).unwrap_or(0));
    let count = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let mut attributes = vec![
        KeyValue::new("db.system.name", "flashdb"),
        KeyValue::new("network.protocol.name", "resp"),
        KeyValue::new(
            "network.protocol.version",
            if client.is_resp3 { "3" } else { "2" },
        ),
        KeyValue::new("network.transport", if client.is_unix { "unix" } else { "tcp" }),
        KeyValue::new("flashdb.client_id", count(client.id)),
        KeyValue::new("flashdb.received_bytes", count(client.input_total_bytes)),
        KeyValue::new("flashdb.sent_bytes", count(client.output_total_bytes)),
    ];
    if let Ok(peer) = client.addr.parse::<SocketAddr>() {
        attributes.push(KeyValue::new("client.address", peer.ip().to_string()));
        attributes.push(KeyValue::new("client.port", i64::from(peer.port())));
    }
    let builder = SpanBuilder::from_name("RESP connection")
        .with_kind(SpanKind::Server)
        .with_start_time(connected.min(ended))
        .with_attributes(attributes);
    tracer
        .build_with_context(builder, &Context::new())
        .end_with_timestamp(ended);
}

/// Ends with its fate.
pub(crate) struct EngineSpan(opentelemetry_sdk::trace::Span);

impl EngineSpan {
    /// It failed; an error of a command is a reply, not a failure.
    pub fn failed(&mut self, code: &'static str) {
        self.0.set_attribute(KeyValue::new("error.type", code));
        self.0.set_status(Status::error(code));
    }
}

/// Work that a request waits for and that goes on without it, as a task of its own: it stays in the request's trace, and its lines in the log
/// have the request's id.
pub(crate) fn of_request<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    work.with_context(Context::current()).in_current_span()
}

/// Ends the span of a request with its answer.
pub(crate) fn answered(context: &Context, response: &Response) {
    let (span, status) = (context.span(), response.status());
    span.set_attribute(KeyValue::new(
        "http.response.status_code",
        i64::from(status.as_u16()),
    ));
    if status.is_server_error() {
        span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
        span.set_status(Status::error(status.canonical_reason().unwrap_or_default()));
    }
    span.end();
}

/// Reads a caller's context from the headers of his request.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let value = self.0.get(key)?.to_str().ok()?;
        // Kept with each span below; the standard asks for no more.
        (value.len() <= HEADER_BYTES_MAX).then_some(value)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

/// Sends batches on the threads of the interface, from the thread of the SDK, which has no event loop.
#[derive(Clone, Debug)]
struct Sender {
    runtime: Handle,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Sender {
    fn new(runtime: &Handle) -> Self {
        Sender {
            runtime: runtime.clone(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }
}

async fn send(
    client: Client<HttpConnector, Full<Bytes>>,
    request: axum::http::Request<Full<Bytes>>,
) -> Result<axum::http::Response<Bytes>, HttpError> {
    let (head, body) = client.request(request).await?.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
    Ok(axum::http::Response::from_parts(head, body))
}

impl HttpClient for Sender {
    fn send_bytes<'sender, 'sent>(
        &'sender self,
        request: axum::http::Request<Bytes>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<axum::http::Response<Bytes>, HttpError>> + Send + 'sent>>
    where
        'sender: 'sent,
        Self: 'sent,
    {
        let (client, request) = (self.client.clone(), request.map(Full::new));
        // The clock is that of the runtime, which this thread is not inside.
        let sent = self
            .runtime
            .spawn(async { tokio::time::timeout(SEND_TIME, send(client, request)).await });
        Box::pin(async { sent.await?? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_read_from_the_headers() {
        let mut headers = HeaderMap::new();
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert("traceparent", parent.parse().expect("a value"));
        let context = TraceContextPropagator::new().extract(&Headers(&headers));
        let span = context.span().span_context().clone();
        assert!(span.is_remote() && span.is_sampled());
        assert_eq!(span.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        headers.insert("traceparent", "00-nonsense-01".parse().expect("a value"));
        let context = TraceContextPropagator::new().extract(&Headers(&headers));
        assert!(!context.span().span_context().is_valid());
    }
}
