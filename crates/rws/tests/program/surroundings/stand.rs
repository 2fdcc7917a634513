//! The test stand: docker/test/docker-compose.yml, as far as that can be told without a container engine, and the script that
//! starts the same without one.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::curl::{self, Upload};
use crate::support::packages::rpm::Rpm;
use crate::support::program::Program;
use crate::support::server::{Credentials, Options, Server, own_variables};
use crate::support::{file_name, project_root, read_file, temporary_directory, test_cache, wait};
use serde_json::Value;

fn rws() -> Credentials {
    Credentials { user: "rws".to_owned(), password: "rws".to_owned() }
}

/// A YAML file, anchors and merges resolved.
#[track_caller]
fn yaml(path: &Path) -> Value {
    let read = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let home = temporary_directory();
    let python = Program::new(test_cache().join("venv/bin/python3"), home.path()).args(["-c", read]);
    serde_json::from_str(&python.arg(path).succeed().output()).unwrap()
}

/// The variables of a service, as docker-compose hands them on.
fn environment(service: &Value) -> Vec<(String, String)> {
    let pairs = service["environment"].as_object().unwrap().iter();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().replace("$$", "$"))).collect()
}

/// The variables that `rws --help` lists.
fn known_variables() -> Vec<String> {
    let home = temporary_directory();
    let help = Program::new(env!("CARGO_BIN_EXE_rws"), home.path()).arg("--help").succeed().output();
    let list = help.split("Environment variables").nth(1).unwrap();
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_compose_file() {
    let file = yaml(&project_root().join("docker/test/docker-compose.yml"));
    let services = &file["services"];
    for (name, dockerfile) in
        [("rws", "docker/Dockerfile"), ("s3", "docker/test/Dockerfile.s3"), ("bucket", "docker/test/Dockerfile.s3")]
    {
        let build = &services[name]["build"];
        assert_eq!((&build["dockerfile"], &build["context"]), (&dockerfile.into(), &"../..".into()), "{name}");
        let text = String::from_utf8(read_file(&project_root().join(dockerfile))).unwrap();
        for line in
            text.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from"))
        {
            let mut words: Vec<&str> = line.split(' ').collect();
            words.pop();
            assert!(words.iter().all(|source| project_root().join(source).exists()), "{dockerfile}: {line}");
        }
    }
    assert_eq!(services["rws"]["ports"], serde_json::json!(["5000:5000"]));
    assert_eq!(services["s3"]["ports"], serde_json::json!(["9000:9000"]));
    assert_eq!(services["s3"]["volumes"], serde_json::json!(["s3:/var/lib/stand"]));
    assert!(file["volumes"].as_object().unwrap().contains_key("s3"));
    assert_eq!(services["rws"]["depends_on"]["bucket"]["condition"], "service_completed_successfully");
    assert_eq!(services["bucket"]["depends_on"]["s3"]["condition"], "service_healthy");
    assert_eq!(services["bucket"]["entrypoint"], serde_json::json!(["/stand/docker/test/make-bucket"]));

    let environment = environment(&services["rws"]);
    let known = known_variables();
    for (name, _) in &environment {
        assert!(known.contains(name), "{name} is no variable of rws: {known:?}");
    }
    let value = |wanted: &str| &environment.iter().find(|(name, _)| name == wanted).unwrap().1;
    let s3 = services["s3"]["environment"].as_object().unwrap();
    assert_eq!(s3["RWS_S3_ACCESS_KEY"], value("S3_ACCESS_KEY").as_str());
    assert_eq!(s3["RWS_S3_SECRET_KEY"], value("S3_SECRET_KEY").as_str());

    let home = temporary_directory();
    let mut check = Program::new(env!("CARGO_BIN_EXE_rws"), home.path()).args(["config", "check"]);
    for name in own_variables() {
        check = check.env_remove(name);
    }
    for (name, value) in &environment {
        check = check.env(name, value.replace("/app/", &format!("{}/", project_root().display())));
    }
    let said = check.succeed().everything();
    assert!(said.starts_with("ok: ") && said.lines().count() == 1, "{said}");

    let users = vec![("RWS_CREDENTIALS".to_owned(), value("RWS_CREDENTIALS").clone())];
    let server = Server::start_with(Options { environment: users, credentials: Some(rws()), ..Options::default() });
    let rpm = Rpm::new("hello", "1.0", "1").build(home.path());
    Upload::to("/live/1.10/el/9").file(&rpm).send(&server).expect_created();
}

/// Two ports that nobody listens on.
fn free_ports() -> [String; 2] {
    let holders = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    holders.map(|holder| holder.local_addr().unwrap().port().to_string())
}

/// The running script. Dropping it ends it.
struct Stand(Child);

impl Stand {
    /// What Ctrl-C does on a terminal: SIGINT for all in the foreground.
    fn interrupt(&self) {
        let home = temporary_directory();
        let command = format!("kill -INT -{}", self.0.id());
        Program::new("sh", home.path()).args(["-c", command.as_str()]).succeed();
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.interrupt();
            let _ = self.0.wait();
        }
    }
}

#[test]
fn the_stand_without_containers_takes_an_upload_and_stops() {
    let directory = temporary_directory();
    let [port, s3_port] = free_ports();
    let mut command = Command::new(project_root().join("docker/test/stand"));
    for name in own_variables() {
        command.env_remove(name);
    }
    command.args(["--program", env!("CARGO_BIN_EXE_rws"), "--port", &port, "--s3-port", &s3_port]);
    command.env("RWS_STAND_DIR", directory.path()).env("RWS_TEST_CACHE", test_cache());
    let said = directory.path().join("said");
    let output = || std::fs::File::options().create(true).append(true).open(&said).unwrap();
    command.stdin(Stdio::null()).stdout(output()).stderr(output()).process_group(0);
    let mut stand = Stand(command.spawn().unwrap());
    let text = || String::from_utf8_lossy(&read_file(&said)).into_owned();
    let started = wait::until_or(wait::BOUND * 3, || {
        (text().contains("Ctrl-C stops both") || stand.0.try_wait().unwrap().is_some()).then_some(())
    });
    assert!(started.is_some() && text().contains("Ctrl-C stops both"), "{}", text());

    let base = format!("http://127.0.0.1:{port}");
    assert!(
        text()
            .contains(&format!("curl -u rws:rws -F file=@hello-1.0-1.x86_64.rpm -X PUT {base}/live/1.10/el/9?wait=10"))
    );
    let rpm = Rpm::new("hello", "1.0", "1").build(directory.path());
    Upload::to("/live/1.10/el/9?wait=30").file(&rpm).send_to(&base, Some(&rws())).expect_created();
    let package = format!("live/1.10/el/9/x86_64/Packages/{}", file_name(&rpm));
    assert!(curl::get(&format!("{base}/{package}")).expect_status(200).body == read_file(&rpm));
    let key = Credentials { user: "rws".to_owned(), password: "rws-secret".to_owned() };
    let signed = ["--aws-sigv4", "aws:amz:us-east-1:s3"].map(str::to_owned);
    let object = curl::request(&format!("http://127.0.0.1:{s3_port}/rws/{package}"), Some(&key), &signed);
    assert!(object.expect_status(200).body == read_file(&rpm));

    stand.interrupt();
    let ended = wait::until("the end of the stand", wait::BOUND, || stand.0.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0), "{}", text());
    assert!(text().ends_with("stopped\n"), "{}", text());
    for port in [&port, &s3_port] {
        assert!(TcpStream::connect(format!("127.0.0.1:{port}")).is_err(), "port {port} still answers:\n{}", text());
    }
}
