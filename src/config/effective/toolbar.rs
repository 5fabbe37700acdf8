//! `[toolbar]`, as it is meant.

use super::Writer;
use crate::config::model::{Corner, CspMode, Opening, PageToolbar};

impl Writer {
    pub(super) fn toolbar(&mut self, toolbar: &PageToolbar) {
        self.table("[toolbar]");
        self.word("csp", name(&CspMode::ALL, &toolbar.csp));
        self.word("corner", name(&Corner::ALL, &toolbar.corner));
        self.text("shortcut", &toolbar.shortcut.as_ref().map_or_else(|| "off".to_owned(), ToString::to_string));
        self.word("start", if toolbar.start == Opening::Shown { "shown" } else { "hidden" });
        self.toggle("browser_spans", toolbar.browser_spans);
        self.names("propagate_to", &toolbar.propagate_to);
    }
}

/// The word of a choice.
fn name<T: PartialEq>(choices: &[(&'static str, T)], chosen: &T) -> &'static str {
    choices.iter().find(|(_, choice)| choice == chosen).map_or("", |(name, _)| name)
}
