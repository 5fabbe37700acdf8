//! People, at the real binary: who is answered and who is not, and what each way to sign in is worth.

mod again;
mod authority;
pub(crate) mod browser;
mod oidc;
mod restart;
mod signs;
