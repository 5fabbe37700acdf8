//! `[toolbar]`.

use super::super::{
    document::{Table, Value},
    model::{Corner, CspMode, Opening, Origin, PageToolbar, Shortcut, Toggle},
};

/// Each page is told of them.
const ORIGINS_MAX: usize = 16;

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
        browser_spans: table.or("browser_spans", Toggle::On, Value::toggle),
        propagate_to: table.or("propagate_to", Vec::new(), origins),
    };
    table.check();
    toolbar
}

fn origins(value: &Value<'_>) -> Option<Vec<Origin>> {
    let hint = "write scheme and host, and a port where there is one: `https://api.example.com`";
    let origins = value.list(|item| item.parsed("an origin", hint, Origin::parse))?;
    if origins.len() > ORIGINS_MAX {
        value.fault(format!("at most {ORIGINS_MAX} origins are possible"), "");
        return None;
    }
    Some(origins)
}
