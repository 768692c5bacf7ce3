//! One port for all stores: a request goes to the store whose domain its host name ends in.

use std::sync::Arc;

use http::{Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;

use super::answers::Answer;
use super::door::{Lost, desk, receive};
use super::{Objects, Store};
use crate::engine::serving::{Serving, background};

/// Serves the stores; the first one has the delivery domain, and every host that is nobody's.
pub(in crate::engine) fn serve(listener: TcpListener, stores: Vec<Objects>) -> Serving {
    let stores: Arc<[Objects]> = stores.into();
    Serving::start(|stop| async move {
        let graceful = GracefulShutdown::new();
        loop {
            let stream = tokio::select! {
                () = stop.clone().wanted() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "The object store could not accept a connection");
                        continue;
                    }
                },
            };
            let _best_effort = stream.set_nodelay(true);
            let stores = Arc::clone(&stores);
            // Not axum: a lost reply is a service that fails, which hyper turns into a cut connection.
            let service = service_fn(move |request| answer(Arc::clone(&stores), request));
            let connection = graceful.watch(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            let _detached = background(async move {
                // A peer that goes away, and a reply that is lost on purpose, end here; both are nobody's failure.
                let _ended = connection.await;
            });
        }
        graceful.shutdown().await;
    })
}

async fn answer(stores: Arc<[Objects]>, request: Request<Incoming>) -> Result<Answer, Lost> {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().to_owned();
    let find = |wanted: &dyn Fn(&Store) -> bool| {
        let found = stores.iter().find(|objects| wanted(&objects.0));
        found.or(stores.first()).map(|objects| Arc::clone(&objects.0))
    };
    if matches!(host.as_str(), "127.0.0.1" | "localhost")
        && let Some(path) = request.uri().path().strip_prefix("/_store/")
    {
        // `/_store/book` is the first store's, `/_store/oss/book` the second's.
        let named = |store: &Store| {
            let rest = path.strip_prefix(store.dialect.store.as_str());
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        return match find(&named) {
            Some(store) => Ok(desk(&store, request).await),
            None => Err(Lost),
        };
    }
    match find(&|store| store.dialect.answers(&host)) {
        Some(store) => receive(store, &host, request).await,
        None => Err(Lost),
    }
}
