//! The requests, and how their answers may differ.

use serde_json::json;

use crate::contract::paths::BAD_PATHS;
use crate::contract::stage::{DEB_TARGET, FIXTURES, RPM_TARGET, deb_form};
use crate::support::form::{self, File, Form};
use crate::support::raw::{Request, base64};
use crate::support::server::Credentials;

/// One request to both.
pub struct Row {
    pub name: String,
    pub request: Request,
    pub expected: Expected,
}

/// How the answers compare.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    Same,
    /// They differ, as a row of CONTRACT.md says, and begin so.
    Differs {
        contract: &'static str,
        original: &'static str,
        rws: &'static str,
    },
}

use Expected::Same;

const fn differs(contract: &'static str, original: &'static str, rws: &'static str) -> Expected {
    Expected::Differs { contract, original, rws }
}

const NO_FILE: Expected = differs("upload without any file, broken multipart", "201 OK", "400 ");
const MISSING: Expected = differs("missing path", "200 page", "404 page");
const BAD_NAME: Expected = differs("file names with `/`, `\\`, `..`, blanks", "201 OK", "400 ");

pub fn anchors() -> serde_json::Value {
    json!({
        "both-kinds": ["live", "release/"],
        "old-and-new": ["1.10", "2.9"],
        "two-distributions": ["el/7", "fedora/30/"],
        "whole": ["live/2.1/el/7"],
        "slashes": ["live//2.2///"],
        "bad": ["live/1.10", "live/9.9"],
        "leading": ["/live/1.10"],
        "short": ["live"],
    })
}

fn user() -> Credentials {
    Credentials { user: "ci".to_owned(), password: "password".to_owned() }
}

fn request(method: &str, path: &str) -> Request {
    Request::new(method, path).user(&user())
}

fn put(path: &str, form: Form) -> Request {
    request("PUT", path).form(form)
}

fn call(method: &str, path: &str) -> Request {
    request(method, path).body("")
}

fn body(path: &str, content_type: &str, body: &[u8]) -> Request {
    let request = request("PUT", path);
    let request = if content_type.is_empty() { request } else { request.header("Content-Type", content_type) };
    request.body(body)
}

/// All of them, in the order in which they are sent: later ones find what earlier ones left.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |name: &str, request: Request, expected: Expected| {
        rows.push(Row { name: name.to_owned(), request, expected });
    };
    logins(&mut add);
    paths(&mut add);
    missing(&mut add);
    forms(&mut add);
    names(&mut add);
    uploads(&mut add);
    reads(&mut add);
    methods(&mut add);
    rows
}

type Add<'a> = dyn FnMut(&str, Request, Expected) + 'a;

fn logins(add: &mut Add<'_>) {
    let good = base64(b"ci:password");
    for (name, header) in [
        ("no login", None),
        ("wrong password", Some(format!("Basic {}", base64(b"ci:wrong")))),
        ("unknown user", Some(format!("Basic {}", base64(b"nobody:password")))),
        ("empty user", Some(format!("Basic {}", base64(b":password")))),
        ("no colon", Some(format!("Basic {}", base64(b"ci")))),
        ("bad base64", Some("Basic !!!!".to_owned())),
        ("Bearer", Some("Bearer abc.def.ghi".to_owned())),
    ] {
        for (method, path) in [("PUT", RPM_TARGET), ("POST", RPM_TARGET), ("PUT", "/bad")] {
            let request = Request::new(method, path);
            let request = match &header {
                Some(header) => request.header("Authorization", header),
                None => request,
            };
            add(&format!("{name}: {method} {path}"), request.form(Form::of([&FIXTURES.rpm])), Same);
        }
    }
    let lower = Request::new("PUT", "/live/2.3/el/7").header("Authorization", &format!("basic {good}"));
    add("the scheme in lower case", lower.form(Form::of([&FIXTURES.rpm])), Same);
    let delete = differs("DELETE", "501 Delete has not yet been implemented.", "401 Unauthorized Access");
    add("DELETE without a login", Request::new("DELETE", RPM_TARGET).body(""), delete);
}

fn paths(add: &mut Add<'_>) {
    for (name, path, _) in BAD_PATHS {
        // a path to the original, in which something else stands for these bytes
        let is_text = !path.contains("%ff");
        let expected =
            if is_text { Same } else { differs("paths are text", "400 Distribution version", "400 Invalid URL.") };
        add(&format!("PUT, {name}: {path}"), put(path, Form::of([&FIXTURES.rpm])), expected);
        add(&format!("POST, {name}: {path}"), call("POST", path), expected);
    }
    let good = [
        "/both-kinds/1.10/el/7",
        "/live/old-and-new/el/7",
        "/live/1.10/two-distributions",
        "/whole",
        "/whole/",
        "//whole",
        "/slashes/el/7",
        "/slashes//el//7//",
        "/both-kinds/old-and-new/el/7",
        "/both-kinds%2F1.10/el/7",
        "/both-kinds/./1.10/el/7",
        "/both-kinds/1.10/el/8/../7",
        "//live/1.10/el/7",
        "/live%2F1.10/el/7",
    ];
    for path in good {
        add(&format!("PUT {path}"), put(path, Form::of([&FIXTURES.rpm])), Same);
    }
    for path in ["/both-kinds/1.10/el/7", "/whole/", "//live/1.10/el/7", "/live/1.10/el/7"] {
        add(&format!("POST {path}"), call("POST", path), Same);
    }
    for path in ["/leading/el/7", "/short/el/7", "/whole/x86_64", "/unknown/el/7"] {
        add(&format!("PUT, a bad anchor: {path}"), put(path, Form::of([&FIXTURES.rpm])), Same);
    }
    add("PUT, one bad value of an anchor", put("/bad/el/7", Form::of([&FIXTURES.rpm])), Same);
}

fn missing(add: &mut Add<'_>) {
    let nothing = differs(
        "POST for something that does not exist",
        "500 Can't update repository: Repository",
        "404 Can't update repository: Repository",
    );
    for path in ["/live/2.9/fedora/30", "/release/2.8/ubuntu/focal"] {
        add(&format!("POST {path}, which does not exist"), call("POST", path), nothing);
    }
}

fn forms(add: &mut Add<'_>) {
    let multipart = form::content_type();
    let rpm = &FIXTURES.rpm;
    for path in [RPM_TARGET, DEB_TARGET] {
        for (name, content_type, bytes) in [
            ("no body", "", Vec::new()),
            ("raw body", "", rpm.bytes.clone()),
            ("urlencoded", "application/x-www-form-urlencoded", b"product=x&file=y".to_vec()),
            ("JSON", "application/json", b"{}".to_vec()),
            ("form without parts", multipart.as_str(), Form::new().finish()),
            ("fields only", multipart.as_str(), Form::new().field("product", "p").finish()),
            ("no final boundary", multipart.as_str(), Form::of([rpm]).unfinished()),
        ] {
            add(&format!("{name}: {path}"), body(path, content_type, &bytes), NO_FILE);
        }
    }
    let ddeb = File::new("x-dbgsym_1.0-1_amd64.ddeb", *b"anything");
    add("only a .ddeb", put(DEB_TARGET, deb_form([&ddeb])), Same);
    add("only a .ddeb, without a product", put(DEB_TARGET, Form::of([&ddeb])), Same);
    let post = request("POST", RPM_TARGET).form(Form::of([&FIXTURES.noarch_rpm]));
    add("POST of a form with files", post, differs("POST that carries a form with files", "200 OK", "201 OK"));
    let post = request("POST", RPM_TARGET).form(Form::new().field("product", "p"));
    add("POST of a form with fields only", post, Same);
    let twice = Form::of([rpm]).file(rpm);
    add("one file name twice", put(RPM_TARGET, twice), differs("one file name twice", "201 OK", "400 "));
}

fn names(add: &mut Add<'_>) {
    let (rpm, deb) = (&FIXTURES.rpm, &FIXTURES.deb);
    for name in ["x.zip", "x", "x.RPM", "x.rpm.sig", "rpm"] {
        add(&format!("extension of {name}"), put(RPM_TARGET, Form::of([&rpm.named(name)])), Same);
        add(&format!("extension of {name}, to deb"), put(DEB_TARGET, deb_form([&deb.named(name)])), Same);
    }
    for name in ["x.dsc", "x.tar.xz", "x.xz", "x.gz", "rws-one_1.0-1_amd64.deb"] {
        add(&format!("{name} to an rpm distribution"), put(RPM_TARGET, Form::of([&deb.named(name)])), Same);
    }
    for name in ["rws-one-1.0-1.x86_64.rpm", "x.xz", "x.gz"] {
        add(&format!("{name} to a deb distribution"), put(DEB_TARGET, deb_form([&rpm.named(name)])), Same);
    }
    add("an rpm of another architecture", put(RPM_TARGET, Form::of([&FIXTURES.i686_rpm])), Same);
    for name in ["sub/dir/x.x86_64", "a b.x86_64", "../../x.x86_64"] {
        let form = Form::new().part(&format!("name=x; filename=\"{name}.rpm\""), &rpm.bytes);
        add(&format!("the name {name}.rpm"), put("/live/2.4/el/7", form), BAD_NAME);
    }
    for product in ["a/b", "..", "a b"] {
        let form = Form::of([deb]).field("product", product);
        add(&format!("the product {product:?}"), put("/live/2.4/ubuntu/focal", form), BAD_NAME);
    }
    for (name, form) in [("missing", Form::of([deb])), ("empty", Form::of([deb]).field("product", ""))] {
        add(&format!("{name} product"), put(DEB_TARGET, form), Same);
    }
    add("missing product, and an rpm", put(DEB_TARGET, Form::of([rpm])), Same);
}

fn uploads(add: &mut Add<'_>) {
    for file in [&FIXTURES.rpm, &FIXTURES.noarch_rpm, &FIXTURES.source_rpm, &FIXTURES.arm_rpm] {
        add(&format!("PUT {}", file.name), put("/live/2.2/el/8", Form::of([file])), Same);
    }
    for file in [&FIXTURES.deb, &FIXTURES.arm_deb, &FIXTURES.epoch_deb] {
        add(&format!("PUT {}", file.name), put("/live/2.2/ubuntu/focal", deb_form([file])), Same);
    }
    add("the same again", put("/live/2.2/ubuntu/focal", deb_form([&FIXTURES.deb])), Same);
    add("other bytes of it", put("/live/2.2/ubuntu/focal", deb_form([&FIXTURES.other_deb])), Same);
    let form = Form::new().field("product", "product").file(&FIXTURES.deb).field("product", "other");
    add("product twice", put("/live/2.2/ubuntu/focal", form), Same);
    let source = [&FIXTURES.dsc, &FIXTURES.debian, &FIXTURES.orig];
    let without = differs(".dsc whose files are missing or differ", "201 OK", "400 ");
    add("a source without its signature", put("/live/2.2/ubuntu/focal", deb_form(source)), without);
    let signature = differs("`.asc` upstream signatures listed by a .dsc", "400 ", "201 OK");
    add("a source with it", put("/live/2.2/ubuntu/focal", deb_form(FIXTURES.source())), signature);
    let malformed = differs("malformed or truncated package", "201 OK", "400 ");
    add("a truncated rpm", put("/live/2.5/el/8", Form::of([&FIXTURES.rpm.cut(500)])), malformed);
    add("a truncated deb", put("/live/2.5/ubuntu/focal", deb_form([&FIXTURES.deb.cut(500)])), malformed);
}

fn reads(add: &mut Add<'_>) {
    let rpm = format!("/live/2.2/el/8/x86_64/Packages/{}", FIXTURES.rpm.name);
    let deb = format!("/live/2.2/ubuntu/pool/focal/main/p/product/{}", FIXTURES.arm_deb.name);
    for path in [rpm.as_str(), &deb, "/live/2.2/el/8/x86_64/Packages", "/live/2.2/el/8/x86_64/Packages/"] {
        add(&format!("GET {path}"), Request::get(path), Same);
    }
    for path in [format!("{rpm}?type=file"), format!("//live/./2.2/el/8{}", &rpm["/live/2.2/el/8".len()..])] {
        add(&format!("GET {path}"), Request::get(&path), Same);
    }
    add("HEAD of a file", Request::new("HEAD", &rpm), Same);
    for path in ["/no-such", "/live/9.9", "/live/2.2/el/8/x86_64/Packages/no-such.rpm", "/whole"] {
        add(&format!("GET {path}, which is missing"), Request::get(path), MISSING);
    }
    add(
        "GET of a prefix of a name",
        Request::get("/live/2.2/e"),
        differs("path that is only a prefix of a name", "200 page", "404 page"),
    );
}

fn methods(add: &mut Add<'_>) {
    for (method, path) in [("PUT", "/"), ("POST", "/"), ("DELETE", "/"), ("OPTIONS", "/"), ("OPTIONS", RPM_TARGET)] {
        add(&format!("{method} {path}"), call(method, path), Same);
    }
    for method in ["PATCH", "TRACE"] {
        add(&format!("{method} {RPM_TARGET}"), call(method, RPM_TARGET), Same);
    }
    let path = format!("/live/2.2/el/8/{}", FIXTURES.rpm.name);
    let delete = differs("DELETE", "501 Delete has not yet been implemented.", "200 OK");
    add("DELETE of a package", call("DELETE", &path), delete);
}
