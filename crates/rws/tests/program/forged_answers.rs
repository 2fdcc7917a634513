//! Something other than the store answers: whatever it says and to which request, nothing that was answered with success is
//! lost, and nobody reads a wrong byte.

#![expect(clippy::expect_used, reason = "a test says so by failing")]

mod faults;
mod matrix;
mod run;

use std::path::{Path, PathBuf};

use rws_lab::rpm::{Package, text, texts};
use serde_json::Value;

use crate::replicas::{DEB, RPM};
use crate::support::curl::{self, Answer, Upload};
use crate::support::packages::deb::Deb;
use crate::support::server::{Credentials, Server};
use crate::support::write_file;

/// A package that nobody else has, and where it goes.
#[derive(Clone, Debug)]
struct Sent {
    name: String,
    path: &'static str,
    file: PathBuf,
}

/// A deb or an rpm of this name.
#[track_caller]
fn package(name: &str, is_deb: bool, directory: &Path) -> Sent {
    if is_deb {
        let file = Deb::new(name, "1.0-1", "amd64").build(directory);
        return Sent { name: name.to_owned(), path: DEB, file };
    }
    let package = Package::hello().with(1000, text(name)).with(1044, text(&format!("{name}-2.0-1.src.rpm")));
    let package = package.with(1118, texts(&["/usr/bin/", &format!("/usr/share/{name}/")]));
    let file = directory.join(format!("{name}-2.0-1.x86_64.rpm"));
    write_file(&file, package.build());
    Sent { name: name.to_owned(), path: RPM, file }
}

impl Sent {
    /// Uploads it to the server at a base URL.
    fn upload(&self, base_url: &str, credentials: &Credentials) -> Answer {
        Upload::to(self.path).field("product", "forged").file(&self.file).send_to(base_url, Some(credentials))
    }
}

/// What is said of an upload: `pending`, `published`, `failed`, or what was answered in place of that.
fn state(server: &Server, answer: &Answer) -> String {
    let address = answer.header("RWS-Status").expect("an accepted upload has an address");
    let path = address.split_once("/-/").map_or(address, |(_, path)| path);
    let answer = curl::get(&server.url(&format!("/-/{path}")));
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(body) if answer.status == 200 => body["state"].as_str().unwrap_or_default().to_owned(),
        _ => format!("{} {}", answer.status, answer.text()),
    }
}
