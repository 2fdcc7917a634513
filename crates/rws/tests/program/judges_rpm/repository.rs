//! Repositories without packages that have one file of metadata beside the usual ones.

use std::path::Path;

use rws_model::sha256;

use crate::support::write_file;

/// Writes one; the further file has a kind, a name and a text.
pub fn write_repository(directory: &Path, further: (&str, &str, &str)) {
    let repodata = directory.join("repodata");
    let usual =
        [("primary", "metadata", "common"), ("filelists", "filelists", "filelists"), ("other", "otherdata", "other")];
    let usual = usual.map(|(kind, root, space)| {
        let text = format!("<{root} xmlns=\"http://linux.duke.edu/metadata/{space}\" packages=\"0\"></{root}>");
        (kind, format!("{kind}.xml"), text)
    });
    let (kind, name, text) = further;
    let mut root = "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>1</revision>".to_owned();
    for (kind, name, text) in usual.into_iter().chain([(kind, name.to_owned(), text.to_owned())]) {
        let (digest, size) = (sha256(text.as_bytes()).hex(), text.len());
        write_file(&repodata.join(&name), text);
        root.push_str(&format!(
            "<data type=\"{kind}\"><checksum type=\"sha256\">{digest}</checksum><location href=\"repodata/{name}\"/>\
             <timestamp>1</timestamp><size>{size}</size></data>"
        ));
    }
    write_file(&repodata.join("repomd.xml"), format!("{root}</repomd>\n"));
}

/// What dnf is told of one.
pub fn repo_file(name: &str, directory: &Path) -> String {
    let address = format!("file://{}", directory.display());
    format!("[{name}]\nname={name}\nbaseurl={address}\nenabled=1\ngpgcheck=0\nskip_if_unavailable=0\n")
}
