//! Reading our own source: which files there are, what of them is code, and which paths that code names.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One Rust file.
pub(super) struct Source {
    /// Below the crate's root, with `/`.
    pub(super) path: String,
    /// As it stands.
    pub(super) text: String,
    /// Without comments and literals.
    pub(super) code: String,
}

/// A path of segments, as `crate::a::b` names it.
pub(super) type Segments = Vec<String>;

/// Every Rust file below `folder`, in order.
pub(super) fn sources(folder: &str) -> Vec<Source> {
    let mut sources: Vec<Source> = files(folder)
        .into_iter()
        .filter(|path| path.ends_with(".rs"))
        .map(|path| {
            let text = fs::read_to_string(root().join(&path)).unwrap();
            Source { code: code(&text), path, text }
        })
        .collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Every file below `folder`, or nothing where there is no such folder.
pub(super) fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if !path.is_dir() {
                let below = path.strip_prefix(root()).unwrap();
                found.push(
                    below.components().map(|part| part.as_os_str().to_str().unwrap()).collect::<Vec<_>>().join("/"),
                );
            } else if !["target", "node_modules", "results"].iter().any(|name| path.ends_with(name)) {
                open.push(path);
            }
        }
    }
    found
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

impl Source {
    /// The module this file is: `src/proxy/inject/body.rs` is `proxy::inject::body`.
    pub(super) fn module(&self) -> Segments {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
    }

    /// Every path of our own crate that this file names, from the crate's root on.
    pub(super) fn own_paths(&self) -> Vec<Segments> {
        let module = self.module();
        let mut paths = Vec::new();
        for (at, word) in words(&self.code) {
            let rest = &self.code[at + word.len()..];
            let before = self.code[..at].trim_end();
            if !rest.starts_with("::") || before.ends_with("::") || before.ends_with("pub(in") {
                continue;
            }
            match word {
                "crate" | "waylight" => expand(&mut &rest[2..], &[], &mut paths),
                "super" => {
                    let above = module.split_last().map_or(&[][..], |(_, above)| above);
                    expand(&mut &rest[2..], above, &mut paths);
                }
                _ => {}
            }
        }
        paths
    }

    /// Every path that begins with another crate's name: what `use` lists, and what stands in full in the code.
    pub(super) fn foreign_paths(&self) -> Vec<Segments> {
        let mut paths = Vec::new();
        for (at, word) in words(&self.code) {
            let rest = &self.code[at + word.len()..];
            let before = self.code[..at].trim_end();
            let nested = before.ends_with("::") || (before.ends_with(['{', ',']) && in_use(before));
            let local = self.code.contains(&format!("mod {word};")) || self.code.contains(&format!("mod {word} {{"));
            let named = word.starts_with(|first: char| first.is_ascii_lowercase());
            if rest.starts_with("::") && !nested && named && !local && !["crate", "self", "super"].contains(&word) {
                expand(&mut &rest[2..], &[word.to_owned()], &mut paths);
            }
        }
        // What a `use` brought in under its last name is judged there.
        let brought: Vec<String> = paths
            .iter()
            .chain(&self.own_paths())
            .filter(|path| path.len() > 1)
            .filter_map(|path| path.last().cloned())
            .collect();
        paths.retain(|path| !brought.contains(&path[0]));
        paths
    }
}

/// Whether what ends with `before` stands inside of a `use` item.
fn in_use(before: &str) -> bool {
    let item = before.rfind(';').map_or(before, |end| &before[end + 1..]).trim_start();
    let item =
        item.strip_prefix("pub").map_or(item, |rest| rest.trim_start_matches("(super)").trim_start_matches("(crate)"));
    item.trim_start().starts_with("use ")
}

/// Identifiers, with the place where each begins.
pub(super) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.split(move |c| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - code.as_ptr() as usize, word))
}

/// Reads one path, or a tree of paths in braces, and adds each of them in full.
fn expand(text: &mut &str, prefix: &[String], paths: &mut Vec<Segments>) {
    *text = text.trim_start();
    if let Some(inside) = text.strip_prefix('{') {
        *text = inside;
        loop {
            *text = text.trim_start();
            if let Some(after) = text.strip_prefix('}') {
                *text = after;
                return;
            }
            expand(text, prefix, paths);
            let next = text.find([',', '}']).unwrap_or(text.len());
            *text = text[next..].trim_start_matches(',');
            if text.is_empty() {
                return;
            }
        }
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '*')).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    *text = rest;
    let mut path = prefix.to_vec();
    match word {
        "super" => drop(path.pop()),
        "self" | "" => {}
        _ => path.push(word.to_owned()),
    }
    match rest.strip_prefix("::") {
        Some(deeper) if !word.is_empty() => {
            *text = deeper;
            expand(text, &path, paths);
        }
        _ => paths.push(path),
    }
}

/// `text` with every comment and every literal's content blanked; line breaks stay.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#") && !continues(&code) => raw(rest),
            '"' => quoted(rest, '"'),
            '\'' if rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'') => quoted(rest, '\''),
            _ => 0,
        };
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().filter(|c| *c == '\n'));
            code.push(' ');
            rest = &rest[length..];
        }
    }
    code
}

/// Whether the code so far ends inside of an identifier.
fn continues(code: &str) -> bool {
    code.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw string, or 0 for a raw identifier.
fn raw(text: &str) -> usize {
    let hashes = text[1..].bytes().take_while(|octet| *octet == b'#').count();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    text[hashes + 2..].find(&end).map_or(text.len(), |at| hashes + 2 + at + end.len())
}

#[test]
fn paths_are_read_in_full() {
    let text = "use crate::{a::b, c::{self, d as e, *}};\nfn f() { super::g::h(); } // crate::no\nconst S: &str = \"crate::no\";";
    let source = Source { path: "src/x/y.rs".into(), code: code(text), text: text.into() };
    let paths: Vec<String> = source.own_paths().iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["a::b", "c", "c::d", "c::*", "x::g::h"]);
}

#[test]
fn foreign_paths_are_read_in_full() {
    let text = "use std::{fs, net::{IpAddr, TcpStream}};\nmod local;\nuse local::X;\nuse std::fmt;\nimpl fmt::Debug for X {}\nfn f() -> http::Uri { tokio::spawn(1) }";
    let source = Source { path: "src/x/y.rs".into(), code: code(text), text: text.into() };
    let paths: Vec<String> = source.foreign_paths().iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["std::fs", "std::net::IpAddr", "std::net::TcpStream", "std::fmt", "http::Uri", "tokio::spawn"]);
}
