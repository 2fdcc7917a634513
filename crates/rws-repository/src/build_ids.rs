//! Which packages of a generation have the files of a build ID: for debuggers. It is small, and stays in memory.

use std::sync::Arc;

use rws_model::{BuildId, DebugFormat, DebugKind, Identity, NamedBuildId};
use rws_store::Store;

use crate::catalogue::ConfiguredTarget;
use crate::entries::StoredEntries;
use crate::generation::{Generation, PackageRow};
use crate::generation_lists::{GenerationList, TooLarge};
use crate::{GenerationId, RepositoryError};

/// What a holder takes beside its names: pointers, lengths and what the allocator adds.
const HOLDER_OVERHEAD_BYTES: usize = 64;

/// The build IDs that packages of a generation name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildIdList {
    generation: GenerationId,
    /// The first bytes of build IDs in their order, each with the place of who has it. Others may begin alike.
    ids: Vec<(u64, DebugKind, u32)>,
    holders: Vec<Holder>,
    bytes: usize,
}

/// A package that has the files of a build ID, or leads to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The identity of the package that names the build ID.
    pub identity: Box<str>,
    /// The name of the package of the same version that has the file; `None`: that one itself.
    pub package: Option<Box<str>>,
}

impl Holder {
    fn new(row: &PackageRow, named: &NamedBuildId) -> Self {
        Self { identity: row.identity.as_str().into(), package: named.package.as_deref().map(Box::from) }
    }

    fn bytes(&self) -> usize {
        self.identity.len() + self.package.as_ref().map_or(0, |name| name.len()) + HOLDER_OVERHEAD_BYTES
    }
}

/// The first bytes of a build ID.
fn start(id: &BuildId) -> u64 {
    let mut start = [0; 8];
    start.iter_mut().zip(id.bytes()).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(start)
}

/// Gives all build IDs that packages name.
async fn visit(
    store: &Arc<dyn Store>,
    (target, debug): (&ConfiguredTarget, &dyn DebugFormat),
    generation: &Arc<Generation>,
    take: &mut (dyn FnMut(&PackageRow, NamedBuildId) + Send),
) -> Result<(), RepositoryError> {
    let entries = StoredEntries { store, target, generation };
    let mut of_entry = |row: &PackageRow, _: &String, text: &[u8]| {
        let package = target.format.package_name(&Identity(row.identity.clone()), row.files.first());
        let Some(package) = package else { return };
        debug.build_ids(&package, text).into_iter().for_each(|named| take(row, named));
    };
    entries.of_topic(debug.topic(), &mut of_entry).await
}

/// Looks for a build ID in all of a generation, where there is no room for a list.
///
/// # Errors
///
/// When the store fails, or the generation is damaged.
pub async fn find(
    store: &Arc<dyn Store>,
    target: &ConfiguredTarget,
    generation: &Arc<Generation>,
    (id, kind): (&BuildId, DebugKind),
) -> Result<Vec<Holder>, RepositoryError> {
    let Some(debug) = target.format.debug() else { return Ok(Vec::new()) };
    let mut holders = Vec::new();
    let mut take = |row: &PackageRow, named: NamedBuildId| {
        if (&named.id, named.kind) == (id, kind) {
            holders.push(Holder::new(row, &named));
        }
    };
    visit(store, (target, debug), generation, &mut take).await?;
    Ok(holders)
}

impl GenerationList for BuildIdList {
    async fn read(
        store: &Arc<dyn Store>,
        target: &ConfiguredTarget,
        generation: &Arc<Generation>,
        max_bytes: usize,
    ) -> Result<Result<Self, TooLarge>, RepositoryError> {
        let mut list = Self { generation: generation.id.clone(), ids: Vec::new(), holders: Vec::new(), bytes: 0 };
        let Some(debug) = target.format.debug() else { return Ok(Ok(list)) };
        let mut take = |row: &PackageRow, named: NamedBuildId| {
            if list.bytes > max_bytes {
                return;
            }
            let holder = Holder::new(row, &named);
            // those of one package come together, of two kinds at most in turns
            let known = list.holders.iter().rev().take(2).position(|known| *known == holder);
            let place = match known {
                Some(back) => list.holders.len() - 1 - back,
                None => {
                    list.bytes += holder.bytes();
                    list.holders.push(holder);
                    list.holders.len() - 1
                }
            };
            list.bytes += size_of::<(u64, DebugKind, u32)>();
            list.ids.push((start(&named.id), named.kind, u32::try_from(place).unwrap_or(u32::MAX)));
        };
        visit(store, (target, debug), generation, &mut take).await?;
        if list.bytes > max_bytes {
            return Ok(Err(TooLarge));
        }
        list.ids.sort_unstable();
        list.ids.dedup();
        list.ids.shrink_to_fit();
        Ok(Ok(list))
    }

    fn generation(&self) -> &GenerationId {
        &self.generation
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl BuildIdList {
    /// The packages that may have the files of a build ID.
    pub fn holders(&self, id: &BuildId, kind: DebugKind) -> Vec<Holder> {
        let wanted = (start(id), kind);
        let from = self.ids.partition_point(|(id, kind, _)| (*id, *kind) < wanted);
        let of_id = self.ids.iter().skip(from).take_while(|(id, kind, _)| (*id, *kind) == wanted);
        of_id.filter_map(|(_, _, place)| self.holders.get(*place as usize).cloned()).collect()
    }
}
