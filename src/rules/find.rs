//! The search grammar of the Logs and of traces: words, and conditions on fields.

/// What is searched for: everything must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Find {
    /// The terms.
    pub terms: Vec<Term>,
}

/// One term.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// A word, anywhere in what is shown, whatever its case.
    Word(String),
}
