//! Packages by the build IDs of their files, for debuggers.

use std::sync::Arc;

use rws_model::{BuildId, DebugKind};
use rws_repository::build_ids::{self, Holder};
use rws_repository::entries;
use rws_repository::generation_lists::TooLarge;

use super::Gate;
use super::packages::{ReadableContents, ReadablePackage};
use crate::answer::Problem;

impl Gate {
    /// Packages that may have a file of a build ID.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn packages_with(
        self: &Arc<Self>,
        contents: &ReadableContents,
        (id, kind): (&BuildId, DebugKind),
    ) -> Result<Vec<ReadablePackage>, Problem> {
        let (target, generation) = (contents.target(), self.generation_of(contents).await?);
        let holders = match self.list(contents, |gate| &gate.build_ids).await? {
            Ok(list) => list.holders(id, kind),
            Err(TooLarge) => build_ids::find(self.store(), target, &generation, (id, kind)).await?,
        };
        let mut packages = Vec::new();
        for Holder { identity, package } in holders {
            let Some((name, row)) = entries::of_identity(target, &generation, &identity)? else { continue };
            match package {
                None => packages.push(contents.package(&generation, name, row)?),
                Some(package) => {
                    let others = self.packages_of(contents, &package).await?;
                    packages.extend(others.into_iter().filter(|other| other.is_like(&name, &*target.format)));
                }
            }
        }
        Ok(packages)
    }
}
