//! Ends streams when the server goes away: a health watch would keep its connection open for ever.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;

use super::status::Refusal;

/// `body` until `drain` is cancelled, then UNAVAILABLE.
pub(super) fn until_drained(body: Body, drain: CancellationToken, trace_id: String) -> Body {
    Body::new(UntilDrained {
        inner: body,
        drained: Some(Box::pin(drain.cancelled_owned())),
        trace_id,
    })
}

struct UntilDrained {
    inner: Body,
    /// Absent once the stream has been ended.
    drained: Option<BoxFuture<'static, ()>>,
    trace_id: String,
}

impl HttpBody for UntilDrained {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(drained) = self.drained.as_mut() else {
            return Poll::Ready(None);
        };
        if drained.as_mut().poll(cx).is_ready() {
            self.drained = None;
            let status = Refusal::Draining.into_status(&self.trace_id);
            let mut trailers = HeaderMap::new();
            return Poll::Ready(Some(match status.add_header(&mut trailers) {
                Ok(()) => Ok(Frame::trailers(trailers)),
                Err(status) => Err(status),
            }));
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.drained.is_none() || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
