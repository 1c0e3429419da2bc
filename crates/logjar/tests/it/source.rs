//! The repository's own files, for the tests that look at them.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that are not the repository's own: made by tools, or a registry that somebody runs here.
const FOREIGN: [&str; 4] = [".git", "target", "data", "node_modules"];

/// A file of the repository.
#[derive(Clone)]
pub(crate) struct SourceFile {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    /// Lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Its lines of code: no comments, and no unit tests, which stand at the end of their file.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines()
            .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// A file by its path from the root.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All text files with one of these extensions, sorted by path. Without extensions, all text files.
pub(crate) fn files(extensions: &[&str]) -> Vec<SourceFile> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            // In a linked work tree `.git` is a file.
            if FOREIGN.contains(&name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
            if !extensions.is_empty() && !extensions.contains(&extension) {
                continue;
            }
            let relative = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            // What is no text has nothing to say here.
            if let Ok(text) = fs::read_to_string(&path) {
                found.push(SourceFile { path: relative, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no files with {extensions:?} below {}", root.display());
    found
}

/// Method and path of every route, as the router names them.
pub(crate) fn routes() -> Vec<(String, String)> {
    let text = read("crates/logjar/src/http/mod.rs");
    let mut routes = Vec::new();
    for declared in text.split(".route(").skip(1) {
        let path = declared.split('"').nth(1).unwrap();
        let end = declared.find("\n        .").unwrap_or(declared.len());
        for method in ["get", "post", "put", "patch", "delete"] {
            let handlers = &declared[..end];
            if handlers.contains(&format!(" {method}(")) || handlers.contains(&format!(".{method}(")) {
                routes.push((method.to_uppercase(), path.to_owned()));
            }
        }
    }
    assert!(routes.len() > 10, "the router is written in another way than this test reads: {routes:?}");
    routes
}
