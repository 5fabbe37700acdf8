//! Packs the console's files for `src/console/assets.rs`: each as it is, and compressed by brotli and gzip, which takes
//! too long to be done while a browser waits. Their digest stands in their address.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

const WEB: &str = "src/console/web";
/// What is no file of the console: the plain pages carry their style sheet within them, and types are for tools.
const LEFT_OUT: [&str; 3] = ["waylight.css", ".d.ts", ".json"];
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
    for (number, name) in names.iter().enumerate() {
        let path = root.join(name);
        let content = fs::read(&path)?;
        digest.update(u64::try_from(name.len() + content.len())?.to_be_bytes());
        digest.update(name);
        digest.update(&content);
        let (brotli, gzip) = (out.join(format!("{number}.br")), out.join(format!("{number}.gz")));
        fs::write(&brotli, by_brotli(&content)?)?;
        fs::write(&gzip, by_gzip(&content)?)?;
        writeln!(
            code,
            "File {{ name: {name:?}, plain: include_bytes!({path:?}), brotli: include_bytes!({brotli:?}), \
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
