//! What client files and release packages of a target are made of.

use std::sync::Arc;

use rws_model::{ClientKey, ClientSetup, PackageKeys, Signer, Target};
use rws_repository::RepositoryError;

use crate::gate::ReadableTarget;
use crate::service::Keys;

/// What client files of a target are made of, as it is now.
pub struct TargetSetup {
    base: String,
    target: Target,
    architectures: Vec<String>,
    components: Vec<String>,
    debug_packages: bool,
    packages_are_signed: bool,
    keys: Option<KeyTexts>,
    at: Option<String>,
}

/// The keys of a target as its clients get them.
struct KeyTexts {
    signer: Arc<dyn Signer>,
    binary: Vec<u8>,
    url: String,
    /// The keys of others, and where clients get them.
    package_keys: Option<(String, String)>,
}

impl TargetSetup {
    /// Reads what has to be read of the repositories of a target. `base` is the URL at which clients reach the service.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn read(
        readable: &ReadableTarget<'_>,
        keys: &Keys,
        base: String,
        names_architectures: bool,
    ) -> Result<Self, RepositoryError> {
        let configured = readable.configured();
        let (mut architectures, mut components) = (Vec::new(), Vec::new());
        if names_architectures {
            for repository in configured.repositories() {
                let root = readable.root(&repository).await?;
                architectures.extend(configured.format.architectures(&repository, &root));
                components.extend(configured.format.components(&repository, &root));
            }
        }
        let target = configured.target.clone();
        let keys = configured.signer.clone().map(|signer| KeyTexts::new(keys, &base, &target, signer));
        Ok(Self {
            base,
            target,
            architectures,
            components,
            debug_packages: configured.settings.debug_packages,
            packages_are_signed: readable.verifies_packages().await?,
            keys,
            at: None,
        })
    }

    /// The same for a state of its repositories: nothing of what they have now is said of it.
    pub fn of_state(self, at: String) -> Self {
        Self { architectures: Vec::new(), components: Vec::new(), packages_are_signed: false, at: Some(at), ..self }
    }

    /// The same for a format.
    pub fn setup(&self) -> ClientSetup<'_> {
        ClientSetup {
            base: &self.base,
            target: &self.target,
            architectures: &self.architectures,
            components: &self.components,
            debug_packages: self.debug_packages,
            packages_are_signed: self.packages_are_signed,
            key: self.keys.as_ref().map(KeyTexts::client_key),
            at: self.at.as_deref(),
        }
    }
}

impl KeyTexts {
    /// The addresses of the original stand for the keys of a target where they answer just these.
    fn new(keys: &Keys, base: &str, target: &Target, signer: Arc<dyn Signer>) -> Self {
        let texts = [signer.public_key_armored(), signer.public_key_blocks()];
        let same = |name: &&str| keys.named(name).is_some_and(|keys| texts.iter().all(|text| *text == keys));
        let url = match ["main.asc", "modules.asc"].iter().find(|name| same(name)) {
            Some(name) => format!("{base}/-/keys/{name}"),
            None => format!("{base}/-/setup/{target}.asc"),
        };
        let package_keys =
            signer.package_key_blocks().map(|keys| (keys, format!("{base}/-/setup/{target}.packages.asc")));
        Self { binary: signer.public_keys_binary(), signer, url, package_keys }
    }

    fn client_key(&self) -> ClientKey<'_> {
        ClientKey {
            armored: self.signer.public_key_armored(),
            blocks: self.signer.public_key_blocks(),
            binary: &self.binary,
            url: &self.url,
            package_keys: self.package_keys.as_ref().map(|(blocks, url)| PackageKeys { blocks, url }),
        }
    }
}
