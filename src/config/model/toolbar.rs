//! How the toolbar shows itself in pages: `[toolbar]`.

pub use crate::rules::{
    csp::Mode as CspMode,
    toolbar::{Corner, Opening, Shortcut},
};

/// How the toolbar shows itself in pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageToolbar {
    /// What may be done to pages' policies for it.
    pub csp: CspMode,
    /// The corner that it stands in until it is dragged to another.
    pub corner: Corner,
    /// What opens it.
    pub shortcut: Option<Shortcut>,
    /// Whether it shows itself when a page loads.
    pub start: Opening,
}
