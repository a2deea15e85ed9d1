//! Whose certificates a registry may show: those that the system trusts, and those that Docker is told to trust for it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::folders;

/// Folders with one folder for each registry, which is called `host` or `host:port`: the engine's, and that of one without root.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    folders: Vec<PathBuf>,
}

impl Trust {
    /// As the engine of this machine trusts.
    pub fn of_system() -> Trust {
        let of_user = folders::home().map(|home| home.join(".config/docker/certs.d"));
        Trust { folders: [Some(PathBuf::from("/etc/docker/certs.d")), of_user].into_iter().flatten().collect() }
    }

    #[cfg(test)]
    pub fn in_folder(folder: PathBuf) -> Trust {
        Trust { folders: vec![folder] }
    }

    /// For connections to a registry (`host[:port]`). Reads files: some hundred for the system's authorities.
    pub fn config(&self, registry: &str) -> io::Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        // What is no certificate is nobody's authority; without any the connection says so.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for folder in &self.folders {
            roots.add_parsable_certificates(authorities(&folder.join(registry)));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        Ok(config.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth())
    }
}

/// The certificates in `*.crt`. A folder or a file that f3s may not read is left out: the engine may be asked instead.
fn authorities(folder: &std::path::Path) -> Vec<CertificateDer<'static>> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "crt"));
    files.filter_map(|file| CertificateDer::pem_file_iter(file).ok()).flatten().flatten().collect()
}
