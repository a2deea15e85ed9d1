//! TLS: whose certificates are taken, and where others may lead.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use url::Url;

use super::server::{Reply, Server};
use super::{Error, User, manifest};
use crate::registry::connection::may_lead;

/// A server's own certificate, and how it shows it.
fn certificate() -> (String, ServerConfig) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let secret = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], secret).unwrap();
    let text = STANDARD.encode(certificate.der());
    (format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"), config)
}

#[tokio::test]
async fn a_registry_is_trusted_by_the_certificate_that_docker_is_told() {
    let (pem, tls) = certificate();
    let server = Server::over(Some(tls), |_, _| Reply::digest("sha256:0")).await;
    let user = User::at(&server);
    let answers = user.ask(&server, &["a"], false).await;
    assert!(matches!(&answers[..], [Err(Error::Unreachable(_))]), "{answers:?}");
    assert_eq!(server.seen().len(), 0);

    let folder = user.certificates().join(server.address.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("notes.crt"), "no certificate").unwrap();
    std::fs::write(folder.join("ca.crt"), pem).unwrap();
    assert_eq!(user.ask(&server, &["a", "b"], false).await, [manifest("sha256:0"), manifest("sha256:0")]);
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn nobody_leads_from_tls_into_the_open_or_to_this_machine() {
    let leads = |from: &str, to: &str| may_lead(&Url::parse(from).unwrap(), &Url::parse(to).unwrap());
    assert!(leads("https://a.example.com/", "https://b.example.com/x"));
    assert!(leads("http://127.0.0.1:5000/", "http://localhost:5001/x"));
    assert!(leads("http://[::1]:5000/", "https://b.example.com/x"));
    for (from, to) in [
        ("https://a.example.com/", "http://a.example.com/"),
        ("https://a.example.com/", "https://127.0.0.1/"),
        ("https://a.example.com/", "http://127.0.0.1/"),
        ("https://127.0.0.1/", "http://127.0.0.1/"),
        ("http://127.0.0.1/", "http://a.example.com/"),
        ("https://a.example.com/", "file:///etc/passwd"),
    ] {
        assert!(!leads(from, to), "{from} {to}");
    }
}
