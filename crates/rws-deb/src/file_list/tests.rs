use super::*;

const MD5: &str = "0123456789abcdef0123456789abcdef";

fn named(text: &str, form: FilesForm) -> Result<Vec<NamedFile>, Fault> {
    named_files(&Stanza::parse(text.as_bytes(), "it")?, form)
}

#[test]
fn the_lists_are_joined() {
    let sha256 = format!("{MD5}{MD5}");
    let text = format!(
        "Files:\n {MD5} 12 a.tar.gz\n\t{MD5}  7  b.diff.gz \nChecksums-Sha256:\n {sha256} 7 b.diff.gz\n {sha256} 12 a.tar.gz\n"
    );
    let files = named(&text, FilesForm::Source).unwrap();
    assert_eq!(
        files.iter().map(|file| (file.name.as_str(), file.size_bytes)).collect::<Vec<_>>(),
        [("a.tar.gz", 12), ("b.diff.gz", 7)]
    );
    for file in files {
        assert_eq!(file.md5.as_deref(), Some(MD5));
        assert_eq!(file.sha1, None);
        assert_eq!(file.sha256, Some(sha256.clone()));
    }
}

#[test]
fn changes_have_two_words_more() {
    let text = format!("Files:\n {MD5} 12 utils optional a.deb\n");
    assert_eq!(named(&text, FilesForm::Changes).unwrap()[0].name.as_str(), "a.deb");
    let capitals = named(&text.replace(MD5, &MD5.to_uppercase()), FilesForm::Changes).unwrap();
    assert_eq!(capitals[0].md5.as_deref(), Some(MD5));
    assert!(named(&text, FilesForm::Source).is_err());
}

#[test]
fn lists_that_disagree_or_lie_are_refused() {
    let sha1 = format!("{MD5}01234567");
    let good = format!("Files:\n {MD5} 1 a\n {MD5} 2 b\nChecksums-Sha1:\n {sha1} 1 a\n {sha1} 2 b\n");
    assert!(named(&good, FilesForm::Source).is_ok());
    for (from, to) in [
        (format!("Files:\n {MD5} 1 a\n {MD5} 2 b\n"), String::new()),
        (format!("\n {sha1} 2 b"), String::new()),
        (format!("{sha1} 2 b"), format!("{sha1} 2 c")),
        (format!("{sha1} 2 b"), format!("{sha1} 3 b")),
        (format!("{sha1} 2 b"), format!("{sha1} 1 a")),
        (format!("{MD5} 2 b"), format!("{MD5} 1 a")),
        (format!("{MD5} 2 b"), format!("{MD5} -2 b")),
        (format!("{MD5} 2 b"), format!("{MD5} +2 b")),
        (format!("{MD5} 2 b"), format!("{MD5} 99999999999999999999 b")),
        (format!("{MD5} 2 b"), format!("{MD5} 2 ../b")),
        (format!("{MD5} 2 b"), format!("{MD5} 2 .b")),
        (format!("{MD5} 2 b"), format!("{MD5} 2 b b")),
        (format!("{MD5} 2 b"), format!("{MD5}0 2 b")),
        (MD5.to_owned(), "g".repeat(32)),
        // apt holds them for other digests
        (MD5.to_owned(), MD5.to_uppercase()),
    ] {
        assert!(named(&good.replacen(&from, &to, 1), FilesForm::Source).is_err(), "{to:?}");
    }
    assert!(named("Files:\n", FilesForm::Source).is_err());
}
