//! The same clients over a wire that is handed in: the same rules, and no time spent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use shared::outbound::{Egress, Outbound, OutboundError};
use shared::platform::Runtime;
use shared::secrets::Secrets;
use shared::wire::{Wire, WireBody, WireError};
use shared::{Clock, Entropy, Ids, Platform};

/// Answers as it was told, and remembers what it was asked.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<Result<WireBody, WireError>>>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

impl Scripted {
    fn with(answers: impl IntoIterator<Item = Result<WireBody, WireError>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            asked: Mutex::default(),
        })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Wire for Scripted {
    fn carry(&self, request: Request<Bytes>) -> BoxFuture<'static, Result<Response<WireBody>, WireError>> {
        self.asked.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front();
        async move { answer.unwrap_or(Err(WireError::NotSent)).map(Response::new) }.boxed()
    }
}

fn text(text: &'static str) -> WireBody {
    Full::from(text).map_err(|never| match never {}).boxed_unsync()
}

/// A kibibyte every second, without end.
fn trickle() -> WireBody {
    let chunks = stream::repeat(()).then(|()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<_, std::io::Error>(Bytes::from_static(&[0; 1024]))
    });
    let body = axum::body::Body::from_stream(chunks);
    body.map_err(Into::into).boxed_unsync()
}

async fn got(wire: &Arc<Scripted>, limit: usize) -> Result<shared::outbound::Answer, OutboundError> {
    let outbound = Outbound::over(Arc::clone(wire) as Arc<dyn Wire>, Egress::hosts(&["127.0.0.1"]));
    let url = "http://127.0.0.1/x".parse().unwrap();
    let call = outbound.get(&url).within(Duration::from_secs(150)).read_capped(limit);
    call.send().await
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_read_whole_and_the_caller_says_who_it_is() {
    let wire = Scripted::with([Ok(text("hello"))]);
    assert_eq!(got(&wire, 100).await.unwrap().body, "hello");
    let asked = wire.asked.lock().unwrap();
    assert!(
        asked[0].headers()["user-agent"]
            .to_str()
            .unwrap()
            .starts_with("vitrine/")
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_surely_not_sent_is_told_from_what_was_lost() {
    let wire = Scripted::with([Err(WireError::NotSent), Err(WireError::Lost)]);
    assert!(got(&wire, 100).await.unwrap_err().surely_not_sent());
    assert!(!got(&wire, 100).await.unwrap_err().surely_not_sent());
}

#[tokio::test(start_paused = true)]
async fn a_body_without_an_end_is_read_up_to_the_cap_or_up_to_the_deadline() {
    let wire = Scripted::with([Ok(trickle()), Ok(trickle())]);
    let began = tokio::time::Instant::now();
    assert!(matches!(
        got(&wire, 10_240).await,
        Err(OutboundError::TooLong { limit: 10_240, .. })
    ));
    assert_eq!(began.elapsed().as_secs(), 11);
    assert!(matches!(got(&wire, usize::MAX).await, Err(OutboundError::Lost { .. })));
    assert_eq!(began.elapsed().as_secs(), 161);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_not_declared_is_refused_before_the_wire() {
    let wire = Scripted::with([]);
    let outbound = Outbound::over(Arc::clone(&wire) as Arc<dyn Wire>, Egress::hosts(&["api.deepseek.com"]));
    let refused = outbound.get(&"https://other.example/".parse().unwrap()).send().await;
    assert!(matches!(refused, Err(OutboundError::HostNotDeclared { .. })));
    assert_eq!(wire.asked(), 0);
}

/// A function's client of the database, over this wire.
fn database<W: Wire + 'static>(clock: &Clock, wire: &Arc<W>) -> aws_sdk_dynamodb::Client {
    let entropy = Entropy::seeded(1);
    let ids = Ids::new(clock.clone(), entropy.clone());
    let runtime = Runtime::local("test", None).over(Arc::clone(wire) as Arc<dyn Wire>);
    Platform::with_secrets(runtime, clock.clone(), ids, entropy, Secrets::default()).dynamodb()
}

#[tokio::test(start_paused = true)]
async fn the_database_is_asked_again_when_its_answer_is_lost() {
    let wire = Scripted::with([Err(WireError::Lost), Err(WireError::Lost), Ok(text("{}"))]);
    let clock = Clock::with_timers("2026-11-22T09:00:00Z".parse().unwrap());
    let before = clock.now();
    let item = database(&clock, &wire).get_item().table_name("images").send().await;
    assert!(item.unwrap().item.is_none());
    assert_eq!(wire.asked(), 3);
    // The pauses between are the clock's.
    assert!(clock.now() >= before);
}

/// A database that has too much to do, and when it was asked.
#[derive(Debug, Default)]
struct Busy(Mutex<Vec<tokio::time::Instant>>);

impl Wire for Busy {
    fn carry(&self, _: Request<Bytes>) -> BoxFuture<'static, Result<Response<WireBody>, WireError>> {
        self.0.lock().unwrap().push(tokio::time::Instant::now());
        let mut answer = Response::new(text(r#"{"__type":"ProvisionedThroughputExceededException"}"#));
        *answer.status_mut() = http::StatusCode::BAD_REQUEST;
        async { Ok(answer) }.boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_database_is_asked_three_times_within_150_ms_after_pauses_that_callers_do_not_share() {
    let clock = Clock::with_timers("2026-11-22T09:00:00Z".parse().unwrap());
    let mut pauses = Vec::new();
    for _ in 0..20 {
        let busy = Arc::new(Busy::default());
        let item = database(&clock, &busy).get_item().table_name("images").send().await;
        assert!(item.is_err());
        let asked = busy.0.lock().unwrap().clone();
        let &[first, second, third] = asked.as_slice() else {
            panic!("asked {} times", asked.len());
        };
        // Tokio's timers are a millisecond late at most.
        assert!(second - first <= Duration::from_millis(51) && third - second <= Duration::from_millis(101));
        pauses.push((second - first, third - second));
    }
    pauses.sort_unstable();
    pauses.dedup();
    // Of some five thousand pairs of milliseconds, twenty that are drawn by chance hardly hold one twice.
    assert!(pauses.len() >= 15, "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_with_timers_goes_with_sleep_and_can_be_ahead_of_it() {
    let clock = Clock::with_timers("2026-11-22T09:00:00Z".parse().unwrap());
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(clock.now(), "2026-11-22T09:01:30Z".parse().unwrap());
    assert!(clock.advance(jiff::SignedDuration::from_hours(1)));
    assert_eq!(clock.now(), "2026-11-22T10:01:30Z".parse().unwrap());
    // Where there are no timers it stands.
    let told = std::thread::spawn(move || clock.now()).join().unwrap();
    assert_eq!(told, "2026-11-22T10:01:30Z".parse().unwrap());
}
