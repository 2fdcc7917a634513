//! A private system in which apt installs packages for real.

use std::path::Path;

use rws_lab::PrivateSystem;

use super::program::Program;
use super::read_file;

/// A system with the programs of this machine, in which apt knows no repository, and of what is installed these packages only.
pub fn debian_system(installed: &[&str]) -> PrivateSystem {
    let system = PrivateSystem::new();
    let home = system.path("etc");
    let stanza = |name: &&str| {
        let asked = ["-W", "-f", "Version: ${Version}\\nArchitecture: ${Architecture}\\n", name];
        let said = Program::new("dpkg-query", &home).args(asked).succeed().output();
        format!(
            "Package: {name}\nStatus: install ok installed\nMaintainer: test\n{said}Description: of this machine\n\n"
        )
    };
    system.write("var/lib/dpkg/status", installed.iter().map(stanza).collect::<String>());
    for directory in [
        "var/log/apt",
        "var/lib/dpkg/info",
        "var/lib/dpkg/updates",
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
    ] {
        std::fs::create_dir_all(system.path(directory)).expect("a directory is made");
    }
    for file in ["etc/passwd", "etc/group", "etc/nsswitch.conf", "etc/debian_version", "etc/ld.so.cache"] {
        system.write(file, read_file(&Path::new("/").join(file)));
    }
    // programs such as awk are links to there
    let links = Program::new("cp", &home).args(["--archive", "/etc/alternatives"]);
    links.arg(system.path("etc/alternatives")).succeed();
    let settings = "APT::Sandbox::User \"root\"; APT::Update::Error-Mode \"any\"; APT::Install-Recommends \"0\";";
    system.write("etc/apt/apt.conf.d/test", settings);
    std::fs::create_dir_all(system.path("etc/apt/sources.list.d")).expect("a directory is made");
    std::fs::create_dir_all(system.path("etc/apt/preferences.d")).expect("a directory is made");
    system
}
