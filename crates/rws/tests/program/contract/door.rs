//! What the door decides beyond the bytes of one file: names of files, architectures, kinds of packages, equal versions.

use serde_json::json;

use super::index::{packages, primary};
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, configured, deb_form, expect_code, expect_created, expect_file_refused,
    expect_no_traces, expect_status, get, put, traces,
};
use crate::support::curl::Answer;
use crate::support::form::{File, Form};
use crate::support::packages::deb::{Deb, around};
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::{file_name, read_file, temporary_directory};

const ARCHIVE: &str = "/release/2.8/ubuntu";
const SUITE: &str = "/release/2.8/ubuntu/dists/focal";

fn built(deb: &Deb, name: &str) -> File {
    let directory = temporary_directory();
    let path = deb.build(directory.path());
    File { name: if name.is_empty() { file_name(&path) } else { name.to_owned() }, bytes: read_file(&path) }
}

#[track_caller]
fn published(server: &Server, target: &str, file: &File) -> Answer {
    let form = if target == DEB_TARGET { deb_form([file]) } else { Form::of([file]) };
    let answer = put(server, &format!("{target}?wait=30"), form);
    expect_created(&answer);
    answer
}

/// The packages in the index of an architecture.
#[track_caller]
fn names(server: &Server, architecture: &str) -> Vec<String> {
    let index = get(server, &format!("{SUITE}/main/binary-{architecture}/Packages.gz")).text();
    index.lines().filter_map(|line| Some(line.strip_prefix("Package: ")?.to_owned())).collect()
}

#[test]
fn file_names_that_contradict_their_package() {
    let directory = temporary_directory();
    let strict = configured(directory.path(), |file| {
        file["repositories"] = json!([{ "match": "*", "file_names": "strict" }]);
    });
    let before = traces(&strict);
    let mut rows = Rows::default();
    for (file, other_names) in [
        (&FIXTURES.deb, ["rws-one_1.0-1_arm64.deb", "rws-two_1.0-1_amd64.deb", "rws-one_1.1-1_amd64.deb"]),
        (
            &FIXTURES.epoch_deb,
            ["rws-epoch_2%3a2.0-1_amd64.deb", "rws-epoch_2.0-2_amd64.deb", "rws-epoch_2.0-1_all.deb"],
        ),
        (&FIXTURES.rpm, ["rws-one-1.0-1.aarch64.rpm", "rws-one-1.0-1.src.rpm", "rws-two-1.0-1.x86_64.rpm"]),
        (&FIXTURES.noarch_rpm, ["rws-all-1.0-1.x86_64.rpm", "rws-all-1.0-2.noarch.rpm", "rws-all-1.1-1.noarch.rpm"]),
        (&FIXTURES.source_rpm, ["rws-one-1.0-1.x86_64.rpm", "rws-one-1.0-1.noarch.rpm", "rws-one-2.0-1.src.rpm"]),
    ] {
        let target = if file.name.ends_with(".deb") { DEB_TARGET } else { RPM_TARGET };
        for name in other_names {
            let published_name = if target == DEB_TARGET { name.replace("%3a", ":") } else { name.to_owned() };
            rows.row(&format!("{} as {name}: refused where names are strict", file.name), || {
                expect_file_refused(&put(&strict, target, deb_form([&file.named(name)])), &published_name);
            });
            rows.row(&format!("{} as {name}: taken with a warning, and decides nothing", file.name), || {
                let server = Server::start();
                let answer = published(&server, target, &file.named(name));
                let warning = answer.header("rws-warning").unwrap_or_default();
                assert!(warning.starts_with(&format!("{published_name}: ")), "{warning:?}");
                if target == DEB_TARGET {
                    assert_eq!(names(&server, "amd64"), [file.name.split('_').next().unwrap()]);
                } else {
                    let architecture = if file.name.ends_with(".src.rpm") { "SRPMS" } else { "x86_64" };
                    assert_eq!(primary(&server, &format!("{RPM_TARGET}/{architecture}")).len(), 1);
                }
            });
        }
    }
    rows.row("nothing is kept of what was refused", || expect_no_traces(&strict, &before));
    rows.end();
}

#[test]
fn any_architecture_that_dpkg_knows_unless_they_are_listed() {
    let server = Server::start();
    let mut rows = Rows::default();
    for architecture in ["armhf", "i386", "riscv64", "hurd-amd64"] {
        rows.row(architecture, || {
            published(&server, DEB_TARGET, &built(&Deb::new("rws-any", "1.0", architecture), ""));
            assert_eq!(names(&server, architecture), ["rws-any"]);
        });
    }
    rows.row("only these are listed", || {
        let release = get(&server, &format!("{SUITE}/Release")).text();
        assert!(release.contains("\nArchitectures: armhf hurd-amd64 i386 riscv64\n"), "{release}");
        expect_status(&get(&server, &format!("{SUITE}/main/binary-amd64/Packages.gz")), 404);
    });
    rows.row("one that dpkg does not know", || {
        let control = "Package: rws-odd\nVersion: 1.0\nArchitecture: qemu\nMaintainer: x\nDescription: odd\n";
        let unknown = File { name: "rws-odd.deb".to_owned(), bytes: around(control) };
        let answer = put(&server, DEB_TARGET, deb_form([&unknown]));
        expect_status(&answer, 400);
    });
    rows.row("a list restricts", || {
        let directory = temporary_directory();
        let server = configured(directory.path(), |file| {
            file["repositories"] = json!([{ "match": "*", "architectures": ["amd64"] }]);
        });
        let answer = put(&server, DEB_TARGET, deb_form([&built(&Deb::new("rws-any", "1.0", "armhf"), "")]));
        expect_status(&answer, 400);
        published(&server, DEB_TARGET, &built(&Deb::new("rws-any", "1.0", "all"), ""));
    });
    rows.end();
}

#[test]
fn packages_of_the_installer_have_their_own_indexes() {
    let server = Server::start();
    published(&server, DEB_TARGET, &FIXTURES.deb);
    let udeb = built(&Deb::new("rws-udeb", "1.0", "amd64"), "rws-udeb_1.0_amd64.udeb");
    published(&server, DEB_TARGET, &udeb);
    assert_eq!(names(&server, "amd64"), ["rws-one"]);
    let index = get(&server, &format!("{SUITE}/main/debian-installer/binary-amd64/Packages.gz")).text();
    assert!(index.starts_with("Package: rws-udeb\n"), "{index}");
    let release = get(&server, &format!("{SUITE}/Release")).text();
    assert!(release.contains(" main/debian-installer/binary-amd64/Packages.xz\n"), "{release}");
    assert!(release.contains("\nComponents: main\n"), "{release}");
}

#[test]
fn versions_that_are_equal_to_dpkg_are_one_package() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |file| {
        file["repositories"] = json!([{ "match": "live/*", "on_conflict": "refuse" }]);
    });
    let refusing = "/live/2.8/ubuntu/focal";
    let first = built(&Deb::new("rws-equal", "1.0-1", "amd64"), "");
    let mut rows = Rows::default();
    expect_created(&put(&server, &format!("{refusing}?wait=30"), deb_form([&first])));
    published(&server, DEB_TARGET, &first);
    for version in ["1.0-01", "0:1.0-1", "1.00-1"] {
        let other = built(&Deb::new("rws-equal", version, "amd64"), "");
        rows.row(&format!("{version} is in conflict with 1.0-1"), || {
            expect_code(&put(&server, refusing, deb_form([&other])), 409, "conflict");
        });
        rows.row(&format!("{version} replaces what was there"), || {
            published(&server, DEB_TARGET, &other);
            assert_eq!(packages(&server, ARCHIVE, "focal", "amd64").len(), 1);
            assert!(
                get(&server, &format!("{SUITE}/main/binary-amd64/Packages.gz"))
                    .text()
                    .contains(&format!("\nVersion: {version}\n"))
            );
        });
    }
    rows.end();
}

#[test]
fn what_takes_clients_down_is_refused_with_its_field() {
    let server = Server::start();
    let before = traces(&server);
    let mut rows = Rows::default();
    let good = &FIXTURES.deb;
    for (field, value) in [
        ("Depends", "a (= )"),
        ("Recommends", ", foo"),
        ("Provides", "foo,, bar"),
        ("Conflicts", "foo [amd64]"),
        ("Depends", "${misc:Depends}"),
        ("Multi-Arch", "everywhere"),
        ("Description-md5", "zz"),
        ("Architecture-Variant", "arm64v3"),
    ] {
        rows.row(&format!("{field}: {value}"), || {
            let file = by_hand(&format!("{field}: {value}\n"));
            let answer = put(&server, DEB_TARGET, deb_form([good, &file]));
            expect_file_refused(&answer, &file.name);
            assert!(answer.text().contains(field), "{}", answer.text());
        });
    }
    rows.row("nothing is kept", || expect_no_traces(&server, &before));
    rows.end();
}

/// A package with one more field, which no dpkg-deb would build.
fn by_hand(field: &str) -> File {
    let control = format!(
        "Package: rws-odd\nVersion: 1.0\nArchitecture: amd64\nMaintainer: Nobody <nobody@example.invalid>\n{field}\
         Description: odd\n"
    );
    File { name: "rws-odd_1.0_amd64.deb".to_owned(), bytes: around(&control) }
}

/// `3.0 (git)`: a bundle instead of tarballs. Lists that nobody has checked do not reach the index, whatever they are called.
#[test]
fn sources_with_a_git_bundle_and_unknown_lists() {
    let server = Server::start();
    let bundle = File { name: "rws-git_1.0.git".to_owned(), bytes: b"# v2 git bundle\n".to_vec() };
    let line = |digest: &str| format!("\n {digest} {} {}", bundle.bytes.len(), bundle.name);
    let sha256 = super::index::sha256(&bundle.bytes);
    let text = format!(
        "Format: 3.0 (git)\nSource: rws-git\nBinary: rws-git\nArchitecture: any\nVersion: 1:1.0\nMaintainer: x\n\
         Build-Depends: debhelper-compat (= 13), gcc:native [amd64] <!nocheck>,\nChecksums-Sha256:{}\n\
         Checksums-Sha512:{}\nCHECKSUMS-Foo:{}\nFiles:{}\n",
        line(&sha256),
        line(&"0".repeat(128)),
        line("whatever"),
        line(&"0".repeat(32)),
    );
    // a digest of MD5 that is not the bundle's is a lie, which is refused
    let lying = File { name: "rws-git_1.0.dsc".to_owned(), bytes: text.clone().into_bytes() };
    expect_file_refused(&put(&server, DEB_TARGET, deb_form([&lying, &bundle])), &bundle.name);
    let md5 = md5_of(&bundle.bytes);
    let dsc = File { name: lying.name, bytes: text.replace(&line(&"0".repeat(32)), &line(&md5)).into_bytes() };
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&dsc, &bundle])));
    let sources = get(&server, &format!("{SUITE}/main/source/Sources.gz")).text();
    assert!(sources.contains(&format!(" {sha256} 16 rws-git_1.0.git\n")), "{sources}");
    assert!(!sources.to_lowercase().contains("checksums-foo") && !sources.contains("Sha512"), "{sources}");
    expect_status(&get(&server, &format!("{ARCHIVE}/pool/focal/main/p/product/rws-git_1.0.git")), 200);
    for (field, value) in
        [("Build-Depends", "a [amd64"), ("Build-Conflicts", "${x}"), ("Build-Depends-Indep", "a (= )")]
    {
        let bad = String::from_utf8(dsc.bytes.clone())
            .unwrap()
            .replace("Maintainer: x\n", &format!("Maintainer: x\n{field}: {value}\n"));
        let bad = if field == "Build-Depends" {
            bad.replacen("Build-Depends: debhelper", "X-Was: debhelper", 1)
        } else {
            bad
        };
        let answer =
            put(&server, DEB_TARGET, deb_form([&File { name: dsc.name.clone(), bytes: bad.into_bytes() }, &bundle]));
        expect_file_refused(&answer, &dsc.name);
        assert!(answer.text().contains(field), "{}", answer.text());
    }
}

fn md5_of(bytes: &[u8]) -> String {
    let directory = temporary_directory();
    crate::support::write_file(&directory.path().join("file"), bytes);
    let said = Program::new("md5sum", directory.path()).arg(directory.path().join("file")).succeed().output();
    said[..32].to_owned()
}
