//! Memory of answers under way: large ones take their bytes out of a common measure until they are sent or given up, so that
//! readers who take nothing cannot fill the memory. Who comes when the measure is used up is refused, not kept waiting: what
//! waits has its answer in memory already.

use crate::App;
use crate::error::ApiError;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Answers up to this are not weighed: there are no more of them than connections.
const LIGHT_BYTES: u64 = 256 << 10;
const UNIT_BYTES: u64 = 1 << 10;
/// Bytes of all large answers at a time.
const MEASURE_BYTES: u64 = 128 << 20;

/// The measure.
pub(crate) fn measure() -> Arc<Semaphore> {
    Arc::new(Semaphore::new((MEASURE_BYTES / UNIT_BYTES) as usize))
}

/// Bytes of an answer that hold their part of the measure. The part is tied to the bytes and not to the body, which ends when
/// the connection has taken them over, and that is before they are sent.
struct Weighed {
    bytes: Bytes,
    _part: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Weighed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The middleware around the API.
pub(crate) async fn weigh(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    weighed(next.run(request).await, app.answers.clone()).await
}

async fn weighed(response: Response, measure: Arc<Semaphore>) -> Response {
    let size = response.body().size_hint().lower();
    if size <= LIGHT_BYTES {
        return response;
    }
    let units = u32::try_from(size.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
    let Ok(part) = measure.try_acquire_many_owned(units) else {
        return ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "BUSY",
            "too many large answers are under way",
        )
        .into_response();
    };
    let (parts, body) = response.into_parts();
    let Ok(whole) = body.collect().await else {
        return ApiError::stopping().into_response();
    };
    let bytes = Bytes::from_owner(Weighed {
        bytes: whole.to_bytes(),
        _part: part,
    });
    Response::from_parts(parts, Body::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(response: Response, measure: &Arc<Semaphore>) -> Response {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime
            .expect("a runtime")
            .block_on(weighed(response, measure.clone()))
    }

    fn answer(bytes: u64) -> Response {
        vec![b'x'; bytes as usize].into_response()
    }

    #[test]
    fn large_answers_share_a_measure_until_they_are_gone() {
        let measure = Arc::new(Semaphore::new(1024));
        let first = run(answer(600 << 10), &measure);
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(measure.available_permits(), 424);
        assert_eq!(
            run(answer(600 << 10), &measure).status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(run(answer(LIGHT_BYTES), &measure).status(), StatusCode::OK);
        // The bytes outlive the body, and their part is taken as long.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let bytes = runtime
            .block_on(first.into_body().collect())
            .expect("bytes")
            .to_bytes();
        assert_eq!((bytes.len(), measure.available_permits()), (600 << 10, 424));
        drop(bytes);
        assert_eq!(measure.available_permits(), 1024);
    }
}
