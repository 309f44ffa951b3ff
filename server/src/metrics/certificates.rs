//! Until when the certificate authorities that were given are valid, read at each scrape: files may be replaced.

use std::path::Path;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts, Registry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::parse_x509_certificate;

use crate::config::Authorities;

/// Collects `telecom_tls_certificate_expiry_timestamp_seconds`.
struct Certificates {
    expiry: IntGaugeVec,
    files: Vec<Authorities>,
}

/// Tells of these files.
pub fn tell(registry: &Registry, files: &[Authorities]) -> Result<(), prometheus::Error> {
    let expiry = Opts::new(
        "telecom_tls_certificate_expiry_timestamp_seconds",
        "When the last of the certificate authorities that were given for a peer ends.",
    );
    registry.register(Box::new(Certificates {
        expiry: IntGaugeVec::new(expiry, &["peer"])?,
        files: files.to_vec(),
    }))
}

impl Collector for Certificates {
    fn desc(&self) -> Vec<&Desc> {
        self.expiry.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.expiry.reset();
        for Authorities { of, file } in &self.files {
            if let Some(seconds) = last_expiry(file) {
                self.expiry.with_label_values(&[of]).set(seconds);
            }
        }
        self.expiry.collect()
    }
}

/// Of several the last: a new authority is given beside the old one before that ends.
fn last_expiry(file: &Path) -> Option<i64> {
    let certificates = CertificateDer::pem_file_iter(file).ok()?;
    let expiries = certificates.filter_map(|certificate| {
        let certificate = certificate.ok()?;
        let (_, parsed) = parse_x509_certificate(&certificate).ok()?;
        Some(parsed.validity().not_after.timestamp())
    });
    expiries.max()
}
