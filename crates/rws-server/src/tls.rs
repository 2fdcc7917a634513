//! TLS with a certificate that may be renewed while the server runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// What is spoken inside TLS, the better one first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is not what it should be.
    #[error("{} does not contain a {wanted} in PEM: {error}", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// Why.
        error: pem::Error,
    },
    /// Certificate and key do not belong together, or cannot be used.
    #[error("RWS cannot use the certificate and its key: {0}")]
    Unusable(#[from] rustls::Error),
}

/// A certificate and its key, from two PEM files.
pub struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Current>,
}

/// What the files held when they were read last.
struct Current {
    content: [Vec<u8>; 2],
    acceptor: TlsAcceptor,
}

impl Certificate {
    /// Reads both files: the certificate with those that lead to its authority, and its key.
    ///
    /// # Errors
    ///
    /// When they cannot be used.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let current = RwLock::new(Current::of(certificate, key, read(certificate, key)?)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), current })
    }

    /// Reads the files again where they changed; connections that are open keep what they have. Says whether anything is new.
    ///
    /// # Errors
    ///
    /// When they cannot be used: what there was stays.
    pub fn renew(&self) -> Result<bool, TlsError> {
        let content = read(&self.certificate, &self.key)?;
        let is_known = self.current.read().unwrap_or_else(PoisonError::into_inner).content == content;
        if !is_known {
            let current = Current::of(&self.certificate, &self.key, content)?;
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        }
        Ok(!is_known)
    }

    /// What makes the next connection a secure one.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.current.read().unwrap_or_else(PoisonError::into_inner).acceptor.clone()
    }
}

impl Current {
    fn of(certificate: &Path, key: &Path, content: [Vec<u8>; 2]) -> Result<Self, TlsError> {
        let not_pem = |path: &Path, wanted| {
            let path = path.to_owned();
            move |error| TlsError::NotPem { path, wanted, error }
        };
        let chain = CertificateDer::pem_slice_iter(&content[0]).collect::<Result<Vec<_>, _>>();
        let chain = chain.and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) });
        let chain = chain.map_err(not_pem(certificate, "certificate"))?;
        let secret = PrivateKeyDer::from_pem_slice(&content[1]).map_err(not_pem(key, "private key"))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth();
        let mut config = config.with_single_cert(chain, secret)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self { content, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

fn read(certificate: &Path, key: &Path) -> Result<[Vec<u8>; 2], TlsError> {
    let read = |path: &Path| fs::read(path).map_err(|error| TlsError::Unreadable { path: path.to_owned(), error });
    Ok([read(certificate)?, read(key)?])
}
