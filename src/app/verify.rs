//! What `waylight check` looks into beyond the configuration's text: certificates, keys and authorities, by the same
//! code that reads them at a start and at a reload.

use crate::{
    config::{
        Unusable,
        model::{Certificate, Config, Export, Upstream},
    },
    proxy::{
        connect::{self, Roots},
        sentry,
        tls::{Tls, TlsError},
    },
    trace::export,
};

/// Every file that `config` names and that cannot be used.
pub(super) fn files(config: &Config) -> Vec<Unusable> {
    let secure = config.listeners.iter().any(|listener| listener.tls.is_on());
    let certificates = config.certificates.iter().filter(|_| secure).filter_map(certificate);
    let roots = Roots::default();
    let upstreams =
        config.upstreams.iter().filter_map(|(name, upstream)| authorities((name, &["ca_file"]), upstream, &roots));
    let tunnel = config.sentry.as_ref().and_then(|sentry| sentry.tunnel.as_ref()).map(sentry::upstreams);
    let servers = tunnel.unwrap_or_default().into_iter();
    let servers = servers.filter_map(|(name, server)| authorities((&name, &["tunnel_ca_file"]), &server, &roots));
    certificates.chain(upstreams).chain(servers).chain(config.exports.iter().filter_map(back_end)).collect()
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

fn authorities((name, keys): (&str, &'static [&'static str]), upstream: &Upstream, roots: &Roots) -> Option<Unusable> {
    let error = connect::verify(upstream, roots).err()?;
    let what = format!("upstream {name}: {error}");
    let path = match error {
        connect::TlsError::CaFile(path, _) | connect::TlsError::NoCertificates(path) => Some(path),
        connect::TlsError::ServerName(_) | connect::TlsError::Settings(_) => None,
    };
    Some(Unusable { path, keys, what })
}

fn back_end(wished: &Export) -> Option<Unusable> {
    let error = export::verify(wished).err()?;
    let path = error.path.clone();
    Some(Unusable { path, keys: &["ca_file", "client_cert_file", "client_key_file"], what: error.to_string() })
}
