//! Packs the console's files for `src/console/assets.rs`: each without its comments, types and indentation, which are half
//! of it; and compressed by brotli and gzip, which takes too long to be done while a browser waits. Every line keeps its
//! number, but in what is joined. Their digest stands in their address.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

#[path = "src/console/assets/joined.rs"]
mod joined;

const WEB: &str = "src/console/web";
/// What is no file of the console: the plain pages carry their style sheet within them, the page itself is no file below
/// the digest, and types are for tools.
const LEFT_OUT: [&str; 4] = ["waylight.css", "index.html", ".d.ts", ".json"];
/// Digits of the digest that stand in an address.
const DIGITS: usize = 16;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={WEB}");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join(WEB);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut names = Vec::new();
    list(&root, "", &mut names)?;
    names.sort();
    let mut digest = Sha256::new();
    let mut code = String::from("&[\n");
    names.retain(|name| !joined::is_part(name));
    for (number, name) in names.iter().enumerate() {
        let content = without_comments(&read(&root, name)?);
        digest.update(u64::try_from(name.len() + content.len())?.to_be_bytes());
        digest.update(name);
        digest.update(&content);
        let packed = |ending: &str| out.join(format!("{number}.{ending}"));
        let (plain, brotli, gzip) = (packed("txt"), packed("br"), packed("gz"));
        fs::write(&plain, &content)?;
        fs::write(&brotli, by_brotli(content.as_bytes())?)?;
        fs::write(&gzip, by_gzip(content.as_bytes())?)?;
        writeln!(
            code,
            "File {{ name: {name:?}, plain: include_bytes!({plain:?}), brotli: include_bytes!({brotli:?}), \
             gzip: include_bytes!({gzip:?}) }},"
        )?;
    }
    code.push(']');
    let digest: String = digest.finalize().iter().map(|octet| format!("{octet:02x}")).collect();
    fs::write(out.join("assets.in"), code)?;
    fs::write(out.join("assets.digest"), &digest[..DIGITS])?;
    Ok(())
}

fn list(root: &Path, below: &str, names: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| format!("{name:?} is no UTF-8"))?;
        let name = if below.is_empty() { name } else { format!("{below}/{name}") };
        if entry.file_type()?.is_dir() {
            list(root, &name, names)?;
        } else if !LEFT_OUT.iter().any(|end| name.ends_with(end)) {
            names.push(name);
        }
    }
    Ok(())
}

/// A file, with what is sent along in it.
fn read(root: &Path, name: &str) -> Result<String, Box<dyn Error>> {
    let text = fs::read_to_string(root.join(name))?;
    let Some(part) = joined::part_of(name) else { return Ok(text) };
    Ok(joined::joined(&text, part, &fs::read_to_string(root.join(part))?))
}

/// A text whose lines of comment are empty, those that begin with `//` and those of a comment that begins a line, and
/// whose other lines are not indented. A lint of the scripts sees to it that no literal has such lines.
fn without_comments(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut is_within = false;
    for line in text.lines() {
        let inner = line.trim_start();
        let begins = inner.starts_with("/*");
        let rest = match (is_within || begins, inner.split_once("*/")) {
            (false, _) if inner.starts_with("//") => "",
            (false, _) => line,
            (true, None) => "",
            (true, Some((_, rest))) if rest.trim().is_empty() => "",
            // A comment in front of code on its own line stays.
            (true, Some((_, rest))) => {
                if is_within {
                    rest
                } else {
                    line
                }
            }
        };
        is_within = (is_within || begins) && !inner.contains("*/");
        push_without_asides(&mut bare, rest.trim_start());
        bare.push('\n');
    }
    bare
}

/// A line without the comments within it: types, which stand there for tools (`/** @type {any} */`), and why a block does
/// nothing (`{ /* so be it */ }`). No literal has any.
fn push_without_asides(bare: &mut String, mut line: &str) {
    let begin = |line: &str| line.find("/** @").into_iter().chain(line.find("{ /* ").map(|at| at + 2)).min();
    while let Some((at, (_, rest))) = begin(line).and_then(|at| Some((at, line[at..].split_once("*/")?))) {
        bare.push_str(&line[..at]);
        line = rest.strip_prefix(' ').unwrap_or(rest);
    }
    bare.push_str(line);
}

fn by_brotli(content: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut packed = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 18, ..Default::default() };
    brotli::BrotliCompress(&mut &*content, &mut packed, &parameters)?;
    Ok(packed)
}

fn by_gzip(content: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}
