//! TLS to engines, with the certificates that docker uses: `ca.pem`, `cert.pem`, `key.pem` in a folder.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Where they lie. Each may be missing: without `ca.pem` the system's authorities are trusted, without the other two
/// f3s does not say who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    pub fn in_folder(folder: PathBuf) -> Certificates {
        Certificates { folder }
    }

    /// `host`: `name:port`; the certificate must be one for the name.
    pub async fn connect(&self, host: &str) -> io::Result<TlsStream<TcpStream>> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::new(self.config()?));
        connector.connect(name, TcpStream::connect(host).await?).await
    }

    fn config(&self) -> io::Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(self.authorities()?);
        let (certificate, key) = (self.folder.join("cert.pem"), self.folder.join("key.pem"));
        if !certificate.exists() && !key.exists() {
            return Ok(config.with_no_client_auth());
        }
        let own = certificates(&certificate)?;
        let key = PrivateKeyDer::from_pem_file(&key).map_err(|error| unreadable(&key, &error))?;
        config.with_client_auth_cert(own, key).map_err(io::Error::other)
    }

    fn authorities(&self) -> io::Result<RootCertStore> {
        let file = self.folder.join("ca.pem");
        let trusted = if file.exists() {
            certificates(&file)?
        } else {
            // Some that cannot be read do not make the others worthless.
            rustls_native_certs::load_native_certs().certs
        };
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(trusted);
        Ok(store)
    }
}

fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    all.map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &rustls::pki_types::pem::Error) -> io::Error {
    io::Error::other(format!("`{}` cannot be read: {error}", file.display()))
}
