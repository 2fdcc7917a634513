//! What is in the image of docker/Dockerfile, laid into an empty root and run there without any container engine.
//!
//! The program is the one that all tests run, with the shared libraries it needs, or the one that `$RWS_TEST_PROGRAM` names:
//! docker/test/static sets that to a static one. Needs root, as `chroot` does.

use std::path::{Path, PathBuf};

use crate::support::bucket::{Bucket, expect_not_ready, expect_ready};
use crate::support::curl::{self, Upload};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::program::{Program, Ran};
use crate::support::server::{Credentials, Options, Server};
use crate::support::{file_name, project_root, read_file, temporary_directory, write_file};
use tempfile::TempDir;

/// Runs a program in another root, as the user and in the directory that the Dockerfile names, with nothing of the
/// environment of the tests.
const IN_ROOT: &str = "
import os, sys
root, user, directory, program = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
os.chroot(root)
os.chdir(directory)
os.setgroups([])
os.setgid(user)
os.setuid(user)
own = {name: value for name, value in os.environ.items() if name == 'PORT' or name[:4] in ('RWS_', 'GPG_') or name[:3] == 'S3_'}
os.execve(program[0], program, own)
";

/// The root of a container.
struct Image {
    root: TempDir,
    dockerfile: String,
}

impl Image {
    /// The same steps as in the Dockerfile.
    #[track_caller]
    fn lay_out() -> Self {
        let directory = temporary_directory();
        let program = std::env::var("RWS_TEST_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_rws").to_owned());
        let lay_out = project_root().join("docker/lay-out");
        Program::new(lay_out, directory.path()).arg(&program).arg(directory.path()).succeed();
        let dockerfile = String::from_utf8(read_file(&project_root().join("docker/Dockerfile"))).unwrap();
        let image = Self { root: directory, dockerfile };
        let copies = image.instructions("COPY --from=build");
        assert_eq!(copies, ["/image/root/ /", "--chown=10001:10001 /image/writable/ /"]);
        let chown = Program::new("chown", image.root.path()).args(["--recursive", "10001:10001"]);
        chown.arg(image.root.path().join("writable")).succeed();
        let merge = "cp --archive writable/* root/";
        Program::new("sh", image.root.path()).args(["-c", merge]).current_dir(image.root.path()).succeed();
        image.add_libraries(&program);
        image
    }

    fn root(&self) -> PathBuf {
        self.root.path().join("root")
    }

    /// What follows an instruction of the last stage, for each time it stands there.
    fn instructions(&self, name: &str) -> Vec<String> {
        let last = self.dockerfile.rsplit("\nFROM ").next().unwrap();
        let lines = last.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        lines.map(str::to_owned).collect()
    }

    #[track_caller]
    fn instruction(&self, name: &str) -> String {
        let mut found = self.instructions(name);
        assert_eq!(found.len(), 1, "{name} in the Dockerfile: {found:?}");
        found.remove(0)
    }

    /// The words of an instruction in its JSON form, options before it left out.
    #[track_caller]
    fn words(&self, name: &str) -> Vec<String> {
        let text = self.instruction(name);
        serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap()
    }

    /// A static program needs none.
    fn add_libraries(&self, program: &str) {
        let ran = Program::new("ldd", self.root.path()).arg(program).run();
        let output = ran.output();
        let libraries = output.split_whitespace().filter(|word| word.starts_with('/'));
        for library in libraries {
            let place = self.root().join(library.trim_start_matches('/'));
            write_file(&place, read_file(Path::new(library)));
            Program::new("chmod", self.root.path()).arg("755").arg(place).succeed();
        }
    }

    /// The devices of every container that the program needs (OCI runtime specification, default devices): a static one reads
    /// random numbers from there.
    fn add_devices(&self) {
        let make = "mkdir dev; mknod -m 666 dev/random c 1 8; mknod -m 666 dev/urandom c 1 9";
        Program::new("sh", self.root.path()).args(["-euc", make]).current_dir(&self.root()).succeed();
    }

    /// What comes before a program in this root: `docker run`.
    fn launcher(&self, program: &str) -> Vec<String> {
        let root = self.root().display().to_string();
        let user = self.instruction("USER");
        let (user, group) = user.split_once(':').unwrap();
        assert_eq!(user, group);
        let words = ["python3", "-c", IN_ROOT, &root, user, &self.instruction("WORKDIR"), program];
        words.map(str::to_owned).to_vec()
    }

    /// The variables of the image, on a free port, and these.
    fn environment(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = self.instruction("ENV");
        let own = own.split(' ').map(|pair| pair.split_once('=').unwrap());
        let all = own.chain([("PORT", "0")]).chain(more.iter().copied());
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[track_caller]
    fn start(&self, environment: &[(&str, &str)], credentials: Option<Credentials>) -> Server {
        let entry = self.words("ENTRYPOINT");
        assert_eq!(self.words("CMD"), ["serve"]);
        self.add_devices();
        let environment = self.environment(environment);
        let launcher = Some(self.launcher(&entry[0]));
        Server::start_with(Options { environment, credentials, launcher, ..Options::default() })
    }

    /// The health check of the image, for a server that listens on this port.
    fn check_health(&self, port: &str) -> Ran {
        let health = self.words("HEALTHCHECK");
        let launcher = self.launcher(&health[0]);
        let program = Program::new(&launcher[0], self.root.path()).args(&launcher[1..]).args(&health[1..]);
        program.env("PORT", port).run()
    }
}

fn port(server: &Server) -> String {
    server.base_url().rsplit(':').next().unwrap().to_owned()
}

#[test]
fn what_the_dockerfile_says() {
    let image = Image::lay_out();
    assert_eq!(image.instruction("ENV"), "RWS_CFG=/app/config.default PORT=5000");
    assert_eq!(image.instruction("EXPOSE"), "5000");
    assert_eq!(image.words("HEALTHCHECK"), ["/usr/bin/rws", "health"]);
    assert_eq!(image.words("VOLUME"), ["/data", "/tmp"]);
    assert_ne!(image.instruction("USER"), "0:0");
    assert!(image.dockerfile.contains("\nFROM scratch\n"));
    for part in ["app/config.default", "etc/ssl/certs/ca-certificates.crt", "etc/passwd"] {
        assert!(!read_file(&image.root().join(part)).is_empty(), "{part} is empty");
    }
    // all that its user may write stands in the volumes
    let search = ["(", "-user", "10001", "-o", "-perm", "-o+w", ")", "-not", "-type", "l"];
    let found = Program::new("find", image.root.path()).arg(image.root()).args(search).succeed().output();
    let mut found: Vec<&str> = found.lines().map(|line| &line[image.root().display().to_string().len()..]).collect();
    found.sort_unstable();
    assert_eq!(found, ["/data", "/tmp"]);
}

#[test]
fn the_run_line_of_the_description_starts_although_its_bucket_cannot_be_reached() {
    let image = Image::lay_out();
    let environment = [
        ("RWS_CFG", "/app/config.default"),
        ("RWS_CREDENTIALS", r#"{"user": "password"}"#),
        ("S3_ACCESS_KEY", "foo"),
        ("S3_SECRET_KEY", "bar"),
        ("S3_REGION", "foobar"),
        ("S3_URL", "http://127.0.0.1:9"),
        ("S3_BUCKET", "barfoo"),
    ];
    let user = Credentials { user: "user".to_owned(), password: "password".to_owned() };
    let mut server = image.start(&environment, Some(user));
    curl::get(&server.url("/-/health")).expect_status(200);
    expect_not_ready(&server, &["RWS cannot reach S3", "Connection refused"]);
    let healthy = image.check_health(&port(&server)).expect_success();
    assert_eq!(healthy.everything(), "ok\n");
    let log = server.log();
    assert!(log.contains("listening on http://0.0.0.0:"), "{log}");
    assert!(log.contains("rws hash-password"), "nobody is told that the hash is none:\n{log}");
    let port = port(&server);
    assert_eq!(server.terminate().code(), Some(0));
    let ill = image.check_health(&port);
    assert_eq!(ill.code, Some(1), "{}", ill.transcript());
    assert_eq!(ill.everything().lines().count(), 1, "{}", ill.transcript());
}

#[test]
fn an_upload_to_a_bucket_whose_host_is_a_name() {
    let image = Image::lay_out();
    let bucket = Bucket::on_ceph();
    // as a container engine does it
    write_file(&image.root().join("etc/hosts"), "127.0.0.1 s3\n");
    let url = bucket.s3.url.replace("//127.0.0.1:", "//s3:");
    let bucket = bucket.with("S3_URL", &url);
    let variables = bucket.environment();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let user = Credentials { user: "ci".to_owned(), password: "password".to_owned() };
    let server = image.start(&variables, Some(user));
    expect_ready(&server);
    let directory = temporary_directory();
    let rpm = Rpm::new("hello", "1.0", "1").build(directory.path());
    Upload::to("/live/1.10/el/9?wait=30").file(&rpm).send(&server).expect_created();
    let path = format!("/live/1.10/el/9/x86_64/Packages/{}", file_name(&rpm));
    assert!(curl::get(&server.url(&path)).expect_status(200).body == read_file(&rpm));
    curl::get(&server.url("/live/1.10/el/9/x86_64/repodata/repomd.xml.asc")).expect_status(200);
}

#[test]
fn an_upload_without_any_setting() {
    let image = Image::lay_out();
    let server = image.start(&[], None);
    let directory = temporary_directory();
    let deb = Deb::new("hello", "1.0-1", "amd64").build(directory.path());
    let upload = Upload::to("/live/1.10/debian/bookworm?wait=30").field("product", "hello");
    upload.file(&deb).send(&server).expect_created();
    let pool = "live/1.10/debian/pool/bookworm/main/h/hello/hello_1.0-1_amd64.deb";
    assert!(read_file(&image.root().join("data/rws-data").join(pool)) == read_file(&deb));
}
