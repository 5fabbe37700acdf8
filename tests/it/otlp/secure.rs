//! TLS to back ends, and client certificates.

use std::{fs, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::*;

/// An authority, a server that demands certificates of it, and a client that has one.
struct Party {
    folder: TempDir,
    acceptor: TlsAcceptor,
}

impl Party {
    fn new(alpn: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let leaf = |name: &str, usage| {
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.insert_extended_key_usage(usage);
            let key = KeyPair::generate().unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (server, server_key) = leaf("localhost", ExtendedKeyUsagePurpose::ServerAuth);
        let (client, client_key) = leaf("waylight", ExtendedKeyUsagePurpose::ClientAuth);
        fs::write(folder.path().join("ca.pem"), authority_certificate.pem()).unwrap();
        fs::write(folder.path().join("client.pem"), client.pem()).unwrap();
        fs::write(folder.path().join("client.key"), client_key.serialize_pem()).unwrap();

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority_certificate)).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![CertificateDer::from(server)],
                PrivateKeyDer::try_from(server_key.serialize_der()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = vec![alpn.to_vec()];
        Self { folder, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

#[tokio::test]
async fn tls_with_a_client_certificate() {
    for protocol in PROTOCOLS {
        let party = Party::new(if protocol == ExportProtocol::Grpc { b"h2" } else { b"http/1.1" });
        let mut receiver = Receiver::start_with(protocol, Some(party.acceptor.clone())).await;
        let secure = Export {
            endpoint: receiver.endpoint("https"),
            ca_file: Some(party.file("ca.pem")),
            client_certificate: Some((party.file("client.pem"), party.file("client.key"))),
            ..export("secure", &receiver, protocol)
        };
        let anonymous = Export { name: "anonymous".to_owned(), client_certificate: None, ..secure.clone() };
        // The system's authorities do not know this one.
        let stranger = Export { name: "stranger".to_owned(), ca_file: None, ..secure.clone() };
        let pipeline = Pipeline::start(&[secure, anonymous, stranger]);
        pipeline.record();
        receiver.spans(SPANS).await;
        pipeline.until("secure", |status| status.sent == SPANS as u64).await;
        for refused in ["anonymous", "stranger"] {
            let status = pipeline.until(refused, |status| status.last_error.is_some()).await;
            assert_eq!(status.sent, 0);
        }
        let status = pipeline.status("stranger");
        assert!(status.last_error.unwrap().message.contains("certificate"), "{protocol:?}");
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let party = Party::new(b"http/1.1");
    let receiver = Receiver::start(ExportProtocol::HttpProtobuf).await;
    let only =
        Export { endpoint: receiver.endpoint("https"), ..export("only", &receiver, ExportProtocol::HttpProtobuf) };
    fs::write(party.file("empty.pem"), "nothing here").unwrap();
    for (ca, certificate, named) in [
        ("missing.pem", None, "missing.pem"),
        ("empty.pem", None, "empty.pem: holds no certificate"),
        ("ca.pem", Some(("client.pem", "empty.pem")), "empty.pem"),
    ] {
        let export = Export {
            ca_file: Some(party.file(ca)),
            client_certificate: certificate.map(|(chain, key)| (party.file(chain), party.file(key))),
            ..only.clone()
        };
        let error = Exporters::new(&[export]).unwrap_err().to_string();
        assert!(error.starts_with("export only: ") && error.contains(named), "{error}");
    }
}
