//! Repositories that were left half-written, or without metadata.

use super::stage::{FIXTURES, apt, expect_debs_of, expect_downloaded, expect_rpms, expect_whole, post};
use crate::support::dnf::{Dnf, repo_file};
use crate::support::form::File;
use crate::support::original::{Kind, Original};

crate::on_directory_and_moto! {
    half_written_archives_are_synchronised,
    half_written_rpm_repositories_are_synchronised,
}

/// A repository, what becomes of it before mkrepo runs, and after.
struct Ruin {
    /// of the tree: a series each
    series: &'static str,
    packages: Vec<&'static File>,
    indexed: bool,
    ruin: fn(&Original, &str),
}

impl Ruin {
    fn new(series: &'static str, packages: Vec<&'static File>, indexed: bool, ruin: fn(&Original, &str)) -> Self {
        Self { series, packages, indexed, ruin }
    }
}

/// Makes the repositories, indexes those that are to be, and ruins them all.
#[track_caller]
fn make(original: &Original, ruins: &[Ruin], base: impl Fn(&str) -> String, packages: &str) {
    let bases: Vec<String> = ruins.iter().map(|ruin| base(ruin.series)).collect();
    for (ruin, base) in ruins.iter().zip(&bases) {
        original.put_all(&format!("{base}/{packages}"), ruin.packages.iter().copied());
    }
    let indexed = ruins.iter().zip(&bases).filter(|(ruin, _)| ruin.indexed);
    original.mkrepo(&indexed.map(|(_, base)| base.as_str()).collect::<Vec<_>>());
    for (ruin, base) in ruins.iter().zip(&bases) {
        (ruin.ruin)(original, base);
    }
}

fn remove_all(original: &Original, start: &str) {
    for path in original.paths(start) {
        original.remove(&path);
    }
}

/// Cuts a file off.
fn cut(original: &Original, path: &str) {
    let bytes = original.get(path).unwrap();
    original.put(path, &bytes[..bytes.len() / 2]);
}

fn half_written_archives_are_synchronised(kind: Kind) {
    let original = Original::on(kind);
    let packages = || vec![&FIXTURES.deb, &FIXTURES.all_deb];
    let ruins = [
        // never indexed
        Ruin::new("1.10", packages(), false, |_, _| {}),
        Ruin::new("2.1", packages(), false, |original, base| original.make_directory(&format!("{base}/dists/focal"))),
        // killed before it wrote the root
        Ruin::new("2.2", packages(), true, |original, base| {
            for root in ["Release", "Release.gpg", "InRelease"] {
                original.remove(&format!("{base}/dists/focal/{root}"));
            }
        }),
        // a root, and nothing that it lists
        Ruin::new("2.3", packages(), true, |original, base| {
            remove_all(original, &format!("{base}/dists/focal/main/"));
        }),
        Ruin::new("2.4", packages(), true, |original, base| {
            original.put(&format!("{base}/dists/focal/malformed_list.txt"), "pool/focal/main/l/lost/lost_1_all.deb");
        }),
        // the same bytes, copied back from somewhere
        Ruin::new("2.5", packages(), true, |original, base| {
            let File { name, bytes } = &FIXTURES.deb;
            original.replace(&format!("{base}/pool/focal/main/r/rws/{name}"), bytes);
        }),
        // the index cut off, as by a full disk
        Ruin::new("2.6", packages(), true, |original, base| {
            for form in ["", ".gz", ".bz2"] {
                cut(original, &format!("{base}/dists/focal/main/binary-amd64/Packages{form}"));
            }
        }),
        // an index that says nothing of its packages' times
        Ruin::new("2.7", packages(), true, |original, base| {
            let path = format!("{base}/dists/focal/main/binary-amd64/Packages");
            let text = original.text(&path);
            assert!(text.contains("\nFileTime: "), "{text}");
            original.put(&path, text.replace("\nFileTime: ", "\nFileTime: x"));
        }),
    ];
    let base = |series: &str| format!("release/{series}/ubuntu");
    make(&original, &ruins, base, "pool/focal/main/r/rws");
    let server = original.serve();
    for ruin in &ruins {
        println!("series {}", ruin.series);
        let base = base(ruin.series);
        post(&server, &format!("/{base}/focal"));
        expect_debs_of(&server, &base, "amd64", ruin.packages.iter().copied());
        assert_eq!(original.get(&format!("{base}/dists/focal/malformed_list.txt")), None);
    }
    let urls: Vec<String> = ruins.iter().map(|ruin| server.url(&format!("/{}", base(ruin.series)))).collect();
    let apt = apt(&original, &urls.join(" "));
    apt.update().expect_clean();
    for name in ["rws-one", "rws-all"] {
        let known = apt.cache(&["madison", name]).expect_clean().output();
        for url in &urls {
            assert!(known.contains(&format!("{url} focal/main")), "{name} is not at {url}:\n{known}");
        }
    }
    let installed = apt.install(&["rws-one", "rws-all"]).expect_clean();
    expect_downloaded(&installed.files, packages());
    expect_whole(&original, "--all", ruins.len());
}

fn half_written_rpm_repositories_are_synchronised(kind: Kind) {
    let original = Original::on(kind);
    let packages = || vec![&FIXTURES.rpm, &FIXTURES.noarch_rpm];
    let ruins = [
        // never indexed
        Ruin::new("1.10", packages(), false, |_, _| {}),
        Ruin::new("2.1", packages(), false, |original, base| original.make_directory(&format!("{base}/repodata"))),
        // a root, and nothing that it lists
        Ruin::new("2.2", packages(), true, |original, base| {
            let all = original.paths(&format!("{base}/repodata/")).into_iter();
            let listed: Vec<String> = all.filter(|path| path.ends_with(".xml.gz")).collect();
            assert_eq!(listed.len(), 3, "{listed:?}");
            listed.iter().for_each(|path| original.remove(path));
        }),
        // killed before it wrote the signature, and before the root
        Ruin::new("2.3", packages(), true, |original, base| {
            original.remove(&format!("{base}/repodata/repomd.xml.asc"));
        }),
        Ruin::new("2.4", packages(), true, |original, base| {
            original.remove(&format!("{base}/repodata/repomd.xml.asc"));
            original.remove(&format!("{base}/repodata/repomd.xml"));
        }),
        Ruin::new("2.5", packages(), true, |original, base| {
            original.put(&format!("{base}/repodata/malformed_list.txt"), "Packages/lost-1-1.x86_64.rpm");
        }),
        // the same bytes, copied back from somewhere
        Ruin::new("2.6", packages(), true, |original, base| {
            let File { name, bytes } = &FIXTURES.rpm;
            original.replace(&format!("{base}/Packages/{name}"), bytes);
        }),
        Ruin::new("2.7", packages(), true, |original, base| cut(original, &format!("{base}/repodata/repomd.xml"))),
        // mkrepo escapes no `&` in an address: it cannot read its own index any more, nor can dnf
        Ruin::new("2.8", [packages(), vec![&FIXTURES.awkward_rpm]].concat(), true, |_, _| {}),
    ];
    let base = |series: &str| format!("live/{series}/el/7/x86_64");
    make(&original, &ruins, base, "Packages");
    let server = original.serve();
    let mut repositories = String::new();
    for ruin in &ruins {
        println!("series {}", ruin.series);
        let base = base(ruin.series);
        post(&server, &format!("/live/{}/el/7", ruin.series));
        expect_rpms(&server, &base, ruin.packages.iter().copied());
        assert_eq!(original.get(&format!("{base}/repodata/malformed_list.txt")), None);
        repositories.push_str(&repo_file(ruin.series, &server.url(&format!("/{base}")), &original.key_url()));
    }
    let dnf = Dnf::new(&repositories, "7");
    dnf.makecache().expect_success();
    let known = dnf.repoquery(&["--qf", "%{repoid} %{name}"]).expect_success().output();
    for ruin in &ruins {
        let of_series = known.lines().filter(|line| line.split(' ').next() == Some(ruin.series));
        assert_eq!(of_series.count(), ruin.packages.len(), "series {}:\n{known}", ruin.series);
    }
    expect_whole(&original, "--all", ruins.len());
}
