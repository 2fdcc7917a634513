//! Connections to hosts, over TLS where a URL says `https`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::{HttpError, Resolver};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Makes connections of HTTP/1.1 for a client of hyper.
pub type Connector = HttpsConnector<HttpConnector<Resolver>>;

/// A connector that trusts the system's certificate authorities and those of `ca_file` (PEM).
///
/// # Errors
///
/// When the file cannot be read, or holds something that is no certificate.
pub fn connector(ca_file: Option<&Path>) -> Result<Connector, HttpError> {
    let mut http = HttpConnector::new_with_resolver(Resolver::new());
    http.enforce_http(false);
    http.set_connect_timeout(Some(CONNECT));
    http.set_nodelay(true);
    let https = HttpsConnectorBuilder::new().with_tls_config(configuration(ca_file)?).https_or_http().enable_http1();
    Ok(https.wrap_connector(http))
}

fn configuration(ca_file: Option<&Path>) -> Result<ClientConfig, HttpError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "RWS cannot use a certificate of the system");
    }
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = ca_file {
        let unusable =
            |error: &dyn std::fmt::Display| HttpError::Authorities { path: path.to_owned(), reason: error.to_string() };
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))? {
            roots.add(certificate.map_err(|error| unusable(&error))?).map_err(|error| unusable(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let configuration = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::Tls(error.to_string()))?;
    Ok(configuration.with_root_certificates(roots).with_no_client_auth())
}
