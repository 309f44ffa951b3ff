//! Which certificate authorities a collector's certificate may come from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The road to the collector cannot be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read the CA file {}: {source}", path.display())]
    CaFile {
        path: PathBuf,
        source: rustls::pki_types::pem::Error,
    },
    #[error("no certificate in the CA file {}", path.display())]
    NoCertificate { path: PathBuf },
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
    #[error("this machine's certificate authorities: {0}")]
    NativeRoots(#[source] std::io::Error),
    #[error("`{url}` is not an address: {source}")]
    Address {
        url: String,
        source: tonic::transport::Error,
    },
    #[error(transparent)]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// Trusts the authorities of the file and no other, or those of the machine.
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, Error> {
    // Named, not the process default: a library must not depend on what its binary installed.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = match ca_file {
        Some(path) => builder.with_root_certificates(authorities(path)?),
        None => builder.with_native_roots().map_err(Error::NativeRoots)?,
    };
    Ok(builder.with_no_client_auth())
}

fn authorities(path: &Path) -> Result<RootCertStore, Error> {
    let unreadable = |source| Error::CaFile {
        path: path.to_owned(),
        source,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        roots.add(certificate.map_err(unreadable)?)?;
    }
    if roots.is_empty() {
        return Err(Error::NoCertificate {
            path: path.to_owned(),
        });
    }
    Ok(roots)
}
