//! Commands that ask the running instance of a configuration and are answered in JSON; and the shortest of them.

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{
    admin::ask::{Answered, Asking},
    cli::Lift,
    link::LinkError,
    source::{Loaded, Source},
    terminal,
    whereabouts::Whereabouts,
};

/// The largest answer, in octets.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Lets a person in again whose name was revoked.
///
/// # Errors
/// No instance runs, or nobody of this name is kept out.
pub(super) fn lift(source: &Source, options: &Lift) -> Result<(), LinkError> {
    ask(source, Method::POST, &format!("/people/lift?{}", parameter("name", &options.name)))?;
    terminal::say(format_args!("{} may sign in again", super::print::clean(&options.name)));
    Ok(())
}

/// Asks the admin listener of the instance that runs.
///
/// # Errors
/// None runs, or it refuses.
pub(super) fn ask(source: &Source, method: Method, path: &str) -> Result<Value, LinkError> {
    let Loaded { config, .. } = source.load().map_err(LinkError::Faulty)?;
    let found = Whereabouts::read(&config.state_dir)
        .map_err(|error| format!("no running instance was found in {}: {error}", config.state_dir.display()))?;
    let admin = found.admin.ok_or("the admin listener is switched off: nobody can be asked")?;
    let asking = Asking { method, path, cookie: None, answer_bytes_max: ANSWER_BYTES_MAX };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let Answered { status, body } =
        runtime.block_on(asking.at(&admin)).map_err(|error| format!("{admin} does not answer: {error}"))?;
    if !status.is_success() {
        return Err(String::from_utf8_lossy(&body).trim().to_owned().into());
    }
    Ok(serde_json::from_slice(&body)?)
}

/// A parameter of a query.
pub(super) fn parameter(name: &str, value: &str) -> String {
    format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
}
