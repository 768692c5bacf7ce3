//! The server of the simulators: one that can let a connection die, as a provider's does when something breaks on the way.

use std::convert::Infallible;
use std::future::poll_fn;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Simulators;
use super::call::HangUp;

impl Simulators {
    /// Serves until the future is dropped; open connections are dropped with it.
    pub async fn serve(self, listener: TcpListener) {
        self.serve_beside(listener, Router::new()).await;
    }

    /// Serves likewise, with other desks of the local stack on the same port.
    pub async fn serve_beside(self, mut listener: TcpListener, desks: Router) {
        let router = self.router().merge(desks);
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = Listener::accept(&mut listener).await;
            while connections.try_join_next().is_some() {}
            connections.spawn(connection(stream, router.clone()));
        }
    }
}

/// Why a connection is let die.
#[derive(Debug, thiserror::Error)]
#[error("a fault drops this connection")]
struct Dropped;

async fn connection(stream: TcpStream, router: Router) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let router = router.clone();
        Box::pin(async move {
            let response = answer(router, request.map(axum::body::Body::new)).await;
            if response.extensions().get::<HangUp>().is_some() {
                Err(Dropped)
            } else {
                Ok(response)
            }
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let stream = connection.into_parts().io.into_inner();
    if ended.is_err_and(|error| error.is_user()) {
        // Without lingering the system sends a reset, not an orderly end.
        if let Err(error) = stream.set_zero_linger() {
            tracing::debug!(%error, "Could not turn the end of a connection into a reset");
        }
    }
}

async fn answer(mut router: Router, request: Request) -> Response {
    let answered: Result<Response, Infallible> = tower::Service::call(&mut router, request).await;
    match answered {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
