//! Certificates from files, and which of them is presented to whom (RFC 6066 section 3, RFC 6125 section 6.4.3).

use std::{collections::HashMap, path::Path, sync::Arc};

use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::TlsError;
use crate::{clock, config::model::Certificate, rules::certificate};

/// All certificates, by name.
#[derive(Debug)]
pub(super) struct Certificates {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows the `*.`.
    wildcard: HashMap<String, Arc<CertifiedKey>>,
    first: Arc<CertifiedKey>,
}

impl Certificates {
    pub(super) fn load(certificates: &[Certificate], provider: &CryptoProvider) -> Result<Self, TlsError> {
        let (mut exact, mut wildcard, mut first) = (HashMap::new(), HashMap::new(), None);
        for certificate in certificates {
            let key = Arc::new(certified(certificate, provider)?);
            for name in names(&key, &certificate.cert_file)? {
                // Of two certificates for one name the earlier one is taken.
                match name.strip_prefix("*.") {
                    Some(parent) => wildcard.entry(parent.to_owned()).or_insert_with(|| Arc::clone(&key)),
                    None => exact.entry(name).or_insert_with(|| Arc::clone(&key)),
                };
            }
            first.get_or_insert(key);
        }
        Ok(Self { exact, wildcard, first: first.ok_or(TlsError::NoCertificate)? })
    }

    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        let parent = || name.split_once('.').and_then(|(_, parent)| self.wildcard.get(parent));
        self.exact.get(&name).or_else(parent)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let found = hello.server_name().and_then(|name| self.find(name));
        Some(Arc::clone(found.unwrap_or(&self.first)))
    }
}

fn certified(certificate: &Certificate, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let Certificate { cert_file, key_file } = certificate;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert_file)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(cert_file, &error, "certificate"))?;
    if chain.is_empty() {
        return Err(unusable(cert_file, &pem::Error::NoItemsFound, "certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| unusable(key_file, &error, "private key"))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            fault(key_file, format!("this key does not belong to the certificate in {}", cert_file.display()))
        }
        rustls::Error::InvalidCertificate(_) => fault(cert_file, format!("this is no certificate: {error}")),
        error => fault(key_file, format!("this key cannot be used: {error}")),
    })
}

/// The names a certificate is for. One that has expired is used nevertheless: a warning at the edge is better than no
/// edge.
fn names(key: &CertifiedKey, file: &Path) -> Result<Vec<String>, TlsError> {
    let leaf = key.end_entity_cert().map_err(TlsError::Setup)?;
    let facts = certificate::read(leaf).ok_or_else(|| fault(file, "this is no certificate".to_owned()))?;
    if facts.not_after < clock::unix_seconds() {
        let expired = httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(facts.not_after));
        tracing::warn!(file = %file.display(), names = ?facts.names, %expired, "certificate has expired");
    }
    Ok(facts.names)
}

fn unusable(path: &Path, error: &pem::Error, what: &str) -> TlsError {
    let reason = match error {
        pem::Error::NoItemsFound => format!("there is no {what} in this file"),
        pem::Error::Io(error) if error.kind() == std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        pem::Error::Io(error) => format!("cannot be read: {error}"),
        error => format!("this is not PEM: {error}"),
    };
    fault(path, reason)
}

fn fault(path: &Path, reason: String) -> TlsError {
    TlsError::File { path: path.to_owned(), reason }
}
