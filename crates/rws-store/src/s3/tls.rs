//! Whom to trust over https.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The system's certificate authorities and those of `ca_file`.
pub fn configuration(ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "RWS cannot use a certificate of the system");
    }
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = ca_file {
        let unusable = |error: &dyn std::fmt::Display| format!("S3_CA_FILE {}: {error}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))? {
            roots.add(certificate.map_err(|error| unusable(&error))?).map_err(|error| unusable(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let configuration = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(configuration.with_root_certificates(roots).with_no_client_auth())
}
