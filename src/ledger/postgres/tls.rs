//! TLS to the database: the server's certificate is checked, and its name, as for everything else.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::SharedError;
use super::settings::Roots;

pub(super) fn connector(roots: &Roots) -> Result<MakeRustlsConnect, SharedError> {
    let wrong = |error: &dyn std::fmt::Display| SharedError::Roots(error.to_string());
    let store = match roots {
        Roots::Bundled => bundled(),
        Roots::File(path) => in_file(path).map_err(|error| wrong(&error))?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn bundled() -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    store
}

fn in_file(path: &Path) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    for certificate in found {
        let certificate = certificate.map_err(|error| error.to_string())?;
        store.add(certificate).map_err(|error| error.to_string())?;
    }
    if store.is_empty() { Err(format!("{} has none", path.display())) } else { Ok(store) }
}
