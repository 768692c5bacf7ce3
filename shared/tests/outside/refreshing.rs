//! The rule by which a session goes on, played through: every interleaving of four tabs that refresh up to three times each,
//! with replies that are lost and replies that are late.
//!
//! An honest person's tabs share what they store, as tabs of one browser do: a tab takes the stored token when it sends, and
//! puts a newer one there when the reply arrives. A request and its reply together take less than thirty seconds, after which
//! the gateway has given up.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use shared::domain::Session;
use shared::domain::session::{GRACE, Presented};
use shared::{Clock, Entropy, Ids};

const TABS: usize = 4;
const REFRESHES: u8 = 3;

/// Time passes in steps of this many seconds.
const STEP: i64 = 15;

/// A request and its reply take less than this many steps.
const ROUND_TRIP: u8 = 2;

/// After this many steps nothing that depends on age changes any more.
const OLD: u8 = 5;

/// Where a tab is with its refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Tab {
    Idle,
    /// A request with this generation is on its way, for so many steps.
    Sent(u8, u8),
    /// The reply with this generation is on its way back; the whole takes so many steps by now.
    Answered(u8, u8),
}

/// Everything that the rest of the story depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    generation: u8,
    /// For how many steps the newest token has been out, [`OLD`] at most.
    age: u8,
    used: bool,
    stored: u8,
    tabs: [(Tab, u8); TABS],
}

impl World {
    fn begun() -> Self {
        Self {
            generation: 0,
            age: OLD,
            used: true,
            stored: 0,
            tabs: [(Tab::Idle, REFRESHES); TABS],
        }
    }

    /// The same with the tabs in order: they are all alike.
    fn sorted(mut self) -> Self {
        self.tabs.sort_unstable();
        self
    }

    /// What the server does with this token: the generation that is given out.
    ///
    /// # Panics
    /// When the server takes the person for a thief.
    #[expect(clippy::panic, reason = "this is what the game is played for")]
    fn serve(&mut self, shown: u8, rule: &Rule) -> u8 {
        match rule.judge(self, shown) {
            Presented::Again => {}
            Presented::Lost => self.age = 0,
            Presented::Next => {
                self.generation += 1;
                self.age = 0;
                self.used = false;
            }
            Presented::Stolen => panic!("an honest person was signed out: {shown} was shown in {self:?}"),
        }
        self.generation
    }

    /// Every world that may come next.
    fn following(&self, rule: &Rule) -> Vec<Self> {
        let mut next = Vec::new();
        for (at, (tab, left)) in self.tabs.iter().copied().enumerate() {
            let with = |tab: Tab, left: u8, world: &Self| {
                let mut world = world.clone();
                world.tabs[at] = (tab, left);
                world
            };
            match tab {
                Tab::Idle if left > 0 => next.push(with(Tab::Sent(self.stored, 0), left - 1, self)),
                Tab::Idle => {}
                Tab::Sent(shown, age) => {
                    next.push(with(Tab::Idle, left, self)); // It never arrives.
                    let mut served = self.clone();
                    let given = served.serve(shown, rule);
                    next.push(with(Tab::Answered(given, age), left, &served));
                }
                Tab::Answered(given, _) => {
                    next.push(with(Tab::Idle, left, self)); // The reply is lost.
                    let mut stored = with(Tab::Idle, left, self);
                    stored.stored = stored.stored.max(given);
                    next.push(stored.clone());
                    // The access token that came with it is used, or is not.
                    stored.used |= given == stored.generation;
                    next.push(stored);
                }
            }
        }
        next.extend(self.later());
        next.into_iter().map(Self::sorted).collect()
    }

    /// The same a step later, if everything under way may be that old.
    fn later(&self) -> Option<Self> {
        let mut later = self.clone();
        later.age = (later.age + 1).min(OLD);
        for (tab, _) in &mut later.tabs {
            if let Tab::Sent(_, age) | Tab::Answered(_, age) = tab {
                *age += 1;
                if *age >= ROUND_TRIP {
                    return None;
                }
            }
        }
        Some(later)
    }
}

/// The rule under test, with a session to ask it of.
struct Rule {
    session: Session,
    begun: Timestamp,
}

impl Rule {
    fn new() -> Self {
        let begun = "2026-11-22T09:00:00Z".parse().unwrap();
        let ids = Ids::new(Clock::manual(begun), Entropy::seeded(1));
        Self {
            session: Session::begun(ids.next(), ids.next(), None),
            begun,
        }
    }

    fn judge(&self, world: &World, shown: u8) -> Presented {
        let session = Session {
            generation: world.generation.into(),
            used: world.used,
            refreshed_at: self.begun,
            ..self.session.clone()
        };
        session.present(
            shown.into(),
            self.begun + SignedDuration::from_secs(i64::from(world.age) * STEP),
        )
    }
}

/// Every world that honest tabs can come to.
fn worlds(rule: &Rule) -> HashSet<World> {
    let mut seen = HashSet::from([World::begun()]);
    let mut open = vec![World::begun()];
    while let Some(world) = open.pop() {
        for next in world.following(rule) {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    seen
}

#[test]
fn an_honest_person_with_four_tabs_is_never_signed_out_and_a_thief_with_an_older_token_always_ends_it() {
    let rule = Rule::new();
    let worlds = worlds(&rule);
    println!("{} worlds", worlds.len());
    // Were there few, the game would have been played wrongly.
    assert!(worlds.len() > 50_000, "only {} worlds", worlds.len());
    assert!(
        worlds.iter().any(|world| world.generation > 3),
        "nobody ever refreshed more than thrice"
    );
    for world in &worlds {
        for stolen in 0..world.generation.saturating_sub(1) {
            assert_eq!(rule.judge(world, stolen), Presented::Stolen, "{stolen} in {world:?}");
        }
        // Forgiveness of the token before the newest has an end.
        if let Some(stolen) = world.generation.checked_sub(1)
            && world.used
            && i64::from(world.age) * STEP >= GRACE.as_secs()
        {
            assert_eq!(rule.judge(world, stolen), Presented::Stolen, "{stolen} in {world:?}");
        }
    }
}

/// A session whose newest token is of this generation, given out at the epoch.
fn at_generation(generation: u32, used: bool) -> Session {
    Session {
        generation,
        used,
        refreshed_at: Timestamp::UNIX_EPOCH,
        ..Rule::new().session
    }
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

#[test]
fn a_token_two_behind_always_ends_the_session() {
    for (behind, used, age) in every(&[2, 3, 9], &[true, false], &[0, 59, 60, 1_000_000]) {
        let session = at_generation(9, used);
        assert_eq!(
            session.present(9 - behind, seconds(age)),
            Presented::Stolen,
            "{behind} {used} {age}"
        );
    }
}

#[test]
fn the_token_before_the_newest_is_forgiven_for_a_minute_and_then_until_its_successor_is_used() {
    for (used, age, expected) in [
        (true, 0, Presented::Again),
        (false, 0, Presented::Again),
        (false, 59, Presented::Lost),
        (true, 59, Presented::Again),
        (true, 60, Presented::Stolen),
        (false, 60, Presented::Lost),
        (false, 80 * 24 * 3600, Presented::Lost),
    ] {
        assert_eq!(
            at_generation(5, used).present(4, seconds(age)),
            expected,
            "{used} {age}"
        );
    }
}

#[test]
fn a_token_that_was_never_given_out_ends_the_session() {
    assert_eq!(at_generation(5, false).present(6, seconds(0)), Presented::Stolen);
}

#[test]
fn the_newest_token_brings_a_next_one_once_a_minute() {
    assert_eq!(at_generation(5, true).present(5, seconds(59)), Presented::Again);
    assert_eq!(at_generation(5, true).present(5, seconds(60)), Presented::Next);
}

/// Two people with the same token, each of whom refreshes when the access token runs out and uses what comes back. Whoever
/// goes second, however long after the first, but for one minute, ends it.
#[test]
fn forgiveness_ends_when_two_people_live_on_the_same_token() {
    for apart in [60, 61, 600, 899] {
        let mut session = at_generation(0, true);
        let (owner, thief) = (0, 0);
        let now = seconds(900);
        assert_eq!(session.present(owner, now), Presented::Next);
        session = session.refreshed(now);
        session.used = true; // The owner goes on.
        let verdict = session.present(thief, now + SignedDuration::from_secs(apart));
        assert_eq!(verdict, Presented::Stolen, "{apart} seconds apart");
    }
}

fn every(behind: &[u32], used: &[bool], age: &[i64]) -> Vec<(u32, bool, i64)> {
    let mut all = Vec::new();
    for behind in behind {
        for used in used {
            all.extend(age.iter().map(|age| (*behind, *used, *age)));
        }
    }
    all
}
