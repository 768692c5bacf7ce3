//! All stores of a deployment, in the order in which they are tried.

use super::{ObjectError, Objects, cdn, company};
use crate::Platform;
use crate::config::{ConfigError, Vars};
use crate::domain::Store;

/// Tencent COS, and Alibaba OSS if it is configured.
#[derive(Debug, Clone)]
pub struct Stores {
    cos: Objects,
    oss: Option<Objects>,
}

impl Stores {
    /// Reads `COS_ENDPOINT`, `COS_REGION`, `COS_BUCKET` and `COS_KEYS_PARAMETER`, and the same four of `OSS_…`, which may
    /// be blank together: then there is no second store.
    ///
    /// # Errors
    /// When one of them is not as it must be, or only some of the second store's are set.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let oss = match company::OSS.is_configured(vars) {
            true => Some(Objects::at(&company::OSS, vars, platform)?),
            false => None,
        };
        Ok(Self {
            cos: Objects::at(&company::COS, vars, platform)?,
            oss,
        })
    }

    /// The same for a function that hands out links: reads `CDN_DOMAIN` and `CDN_KEY_PARAMETER` too, which may be blank
    /// together. Links to COS lead to the CDN if there is one, all others to the bucket.
    ///
    /// # Errors
    /// When a variable is not as it must be.
    pub fn delivering(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let Self { cos, oss } = Self::new(vars, platform)?;
        let cdn = cdn::Cdn::configured(vars, platform)?;
        Ok(Self {
            cos: cos.behind(cdn),
            oss,
        })
    }

    /// The stores, in the order in which they are tried.
    pub fn each(&self) -> impl Iterator<Item = &Objects> {
        std::iter::once(&self.cos).chain(&self.oss)
    }

    /// The store that is tried first, and always there.
    #[must_use]
    pub fn first(&self) -> &Objects {
        &self.cos
    }

    /// The store of that name; `None` when this deployment has it not, or no more.
    #[must_use]
    pub fn of(&self, store: Store) -> Option<&Objects> {
        self.each().find(|objects| objects.store() == store)
    }

    /// The store of that name, for whoever needs just this one.
    ///
    /// # Errors
    /// [`ObjectError::Denied`] when this deployment has it not, because somebody took it out of the configuration too early.
    pub fn named(&self, store: Store) -> Result<&Objects, ObjectError> {
        self.of(store).ok_or_else(|| ObjectError::Denied {
            reason: "it is not configured any more".to_owned(),
        })
    }
}
