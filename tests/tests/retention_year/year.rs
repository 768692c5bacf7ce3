//! One year, hour by hour where it matters.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use shared::domain::{Fallback, Ratio, Session, Store};
use shared::store::images::ImageKey;
use vitrine::engine::objects::{Fault as StoreFault, Objects};
use vitrine::lab::{Gallery, Lab, Seller};

pub(crate) const HOUR: SignedDuration = SignedDuration::from_hours(1);
pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long a picture lives.
pub(crate) const LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often the world is worked on and looked at. In production the sweep runs hourly; seldomer is harder.
const STEP: SignedDuration = SignedDuration::from_hours(12);

/// How long a session is used.
const SESSION: SignedDuration = SignedDuration::from_hours(60 * 24);

/// The longest that anything fails at a stretch.
const LONGEST_HOURS: i64 = 72;

/// Of how many steps one begins a fault of each kind.
const ODDS: u32 = 20;

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The database removes nothing that is past its time.
    TtlDead,
    /// What the streams hold is lost.
    StreamLost,
    /// A store cannot be reached.
    StoreOut(Store),
    /// Nothing is woken by the clock.
    ScheduleMissed,
    /// The functions' machines are a day behind.
    ClockBehind,
    /// The functions' machines are a day ahead.
    ClockAhead,
}

const KINDS: [Kind; 7] = [
    Kind::TtlDead,
    Kind::StreamLost,
    Kind::StoreOut(Store::Cos),
    Kind::StoreOut(Store::Oss),
    Kind::ScheduleMissed,
    Kind::ClockBehind,
    Kind::ClockAhead,
];

/// What was seen in the year.
#[derive(Debug, Default)]
struct Seen {
    pictures: u32,
    shown_last: u32,
    refused: u32,
    links_dead: u32,
    faults: BTreeMap<Kind, u32>,
    oldest: SignedDuration,
}

/// The world for a year.
pub(crate) struct Year {
    lab: Lab,
    seller: Seller,
    session: Session,
    gallery: Gallery,
    chance: StdRng,
    /// What fails at present, and until when.
    faults: BTreeMap<Kind, Timestamp>,
    pictures: VecDeque<ImageKey>,
    seed: u64,
    seen: Seen,
}

impl Year {
    /// A world of this seed, whose stores have their rule.
    pub(crate) async fn begin(seed: u64) -> Self {
        let lab = Lab::new(seed).unwrap();
        let seller = lab.seller(2_000).await.unwrap();
        let (session, gallery) = (lab.sign_in(&seller).await.unwrap(), lab.gallery().await.unwrap());
        for store in lab.owned_stores().unwrap().each() {
            store.set_rule().await.unwrap();
        }
        Self {
            seller,
            session,
            gallery,
            chance: StdRng::seed_from_u64(seed),
            faults: BTreeMap::new(),
            pictures: VecDeque::new(),
            seed,
            seen: Seen::default(),
            lab,
        }
    }

    /// Three hundred and sixty-five days, and thirty-two more until the last picture is gone.
    pub(crate) async fn live_through(&mut self) {
        let begun = self.lab.now();
        while self.lab.now() < begun + DAY * 365 {
            if self.chance.random_ratio(1, 7) {
                self.order().await;
            }
            self.step().await;
        }
        let ended = self.lab.now();
        while self.lab.now() < ended + DAY * 32 {
            self.step().await;
        }
        let left: Vec<_> = [Store::Cos, Store::Oss].map(|store| self.files(store).len()).to_vec();
        assert_eq!(left, [0, 0], "{} in the end", self.place());
        assert!(self.pictures.is_empty());
        // A year that met no fault of some kind, or hardly showed anything, has proved little.
        assert!(
            KINDS.iter().all(|kind| self.seen.faults.contains_key(kind)),
            "{}",
            self.told()
        );
        assert!(self.seen.shown_last * 2 > self.seen.pictures, "{}", self.told());
    }

    /// Takes the rules away and lets one picture end while its store cannot be reached.
    pub(crate) async fn without_rules(&mut self) {
        for store in [&self.lab.engines.objects, &self.lab.engines.oss] {
            for bucket in store.buckets() {
                store.forget_rules(&bucket);
            }
        }
        self.order().await;
        self.lab.live_on().await.unwrap();
        self.lab.engines.objects.book().trouble(StoreFault::down());
        self.lab.advance(LIFE + DAY * 2).await;
        self.lab.engines.run_lifecycles().unwrap();
    }

    /// How old the oldest file is.
    pub(crate) async fn oldest_file(&self) -> SignedDuration {
        let now = self.lab.now();
        let files = [Store::Cos, Store::Oss].into_iter().flat_map(|store| self.files(store));
        files
            .map(|(_, written)| now.duration_since(written))
            .max()
            .unwrap_or_default()
    }

    async fn order(&mut self) {
        let prompt = format!("bowl number {}", self.seen.pictures);
        let ordered = self
            .lab
            .order(&self.seller, &prompt, Ratio::Square, Fallback::Auto)
            .await;
        let key = ordered.unwrap();
        self.seen.pictures += 1;
        self.pictures.push_back(key);
    }

    /// From here to the next step, stopping where a picture ends, and then whatever the world does there.
    async fn step(&mut self) {
        let until = self.lab.now() + STEP;
        while let Some(end) = self.pictures.front().map(|picture| picture.id.made_at() + LIFE) {
            let eve = end - HOUR;
            if eve > until {
                break;
            }
            self.come_to(eve).await;
            self.last_hour(end).await;
            self.pictures.pop_front();
        }
        self.come_to(until).await;
        self.faults_come_and_go();
        self.work().await;
        self.look();
        if self.lab.now().duration_since(self.session.created_at()) > SESSION {
            self.session = self.lab.sign_in(&self.seller).await.unwrap();
        }
    }

    /// Lets time pass. At each midnight the stores carry out their own rules, whatever else works.
    async fn come_to(&self, time: Timestamp) {
        loop {
            let now = self.lab.now();
            let days = now.as_second().div_euclid(DAY.as_secs()) + 1;
            let midnight = Timestamp::from_second(days * DAY.as_secs()).unwrap();
            let next = midnight.min(time);
            if next <= now {
                return;
            }
            self.lab.advance(next.duration_since(now)).await;
            if next == midnight {
                self.lab.engines.run_lifecycles().unwrap();
            }
        }
    }

    /// The last hour of the oldest picture: its link is taken, it is looked at a last time, and then it must not be seen any more, whatever
    /// has failed.
    async fn last_hour(&mut self, end: Timestamp) {
        let Some(key) = self.pictures.front() else {
            return;
        };
        let (id, mut links) = (key.id.to_string(), Vec::new());
        let (first, last) = (end - HOUR, end - SignedDuration::from_secs(2));
        for time in [first, last] {
            self.come_to(time).await;
            let shown = self.gallery.show(&self.session, &id).await.unwrap();
            links.extend(shown.body["download"]["url"].as_str().map(str::to_owned));
            assert_eq!(shown.status, StatusCode::OK, "{}: {id} is gone too early", self.place());
            // A picture whose painting failed is shown as failed, until its time is over as well.
            self.seen.shown_last += u32::from(time == last && shown.body["state"] == "ready");
        }
        self.come_to(end).await;
        let (shown, listed) = (
            self.gallery.show(&self.session, &id).await.unwrap(),
            self.gallery.show(&self.session, "").await.unwrap(),
        );
        let place = self.place();
        assert_eq!(shown.status, StatusCode::GONE, "{place}: {id} is shown: {}", shown.body);
        assert_eq!(listed.status, StatusCode::OK, "{place}");
        assert!(!listed.body.to_string().contains(&id), "{place}: {id} is listed");
        self.seen.refused += 1;
        for link in links {
            let status = self.lab.follow(&link).await.unwrap();
            assert!(!status.is_success(), "{place}: a link to {id} works: {status}");
            self.seen.links_dead += 1;
        }
        if let Some(by) = self.off() {
            // Made ready while its clock was right, as a function that runs since yesterday.
            let gallery = self.lab.astray(by).gallery(&self.lab).await.unwrap();
            let shown = gallery.show(&self.session, &id).await.unwrap();
            assert!(
                !shown.status.is_success(),
                "{place}: a wrong clock shows {id}: {}",
                shown.body
            );
        }
    }

    fn faults_come_and_go(&mut self) {
        let now = self.lab.now();
        let over: Vec<Kind> = self
            .faults
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(kind, _)| *kind)
            .collect();
        for kind in over {
            self.faults.remove(&kind);
            if let Kind::StoreOut(store) = kind {
                self.store(store).book().calm();
            }
        }
        for kind in KINDS {
            if !self.faults.contains_key(&kind) && self.chance.random_ratio(1, ODDS) {
                let hours = SignedDuration::from_hours(self.chance.random_range(1..=LONGEST_HOURS));
                self.faults.insert(kind, now + hours);
                *self.seen.faults.entry(kind).or_default() += 1;
                if let Kind::StoreOut(store) = kind {
                    self.store(store).book().trouble(StoreFault::down());
                }
            }
        }
    }

    /// What the world does by itself, as far as it works.
    async fn work(&self) {
        let lab = &self.lab;
        if !self.fails(Kind::TtlDead) {
            lab.expire().unwrap();
        }
        if self.fails(Kind::StreamLost) {
            lab.engines.lose_streams().unwrap();
        }
        let off = self.off();
        if off.is_none() {
            lab.drain().await.unwrap();
        }
        for function in ["settle-stale", "objects-sweep"] {
            match (self.fails(Kind::ScheduleMissed), off) {
                (true, _) => {}
                (false, Some(by)) => {
                    let run = lab.astray(by).run(function).await;
                    assert!(run.is_err(), "{}: {function} works by a wrong clock", self.place());
                }
                // A store that is out makes a run fail; what else there was to do, it has done.
                (false, None) => drop(lab.run(function).await),
            }
        }
    }

    /// No file of a store is too old.
    fn look(&mut self) {
        let now = self.lab.now();
        for store in [Store::Cos, Store::Oss] {
            for (key, written) in self.files(store) {
                let age = now.duration_since(written);
                assert!(
                    age <= LIFE + DAY,
                    "{}: {key} is {age:#} old in {}",
                    self.place(),
                    store.as_str()
                );
                self.seen.oldest = self.seen.oldest.max(age);
            }
        }
    }

    fn files(&self, store: Store) -> Vec<(String, Timestamp)> {
        let objects = self.store(store);
        let buckets = objects.buckets().into_iter();
        buckets.flat_map(|bucket| objects.dated(&bucket).unwrap()).collect()
    }

    fn store(&self, store: Store) -> &Objects {
        match store {
            Store::Cos => &self.lab.engines.objects,
            Store::Oss => &self.lab.engines.oss,
        }
    }

    fn fails(&self, kind: Kind) -> bool {
        self.faults.contains_key(&kind)
    }

    /// By how much the functions' machines are off, if they are.
    fn off(&self) -> Option<SignedDuration> {
        match (self.fails(Kind::ClockBehind), self.fails(Kind::ClockAhead)) {
            (true, _) => Some(-DAY),
            (false, true) => Some(DAY),
            (false, false) => None,
        }
    }

    fn place(&self) -> String {
        format!("VITRINE_SEED={} at {}", self.seed, self.lab.now())
    }

    /// What the year was like.
    pub(crate) fn told(&self) -> String {
        self.seen.to_string()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pictures,
            shown_last,
            refused,
            links_dead,
            faults,
            oldest,
        } = self;
        let hours = oldest.as_hours();
        write!(
            f,
            "{pictures} pictures, {shown_last} of them shown two seconds before their end, {refused} refused at it with {links_dead} dead \
             links; the oldest file was {} d {} h old; faults {faults:?}",
            hours / 24,
            hours % 24
        )
    }
}
