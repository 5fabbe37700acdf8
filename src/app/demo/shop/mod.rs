//! The demo's app: a lantern shop, as plain as a web app can be, and instrumented with the OpenTelemetry SDK like any.
//!
//! It knows nothing of Waylight: it is told its port in `PORT`, where to send spans in `OTEL_EXPORTER_OTLP_ENDPOINT`,
//! and continues the `traceparent` of each request.

mod answer;
mod data;
mod database;
mod pages;
mod telemetry;

use std::{convert::Infallible, net::Ipv4Addr, process::ExitCode, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, task::JoinSet};

use crate::app::terminal;

/// Requests in progress may take so long once the shop is told to close.
const CLOSING: Duration = Duration::from_secs(3);

/// Runs the shop until it is told to stop.
pub fn main() -> ExitCode {
    match open() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::complain(format_args!("the demo app cannot run: {}", terminal::causes(&*error)));
            ExitCode::FAILURE
        }
    }
}

fn open() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").map_err(|_| "PORT must hold the port to listen on")?;
    let port: u16 = port.parse().map_err(|_| format!("PORT must be a port, not {port:?}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let spans = runtime.block_on(async { telemetry::Spans::new() })?;
    let served = runtime.block_on(serve(port, &spans));
    // Outside the runtime: the SDK waits for the last export, and blocks.
    spans.flush();
    served?;
    Ok(())
}

async fn serve(port: u16, spans: &telemetry::Spans) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    terminal::say(format_args!("the lantern shop listens on port {port}"));
    let tracer = Arc::new(spans.tracer());
    let mut visitors = JoinSet::new();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                stream.set_nodelay(true).ok();
                let tracer = Arc::clone(&tracer);
                visitors.spawn(async move {
                    let service = service_fn(move |request: Request<Incoming>| {
                        let tracer = Arc::clone(&tracer);
                        async move { Ok::<_, Infallible>(answer::answer(request, tracer).await) }
                    });
                    // A visitor who leaves is no fault of the shop.
                    http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await.ok();
                });
            }
            Some(_) = visitors.join_next() => {}
            _ = terminate.recv() => break,
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    drop(listener);
    tokio::time::timeout(CLOSING, async { while visitors.join_next().await.is_some() {} }).await.ok();
    Ok(())
}
