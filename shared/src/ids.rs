//! Ids that say what they name: a prefix and a UUIDv7, written as a TypeID (`img_01kb0…`).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use type_safe_id::{DynamicType, TypeSafeId};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};
use uuid::Uuid;

use crate::{Clock, Entropy};

/// What an [`Id`] can name. Implemented by markers only; the prefix is part of the id's text.
pub trait Kind: Send + Sync + 'static {
    /// Lower-case letters before the underscore, such as `img`.
    const PREFIX: &'static str;
    /// What is named, such as `Image`; the id's schema is called by it.
    const NAME: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl Kind for $name {
            const PREFIX: &'static str = $prefix;
            const NAME: &'static str = stringify!($name);
        }
    )*};
}

kinds! {
    /// Names an account.
    Account = "acc";
    /// Names a sign-up whose address is not proved yet.
    SignUp = "sup";
    /// Names a session.
    Session = "ses";
    /// Names a picture, from its order to its erasure.
    Image = "img";
    /// Names an order for credits; PayPal knows it as `custom_id`.
    Order = "ord";
    /// Names an account's ledger; only the profile knows which account that is.
    Ledger = "led";
    /// Names a mail in the outbox.
    Mail = "mail";
    /// Names a request about somebody's own data.
    PrivacyRequest = "prq";
    /// Names a report of a picture.
    Report = "rep";
    /// Names something that an operator did.
    Act = "act";
    /// Names a request to the API; in every answer and every log line.
    Request = "req";
}

/// The id of one `K`, unique, ordered by the time it was made.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

// The wire types speak of ids by these names: the derive of schemas does not see through the markers.

/// The id of an account.
pub type AccountId = Id<Account>;
/// The id of a sign-up.
pub type SignUpId = Id<SignUp>;
/// The id of a session.
pub type SessionId = Id<Session>;
/// The id of a picture.
pub type ImageId = Id<Image>;
/// The id of an order for credits.
pub type OrderId = Id<Order>;
/// The id of a request about somebody's own data.
pub type PrivacyRequestId = Id<PrivacyRequest>;
/// The id of a report of a picture.
pub type ReportId = Id<Report>;
/// The id of a mail.
pub type MailId = Id<Mail>;

/// Why a text is not an [`Id`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an id that begins with `{prefix}_`")]
pub struct InvalidId {
    prefix: &'static str,
}

impl<K: Kind> Id<K> {
    /// The moment the id was made, to the millisecond, read from the id itself.
    #[must_use]
    pub fn made_at(&self) -> Timestamp {
        let bytes = self.uuid.as_bytes();
        let millis = bytes[..6]
            .iter()
            .fold(0_i64, |millis, byte| (millis << 8) | i64::from(*byte));
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    /// The UUID alone, where the prefix is known from the place it stands in.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.uuid.into_bytes()
    }

    /// The id of these bytes, if they are a UUIDv7.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        let uuid = Uuid::from_bytes(bytes);
        (uuid.get_version_num() == 7).then_some(Self {
            uuid,
            kind: PhantomData,
        })
    }

    /// An id of random bytes, which names nothing: it was made at no time that says anything.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        let uuid = uuid::Builder::from_bytes(bytes)
            .with_version(uuid::Version::SortRand)
            .with_variant(uuid::Variant::RFC4122)
            .into_uuid();
        Self {
            uuid,
            kind: PhantomData,
        }
    }

    /// Whether something that lives for `life` from its making is past it.
    #[must_use]
    pub fn is_past(&self, life: SignedDuration, now: Timestamp) -> bool {
        now.duration_since(self.made_at()) >= life
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The prefix is a constant of lower-case letters, so the type always parses; should one not, the id is still
        // printed whole.
        match DynamicType::new(K::PREFIX) {
            Ok(prefix) => fmt::Display::fmt(&TypeSafeId::from_type_and_uuid(prefix, self.uuid), f),
            Err(_) => write!(f, "{}_{}", K::PREFIX, self.uuid.simple()),
        }
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId { prefix: K::PREFIX };
        // type-safe-id 0.3.3 panics on long prefixes that are not ASCII, so only a right prefix gets that far.
        let is_ours = text
            .strip_prefix(K::PREFIX)
            .is_some_and(|rest| rest.starts_with('_') && rest.is_ascii());
        let id: TypeSafeId<DynamicType> = match is_ours.then(|| text.parse()) {
            Some(Ok(id)) => id,
            Some(Err(_)) | None => return Err(invalid),
        };
        if id.uuid().get_version_num() == 7 {
            Ok(Self {
                uuid: id.uuid(),
                kind: PhantomData,
            })
        } else {
            Err(invalid)
        }
    }
}

impl<K: Kind> TryFrom<String> for Id<K> {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
impl<K: Kind> utoipa::PartialSchema for Id<K> {
    fn schema() -> RefOr<Schema> {
        let pattern = format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", K::PREFIX);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(pattern))
            .description(Some("A TypeID: a prefix and a UUIDv7 in base 32"))
            .into()
    }
}
impl<K: Kind> utoipa::ToSchema for Id<K> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("{}Id", K::NAME).into()
    }
}

/// Makes ids from a [`Clock`] and an [`Entropy`]. Cheap to clone; clones never give the same id.
///
/// Ids made within one millisecond are still ordered as they were made, so "newest first" is exact.
#[derive(Clone, Debug)]
pub struct Ids {
    clock: Clock,
    entropy: Entropy,
    last: Arc<Mutex<Last>>,
}

#[derive(Debug, Default)]
struct Last {
    millis: u64,
    counter: u16,
}

impl Ids {
    /// A maker of ids whose time is `clock`'s and whose chance is `entropy`'s.
    #[must_use]
    pub fn new(clock: Clock, entropy: Entropy) -> Self {
        Self {
            clock,
            entropy,
            last: Arc::default(),
        }
    }

    /// A new id.
    #[must_use]
    pub fn next<K: Kind>(&self) -> Id<K> {
        let now = u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0);
        let mut chance: [u8; 10] = self.entropy.bytes();
        let (millis, counter) = self.tick(now);
        // RFC 9562 §6.2, method 1: the twelve bits after the time count the ids of one millisecond.
        chance[0] = counter.to_be_bytes()[0];
        chance[1] = counter.to_be_bytes()[1];
        Id {
            uuid: uuid::Builder::from_unix_timestamp_millis(millis, &chance).into_uuid(),
            kind: PhantomData,
        }
    }

    fn tick(&self, now: u64) -> (u64, u16) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if now > last.millis || last.millis - now > 1_000 {
            // Time went on; or the clock was set back, and an id tells the time it was told.
            *last = Last {
                millis: now,
                counter: 0,
            };
        } else if last.counter < 0x0fff {
            last.counter += 1;
        } else {
            // More ids than one millisecond counts: borrow from the next.
            *last = Last {
                millis: last.millis + 1,
                counter: 0,
            };
        }
        (last.millis, last.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids() -> (Clock, Ids) {
        let clock = Clock::manual("2026-11-22T09:00:00Z".parse().unwrap());
        (clock.clone(), Ids::new(clock, Entropy::seeded(1)))
    }

    #[test]
    fn an_id_survives_its_text_and_knows_when_it_was_made() {
        let (clock, ids) = ids();
        let id: Id<Image> = ids.next();
        assert!(id.to_string().starts_with("img_"));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.made_at(), clock.now());
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let (_, ids) = ids();
        let id: Id<Image> = ids.next();
        assert_eq!(
            id.to_string().parse::<Id<Account>>().unwrap_err().to_string(),
            "must be an id that begins with `acc_`"
        );
    }

    #[test]
    fn ids_of_one_millisecond_are_ordered_as_they_were_made() {
        let (_, ids) = ids();
        let made: Vec<Id<Image>> = (0..5_000).map(|_| ids.next()).collect();
        assert!(made.is_sorted());
        assert_eq!(made.iter().collect::<std::collections::HashSet<_>>().len(), made.len());
    }

    #[test]
    fn life_ends_at_its_last_second_and_not_before() {
        let (clock, ids) = ids();
        let id: Id<Image> = ids.next();
        let life = SignedDuration::from_hours(720);
        clock.advance(life - SignedDuration::from_millis(1));
        assert!(!id.is_past(life, clock.now()));
        clock.advance(SignedDuration::from_millis(1));
        assert!(id.is_past(life, clock.now()));
    }

    proptest! {
        #[test]
        fn no_text_makes_parsing_panic(text in ".{0,60}") {
            let _ = text.parse::<Id<Image>>();
        }
    }
}
