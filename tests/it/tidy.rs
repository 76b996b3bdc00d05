//! The house keeps its own order: imports go one way, the map is true, files stay readable.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust sources below a folder, sorted.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Rooms with their floors, as ARCHITECTURE.md has them.
fn floors() -> BTreeMap<String, u32> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the page is there");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let floor = cells.next()?.parse().ok()?;
        let room = cells.next()?.trim_matches('`').to_owned();
        Some((room, floor))
    });
    rows.collect()
}

/// The room that a source file belongs to: `src/stats/rng.rs` is in `stats`.
fn room_of(path: &Path) -> String {
    let inside = path
        .strip_prefix(root().join("src"))
        .expect("the file is a source");
    let first = inside.components().next().expect("the path is not empty");
    first
        .as_os_str()
        .to_string_lossy()
        .trim_end_matches(".rs")
        .to_owned()
}

/// The text of a file without its test modules, which may import what they like.
fn code_of(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("the file can be read");
    let end = text.find("\n#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end].to_owned()
}

fn is_for_tests(path: &Path) -> bool {
    let name = path
        .file_stem()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let in_tests = path.components().any(|part| part.as_os_str() == "tests");
    in_tests || name == "tests" || name == "testing"
}

#[test]
fn the_map_names_every_room_and_no_other() {
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut rooms: Vec<String> = library
        .lines()
        .filter_map(|line| {
            Some(
                line.strip_prefix("pub mod ")?
                    .trim_end_matches(';')
                    .to_owned(),
            )
        })
        .collect();
    rooms.sort();
    assert_eq!(floors().into_keys().collect::<Vec<_>>(), rooms);
}

#[test]
fn a_room_imports_only_from_lower_floors() {
    let floors = floors();
    let mut wrong = Vec::new();
    for path in sources(&root().join("src")) {
        let room = room_of(&path);
        if matches!(room.as_str(), "lib" | "main") || is_for_tests(&path) {
            continue;
        }
        for (at, _) in code_of(&path).match_indices("crate::") {
            let code = code_of(&path);
            let rest = &code[at + "crate::".len()..];
            let name: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let allowed = name == room
                || floors
                    .get(&name)
                    .is_some_and(|floor| *floor < floors[&room]);
            if !allowed {
                wrong.push(format!(
                    "{}: crate::{name}",
                    path.strip_prefix(root()).unwrap().display()
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports that go up:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_source_file_is_too_long_to_read() {
    let long: Vec<String> = sources(&root().join("src"))
        .into_iter()
        .filter(|path| !is_for_tests(path))
        .map(|path| (code_of(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > 700)
        .map(|(lines, path)| format!("{lines} {}", path.strip_prefix(root()).unwrap().display()))
        .collect();
    assert!(long.is_empty(), "files to part:\n{}", long.join("\n"));
}

#[test]
fn modules_are_files_and_say_what_they_are_for() {
    for path in sources(&root().join("src")) {
        assert_ne!(path.file_name().unwrap(), "mod.rs", "{}", path.display());
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("//! "),
            "{} begins with its purpose",
            path.display()
        );
    }
}

#[test]
fn only_the_console_prints() {
    for path in sources(&root().join("src"))
        .into_iter()
        .filter(|path| !is_for_tests(path))
    {
        let inside = path.strip_prefix(root().join("src")).unwrap();
        let prints = ["println!", "eprintln!", "print!(", "dbg!"]
            .iter()
            .any(|word| code_of(&path).contains(word));
        assert!(
            !prints || inside == Path::new("cli/console.rs"),
            "{} prints",
            inside.display()
        );
    }
}

#[test]
fn the_changelog_knows_this_version() {
    let page = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    assert!(page.contains(&format!("\n## {}\n", env!("CARGO_PKG_VERSION"))));
}
