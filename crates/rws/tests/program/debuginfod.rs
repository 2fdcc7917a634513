//! Debuggers get symbols, programs and source text from the packages of a repository: the client of elfutils, and gdb.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use rws_lab::{Chroot, fixture};
use serde_json::json;

use crate::contract::stage::{configured, expect_code, post_json};
use crate::support::curl::{self, Upload};
use crate::support::packages::deb::{Compression, Deb};
use crate::support::program::{Program, Ran};
use crate::support::server::Server;
use crate::support::{
    configuration_file, copy_files, file_name, files_below, read_file, temporary_directory, write_file,
};

const RPM_TARGET: &str = "live/2.8/el/9";
const DEB_TARGET: &str = "live/2.8/ubuntu/focal";

const TEXT: &str = "#include <stdio.h>\n\nint answer(int of) {\n  return of * 2;\n}\n\nint main(void) {\n  \
    printf(\"%d\\n\", answer(21));\n  return 0;\n}\n";

const SPEC: &str = "%global _debugsource_packages 1
%global _debuginfo_subpackages 0
Name: rws-debugged
Version: VERSION
Release: 1
Summary: A program with symbols
License: MIT
Source0: main.c
%debug_package
%description
A program with symbols.
%prep
%setup -q -c -T
mkdir src
cp %{SOURCE0} src/main.c
%build
gcc -g -Wl,--build-id -o program src/main.c
%install
mkdir -p %{buildroot}/usr/bin
install -m 755 program %{buildroot}/usr/bin/rws-debugged
ln %{buildroot}/usr/bin/rws-debugged %{buildroot}/usr/bin/rws-another-name
%{__debug_install_post}
%files
/usr/bin/*
";

/// The packages that rpmbuild makes of a program, its symbols and its source.
fn rpms(version: &str, payload: &str, directory: &Path) -> Vec<PathBuf> {
    let build = |kept: &Path| {
        let work = temporary_directory();
        write_file(&work.path().join("main.c"), TEXT);
        write_file(&work.path().join("debugged.spec"), SPEC.replace("VERSION", version));
        let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
        let path = |name: &str| work.path().join(name).display().to_string();
        Program::new("rpmbuild", work.path())
            .arg("-bb")
            .args(define("_topdir", &path("top")))
            .args(define("_sourcedir", &path("")))
            .args(define("_binary_payload", payload))
            .arg(work.path().join("debugged.spec"))
            .succeed();
        for package in files_below(&work.path().join("top/RPMS")) {
            write_file(&kept.join(file_name(&package)), read_file(&package));
        }
    };
    copy_files(&fixture(&format!("{TEXT}{SPEC}{version}{payload}"), build), directory)
}

/// What an rpm unpacks to.
fn unpacked(rpm: &Path, directory: &Path) -> PathBuf {
    let into = directory.join(format!("{}-unpacked", file_name(rpm)));
    std::fs::create_dir(&into).unwrap();
    let archive = Program::new("rpm2cpio", directory).arg(rpm).succeed().stdout;
    Program::new("cpio", directory).args(["-idm", "--quiet"]).current_dir(&into).input(archive).succeed();
    into
}

/// The build ID of a program.
fn build_id(program: &Path, home: &Path) -> String {
    let notes = Program::new("readelf", home).arg("--notes").arg(program).succeed().output();
    notes.split("Build ID: ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
}

/// A machine with debuggers that ask a server.
struct Machine {
    home: tempfile::TempDir,
    urls: String,
}

impl Machine {
    fn new(server: &Server, path: &str) -> Self {
        Self { home: temporary_directory(), urls: server.url(path) }
    }

    fn program(&self, name: &str) -> Program {
        let cache = self.home.path().join("cache");
        Program::new(name, self.home.path()).env("DEBUGINFOD_URLS", &self.urls).env("DEBUGINFOD_CACHE_PATH", cache)
    }

    fn find(&self, what: &[&str]) -> Ran {
        self.program("debuginfod-find").args(what).run()
    }

    /// The content of what is found.
    #[track_caller]
    fn found(&self, what: &[&str]) -> Vec<u8> {
        let ran = self.find(what).expect_success();
        read_file(Path::new(ran.output().trim()))
    }

    /// What gdb shows of the source of a program that is here without symbols.
    fn listed(&self, program: &Path) -> String {
        let gdb =
            self.program("gdb").args(["-nx", "-batch", "-iex", "set debuginfod enabled on", "-ex", "list answer"]);
        gdb.arg(program).run().everything()
    }
}

#[track_caller]
fn upload(server: &Server, target: &str, files: &[PathBuf]) {
    let upload = Upload::to(&format!("/{target}?wait=60")).field("product", "any").files(files);
    upload.send(server).expect_created();
}

/// The program and its source text, out of packages of rpmbuild.
struct Built {
    id: String,
    program: PathBuf,
    symbols: PathBuf,
    /// The absolute path that symbols state.
    text: String,
}

fn built(files: &[PathBuf], directory: &Path) -> Built {
    let of =
        |part: &str| files.iter().find(|path| file_name(path).starts_with(&format!("rws-debugged{part}-1"))).unwrap();
    let program = unpacked(of(""), directory).join("usr/bin/rws-debugged");
    let symbols = files_below(&unpacked(of("-debuginfo"), directory).join("usr/lib/debug/usr/bin")).remove(0);
    let sources = unpacked(of("-debugsource"), directory);
    let text = files_below(&sources).remove(0);
    assert_eq!(read_file(&text), TEXT.as_bytes());
    let text = format!("/{}", text.strip_prefix(&sources).unwrap().display());
    Built { id: build_id(&program, directory), program, symbols, text }
}

#[track_caller]
fn finds_all(machine: &Machine, built: &Built) {
    assert_eq!(machine.found(&["debuginfo", &built.id]), read_file(&built.symbols));
    assert_eq!(machine.found(&["executable", &built.id]), read_file(&built.program));
    assert_eq!(machine.found(&["source", &built.id, &built.text]), TEXT.as_bytes());
    let listed = machine.listed(&built.program);
    assert!(listed.contains("return of * 2;"), "{listed}");
}

#[test]
fn of_packages_of_rpmbuild() {
    let directory = temporary_directory();
    let mut server = configured(directory.path(), |_| {});
    let files = rpms("1.0", "w6.gzdio", directory.path());
    upload(&server, RPM_TARGET, &files);
    let built = built(&files, directory.path());
    let address = format!("/-/debuginfod/{RPM_TARGET}");
    finds_all(&Machine::new(&server, &address), &built);
    // a path as a compiler was told it
    let odd = built.text.replace("/src/main.c", "/src/../src/./main.c");
    let answer = curl::get(&server.url(&format!("{address}/buildid/{}/source{odd}", built.id))).expect_status(200);
    assert_eq!(answer.body, TEXT.as_bytes());
    assert_eq!(answer.header("x-debuginfod-file"), Some(built.text.as_str()));
    // what the client is not given it does not take for something else
    let machine = Machine::new(&server, &address);
    for missing in [
        &["debuginfo", "00ff00ff00ff00ff"][..],
        &["source", &built.id, "/usr/src/debug/nothing.c"],
        &["source", &built.id, "/etc/passwd"],
    ] {
        let ran = machine.find(missing);
        assert!(!ran.succeeded(), "{}", ran.transcript());
    }
    let section = curl::get(&server.url(&format!("{address}/buildid/{}/section/.text", built.id)));
    assert_eq!(section.status, 404);
    // symbols in a repository of their own
    configuration_file(directory.path(), |file| {
        file["repositories"] = json!([{ "match": "live/*/el", "debug_packages": "publish" }]);
    });
    server.restart_in_place();
    upload(&server, "live/2.8/el/8", &files);
    let list = curl::get(&server.url("/live/2.8/el/8/x86_64-debuginfo/repodata/repomd.xml"));
    list.expect_status(200);
    finds_all(&Machine::new(&server, "/-/debuginfod/live/2.8/el/8"), &built);
    // packages that go take their files along
    let path = format!("/live/2.8/el/8/x86_64-debuginfo/Packages/{}", "rws-debugged-debuginfo-1.0-1.x86_64.rpm");
    let gone = curl::request(
        &server.url(&format!("{path}?wait=60")),
        Some(server.credentials()),
        &["-X".to_owned(), "DELETE".to_owned()],
    );
    assert_eq!(gone.status, 200, "{}", gone.transcript);
    let machine = Machine::new(&server, "/-/debuginfod/live/2.8/el/8");
    assert!(!machine.find(&["debuginfo", &built.id]).succeeded());
    machine.found(&["executable", &built.id]);
}

#[test]
fn of_rpms_in_each_compression() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |_| {});
    for (version, payload) in
        [("1.1", "w6.xzdio"), ("1.2", "w6.zstdio"), ("1.3", "w6.bzdio"), ("1.4", "w6.lzdio"), ("1.5", "w.ufdio")]
    {
        let work = directory.path().join(version);
        std::fs::create_dir(&work).unwrap();
        let files = rpms(version, payload, &work);
        upload(&server, RPM_TARGET, &files);
        let built = built(&files, &work);
        let machine = Machine::new(&server, &format!("/-/debuginfod/{RPM_TARGET}"));
        assert_eq!(machine.found(&["debuginfo", &built.id]), read_file(&built.symbols), "{payload}");
        assert_eq!(machine.found(&["executable", &built.id]), read_file(&built.program), "{payload}");
        assert_eq!(machine.found(&["source", &built.id, &built.text]), TEXT.as_bytes(), "{payload}");
    }
}

/// rpm 6 leaves the headers of files out of payloads: `tests/run full`.
#[test]
fn of_packages_of_sid_without_headers_of_files() {
    let sid = Chroot::sid();
    let work = temporary_directory();
    let server = configured(work.path(), |_| {});
    let spec = work.path().join("thing.spec");
    let text = "Name: thing\nVersion: 1.0\nRelease: 1\nSummary: s\nLicense: MIT\nBuildArch: noarch\n%description\nd\n\
        %install\nmkdir -p %{buildroot}/usr/lib/debug/.build-id/ab %{buildroot}/usr/src/debug/thing\n\
        echo symbols > %{buildroot}/usr/lib/debug/.build-id/ab/cd.debug\n\
        echo text > %{buildroot}/usr/src/debug/thing/a.c\n\
        ln %{buildroot}/usr/src/debug/thing/a.c %{buildroot}/usr/src/debug/thing/b.c\n\
        ln -s a.c %{buildroot}/usr/src/debug/thing/c.c\n\
        %files\n/usr/lib/debug\n/usr/src/debug\n";
    write_file(&spec, text);
    for (format, version) in [("4", "8"), ("6", "9")] {
        let top = work.path().join(format);
        let mut words = sid.command("rpmbuild").into_iter();
        Program::new(words.next().unwrap(), work.path())
            .args(words)
            .args(["-bb", "--define", &format!("_rpmformat {format}"), "--define"])
            .arg(format!("_topdir {}", top.display()))
            .arg(&spec)
            .succeed();
        let target = format!("live/2.8/el/{version}");
        upload(&server, &target, &[top.join("RPMS/noarch/thing-1.0-1.noarch.rpm")]);
        let machine = Machine::new(&server, &format!("/-/debuginfod/{target}"));
        assert_eq!(machine.found(&["debuginfo", "abcd"]), b"symbols\n");
        for name in ["a", "b", "c"] {
            let path = format!("/usr/src/debug/thing/{name}.c");
            assert_eq!(machine.found(&["source", "abcd", &path]), b"text\n", "{name}");
        }
    }
}

/// A program, and what `dh_strip` makes of it: the program without symbols, and the symbols.
fn stripped(directory: &Path, seed: &str) -> (PathBuf, PathBuf, String) {
    let (source, whole) = (directory.join("main.c"), directory.join("whole"));
    write_file(&source, format!("{TEXT}const char *seed = \"{seed}\";\n"));
    let (program, symbols) = (directory.join("program"), directory.join("symbols"));
    let run = |name: &str| Program::new(name, directory);
    run("gcc").args(["-g", "-Wl,--build-id", "-o"]).arg(&whole).arg(&source).succeed();
    run("objcopy").args(["--only-keep-debug", "--compress-debug-sections"]).arg(&whole).arg(&symbols).succeed();
    run("strip").arg("-o").arg(&program).arg(&whole).succeed();
    std::fs::remove_file(&source).unwrap();
    let id = build_id(&program, directory);
    (program, symbols, id)
}

/// The package of a program, and that of its symbols, as debhelper makes it.
fn debs(seed: &str, version: &str, compression: Compression, directory: &Path) -> (Vec<PathBuf>, Built) {
    let (program, symbols, id) = stripped(directory, seed);
    let path = format!("usr/lib/debug/.build-id/{}/{}.debug", &id[..2], &id[2..]);
    let package = Deb::new("rws-debugged", version, "amd64")
        .file("usr/bin/a-script", b"#!/bin/sh\n")
        .file("usr/bin/rws-debugged", &read_file(&program))
        .compression(compression);
    let of_symbols = Deb::new("rws-debugged-dbgsym", version, "amd64")
        .field("Source", "rws-debugged")
        .field("Auto-Built-Package", "debug-symbols")
        .field("Depends", &format!("rws-debugged (= {version})"))
        .field("Section", "debug")
        .field("Build-Ids", &id)
        .file(&path, &read_file(&symbols))
        .compression(compression);
    let files = [package, of_symbols].map(|package| package.build(directory)).to_vec();
    (files, Built { id, program, symbols, text: String::new() })
}

#[test]
fn of_packages_of_debhelper() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |file| {
        file["repositories"] = json!([{ "match": "live", "debug_packages": "publish" }]);
    });
    let compressions = [Compression::Xz, Compression::Gzip, Compression::Zstd, Compression::None];
    let mut all = Vec::new();
    for (place, compression) in compressions.into_iter().enumerate() {
        let work = directory.path().join(compression.name());
        std::fs::create_dir(&work).unwrap();
        let (files, built) = debs(compression.name(), &format!("{}-1", place + 1), compression, &work);
        upload(&server, DEB_TARGET, &files);
        all.push(built);
    }
    let machine = Machine::new(&server, &format!("/-/debuginfod/{DEB_TARGET}"));
    for built in &all {
        assert_eq!(machine.found(&["debuginfo", &built.id]), read_file(&built.symbols));
        assert_eq!(machine.found(&["executable", &built.id]), read_file(&built.program));
    }
    let listed = machine.listed(&all[0].program);
    // symbols name a text that no package has: gdb says of which file
    assert!(listed.contains("main.c") && !listed.contains("No symbol table"), "{listed}");
    // promoted symbols
    let promotion = json!({ "from": DEB_TARGET, "to": ["live/2.8/ubuntu/noble"], "packages": "all" });
    let answer = post_json(&server, "/-/promote?wait=60", &promotion);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let machine = Machine::new(&server, "/-/debuginfod/live/2.8/ubuntu/noble");
    assert_eq!(machine.found(&["executable", &all[2].id]), read_file(&all[2].program));
}

/// A package of some kilobytes that unpacks to much: it goes out as it is unpacked, however slowly it is read, and others get theirs.
#[test]
fn of_a_package_that_unpacks_to_much() {
    const LARGE: u64 = 120 << 20;
    let directory = temporary_directory();
    let server = configured(directory.path(), |_| {});
    let path = "usr/lib/debug/.build-id/ab/cd.debug";
    let build = |kept: &Path| {
        let root = temporary_directory();
        let control = "Package: rws-large-dbgsym\nVersion: 1\nArchitecture: amd64\nMaintainer: Nobody <nobody@example.invalid>\n\
            Build-Ids: abcd\nDescription: large\n";
        write_file(&root.path().join("DEBIAN/control"), control);
        write_file(&root.path().join(path), b"");
        std::fs::File::options().write(true).open(root.path().join(path)).unwrap().set_len(LARGE).unwrap();
        let deb = kept.join("rws-large-dbgsym_1_amd64.deb");
        let dpkg_deb = Program::new("dpkg-deb", root.path()).args(["--root-owner-group", "-Zzstd", "-z1", "--build"]);
        dpkg_deb.arg(root.path()).arg(deb).succeed();
    };
    let large = copy_files(&fixture(&format!("{path}{LARGE}"), build), directory.path());
    assert!(read_file(&large[0]).len() < 1 << 20);
    upload(&server, DEB_TARGET, &large);
    let (files, built) = debs("small", "1-1", Compression::Gzip, directory.path());
    upload(&server, DEB_TARGET, &files);
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().to_owned();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    };
    let before = resident();
    let host = server.base_url().trim_start_matches("http://").to_owned();
    let address = format!("/-/debuginfod/{DEB_TARGET}/buildid/abcd/debuginfo");
    let slow: Vec<std::net::TcpStream> = (0..4)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(&host).unwrap();
            write!(stream, "GET {address} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
            let mut start = [0; 12];
            stream.read_exact(&mut start).unwrap();
            assert_eq!(&start, b"HTTP/1.1 200");
            stream
        })
        .collect();
    let machine = Machine::new(&server, &format!("/-/debuginfod/{DEB_TARGET}"));
    assert_eq!(machine.found(&["debuginfo", &built.id]), read_file(&built.symbols));
    let more = resident().saturating_sub(before);
    assert!(more < 96 << 20, "{more} bytes more for four slow readers");
    drop(slow);
    // one that reads all gets all
    let sum = Program::new("sh", directory.path()).args(["-c", "curl -sS \"$1\" | wc -c", "sh", &server.url(&address)]);
    assert_eq!(sum.succeed().output().trim(), LARGE.to_string());
}

#[test]
fn for_those_who_may_read() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |file| {
        file["repositories"] = json!([{ "match": "live", "read": "users" }]);
    });
    let (files, built) = debs("private", "1-1", Compression::Gzip, directory.path());
    upload(&server, DEB_TARGET, &files);
    let address = format!("/-/debuginfod/{DEB_TARGET}");
    let of_id = |what: &str| server.url(&format!("{address}/buildid/{}/{what}", built.id));
    for path in [of_id("debuginfo"), of_id("nothing"), server.url(&format!("{address}/buildid/00/debuginfo"))] {
        assert_eq!(curl::get(&path).status, 401, "{path}");
    }
    let answer = curl::request(&of_id("debuginfo"), Some(server.credentials()), &[]).expect_status(200);
    assert_eq!(answer.body, read_file(&built.symbols));
    assert!(answer.header("cache-control").is_some_and(|text| text.contains("private")), "{}", answer.transcript);
    let answer =
        curl::request(&server.url(&format!("{address}/buildid/00/debuginfo")), Some(server.credentials()), &[]);
    expect_code(&answer, 404, "no-build-id");
    // the client has a file for headers
    let machine = Machine::new(&server, &address);
    assert!(!machine.find(&["debuginfo", &built.id]).succeeded());
    let headers = machine.home.path().join("headers");
    let credentials = server.credentials();
    let login = openssl_base64(&format!("{}:{}", credentials.user, credentials.password), machine.home.path());
    write_file(&headers, format!("Authorization: Basic {login}\n"));
    let machine = Machine::new(&server, &address);
    let ran =
        machine.program("debuginfod-find").env("DEBUGINFOD_HEADERS_FILE", &headers).args(["debuginfo", &built.id]);
    assert_eq!(read_file(Path::new(ran.succeed().output().trim())), read_file(&built.symbols));
}

fn openssl_base64(text: &str, home: &Path) -> String {
    Program::new("base64", home).arg("-w0").input(text).succeed().output()
}
