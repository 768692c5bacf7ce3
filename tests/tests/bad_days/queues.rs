//! The queue's bad days.

use futures::future::join_all;
use tests::day::{Day, Fate, PAINT, day};
use vitrine::engine::trouble::{Ordered, Trouble};
use vitrine::template::{AlarmSpec, Template};

#[test]
fn a_message_that_is_delivered_twice_at_once_is_painted_once() {
    day(async |day: &Day| {
        let key = day.order("bowl").await;
        day.lab.pump().unwrap();
        let message = day.lab.messages(PAINT).unwrap().remove(0);
        for _ in 0..4 {
            day.lab.engines.queues.send(&message.queue, &message.body).unwrap();
        }
        let sandboxes: Vec<_> = (0..5).map(|_| day.lab.sandbox().unwrap()).collect();
        join_all(sandboxes.iter().map(|sandbox| sandbox.work(PAINT))).await;
        day.lab.live_on().await.unwrap();
        assert_eq!(day.fate_of(key, "bowl").await, Fate::of("Ready", 1, 0, 1));
    });
}

#[test]
fn a_message_that_nobody_can_read_goes_to_the_dead_letters_and_harms_no_other() {
    day(async |day: &Day| {
        let key = day.order("bowl").await;
        day.lab.pump().unwrap();
        let queue = day.lab.messages(PAINT).unwrap()[0].queue.clone();
        day.lab.engines.queues.send(&queue, "{\"poison\":true}").unwrap();
        day.lab.live_on().await.unwrap();
        assert_eq!(day.lab.messages("images-paint-dead").unwrap().len(), 1);
        assert_eq!(day.fate_of(key, "bowl").await, Fate::of("Ready", 1, 0, 1));
    });
}

#[test]
fn a_message_that_was_given_up_is_heard_of_and_worked_off_once_when_its_worker_is_mended() {
    day(async |day: &Day| {
        let key = day.order("bowl").await;
        day.lab.pump().unwrap();
        // The worker does not start.
        let broken = Ordered::next(u32::MAX, Trouble::Throttled).of("GetParameters");
        day.lab.engines.troubles.order(broken);
        let dead = || day.lab.messages("images-paint-dead").unwrap();
        for _ in 0..20 {
            day.lab.work(PAINT).await.unwrap();
            day.minutes(60).await;
        }
        let given_up = dead();
        assert_eq!((given_up.len(), day.lab.messages(PAINT).unwrap().len()), (1, 0));
        let template = Template::local().unwrap();
        let of_it = |alarm: &&AlarmSpec| alarm.dimensions.get("QueueName") == Some(&given_up[0].queue);
        let alarm = template.alarms.iter().find(of_it).unwrap();
        assert_eq!(alarm.metric, "ApproximateNumberOfMessagesVisible");
        assert!(alarm.hears_of(1), "{alarm:?}");

        day.lab.engines.troubles.clear();
        assert_eq!(day.lab.engines.queues.redrive(&given_up[0].queue).unwrap(), 1);
        assert_eq!(day.lab.drain().await.unwrap().done, 1);
        assert_eq!(day.fate_of(key, "bowl").await, Fate::of("Ready", 1, 0, 1));
        assert!(dead().is_empty());
    });
}

#[test]
fn a_picture_whose_message_was_lost_is_painted_all_the_same() {
    day(async |day: &Day| {
        let key = day.order("bowl").await;
        day.lab.pump().unwrap();
        let queue = day.lab.messages(PAINT).unwrap()[0].queue.clone();
        day.lab.engines.queues.purge(&queue).unwrap();
        day.minutes(15).await;
        day.lab.run("settle-stale").await.unwrap();
        day.lab.drain().await.unwrap();
        assert_eq!(day.fate_of(key, "bowl").await, Fate::of("Ready", 1, 0, 1));
    });
}

#[test]
fn a_picture_that_no_worker_ever_takes_fails_after_two_hours_and_gives_the_credit_back() {
    day(async |day: &Day| {
        let key = day.order("bowl").await;
        for _ in 0..30 {
            day.lab.pump().unwrap();
            for message in day.lab.messages(PAINT).unwrap() {
                day.lab.engines.queues.purge(&message.queue).unwrap();
            }
            day.minutes(5).await;
            day.lab.run("settle-stale").await.unwrap();
        }
        day.lab.live_on().await.unwrap();
        assert_eq!(
            day.fate_of(key, "bowl").await,
            Fate::of("Failed(ModelUnavailable)", 0, 0, 0)
        );
    });
}
