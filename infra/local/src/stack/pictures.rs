//! What there is of pictures: items in the table, files in the stores.

use anyhow::{Context, Result};
use shared::domain::Store;

use super::Stack;

impl Stack {
    /// The pictures' bucket in the first store, COS.
    ///
    /// # Errors
    /// When the template names none.
    pub fn bucket(&self) -> Result<String> {
        self.variable("images-erase", "COS_BUCKET")
    }

    /// The pictures' bucket in the second store, OSS.
    ///
    /// # Errors
    /// When the template names none.
    pub fn oss_bucket(&self) -> Result<String> {
        self.variable("images-erase", "OSS_BUCKET")
    }

    /// The keys of all pictures in a store, in order, past every permission; none in a store that is not configured.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub fn files(&self, store: Store) -> Result<Vec<String>> {
        let (objects, bucket) = match store {
            Store::Cos => (&self.engines.objects, self.bucket()?),
            Store::Oss => (&self.engines.oss, self.oss_bucket()?),
        };
        if bucket.is_empty() {
            return Ok(Vec::new());
        }
        objects.keys(&bucket)
    }

    /// How many pictures lie in all stores together.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn stored(&self) -> Result<usize> {
        Ok(self.files(Store::Cos)?.len() + self.files(Store::Oss)?.len())
    }

    /// How many items the pictures' table holds, expired ones included.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn pictures(&self) -> Result<usize> {
        let table = self
            .template
            .table("images")
            .context("the template has no table `images`")?;
        self.engines.tables.count(&table.name)
    }
}
