//! The keys of a target: what signs, and what clients learn before it signs.

use std::sync::Arc;

use async_trait::async_trait;
use pgp::composed::CleartextSignedMessage;
use rws_model::{SignError, SignatureAlgorithm, Signer, SigningPurpose, SigningRequest};

use crate::KeyError;
use crate::cleartext::Cleartext;
use crate::public_key::PublicKey;
use crate::signature::{self, KeySignature, SignatureKind};

/// What makes signatures with one key, in this process or elsewhere.
#[async_trait]
pub trait KeySigner: Send + Sync {
    /// The public key.
    fn public_key(&self) -> &PublicKey;

    /// A signature of the bytes; `purpose` says what it is for. A text is given as it is hashed: its lines end in CRLF.
    ///
    /// # Errors
    ///
    /// When the key cannot sign now.
    async fn signature(&self, kind: SignatureKind, request: SigningRequest<'_>) -> Result<KeySignature, SignError>;
}

/// The keys of a target.
///
/// Every signature is verified with the public key before it is given away: what a broken or wrong signer makes is an error
/// here, and not of the clients.
pub struct Keyring {
    signers: Vec<Arc<dyn KeySigner>>,
    announced: Vec<PublicKey>,
    /// Keys of others, whose signatures on packages are taken.
    package_keys: Vec<PublicKey>,
    fingerprint: String,
    former_fingerprint: String,
    armored: String,
    blocks: String,
}

impl Keyring {
    /// A key that signs, others that sign beside it, and others that clients should know before they sign.
    ///
    /// # Errors
    ///
    /// None that is known: serialising keys into memory does not fail.
    pub fn new(
        active: Arc<dyn KeySigner>,
        also: Vec<Arc<dyn KeySigner>>,
        announced: Vec<PublicKey>,
    ) -> Result<Self, KeyError> {
        let signers: Vec<Arc<dyn KeySigner>> = std::iter::once(active).chain(also).collect();
        let named = |name: fn(&PublicKey) -> Result<String, KeyError>| -> Result<String, KeyError> {
            let signing = signers.iter().map(|signer| name(signer.public_key()));
            let mut names = signing.collect::<Result<Vec<String>, KeyError>>()?.join("+");
            for key in &announced {
                names.push_str(&format!(" {}", name(key)?));
            }
            Ok(names)
        };
        let fingerprint = named(PublicKey::identity)?;
        let former_fingerprint = named(|key| Ok(key.fingerprint().to_owned()))?;
        let keys = each_once(signers.iter().map(|signer| signer.public_key()).chain(&announced));
        let armored = PublicKey::armored_together(&keys)?;
        let blocks = keys.iter().map(|key| key.armored()).collect();
        Ok(Self { fingerprint, former_fingerprint, armored, blocks, signers, announced, package_keys: Vec::new() })
    }

    /// One key that signs alone.
    ///
    /// # Errors
    ///
    /// None that is known, as for [`Keyring::new`].
    pub fn of(key: Arc<dyn KeySigner>) -> Result<Self, KeyError> {
        Self::new(key, Vec::new(), Vec::new())
    }

    /// The same with keys of others, whose signatures on packages are taken.
    #[must_use]
    pub fn with_package_keys(self, package_keys: Vec<PublicKey>) -> Self {
        Self { package_keys, ..self }
    }

    /// The keys that clients should know, each once: those that sign come first.
    pub fn public_keys(&self) -> Vec<&PublicKey> {
        each_once(self.signers.iter().map(|signer| signer.public_key()).chain(&self.announced))
    }

    async fn signatures(
        &self,
        signers: &[Arc<dyn KeySigner>],
        kind: SignatureKind,
        request: SigningRequest<'_>,
    ) -> Result<Vec<KeySignature>, SignError> {
        let mut signatures = Vec::new();
        for signer in signers {
            let signature = signer.signature(kind, request).await?;
            if let Some(reason) = signer.public_key().objection(&signature, kind, request) {
                return Err(SignError { key: signer.public_key().fingerprint().to_owned(), reason });
            }
            signatures.push(signature);
        }
        Ok(signatures)
    }

    fn error(&self, reason: String) -> SignError {
        SignError { key: self.signing_fingerprint().to_owned(), reason }
    }
}

/// Keys, each once.
fn each_once<'k>(keys: impl Iterator<Item = &'k PublicKey>) -> Vec<&'k PublicKey> {
    let mut each: Vec<&PublicKey> = Vec::new();
    for key in keys {
        if !each.iter().any(|known| known.fingerprint() == key.fingerprint()) {
            each.push(key);
        }
    }
    each
}

#[async_trait]
impl Signer for Keyring {
    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn former_fingerprint(&self) -> &str {
        &self.former_fingerprint
    }

    fn signing_fingerprint(&self) -> &str {
        self.signers.first().map_or("", |signer| signer.public_key().fingerprint())
    }

    fn algorithm(&self) -> Option<SignatureAlgorithm> {
        self.signers.first()?.public_key().algorithm()
    }

    fn public_key_armored(&self) -> &str {
        &self.armored
    }

    fn public_key_blocks(&self) -> &str {
        &self.blocks
    }

    async fn sign(&self, request: SigningRequest<'_>) -> Result<Vec<u8>, SignError> {
        let all = self.signers.as_slice();
        let made = match request.purpose {
            SigningPurpose::ClearText => {
                let text = std::str::from_utf8(request.bytes).map_err(|error| self.error(error.to_string()))?;
                let text = Cleartext::new(text).map_err(|reason| self.error(reason.to_owned()))?;
                let signed = text.signed();
                let request = SigningRequest { bytes: signed.as_bytes(), ..request };
                let signatures = self.signatures(all, SignatureKind::Text, request).await?;
                signature::clear_text(&text, &signatures).map(String::into_bytes)
            }
            SigningPurpose::Detached => {
                let signatures = self.signatures(all, SignatureKind::Binary, request).await?;
                signature::armored(&signatures).map(String::into_bytes)
            }
            SigningPurpose::DetachedBlocks => {
                let signatures = self.signatures(all, SignatureKind::Binary, request).await?;
                signature::blocks(&signatures).map(String::into_bytes)
            }
            SigningPurpose::Package => {
                let active = all.get(..1).unwrap_or_default();
                let signatures = self.signatures(active, SignatureKind::Binary, request).await?;
                signatures.first().map_or_else(|| Err("no key signs".to_owned()), KeySignature::to_packet)
            }
        };
        made.map_err(|reason| self.error(reason))
    }

    fn public_fingerprints(&self) -> Vec<String> {
        self.public_keys().into_iter().map(|key| key.fingerprint().to_owned()).collect()
    }

    fn public_keys_binary(&self) -> Vec<u8> {
        // serialising into memory does not fail
        self.public_keys().into_iter().flat_map(|key| key.to_bytes().unwrap_or_default()).collect()
    }

    fn user_id(&self) -> Option<String> {
        self.signers.first()?.public_key().user_id()
    }

    fn verify_package(&self, signature: &[u8], bytes: &[u8], now: i64) -> Option<String> {
        let signature = KeySignature::from_packet(signature).ok()?;
        let mut keys = self.public_keys().into_iter().chain(&self.package_keys);
        let key = keys.find(|key| key.vouches(&signature, SignatureKind::Binary, bytes, now))?;
        Some(key.fingerprint().to_owned())
    }

    fn package_key_blocks(&self) -> Option<String> {
        (!self.package_keys.is_empty()).then(|| self.package_keys.iter().map(PublicKey::armored).collect())
    }

    fn package_key_fingerprints(&self) -> Vec<String> {
        self.public_keys().into_iter().chain(&self.package_keys).map(|key| key.fingerprint().to_owned()).collect()
    }

    fn verify_clear(&self, message: &str) -> Option<String> {
        let (message, _) = CleartextSignedMessage::from_string(message).ok()?;
        let made: Vec<KeySignature> = message.signatures().iter().cloned().map(KeySignature::new).collect();
        let signed = message.signed_text();
        let is_by = |signer: &Arc<dyn KeySigner>| {
            signer.public_key().verifies_any(&made, SignatureKind::Text, signed.as_bytes())
        };
        // the line end before the signature is not part of the text (RFC 9580, section 7.1)
        self.signers.iter().all(is_by).then(|| signed.replace("\r\n", "\n") + "\n")
    }

    fn verify_detached(&self, bytes: &[u8], signature: &str) -> bool {
        let made = signature::read(signature);
        let is_by = |signer: &Arc<dyn KeySigner>| signer.public_key().verifies_any(&made, SignatureKind::Binary, bytes);
        self.signers.iter().all(is_by)
    }
}
