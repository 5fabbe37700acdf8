//! `[toolbar]`.

use super::super::{
    document::{Table, Value},
    model::{Corner, CspMode, Opening, PageToolbar, Shortcut},
};

const START: &[(&str, Opening)] = &[("shown", Opening::Shown), ("hidden", Opening::Hidden)];

pub(super) fn toolbar(table: &Table<'_>) -> PageToolbar {
    let toolbar = PageToolbar {
        csp: table.or("csp", CspMode::default(), |value| value.choice(&CspMode::ALL)),
        corner: table.or("corner", Corner::default(), |value| value.choice(&Corner::ALL)),
        shortcut: table.or("shortcut", Some(Shortcut::default()), |value| {
            let hint = "write modifiers and a key, like `Alt+Shift+T`, or `off`";
            let read = |text: &str| if text == "off" { Some(None) } else { Shortcut::parse(text).map(Some) };
            value.parsed("a keyboard shortcut", hint, read)
        }),
        start: table.or("start", Opening::default(), |value: &Value<'_>| value.choice(START)),
    };
    table.check();
    toolbar
}
