//! Packs the console's files for `src/console/assets.rs`: each without comments, which are half of it, those that other
//! people's pages load without blanks and with short names, too; and compressed by brotli and gzip, which takes too long to be done while a browser
//! waits. Nothing else of a script changes: what it does, and in which order, is what is written. Their digest stands in
//! their address.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use oxc_allocator::Allocator;
use oxc_codegen::{Codegen, CodegenOptions, CommentOptions};
use oxc_mangler::{MangleOptions, Mangler};
use oxc_parser::Parser;
use oxc_span::SourceType;
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
        let text = read(&root, name)?;
        let content = match name.rsplit_once('.') {
            Some((_, "js")) => bare(&text, name.starts_with("toolbar/")),
            _ => without_comments(&text),
        };
        let content = content.map_err(|error| format!("{name}: {error}"))?;
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
    let parts = joined::parts_of(name);
    if parts.is_empty() {
        return Ok(fs::read_to_string(root.join(name))?);
    }
    let texts: Result<Vec<_>, _> =
        parts.iter().chain([&name]).map(|name| fs::read_to_string(root.join(name))).collect();
    Ok(joined::joined(&texts?))
}

/// A script without comments and indentation; and, where it `is_short`, without blanks and with short names for what nobody outside it
/// can name.
fn bare(text: &str, is_short: bool) -> Result<String, String> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, SourceType::mjs()).parse();
    if let Some(error) = parsed.errors.first() {
        return Err(error.to_string());
    }
    if !is_short {
        let options =
            CodegenOptions { comments: CommentOptions::disabled(), indent_width: 0, ..CodegenOptions::default() };
        return Ok(Codegen::new().with_options(options).build(&parsed.program).code);
    }
    let options = MangleOptions { top_level: true, ..MangleOptions::default() };
    let names = Mangler::new().with_options(options).build(&parsed.program);
    let code = Codegen::new().with_options(CodegenOptions::minify()).with_scoping(Some(names.scoping));
    Ok(code.with_private_member_mappings(Some(names.class_private_mappings)).build(&parsed.program).code)
}

/// A style sheet or an image without comments, indentation and empty lines. No text in one looks like a comment.
fn without_comments(text: &str) -> Result<String, String> {
    let mut bare = String::with_capacity(text.len());
    for (number, part) in text.split("/*").enumerate() {
        bare.push_str(if number == 0 { part } else { part.split_once("*/").ok_or("a comment has no end")?.1 });
    }
    let lines: Vec<_> = bare.lines().map(str::trim_start).filter(|line| !line.is_empty()).collect();
    Ok(lines.join("\n"))
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
