//! What `waylight check` looks into beyond the configuration's text: certificates, keys and authorities, by the same
//! code that reads them at a start and at a reload.

use crate::{
    config::{
        Unusable,
        model::{Certificate, Config, Export, Upstream},
    },
    proxy::{
        connect::{self, Roots},
        tls::{Tls, TlsError},
    },
    trace::export,
};

/// Every file that `config` names and that cannot be used.
pub(super) fn files(config: &Config) -> Vec<Unusable> {
    let secure = config.listeners.iter().any(|listener| listener.tls.is_on());
    let certificates = config.certificates.iter().filter(|_| secure).filter_map(certificate);
    let roots = Roots::default();
    let upstreams = config.upstreams.iter().filter_map(|(name, upstream)| authorities(name, upstream, &roots));
    certificates.chain(upstreams).chain(config.exports.iter().filter_map(back_end)).collect()
}

fn certificate(certificate: &Certificate) -> Option<Unusable> {
    let error = Tls::load(std::slice::from_ref(certificate), None).err()?;
    let what = error.to_string();
    let path = match error {
        TlsError::File { path, .. } => Some(path),
        TlsError::NoCertificate | TlsError::Setup(_) => None,
    };
    Some(Unusable { path, keys: &["cert_file", "key_file"], what })
}

fn authorities(name: &str, upstream: &Upstream, roots: &Roots) -> Option<Unusable> {
    let error = connect::verify(upstream, roots).err()?;
    let what = format!("upstream {name}: {error}");
    let path = match error {
        connect::TlsError::CaFile(path, _) | connect::TlsError::NoCertificates(path) => Some(path),
        connect::TlsError::ServerName(_) | connect::TlsError::Settings(_) => None,
    };
    Some(Unusable { path, keys: &["ca_file"], what })
}

fn back_end(wished: &Export) -> Option<Unusable> {
    let error = export::verify(wished).err()?;
    let path = error.path.clone();
    Some(Unusable { path, keys: &["ca_file", "client_cert_file", "client_key_file"], what: error.to_string() })
}
