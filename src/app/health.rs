//! `waylight health`: for container engines, which know an instance's files but not its port.

use super::{
    admin::ask::{Answered, Asking},
    source::{Loaded, Source},
    terminal,
    whereabouts::Whereabouts,
};
use crate::{config::model::AdminAddress, error::BoxError};

/// Whether the running instance of this configuration is healthy.
///
/// # Errors
/// No instance, no admin listener, or no good answer.
pub fn health(source: &Source) -> Result<(), BoxError> {
    let Loaded { config, .. } = source.load()?;
    let admin = match Whereabouts::read(&config.state_dir) {
        Ok(found) => found.admin,
        // Perhaps another user's: the configuration may say enough.
        Err(_) => config.admin.map(|admin| match admin.address {
            AdminAddress::Tcp(address) => format!("http://{address}"),
            AdminAddress::Unix(path) => format!("unix:{}", path.display()),
        }),
    };
    let admin = admin.ok_or("the admin listener is switched off: nobody can be asked")?;
    let asking = Asking { method: http::Method::GET, path: "/health", cookie: None, answer_bytes_max: 1 << 10 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let Answered { status, body } =
        runtime.block_on(asking.at(&admin)).map_err(|error| format!("{admin} does not answer: {error}"))?;
    let answer = String::from_utf8_lossy(&body);
    if !status.is_success() {
        return Err(format!("{admin} answers {status}: {}", answer.trim()).into());
    }
    terminal::say(answer.trim());
    Ok(())
}
