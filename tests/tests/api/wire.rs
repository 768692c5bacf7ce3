//! A wire between a client and the API: it writes down what went over it, and breaks where a test wants it to.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::stream;
use tokio::net::TcpListener;

/// A wire to the API. It is there until it is dropped.
pub(crate) struct Wire {
    /// Where clients find it.
    pub(crate) url: String,
    ends: Arc<Ends>,
    // Dropped with its tasks.
    _runtime: Runtime,
}

struct Ends {
    api: String,
    http: reqwest::Client,
    sent: Mutex<Vec<String>>,
    lost: Mutex<Option<String>>,
}

/// A runtime that is left without waiting for it, as a test must when it ends.
struct Runtime(Option<tokio::runtime::Runtime>);

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Wire {
    /// A wire to the API at this address.
    pub(crate) fn to(api: &str) -> Self {
        let ends = Arc::new(Ends {
            api: api.to_owned(),
            http: vitrine::client::http().unwrap(),
            sent: Mutex::default(),
            lost: Mutex::default(),
        });
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(carry).with_state(Arc::clone(&ends));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            url,
            ends,
            _runtime: Runtime(Some(runtime)),
        }
    }

    /// How often this was sent, such as `POST /v1/sessions`.
    pub(crate) fn count(&self, what: &str) -> usize {
        let sent = self.ends.sent.lock().unwrap();
        sent.iter().filter(|sent| *sent == what).count()
    }

    /// The connection breaks in the middle of the next good answer to this.
    pub(crate) fn lose(&self, what: &str) {
        *self.ends.lost.lock().unwrap() = Some(what.to_owned());
    }
}

/// Carries a request over and its answer back.
async fn carry(State(ends): State<Arc<Ends>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let what = format!("{} {}", head.method, head.uri);
    ends.sent.lock().unwrap().push(what.clone());
    let mut headers = head.headers;
    headers.remove(http::header::HOST);
    let url = format!("{}{}", ends.api, head.uri);
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let sent = ends.http.request(head.method, url).headers(headers).body(body);
    let answer = sent.send().await.unwrap();
    let is_good = answer.status().is_success();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    let body = answer.bytes().await.unwrap();
    let breaks = is_good && ends.lost.lock().unwrap().take_if(|lost| *lost == what).is_some();
    let body = if breaks {
        let half: Bytes = body.slice(..body.len() / 2);
        Body::from_stream(stream::iter([Ok(half), Err(std::io::Error::other("the wire broke"))]))
    } else {
        Body::from(body)
    };
    response.body(body).unwrap()
}
