//! File names: extensions, the type of the repository, and what could leave its directory.

use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, deb_form, expect_created, expect_json_form, expect_message, expect_no_traces,
    expect_status, put, traces,
};
use crate::support::form::Form;
use crate::support::server::Server;

const EXTENSIONS: &str = "Invalid filename. Allowed file extensions: .rpm, .deb, .dsc, .xz, .gz";

fn unfit(name: &str, base: &str) -> String {
    format!(
        "Can't upload the package to S3: The \"{name}\" file does not match the type of files used in the {base}-based \
         repositories."
    )
}

#[test]
fn extensions_and_types() {
    let server = Server::start();
    let before = traces(&server);
    let (rpm, deb) = (&FIXTURES.rpm, &FIXTURES.deb);
    let mut rows = Rows::default();
    for name in ["x.zip", "x", "x.RPM", "x.Deb", "x.rpm.sig", "rpm", "x.tar.bz2x", "x.exe", ""] {
        for (path, form) in [
            (RPM_TARGET, Form::of([&rpm.named(name)])),
            (DEB_TARGET, deb_form([&deb.named(name)])),
            (RPM_TARGET, Form::of([&FIXTURES.noarch_rpm, &rpm.named(name)])),
        ] {
            rows.row(&format!("extension of {name:?} to {path}"), || {
                expect_message(&put(&server, path, form), 400, EXTENSIONS);
            });
        }
    }
    for name in ["x.dsc", "x.tar.xz", "x.xz", "x.tar.gz", "x.gz", "rws-one_1.0-1_amd64.deb"] {
        rows.row(&format!("{name} to an rpm distribution"), || {
            expect_message(&put(&server, RPM_TARGET, Form::of([&deb.named(name)])), 400, &unfit(name, "rpm"));
        });
    }
    for name in ["rws-one-1.0-1.x86_64.rpm", "x.xz", "x.gz"] {
        rows.row(&format!("{name} to a deb distribution"), || {
            expect_message(&put(&server, DEB_TARGET, deb_form([&rpm.named(name)])), 400, &unfit(name, "deb"));
        });
    }
    rows.row("i686 rpm, which is not configured", || {
        let i686 = &FIXTURES.i686_rpm;
        expect_message(&put(&server, RPM_TARGET, Form::of([i686])), 400, &unfit(&i686.name, "rpm"));
    });
    rows.row("nothing is kept", || expect_no_traces(&server, &before));
    rows.end();
}

#[test]
fn names_that_could_leave_their_directory() {
    let server = Server::start();
    let before = traces(&server);
    let (rpm, deb) = (&FIXTURES.rpm, &FIXTURES.deb);
    let mut rows = Rows::default();
    let names = [
        "sub/dir/x.x86_64",
        "/x",
        "C:\\\\dir\\\\x",
        "../../../../../evil",
        "..",
        "..\\\\x",
        "a b",
        " a",
        "a\tb",
        "x/../y",
        "%0Aa",
        "a%0D%0Ab",
        // not in the contract: no client can fetch them, as it takes the rest of the path for something else
        "a#b",
        "a?b",
    ];
    for name in names {
        for (path, name, bytes) in
            [(RPM_TARGET, format!("{name}.rpm"), &rpm.bytes), (DEB_TARGET, format!("{name}.deb"), &deb.bytes)]
        {
            rows.row(&format!("filename={name:?} to {path}"), || {
                let form = Form::new().field("product", "product");
                let answer = put(&server, path, form.part(&format!("name=x; filename=\"{name}\""), bytes));
                expect_status(&answer, 400);
                expect_json_form(&answer);
                assert_ne!(answer.json()["message"], EXTENSIONS);
            });
        }
    }
    for name in ["a%2Fb", "%2e%2e%2fb", "a%00b", "a%0Ab", "a%5Cb", "a%20b", "a%C2%A0b", "a%C2%85b", "a%E2%80%A8b"] {
        rows.row(&format!("filename*=UTF-8''{name}.rpm"), || {
            let form = Form::new().part(&format!("name=x; filename*=UTF-8''{name}.rpm"), &rpm.bytes);
            let answer = put(&server, RPM_TARGET, form);
            expect_status(&answer, 400);
            expect_json_form(&answer);
        });
    }
    rows.row("a part header with a line break in the name", || {
        let form = Form::new().part("name=x; filename=\"a\r\nb.rpm\"", &rpm.bytes);
        expect_status(&put(&server, RPM_TARGET, form), 400);
    });
    rows.row("nothing is kept", || expect_no_traces(&server, &before));
    rows.end();
}

#[test]
fn awkward_names_that_are_good() {
    let server = Server::start();
    let mut rows = Rows::default();
    for name in ["a+b~c^d", "a%20b", "ä", "a&b<c>", "a'b", "a;b", "a=b", "a:b", "[a]{b}", "a@b,c"] {
        rows.row(&format!("{name}.rpm"), || {
            let form = Form::new().part(&format!("name=x; filename=\"{name}.rpm\""), &FIXTURES.rpm.bytes);
            expect_created(&put(&server, RPM_TARGET, form));
        });
    }
    rows.end();
}
