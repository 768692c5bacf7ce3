//! Everything that is kept about somebody, as one document in as many parts as it takes.
//!
//! A part holds whole things in the order sessions, requests, pictures, entries, orders, mails; `next` is the address of the part after it. Each part is a
//! document of the same form, so that somebody with ten thousand pictures gets all of them within the limits of one answer (6 MB),
//! and most people get one part.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{AccountView, CreditsLine, Cursor, ImageView, ListedSession, OrderView, PolicyVersion, Problem};
use crate::config::{ConfigError, Vars};
use crate::domain::account::Consent;
use crate::domain::mail::MailKind;
use crate::domain::privacy_request::{Stand, Wanted};
use crate::domain::{Credits, Image, Message, PrivacyRequest, Profile, State};
use crate::flows::painting::link_life;
use crate::ids::{self, Id};
use crate::objects::Stores;
use crate::store::outbox::Logged;
use crate::store::{Accounts, Images, Ledgers, Orders, Outbox, Requests, Sessions};
use crate::{Clock, Platform};

/// The name of the document's form.
const SCHEMA: &str = "vitrine.account";

/// The version of that form. A new member is no new version; one that goes or means something else is.
const VERSION: u32 = 1;

/// How many things are read at once. Far below a megabyte, which is where DynamoDB cuts an answer.
const PAGE: i32 = 100;

/// With how many things a part is full: two or three megabytes at the most.
const FULL: usize = 500;

/// Everything about an account, or a part of it.
///
/// What only keeps the account safe is not in it: the password's hash, hashes of codes, and the number of the ledger.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountExport)]
pub struct Export {
    /// `vitrine.account`.
    schema: &'static str,
    /// The version of that form.
    version: u32,
    #[schema(value_type = String, format = DateTime)]
    exported_at: Timestamp,
    /// What stands in the first part alone.
    #[serde(flatten)]
    head: Option<Head>,
    /// Where the account is signed in.
    sessions: Vec<ListedSession>,
    /// What was asked about the data.
    requests: Vec<RequestView>,
    /// Pictures with their prompts and, where they are ready, a link that is good for an hour at most.
    images: Vec<ImageView>,
    /// Every entry of the credits, newest first.
    credit_entries: Vec<CreditsLine>,
    orders: Vec<OrderView>,
    /// Which kind of mail was sent when, for thirty days. What was in it is not kept.
    mails: Vec<MailView>,
    /// The address of the next part, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What is there once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountExportHead)]
struct Head {
    account: AccountView,
    /// Which versions of the privacy policy were accepted, and when.
    consents: Vec<ConsentView>,
    credits: BalanceView,
}

/// A request about the data.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExportedRequest)]
struct RequestView {
    id: ids::PrivacyRequestId,
    kind: Wanted,
    state: Stand,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    answered_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AcceptedPolicy)]
struct ConsentView {
    policy_version: String,
    #[schema(value_type = String, format = DateTime)]
    accepted_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreditsBalance)]
struct BalanceView {
    /// What can be spent.
    available: Credits,
    /// What is set aside for pictures being painted.
    held: Credits,
}

/// A mail, as the log knows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoggedMail)]
struct MailView {
    id: ids::MailId,
    kind: MailKind,
    /// `queued`, `sent`, `undelivered` or `withheld`.
    state: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

/// Where a part begins: in which section, and after which thing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// After this session.
    Sessions(Option<Id<ids::Session>>),
    /// After this request.
    Requests(Option<Id<ids::PrivacyRequest>>),
    /// After this picture.
    Images(Option<Id<ids::Image>>),
    /// After this entry.
    Entries(Option<u64>),
    /// After this order.
    Orders(Option<Id<ids::Order>>),
    /// After this mail.
    Mails(Option<Id<ids::Mail>>),
}

impl Place {
    /// Where the first part begins.
    pub const START: Self = Self::Sessions(None);
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = |section: &str, last: Option<&dyn fmt::Display>| match last {
            Some(last) => write!(f, "{section}.{last}"),
            None => write!(f, "{section}."),
        };
        match self {
            Self::Sessions(last) => place("s", last.as_ref().map(|last| last as &dyn fmt::Display)),
            Self::Requests(last) => place("r", last.as_ref().map(|last| last as &dyn fmt::Display)),
            Self::Images(last) => place("i", last.as_ref().map(|last| last as &dyn fmt::Display)),
            Self::Entries(last) => place("e", last.as_ref().map(|last| last as &dyn fmt::Display)),
            Self::Orders(last) => place("o", last.as_ref().map(|last| last as &dyn fmt::Display)),
            Self::Mails(last) => place("m", last.as_ref().map(|last| last as &dyn fmt::Display)),
        }
    }
}

/// The text is no place of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        fn last<T: FromStr>(text: &str) -> Result<Option<T>, NoPlace> {
            if text.is_empty() {
                return Ok(None);
            }
            text.parse().map(Some).map_err(|_| NoPlace)
        }
        match text.split_once('.').ok_or(NoPlace)? {
            ("s", rest) => last(rest).map(Self::Sessions),
            ("r", rest) => last(rest).map(Self::Requests),
            ("i", rest) => last(rest).map(Self::Images),
            ("e", rest) => last(rest).map(Self::Entries),
            ("o", rest) => last(rest).map(Self::Orders),
            ("m", rest) => last(rest).map(Self::Mails),
            _ => Err(NoPlace),
        }
    }
}

/// Which part of an export is wanted.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Part {
    /// As `next` of the part before has it; the first part without.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub cursor: Option<Cursor>,
}

/// Puts exports together.
#[derive(Clone, Debug)]
pub struct Exporter {
    /// Whose account.
    pub accounts: Accounts,
    /// The pictures.
    pub images: Images,
    /// Their files.
    pub stores: Stores,
    /// The credits.
    pub ledgers: Ledgers,
    /// The orders.
    pub orders: Orders,
    /// The log of mails.
    pub outbox: Outbox,
    /// What was asked about the data.
    pub requests: Requests,
    /// The sessions.
    pub sessions: Sessions,
    /// The policy in force.
    pub policy: PolicyVersion,
    /// The time.
    pub clock: Clock,
    /// The address of the first part.
    pub address: String,
}

impl Exporter {
    /// Reads what its tables, the stores and [`PolicyVersion::configured`] read, and `PUBLIC_URL`.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn configured(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        let origin = vars.url("PUBLIC_URL")?.origin().ascii_serialization();
        Ok(Self {
            accounts: Accounts::new(&db, vars)?,
            images: Images::new(&db, vars)?,
            stores: Stores::delivering(vars, platform)?,
            ledgers: Ledgers::new(&db, vars)?,
            orders: Orders::new(&db, vars)?,
            outbox: Outbox::new(&db, vars)?,
            requests: Requests::new(&db, vars)?,
            sessions: Sessions::new(&db, vars)?,
            policy: PolicyVersion::configured(vars)?,
            clock: platform.clock.clone(),
            address: format!("{origin}/v1/account/export"),
        })
    }

    /// The part that begins at `place`; the first one has what is there once.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn part(
        &self,
        profile: &Profile,
        place: Option<Place>,
        current: Option<Id<ids::Session>>,
    ) -> Result<Export, Problem> {
        let head = match place {
            None => Some(self.head(profile).await?),
            Some(_) => None,
        };
        let mut export = Export {
            schema: SCHEMA,
            version: VERSION,
            exported_at: self.clock.now(),
            head,
            sessions: Vec::new(),
            requests: Vec::new(),
            images: Vec::new(),
            credit_entries: Vec::new(),
            orders: Vec::new(),
            mails: Vec::new(),
            next: None,
        };
        let mut place = Some(place.unwrap_or(Place::START));
        while let Some(here) = place {
            if export.len() >= FULL {
                export.next = Some(format!("{}?cursor={}", self.address, Cursor::after(here)));
                break;
            }
            place = self.page((profile, current), here, &mut export).await?;
        }
        Ok(export)
    }

    async fn head(&self, profile: &Profile) -> Result<Head, Problem> {
        let owner = self.accounts.owner(&profile.email).await?;
        let consents = self.accounts.consents(profile.id).await?;
        let balance = self.ledgers.balance(profile.ledger).await?;
        Ok(Head {
            account: AccountView::of(profile.clone(), owner, &self.policy),
            consents: consents.into_iter().map(ConsentView::from).collect(),
            credits: BalanceView {
                available: balance.available,
                held: balance.held,
            },
        })
    }

    /// Adds a page of things to the part, and says where the next one begins.
    async fn page(
        &self,
        (profile, current): (&Profile, Option<Id<ids::Session>>),
        place: Place,
        export: &mut Export,
    ) -> Result<Option<Place>, Problem> {
        let account = profile.id;
        Ok(match place {
            Place::Sessions(before) => {
                let sessions = self.sessions.list(account, before, PAGE, self.clock.now()).await?;
                let last = sessions.last().map(|session| session.id);
                let listed = |session| ListedSession::new(session, current);
                export.sessions.extend(sessions.into_iter().map(listed));
                match last {
                    Some(last) => Some(Place::Sessions(Some(last))),
                    None => Some(Place::Requests(None)),
                }
            }
            Place::Requests(before) => {
                let requests = self.requests.of_account(account, before, PAGE).await?;
                let last = requests.last().map(|request| request.id);
                export.requests.extend(requests.into_iter().map(RequestView::from));
                match last {
                    Some(last) => Some(Place::Requests(Some(last))),
                    None => Some(Place::Images(None)),
                }
            }
            Place::Images(before) => {
                let images = self.images.list(account, before, PAGE, self.clock.now()).await?;
                for image in &images {
                    export.images.push(self.image(image).await?);
                }
                match images.last() {
                    Some(last) => Some(Place::Images(Some(last.id))),
                    None => Some(Place::Entries(None)),
                }
            }
            Place::Entries(before) => {
                let entries = self.ledgers.entries(profile.ledger, before, PAGE).await?;
                let last = entries.last().map(|entry| entry.seq);
                export.credit_entries.extend(entries.into_iter().map(CreditsLine::from));
                match last {
                    Some(last) => Some(Place::Entries(Some(last))),
                    None => Some(Place::Orders(None)),
                }
            }
            Place::Orders(before) => {
                let orders = self.orders.list(account, before, PAGE).await?;
                export.orders.extend(orders.iter().map(OrderView::new));
                match orders.last() {
                    Some(last) => Some(Place::Orders(Some(last.id))),
                    None => Some(Place::Mails(None)),
                }
            }
            Place::Mails(before) => {
                let mails = self.outbox.of_account(account, before, PAGE).await?;
                let last = mails.last().map(|mail| mail.id);
                export.mails.extend(mails.into_iter().map(MailView::from));
                last.map(|last| Place::Mails(Some(last)))
            }
        })
    }

    async fn image(&self, image: &Image) -> Result<ImageView, Problem> {
        let now = self.clock.now();
        let view = ImageView::new(image);
        let key = image.object_key.as_ref().filter(|_| image.state == State::Ready);
        let Some(((key, store), life)) = key.zip(image.lies_in()).zip(link_life(image, now)) else {
            return Ok(view);
        };
        let link = self.stores.named(store)?.download_link(key, now, life).await?;
        Ok(view.with_download(link))
    }
}

impl Export {
    fn len(&self) -> usize {
        self.sessions.len()
            + self.requests.len()
            + self.images.len()
            + self.credit_entries.len()
            + self.orders.len()
            + self.mails.len()
    }
}

impl From<Consent> for ConsentView {
    fn from(consent: Consent) -> Self {
        Self {
            policy_version: consent.policy_version,
            accepted_at: consent.accepted_at,
        }
    }
}

impl From<PrivacyRequest> for RequestView {
    fn from(request: PrivacyRequest) -> Self {
        Self {
            id: request.id,
            kind: request.wanted,
            state: request.stand,
            created_at: request.made_at(),
            message: request.message,
            answered_at: request.answered_at,
        }
    }
}

impl From<Logged> for MailView {
    fn from(mail: Logged) -> Self {
        Self {
            id: mail.id,
            kind: mail.kind,
            state: mail.state,
            created_at: mail.created_at,
            ended_at: mail.ended_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entropy, Ids};

    #[test]
    fn a_place_is_read_back_as_it_was_written() {
        let ids = Ids::new(
            Clock::manual("2026-11-26T10:00:00Z".parse().unwrap()),
            Entropy::seeded(1),
        );
        for place in [
            Place::START,
            Place::Images(Some(ids.next())),
            Place::Entries(Some(7)),
            Place::Orders(None),
            Place::Mails(Some(ids.next())),
        ] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for text in ["", "i", "x.", "e.seven", "o.img_01kb0v1cqhe8svdnq7tqw8vz6n"] {
            assert_eq!(text.parse::<Place>(), Err(NoPlace), "{text}");
        }
    }
}
