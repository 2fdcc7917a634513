//! The script of .github/actions/upload, against the real program.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::packages::source::SourcePackage;
use crate::support::program::{Program, Ran};
use crate::support::server::Server;
use crate::support::{curl, file_name, project_root, read_file, temporary_directory, write_file};

/// The inputs of the action, and the variables that action.yml makes of them.
const INPUTS: [(&str, &str); 8] = [
    ("endpoint", "RWS_ENDPOINT"),
    ("auth", "RWS_AUTH"),
    ("audience", "RWS_AUDIENCE"),
    ("product", "RWS_PRODUCT"),
    ("pkg-dir", "RWS_PKG_DIR"),
    ("retry", "RWS_RETRY"),
    ("retry-delay", "RWS_RETRY_DELAY"),
    ("program", "RWS_PROGRAM"),
];

#[track_caller]
fn upload(variables: &[(&str, &str)]) -> Ran {
    let home = temporary_directory();
    let script = Program::new(project_root().join(".github/actions/upload/upload"), home.path());
    let script = INPUTS.iter().fold(script, |script, (_, name)| script.env_remove(name));
    variables.iter().fold(script, |script, (name, value)| script.env(name, value)).current_dir(home.path()).run()
}

fn auth(server: &Server) -> String {
    format!("{}:{}", server.credentials().user, server.credentials().password)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn the_action_hands_all_inputs_to_the_script() {
    let action = String::from_utf8(read_file(&project_root().join(".github/actions/upload/action.yml"))).unwrap();
    for (input, variable) in INPUTS {
        assert!(action.contains(&format!("\n  {input}:\n")), "{input}");
        assert!(action.contains(&format!("        {variable}: ${{{{ inputs.{input} }}}}\n")), "{variable}");
    }
    assert_eq!(action.matches("inputs.").count(), INPUTS.len(), "an input stands elsewhere, perhaps in a script");
}

#[test]
fn a_build_directory_with_awkward_names() {
    let server = Server::start();
    let directory = temporary_directory();
    let packages = directory.path().join("-build; of, 1 \"day\"");
    std::fs::create_dir(&packages).unwrap();
    let deb = |name: &str| read_file(&Deb::new(name, "1.0~rc1+b1-1", "amd64").build(directory.path()));
    // RWS asks only names of the standard form to agree with the package
    for (name, package) in
        [("-dash.deb", "dash"), ("a;type=b,c.deb", "semicolon"), ("@at=is.deb", "at"), ("rebuild-1.deb", "rebuild")]
    {
        write_file(&packages.join(name), deb(package));
    }
    for file in SourcePackage::new("tarantool-smtp", "0.0.4.0-1").upstream_xz().build(directory.path()).all() {
        write_file(&packages.join(file_name(&file)), read_file(&file));
    }
    for ignored in ["a.changes", "a.buildinfo", "a.build", "below/a.deb"] {
        write_file(&packages.join(ignored), "not to be sent");
    }
    let endpoint = server.url("/release/2.8/ubuntu/focal?wait=30");
    let (auth, pkg_dir) = (auth(&server), text(&packages));
    let ran =
        upload(&[("RWS_ENDPOINT", &endpoint), ("RWS_AUTH", &auth), ("RWS_PRODUCT", "smtp"), ("RWS_PKG_DIR", &pkg_dir)]);
    let said = ran.expect_success().everything();
    assert!(said.contains("{\"message\":\"OK\"}"), "{said}");
    assert!(!said.contains(&server.credentials().password), "{said}");

    let found = |file: &Path| server.data_dir().join("release/2.8/ubuntu/pool/focal/main/s/smtp").join(file_name(file));
    for name in ["-dash.deb", "a;type=b,c.deb", "@at=is.deb", "rebuild-1.deb", "tarantool-smtp_0.0.4.0-1.dsc"] {
        let file = packages.join(name);
        assert!(read_file(&found(&file)) == read_file(&file), "{name}");
    }
    let index = curl::get(&server.url("/release/2.8/ubuntu/dists/focal/main/binary-amd64/Packages")).expect_status(200);
    assert_eq!(index.text().lines().filter(|line| line.starts_with("Package: ")).count(), 4, "{}", index.text());
}

#[test]
fn with_the_program_the_packages_are_checked_first() {
    let server = Server::start();
    let directory = temporary_directory();
    let packages = directory.path().join("-build; of, 1 \"day\"");
    for file in SourcePackage::new("tarantool-smtp", "0.0.4.0-1").upstream_xz().build(directory.path()).all() {
        write_file(&packages.join(file_name(&file)), read_file(&file));
    }
    let deb = read_file(&Deb::new("dash", "1.0", "amd64").build(directory.path()));
    write_file(&packages.join("-dash.deb"), &deb);
    let endpoint = server.url("/release/2.8/ubuntu/focal?wait=30");
    let (auth, pkg_dir) = (auth(&server), text(&packages));
    let run = |product: &str| {
        upload(&[
            ("RWS_ENDPOINT", &endpoint),
            ("RWS_AUTH", &auth),
            ("RWS_PRODUCT", product),
            ("RWS_PKG_DIR", &pkg_dir),
            ("RWS_PROGRAM", env!("CARGO_BIN_EXE_rws")),
        ])
    };
    let said = run("smtp").expect_success().everything();
    assert!(said.contains("tarantool-smtp_0.0.4.0-1.dsc and 2 files that it names: good"), "{said}");
    assert!(said.contains("apt-get install") && !said.contains(&server.credentials().password), "{said}");
    let pool = server.data_dir().join("release/2.8/ubuntu/pool/focal/main");
    assert!(read_file(&pool.join("s/smtp/-dash.deb")) == deb);
    write_file(&packages.join("broken.deb"), &deb[..200]);
    let said = run("").expect_failure().everything();
    assert!(said.contains("broken.deb: ") && said.contains("nothing was sent"), "{said}");
}

#[test]
fn an_rpm_without_a_product_from_a_directory_whose_name_starts_with_a_dash() {
    let server = Server::start();
    let directory = temporary_directory();
    let rpm = Rpm::new("hello", "1.0", "1").build(&directory.path().join("-x"));
    let home = temporary_directory();
    let script = Program::new(project_root().join(".github/actions/upload/upload"), home.path());
    let script = script.env("RWS_ENDPOINT", server.url("/live/1.10/el/9?wait=30")).env("RWS_AUTH", auth(&server));
    script.env("RWS_PKG_DIR", "-x").current_dir(directory.path()).succeed();
    let path = format!("/live/1.10/el/9/x86_64/Packages/{}", file_name(&rpm));
    curl::get(&server.url(&path)).expect_status(200);
}

#[test]
fn failures_fail_the_job_and_say_why() {
    let server = Server::start();
    let directory = temporary_directory();
    Rpm::new("hello", "1.0", "1").build(directory.path());
    let (good, endpoint) = (auth(&server), server.url("/live/1.10/el/9"));
    let (pkg_dir, empty) = (text(directory.path()), temporary_directory());
    let (absent, empty) = (format!("{pkg_dir}/absent"), text(empty.path()));
    let elsewhere = server.url("/live/9.9/el/9");
    let rows = [
        ("password", &endpoint, "rws:wrong", &pkg_dir, "0", "Unauthorized Access"),
        ("path", &elsewhere, &good, &pkg_dir, "0", "Tarantool series"),
        ("nothing", &endpoint, &good, &empty, "0", "nothing to upload"),
        ("no directory", &endpoint, &good, &absent, "0", "absent"),
        ("no user", &endpoint, "secret", &pkg_dir, "0", "auth is not USER:PASSWORD"),
        ("no user and no token", &endpoint, "", &pkg_dir, "0", "id-token: write"),
        ("retry", &endpoint, &good, &pkg_dir, "-1", "whole numbers"),
        ("nobody listens", &"http://127.0.0.1:9/a/b/c/d".to_owned(), &good, &pkg_dir, "0", "127.0.0.1"),
    ];
    for (name, endpoint, auth, pkg_dir, retry, expected) in rows {
        let variables = [("RWS_ENDPOINT", endpoint.as_str()), ("RWS_AUTH", auth), ("RWS_PKG_DIR", pkg_dir)];
        let ran = upload(&[&variables[..], &[("RWS_RETRY", retry), ("RWS_RETRY_DELAY", "0")]].concat());
        let said = ran.expect_failure().everything();
        assert!(said.contains(expected), "{name}: {said}");
        assert!(!said.contains("secret"), "{name} shows what is secret: {said}");
    }
}

#[test]
fn the_password_is_in_no_list_of_processes() {
    let directory = temporary_directory();
    Rpm::new("hello", "1.0", "1").build(&directory.path().join("packages"));
    // a curl that says how it was called, and what it was told
    let spy = directory.path().join("bin/curl");
    write_file(&spy, "#!/bin/sh\ntr '\\0' ' ' </proc/$$/cmdline\necho\ncat\n");
    std::fs::set_permissions(&spy, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", text(spy.parent().unwrap()), std::env::var("PATH").unwrap());
    let pkg_dir = text(&directory.path().join("packages"));
    let ran = upload(&[
        ("PATH", &path),
        ("RWS_ENDPOINT", "http://127.0.0.1:9/live/1.10/el/9"),
        ("RWS_AUTH", "ci:hush\\\"hush"),
        ("RWS_PKG_DIR", &pkg_dir),
    ]);
    let said = ran.expect_success().output();
    let (arguments, told) = said.split_once("\nurl = ").unwrap();
    assert!(arguments.contains("--config - ") && !arguments.contains("hush"), "{said}");
    let told: BTreeSet<&str> = told.lines().collect();
    assert!(told.contains("user = \"ci:hush\\\\\\\"hush\""), "{said}");
    assert!(told.contains("retry = \"5\"") && told.contains("retry-delay = \"5\""), "{said}");
}
