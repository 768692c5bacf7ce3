//! Whether each key pair of each store may do what its function needs. Asked for are objects that nobody has.

use shared::domain::ObjectKey;
use shared::objects::{ObjectError, Objects, Stores};

use super::report::Finding;
use super::site::Site;

/// The functions with a key pair of their own, and what theirs is for.
const ROLES: [(&str, Deed); 4] = [
    ("images-get", Deed::Read),
    ("images-paint", Deed::Delete),
    ("images-erase", Deed::Delete),
    ("objects-sweep", Deed::List),
];

#[derive(Clone, Copy)]
enum Deed {
    Read,
    Delete,
    List,
}

/// Tries every key pair.
pub(super) async fn examine(site: &Site) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, deed) in ROLES {
        let Some(function) = site.template.function(folder) else {
            continue;
        };
        let vars = site.vars(function);
        // A function that would not start has been told of already.
        let Ok(platform) = site.platform(function, &vars).await else {
            continue;
        };
        let Ok(stores) = Stores::new(&vars, &platform) else {
            continue;
        };
        for objects in stores.each() {
            let name = objects.store().as_str();
            let subject = format!("{} {folder}", name.to_uppercase());
            let variable = format!("{}_KEYS_PARAMETER", name.to_uppercase());
            let parameter = vars.peek(&variable).unwrap_or("…").to_owned();
            let key = ObjectKey::new(&platform.entropy, "jpg");
            findings.push(match deed.do_it(objects, &key).await {
                Ok(()) => Finding::good(subject, deed.done()),
                Err(error) => refused(site, subject, &error, &parameter),
            });
        }
    }
    findings
}

impl Deed {
    async fn do_it(self, objects: &Objects, nobodys: &ObjectKey) -> Result<(), ObjectError> {
        match self {
            Self::Read => objects.exists(nobodys).await.map(drop),
            Self::Delete => objects.delete(nobodys).await,
            Self::List => objects.list(None, 1).await.map(drop),
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Read => "may read",
            Self::Delete => "may delete",
            Self::List => "may list",
        }
    }
}

fn refused(site: &Site, subject: String, error: &ObjectError, parameter: &str) -> Finding {
    let to_do = match error {
        ObjectError::Denied { .. } => format!(
            "look at the bucket's name and region, at what this key pair may do there, and at the key pair itself: {}",
            site.how_to_put(parameter)
        ),
        ObjectError::Unavailable { .. } => "the store has trouble of its own: ask again in a minute".to_owned(),
        ObjectError::Lost(_) => "look whether this machine may reach the store, and at its endpoint".to_owned(),
    };
    Finding::bad(subject, shared::telemetry::chain(error), to_do)
}
