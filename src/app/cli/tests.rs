use std::fs;

use super::*;

/// A line as a shell splits it: by blanks that stand in no quotes, and without what follows `#`.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => (quote, word) = (Some(letter), Some(word.unwrap_or_default())),
            (None, '#') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[test]
fn every_command_of_the_documentation_is_one() {
    let mut commands = 0;
    let pages = fs::read_dir("docs").unwrap().map(|entry| entry.unwrap().path());
    for page in pages.chain([PathBuf::from("README.md")]).filter(|path| path.extension().is_some_and(|e| e == "md")) {
        let text = fs::read_to_string(&page).unwrap();
        // Every other part stands in a block.
        for line in text.split("```").skip(1).step_by(2).flat_map(str::lines) {
            let line = line.trim();
            if line != "waylight" && !line.starts_with("waylight ") {
                continue;
            }
            commands += 1;
            // In the table of all commands, words follow that say what each is for.
            let command = line.split("   ").next().unwrap();
            if let Err(error) = Cli::try_parse_from(words(command)) {
                panic!("{}: {command}\n{error}", page.display());
            }
        }
    }
    assert!(commands > 20, "{commands}");
}
