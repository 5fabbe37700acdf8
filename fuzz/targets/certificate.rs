//! Certificates in DER, as far as their names and dates are read.

/// The data is a certificate.
pub(super) fn run(data: &[u8]) {
    let _ = waylight::rules::certificate::read(data);
}
