//! The purges that no index can answer, as they are written down: they are met when a file is read, also after a restart.

use std::{fs, io, path::Path};

use crate::rules::cache::{How, Purge};

/// The file of purges.
const PURGES: &str = "purges";

/// One line for each purge: when, how, what, and its name.
pub(super) fn write(directory: &Path, purges: &[(u64, Purge, How)]) -> io::Result<()> {
    let mut text = String::new();
    for (at, what, how) in purges {
        let (kind, name) = match what {
            Purge::All => ("all", String::new()),
            Purge::Url(url) => ("url", url.clone()),
            Purge::Prefix(prefix) => ("prefix", prefix.clone()),
            Purge::Tag(tag) => ("tag", tag.clone()),
            Purge::Groups(origin, groups) => ("groups", format!("{origin}\t{}", groups.join("\t"))),
        };
        text.push_str(&format!("{at}\t{}\t{kind}\t{}\n", how.word(), name.replace('\n', " ")));
    }
    let fresh = directory.join("purges.new");
    fs::write(&fresh, text)?;
    fs::rename(&fresh, directory.join(PURGES))
}

/// What was written down.
pub(super) fn read(directory: &Path) -> Vec<(u64, Purge, How)> {
    let text = fs::read_to_string(directory.join(PURGES)).unwrap_or_default();
    let line = |line: &str| {
        let mut parts = line.splitn(4, '\t');
        let at = parts.next()?.parse().ok()?;
        let how = if parts.next()? == "soft" { How::Soft } else { How::Hard };
        let (kind, name) = (parts.next()?, parts.next()?.to_owned());
        let what = match kind {
            "all" => Purge::All,
            "url" => Purge::Url(name),
            "prefix" => Purge::Prefix(name),
            "tag" => Purge::Tag(name),
            _ => {
                let mut names = name.split('\t').map(str::to_owned);
                Purge::Groups(names.next()?, names.collect())
            }
        };
        Some((at, what, how))
    };
    text.lines().filter_map(line).collect()
}
