//! Messages of older and newer pipes.

use serde_json::{Value, json};
use tests::day::{Day, ERASE, Fate, PAINT, SEND, day};

/// One picture that is ordered, painted and deleted by messages that were changed so on their way.
#[track_caller]
fn by_messages(change: fn(&str, &mut Value)) {
    day(async |day: &Day| {
        let change_all = |queue: &str| {
            day.lab.pump().unwrap();
            let messages = day.lab.messages(queue).unwrap();
            assert!(!messages.is_empty(), "nothing is in `{queue}`");
            for message in &messages {
                day.lab.engines.queues.purge(&message.queue).unwrap();
            }
            for message in messages {
                let mut body: Value = serde_json::from_str(&message.body).unwrap();
                change(queue, &mut body);
                day.lab.engines.queues.send(&message.queue, &body.to_string()).unwrap();
            }
        };
        let key = day.order("bowl").await;
        change_all(PAINT);
        day.lab.drain().await.unwrap();
        assert_eq!(day.fate_of(key, "bowl").await, Fate::of("Ready", 1, 0, 1));
        day.lab.mail(&day.seller).await.unwrap();
        change_all(SEND);
        day.lab.drain().await.unwrap();
        assert_eq!(day.lab.books().resend.work.len(), 1, "the mail is sent");
        day.delete(key).await;
        change_all(ERASE);
        day.lab.drain().await.unwrap();
        for queue in [PAINT, SEND, ERASE] {
            assert!(day.lab.messages(queue).unwrap().is_empty(), "{queue}");
            assert!(
                day.lab.messages(&format!("{queue}-dead")).unwrap().is_empty(),
                "{queue}"
            );
        }
    });
}

#[test]
fn a_newer_pipes_message_is_worked_off_by_an_older_worker() {
    by_messages(|_, message| {
        message["from_a_newer_pipe"] = json!({ "what": "nobody knows", "since": 2 });
    });
}

#[test]
fn an_older_pipes_message_is_worked_off_by_a_newer_worker() {
    by_messages(|queue, message| {
        let first: &[&str] = match queue {
            PAINT => &["account_id", "id"],
            SEND => &["id"],
            _ => &["account_id", "id", "object_key", "stores"],
        };
        let message = message.as_object_mut().unwrap();
        message.retain(|member, _| first.contains(&member.as_str()));
        assert_eq!(message.len(), first.len());
    });
}
