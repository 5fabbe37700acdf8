//! `${NAME}` in strings: replaced by what the environment holds. `${NAME:-text}` gives `text` where it holds nothing;
//! `$${` is a plain `${`.

/// A string with its variables replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) text: String,
    /// Whether something was replaced: then the text may be secret.
    pub(super) replaced: bool,
}

/// Why a string cannot be expanded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ExpandError {
    /// `${` without its `}`.
    Unclosed,
    /// Not a variable's name.
    Name(String),
    /// The environment does not hold it.
    Unset(String),
}

pub(super) fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Expanded, ExpandError> {
    let mut out = Expanded { text: String::with_capacity(text.len()), replaced: false };
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.text += &rest[..at - 1];
            out.text += "${";
            rest = &rest[at + 2..];
            continue;
        }
        out.text += &rest[..at];
        let (inside, after) = rest[at + 2..].split_once('}').ok_or(ExpandError::Unclosed)?;
        let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, text)| (name, Some(text)));
        let valid = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        if !valid {
            return Err(ExpandError::Name(name.to_owned()));
        }
        let value = env(name).filter(|value| default.is_none() || !value.is_empty());
        let value = value.or_else(|| default.map(str::to_owned));
        out.text += &value.ok_or_else(|| ExpandError::Unset(name.to_owned()))?;
        out.replaced = true;
        rest = after;
    }
    out.text += rest;
    Ok(out)
}
