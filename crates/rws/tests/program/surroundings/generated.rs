//! What the program says of itself: manual pages, completions, docs/reference.

use std::path::Path;

use crate::support::program::Program;
use crate::support::{file_name, files_in, project_root, read_file, temporary_directory, write_file};

#[track_caller]
fn generate(what: &str, directory: &Path) {
    Program::new(env!("CARGO_BIN_EXE_rws"), directory).args(["generate", what]).arg(directory).succeed();
}

/// Set `RWS_WRITE_REFERENCE` to write the pages anew; they are still compared.
#[test]
fn the_reference_is_the_one_that_is_checked_in() {
    let made = temporary_directory();
    generate("reference", made.path());
    let checked_in = project_root().join("docs/reference");
    let pages = files_in(made.path());
    assert!(pages.len() >= 4, "{pages:?}");
    if std::env::var_os("RWS_WRITE_REFERENCE").is_some() {
        for page in &pages {
            write_file(&checked_in.join(file_name(page)), read_file(page));
        }
    }
    let names = |files: &[std::path::PathBuf]| files.iter().map(|file| file_name(file)).collect::<Vec<_>>();
    assert_eq!(names(&files_in(&checked_in)), names(&pages));
    for page in &pages {
        let same = read_file(page) == read_file(&checked_in.join(file_name(page)));
        let name = file_name(page);
        assert!(
            same,
            "docs/reference/{name} is stale; run this test with RWS_WRITE_REFERENCE=1 and look at the changes"
        );
    }
}

#[test]
fn manual_pages_have_no_warnings() {
    let made = temporary_directory();
    generate("man", made.path());
    let pages = files_in(made.path());
    let names: Vec<String> = pages.iter().map(|page| file_name(page)).collect();
    for name in ["rws.1", "rws-serve.1", "rws-push.1", "rws-key-generate.1"] {
        assert!(names.iter().any(|page| page == name), "{name} is not in {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("generate-") || name.contains("help")), "{names:?}");
    let ran = Program::new("mandoc", made.path()).args(["-T", "lint", "-W", "error"]).args(&pages).run();
    assert!(ran.succeeded() && ran.everything().is_empty(), "{}", ran.transcript());
    let shown =
        Program::new("mandoc", made.path()).args(["-T", "ascii"]).arg(made.path().join("rws.1")).succeed().output();
    assert!(shown.contains("RWS_DATA_DIR"), "{shown}");
}

/// Each shell reads its file; bash completes with it.
#[test]
fn completions_complete() {
    let made = temporary_directory();
    generate("completions", made.path());
    let script = "set -u; source ./rws; COMP_WORDS=(rws ver) COMP_CWORD=1; _rws rws ver rws; echo \"${COMPREPLY[@]}\"; \
                  complete -p rws";
    let said = Program::new("bash", made.path()).args(["-c", script]).current_dir(made.path()).succeed().output();
    assert!(said.starts_with("verify\n") && said.contains("-F _rws"), "{said}");
    for name in ["_rws", "rws.fish"] {
        let text = String::from_utf8(read_file(&made.path().join(name))).unwrap();
        assert!(text.contains("release-package") && !text.contains("generate -d"), "{name}:\n{text}");
    }
}
