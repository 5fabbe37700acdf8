//! TLS: names, protocols, versions, resumption, reload, and what is wrong with files.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, HandshakeKind, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use waylight::{
    config::model::{Certificate, Listener, Toggle},
    proxy::tls::Tls,
};

use super::{Edge, GET, answer, plain, run, settings};

/// Files with certificates.
struct Files {
    folder: TempDir,
    roots: RootCertStore,
}

impl Files {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), roots: RootCertStore::empty() }
    }

    fn certificate(&mut self, file: &str, names: &[&str]) -> Certificate {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        self.roots.add(made.cert.der().clone()).unwrap();
        let cert_file = self.write(&format!("{file}.crt"), &made.cert.pem());
        let key_file = self.write(&format!("{file}.key"), &made.signing_key.serialize_pem());
        Certificate { cert_file, key_file }
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn client(&self, protocols: &[&str], versions: &[&'static rustls::SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

fn listener(http2: Toggle) -> Listener {
    Listener { tls: Toggle::On, http2, ..plain(0) }
}

async fn connect(edge: &Edge, client: &Arc<ClientConfig>, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let io = TcpStream::connect(edge.addresses()[0]).await.unwrap();
    TlsConnector::from(Arc::clone(client)).connect(ServerName::try_from(name.to_owned()).unwrap(), io).await
}

fn presented(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

#[test]
fn the_certificate_follows_the_name() {
    run(async {
        let mut files = Files::new();
        let first = files.certificate("first", &["first.test"]);
        let second = files.certificate("second", &["second.test", "*.wild.test"]);
        let tls = Tls::load(&[first, second], None).unwrap();
        let edge = Edge::start(&[listener(Toggle::On)], Some(tls), 1, settings());
        let client = files.client(&["http/1.1"], rustls::ALL_VERSIONS);
        for name in ["first.test", "second.test", "a.wild.test", "A.WILD.test"] {
            let mut stream = connect(&edge, &client, name).await.unwrap();
            stream.write_all(GET).await.unwrap();
            assert!(answer(&mut stream).await.ends_with("tls"), "{name}");
        }
        // A stranger is shown the first one, and does not take it.
        assert!(connect(&edge, &client, "other.test").await.is_err());
        assert!(connect(&edge, &client, "a.b.wild.test").await.is_err());
    });
}

#[test]
fn protocols_and_versions_are_agreed_on() {
    run(async {
        let mut files = Files::new();
        let tls = Tls::load(&[files.certificate("a", &["a.test"])], None).unwrap();
        for (http2, offered, agreed) in [
            (Toggle::On, &["h2", "http/1.1"][..], Some("h2")),
            (Toggle::On, &["http/1.1"], Some("http/1.1")),
            (Toggle::On, &[], None),
            (Toggle::Off, &["h2", "http/1.1"], Some("http/1.1")),
        ] {
            let edge = Edge::start(&[listener(http2)], Some(tls.clone()), 1, settings());
            for version in rustls::ALL_VERSIONS {
                let client = files.client(offered, &[*version]);
                let stream = connect(&edge, &client, "a.test").await.unwrap();
                let session = stream.get_ref().1;
                assert_eq!(session.alpn_protocol(), agreed.map(str::as_bytes));
                assert_eq!(session.protocol_version(), Some(version.version));
            }
        }
    });
}

#[test]
fn sessions_are_resumed_across_a_reload() {
    run(async {
        let mut files = Files::new();
        let certificate = files.certificate("a", &["a.test"]);
        let tls = Tls::load(std::slice::from_ref(&certificate), None).unwrap();
        let edge = Edge::start(&[listener(Toggle::Off)], Some(tls.clone()), 1, settings());
        for version in rustls::ALL_VERSIONS {
            let client = files.client(&[], &[*version]);
            for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
                let mut stream = connect(&edge, &client, "a.test").await.unwrap();
                stream.write_all(GET).await.unwrap();
                answer(&mut stream).await; // the ticket comes with it
                let kind = stream.get_ref().1.handshake_kind().unwrap();
                // TLS 1.3 may ask for another key share, where nothing is resumed.
                assert_eq!(kind == HandshakeKind::Resumed, expected == HandshakeKind::Resumed, "{kind:?}");
                let next = Tls::load(std::slice::from_ref(&certificate), Some(&tls)).unwrap();
                edge.reload(&[listener(Toggle::Off)], Some(next));
            }
        }
    });
}

#[test]
fn a_reload_presents_the_new_certificate() {
    run(async {
        let mut files = Files::new();
        let old = files.certificate("old", &["a.test"]);
        let new = files.certificate("new", &["a.test"]);
        let tls = Tls::load(&[old], None).unwrap();
        let edge = Edge::start(&[listener(Toggle::Off)], Some(tls.clone()), 1, settings());
        let client = files.client(&[], &[&rustls::version::TLS13]);
        let mut kept = connect(&edge, &client, "a.test").await.unwrap();
        let before = presented(&kept);
        edge.reload(&[listener(Toggle::Off)], Some(Tls::load(&[new], Some(&tls)).unwrap()));
        tokio::task::yield_now().await;
        let client = files.client(&[], &[&rustls::version::TLS13]);
        assert_ne!(presented(&connect(&edge, &client, "a.test").await.unwrap()), before);
        kept.write_all(GET).await.unwrap();
        assert!(answer(&mut kept).await.ends_with("tls"), "old connections go on");
        // The same socket may change from TLS to plain.
        edge.reload(&[plain(0)], None);
        tokio::task::yield_now().await;
        let mut io = TcpStream::connect(edge.addresses()[0]).await.unwrap();
        io.write_all(GET).await.unwrap();
        assert!(answer(&mut io).await.ends_with("plain"));
    });
}

#[test]
fn a_handshake_that_does_not_end_is_cut_off() {
    run(async {
        let mut files = Files::new();
        let tls = Tls::load(&[files.certificate("a", &["a.test"])], None).unwrap();
        let mut settings = settings();
        settings.timeouts.header = std::time::Duration::from_millis(50);
        let edge = Edge::start(&[listener(Toggle::On)], Some(tls), 1, settings);
        for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"] {
            let mut io = TcpStream::connect(edge.addresses()[0]).await.unwrap();
            io.write_all(begun).await.unwrap();
            assert_eq!(io.read_to_end(&mut Vec::new()).await.unwrap_or_default(), 0);
        }
        assert_eq!(edge.counters.tls_handshakes_failed.value(), 3);
    });
}

#[test]
fn faulty_files_are_told_apart() {
    let mut files = Files::new();
    let one = files.certificate("one", &["a.test"]);
    let two = files.certificate("two", &["a.test"]);
    let empty = files.write("empty.pem", "");
    let noise = files.write("noise.pem", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    let hollow = files.write("hollow.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let fault = |cert: &PathBuf, key: &PathBuf| {
        let certificate = Certificate { cert_file: cert.clone(), key_file: key.clone() };
        Tls::load(&[certificate], None).unwrap_err().to_string()
    };
    let (cert, key) = (&one.cert_file, &one.key_file);
    for (fault, expected) in [
        (fault(cert, &two.key_file), "one.crt"),
        (fault(cert, &two.key_file), "two.key: this key does not belong to the certificate"),
        (fault(&empty, key), "empty.pem: there is no certificate in this file"),
        (fault(key, key), "one.key: there is no certificate in this file"),
        (fault(cert, cert), "one.crt: there is no private key in this file"),
        (fault(&PathBuf::from("missing.pem"), key), "missing.pem: there is no such file"),
        (fault(&noise, key), "noise.pem: this is not PEM"),
        (fault(&hollow, key), "hollow.pem: this is no certificate"),
    ] {
        assert!(fault.contains(expected), "{fault:?} does not say {expected:?}");
    }
    assert_eq!(Tls::load(&[], None).unwrap_err().to_string(), "no certificate is configured");
}
