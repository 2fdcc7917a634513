//! Packages as other packaging tools write them.

use std::path::{Path, PathBuf};

use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::program::Program;
use crate::support::{files_below, test_cache, write_file};

/// A tool, and what makes a package with it in a directory.
pub type Tool = (&'static str, fn(&Path));

/// Those that `tests/setup` installs.
pub const TOOLS: [Tool; 4] = [("rpmbuild", rpmbuild), ("nfpm", nfpm), ("cpack", cpack), ("alien", alien)];

/// Those that are built for `tests/run full`.
pub const TOOLS_OF_THE_FULL_TIER: [Tool; 1] = [("cargo-generate-rpm", cargo_generate_rpm)];

/// One package or more of each tool, in directories of their own.
pub fn packages(tools: &[Tool], work: &Path) -> Vec<(&'static str, PathBuf)> {
    let of_tool = |(tool, make): &Tool| {
        let directory = work.join(*tool);
        std::fs::create_dir_all(&directory).expect("a directory can be made");
        make(&directory);
        let files = files_below(&directory).into_iter().filter(|path| path.extension().is_some_and(|end| end == "rpm"));
        let files: Vec<PathBuf> = files.filter(|path| !path.to_string_lossy().contains("_CPack_Packages")).collect();
        assert!(!files.is_empty(), "{tool} has made no package");
        files.into_iter().map(move |file| (*tool, file)).collect::<Vec<_>>()
    };
    tools.iter().flat_map(of_tool).collect()
}

/// A release that ends in a dot makes a file name with two of them.
fn rpmbuild(directory: &Path) {
    let dotty = Rpm::new("rws-dotty", "1.0", "1.").architecture("noarch");
    dotty.build(directory);
    dotty.build_source(directory);
}

fn nfpm(directory: &Path) {
    let nfpm = test_cache().join("venv/bin/nfpm");
    write_file(&directory.join("file"), "file\n");
    let configuration = "name: rws-nfpm\narch: amd64\nplatform: linux\nversion: v1.2.3-rc1+git5\nmaintainer: Nobody <nobody@example.invalid>\n\
        description: made by nfpm\nlicense: MIT\ndepends: [\"bash >= 4\"]\nrecommends: [vim]\n\
        contents: [{src: file, dst: /usr/share/rws-nfpm/file}, {src: file, dst: /etc/rws-nfpm.conf, type: config}]\n";
    write_file(&directory.join("nfpm.yaml"), configuration);
    Program::new(nfpm, directory).current_dir(directory).args(["package", "--packager", "rpm"]).succeed();
}

/// Its file name has the system in place of the architecture.
fn cpack(directory: &Path) {
    write_file(&directory.join("file"), "file\n");
    let lists = "cmake_minimum_required(VERSION 3.20)\nproject(rws-cpack VERSION 2.1 LANGUAGES NONE)\n\
        install(FILES file DESTINATION share/rws-cpack)\nset(CPACK_GENERATOR RPM)\nset(CPACK_PACKAGE_CONTACT nobody)\n\
        set(CPACK_RPM_PACKAGE_REQUIRES \"bash >= 4\")\ninclude(CPack)\n";
    write_file(&directory.join("CMakeLists.txt"), lists);
    Program::new("cmake", directory).current_dir(directory).args(["-S", ".", "-B", "build"]).succeed();
    Program::new("cpack", directory).current_dir(&directory.join("build")).args(["-G", "RPM"]).succeed();
}

/// A Debian package made one for rpm; alien adds one to the release.
fn alien(directory: &Path) {
    let deb = Deb::new("rws-alien", "1.0-1", "all").field("Depends", "bash (>= 4)").build(directory);
    Program::new("alien", directory).current_dir(directory).arg("--to-rpm").arg(deb).succeed();
}

/// By the crate rpm, with each way to compress a payload.
fn cargo_generate_rpm(directory: &Path) {
    let program = test_cache().join("cargo-generate-rpm/bin/cargo-generate-rpm");
    assert!(program.exists(), "{} is not there: run tests/setup full", program.display());
    write_file(&directory.join("src/main.rs"), "fn main() {}\n");
    write_file(&directory.join("file"), "file\n");
    for compression in ["none", "gzip", "xz", "zstd"] {
        let name = format!("rws-crate-{compression}");
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"1.2.3\"\nedition = \"2021\"\nlicense = \"MIT\"\n\
             description = \"made by cargo-generate-rpm\"\n\n[package.metadata.generate-rpm]\n\
             assets = [{{ source = \"file\", dest = \"/etc/{name}.conf\", mode = \"644\", config = true, doc = true }}]\n\
             post_install_script = \"true\"\n\n[package.metadata.generate-rpm.requires]\nbash = \">= 4\"\n"
        );
        write_file(&directory.join("Cargo.toml"), manifest);
        Program::new(&program, directory)
            .current_dir(directory)
            .args(["--payload-compress", compression, "--target-dir", "target"])
            .succeed();
    }
}
