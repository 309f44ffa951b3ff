//! The operator's HTTP door: `/healthz`, `/readyz` and `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus::{Encoder, TextEncoder};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower_http::timeout::TimeoutLayer;

use crate::metrics::Metrics;

/// A request that takes longer is answered with 408.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the routes answer from.
#[derive(Clone)]
pub struct Door {
    /// Gathered by `/metrics`.
    pub metrics: Arc<Metrics>,
    /// Becomes true when every watch has been filled once.
    pub synced: watch::Receiver<bool>,
    /// When the process started.
    pub started: Instant,
}

/// Serves until `stop` is cancelled.
pub async fn serve(
    listener: TcpListener,
    door: Door,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let address: SocketAddr = listener.local_addr()?;
    tracing::info!(%address, "serving /healthz, /readyz and /metrics");
    axum::serve(listener, routes(door))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

fn routes(door: Door) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(nothing_here)
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            TIMEOUT,
        ))
        .with_state(door)
}

async fn alive(State(door): State<Door>) -> Response {
    Json(json!({
        "status": "ok",
        "uptime_secs": door.started.elapsed().as_secs(),
        "version": env!("CARGO_PKG_VERSION"),
    }))
    .into_response()
}

/// A standby is as ready as the leader: it can take over at once, which is what ready means here.
async fn ready(State(door): State<Door>) -> Response {
    if *door.synced.borrow() {
        Json(json!({ "status": "ok", "checks": { "watches": "ok" } })).into_response()
    } else {
        let body = json!({
            "status": "unavailable",
            "checks": { "watches": "not every watch has been filled yet; see the log for the ones that fail" },
        });
        (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
    }
}

async fn metrics(State(door): State<Door>) -> Response {
    let encoder = TextEncoder::new();
    let mut body = Vec::new();
    match encoder.encode(&door.metrics.registry.gather(), &mut body) {
        Ok(()) => (
            [(header::CONTENT_TYPE, encoder.format_type().to_owned())],
            body,
        )
            .into_response(),
        Err(error) => {
            let text = format!("the metrics could not be written: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

async fn nothing_here() -> (StatusCode, &'static str) {
    (
        StatusCode::NOT_FOUND,
        "there is nothing here; try /healthz, /readyz or /metrics\n",
    )
}

#[cfg(test)]
mod tests {
    //! The three routes over a real socket.

    use http_body_util::{BodyExt, Full};
    use hyper::body::Bytes;
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;

    use super::*;

    async fn fetch(address: SocketAddr, path: &str) -> (u16, String) {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let uri = format!("http://{address}{path}").parse().unwrap();
        let answer = client.get(uri).await.unwrap();
        let code = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_follows_the_watches_and_the_rest_always_answers() {
        let (filled, synced) = watch::channel(false);
        let door = Door {
            metrics: Arc::new(Metrics::new().unwrap()),
            synced,
            started: Instant::now(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let served = tokio::spawn(serve(listener, door, stop.clone()));

        assert_eq!(fetch(address, "/healthz").await.0, 200);
        assert_eq!(fetch(address, "/readyz").await.0, 503);
        filled.send_replace(true);
        let (code, body) = fetch(address, "/readyz").await;
        assert_eq!(
            (code, body.contains("\"watches\":\"ok\"")),
            (200, true),
            "{body}"
        );
        let (code, body) = fetch(address, "/metrics").await;
        assert_eq!(
            (code, body.contains("telecom_operator_leader 0")),
            (200, true),
            "{body}"
        );
        assert_eq!(fetch(address, "/else").await.0, 404);

        stop.cancel();
        served.await.unwrap().unwrap();
    }
}
