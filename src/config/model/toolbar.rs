//! How the toolbar shows itself in pages, and what it records in their browsers: `[toolbar]`.

use super::Toggle;

pub use crate::rules::{
    csp::Mode as CspMode,
    toolbar::{Corner, Opening, Origin, Shortcut},
};

/// How the toolbar shows itself in pages, and what it records in their browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToolbar {
    /// What may be done to pages' policies for it.
    pub csp: CspMode,
    /// The corner that it stands in until it is dragged to another.
    pub corner: Corner,
    /// What opens it.
    pub shortcut: Option<Shortcut>,
    /// Whether it shows itself when a page loads.
    pub start: Opening,
    /// Whether browsers record spans of traced pages.
    pub browser_spans: Toggle,
    /// Where those pages send trace context, beside their own origin.
    pub propagate_to: Vec<Origin>,
}

impl Default for PageToolbar {
    fn default() -> Self {
        Self {
            csp: CspMode::default(),
            corner: Corner::default(),
            shortcut: None,
            start: Opening::default(),
            browser_spans: Toggle::On,
            propagate_to: Vec::new(),
        }
    }
}
