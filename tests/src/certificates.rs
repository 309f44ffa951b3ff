//! A certificate authority and a collector's certificate from it, made for one test.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use uuid::Uuid;

pub struct Certificates {
    folder: PathBuf,
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certificates {
    /// For a collector at 127.0.0.1.
    pub fn make() -> Self {
        Self::make_for(Ipv4Addr::LOCALHOST)
    }

    /// For one at another address.
    pub fn make_for(host: Ipv4Addr) -> Self {
        let folder = std::env::temp_dir().join(format!("telecom-otlp-tls-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let made = Self {
            ca: folder.join("ca.pem"),
            certificate: folder.join("collector.pem"),
            key: folder.join("collector.key"),
            folder,
        };
        std::fs::write(made.folder.join("san"), format!("subjectAltName=IP:{host}")).unwrap();
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        made.openssl(&format!(
            "req -x509 {key} -keyout ca.key -out ca.pem -days 1 -subj /CN=authority"
        ));
        made.openssl(&format!(
            "req {key} -keyout collector.key -out request -subj /CN=collector"
        ));
        made.openssl(
            "x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile san -out collector.pem",
        );
        made
    }

    fn openssl(&self, arguments: &str) {
        let arguments = arguments.split_whitespace();
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(&self.folder)
            .output();
        let output = output.expect("openssl is there");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
