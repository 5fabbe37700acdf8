//! Expectations of the command line: any text is read or refused, at a place of its own; what is read can be looked at.

use waylight::rules::reading::{
    Trace,
    expect::{Expect, Facts},
};

/// The data is an expectation.
pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Expect::parse(text) {
        Ok(expect) => {
            assert_eq!(expect.text(), text.trim());
            let trace = Trace::new(Vec::new(), Vec::new());
            let facts = Facts {
                status: 200,
                cache: Some("hit"),
                error: "",
                first_byte: Some(1),
                duration: 2,
                trace: &trace,
                lack: None,
            };
            let _ = expect.verify(&facts);
        }
        Err(error) => {
            assert!(error.at <= text.chars().count() && !error.message.is_empty());
            assert!(!error.to_string().is_empty());
        }
    }
}
