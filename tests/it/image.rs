//! The container image: its build stage has every file that the binary is made of. There is no container engine in the
//! tests, so this compares what `Dockerfile` copies, and what `.dockerignore` lets through, with what the sources embed.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

#[test]
fn the_image_is_built_from_every_file_that_the_binary_embeds() {
    let copied = copied();
    let let_through = let_through();
    assert!(copied.iter().any(|path| path == "src"), "{copied:?}");
    for file in embedded() {
        for (what, list) in [("Dockerfile copies", &copied), (".dockerignore lets through", &let_through)] {
            assert!(
                list.iter().any(|entry| Path::new(&file).starts_with(entry)),
                "{file} is embedded, but is not in what {what}: {list:?}"
            );
        }
    }
}

/// What the build stage copies from the context.
fn copied() -> Vec<String> {
    let text = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let build = text.split("\nFROM ").nth(1).unwrap_or_else(|| panic!("two stages are expected"));
    let of_context = |line: &&str| line.starts_with("COPY ") && !line.contains("--from");
    build
        .lines()
        .filter(of_context)
        .flat_map(|line| {
            let words: Vec<&str> = line.split_whitespace().skip(1).collect();
            let sources = words.len().saturating_sub(1);
            words.into_iter().take(sources).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

fn let_through() -> Vec<String> {
    let text = fs::read_to_string(root().join(".dockerignore")).unwrap();
    text.lines().filter_map(|line| line.strip_prefix('!')).map(str::to_owned).collect()
}

/// Every file that the sources embed outside tests, below the crate's root.
fn embedded() -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root().join("src")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests" || stem == "testing");
            if is_test {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                for named in embeds(&text) {
                    found.push(below_root(&path.parent().unwrap().join(named)));
                }
            }
        }
    }
    assert!(found.iter().any(|file| file.ends_with(".sql")), "the schema is embedded: {found:?}");
    found
}

/// What `include_str!` and `include_bytes!` name in a text.
fn embeds(text: &str) -> Vec<&str> {
    ["include_str!(\"", "include_bytes!(\""]
        .iter()
        .flat_map(|start| text.split(start).skip(1).filter_map(|rest| rest.split('"').next()))
        .collect()
}

fn below_root(path: &Path) -> String {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}
