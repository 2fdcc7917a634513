//! The form of an upload: what is refused as a whole, and what is accepted in any shape.

use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, Fixtures, RPM_TARGET, deb_form, expect_created, expect_file_refused, expect_json_form,
    expect_message, expect_no_traces, expect_status, public_files, put, traces,
};
use crate::support::curl::Answer;
use crate::support::form::{self, File, Form};
use crate::support::packages::rpm::Rpm;
use crate::support::raw::{Connection, Request};
use crate::support::server::Server;
use crate::support::{files_in, temporary_directory, wait};

#[test]
fn not_a_form_with_files() {
    let server = Server::start();
    let before = traces(&server);
    let mut rows = Rows::default();
    let rpm = &FIXTURES.rpm;
    let multipart = form::content_type();
    let good = || Form::of([rpm]).finish();
    let table: [(&str, &str, Vec<u8>); 12] = [
        ("no body", "", Vec::new()),
        ("raw body, as curl -T sends it", "", rpm.bytes.clone()),
        ("raw body with the type of rpm", "application/x-rpm", rpm.bytes.clone()),
        ("urlencoded", "application/x-www-form-urlencoded", b"product=x&file=y".to_vec()),
        ("JSON", "application/json", b"{}".to_vec()),
        ("multipart, but no form", "multipart/mixed; boundary=rws-test-boundary-7MA4YWxk", good()),
        ("no boundary stated", "multipart/form-data", good()),
        ("another boundary stated", "multipart/form-data; boundary=other", good()),
        ("form with an empty body", &multipart, Vec::new()),
        ("form without parts", &multipart, Form::new().finish()),
        ("fields only", &multipart, Form::new().field("product", "product").field("x", "y").finish()),
        ("no final boundary", &multipart, Form::of([rpm]).unfinished()),
    ];
    for path in [RPM_TARGET, DEB_TARGET] {
        for (name, content_type, body) in &table {
            rows.row(&format!("{name}: {path}"), || {
                let mut request = Request::new("PUT", path).user(server.credentials());
                if !content_type.is_empty() {
                    request = request.header("Content-Type", content_type);
                }
                let answer = request.body(body.clone()).send(&server);
                expect_status(&answer, 400);
                expect_json_form(&answer);
                assert!(answer.json()["code"].is_string(), "{}", answer.text());
                expect_no_traces(&server, &before);
            });
        }
    }
    for (name, body) in [
        ("cut in the final boundary", good()[..good().len() - 6].to_vec()),
        ("cut in a file", good()[..good().len() / 2].to_vec()),
        ("cut in the headers of a part", good()[..50].to_vec()),
        ("headers of a part end in LF alone", String::from_utf8_lossy(&good()).replace("\r\n", "\n").into_bytes()),
        ("a part without Content-Disposition", b"--rws-test-boundary-7MA4YWxk\r\nX: y\r\n\r\nz".to_vec()),
    ] {
        rows.row(&format!("broken form: {name}"), || {
            let request = Request::new("PUT", RPM_TARGET).user(server.credentials());
            let answer = request.header("Content-Type", &multipart).body(body).send(&server);
            expect_status(&answer, 400);
            expect_json_form(&answer);
            expect_no_traces(&server, &before);
        });
    }
    rows.row("the server still takes uploads", || expect_created(&put(&server, RPM_TARGET, Form::of([rpm]))));
    rows.end();
}

#[test]
fn cut_connections_leave_nothing() {
    let server = Server::start();
    let before = traces(&server);
    let spool = server.data_dir().join(".rws/spool");
    let body = Form::of([&FIXTURES.noarch_rpm, &FIXTURES.rpm]).finish();
    let request = || {
        let request = Request::new("PUT", RPM_TARGET).user(server.credentials());
        request.header("Content-Type", &form::content_type())
    };
    let sized = request().header("Content-Length", &body.len().to_string());
    let chunked = request().header("Transfer-Encoding", "chunked");
    let half = body.get(..body.len() - 500).unwrap();
    let mut rows = Rows::default();
    for (name, request, bytes) in [
        ("in the middle of the second file", &sized, half.to_vec()),
        ("all but the last byte", &sized, body.get(..body.len() - 1).unwrap().to_vec()),
        ("chunked, in the middle of a chunk", &chunked, [format!("{:x}\r\n", body.len()).as_bytes(), half].concat()),
        ("chunked, all data but no last chunk", &chunked, [format!("{:x}\r\n", body.len()).as_bytes(), &body].concat()),
    ] {
        rows.row(name, || {
            let mut connection = Connection::open(&server);
            connection.write(&request.head(&server));
            connection.write(&bytes);
            wait::until("a file in the spool", wait::BOUND, || (!files_in(&spool).is_empty()).then_some(()));
            connection.cut();
            wait::until("an empty spool", wait::BOUND, || files_in(&spool).is_empty().then_some(()));
            expect_no_traces(&server, &before);
        });
    }
    rows.row("an upload that is cut and sent again", || {
        expect_created(&put(&server, RPM_TARGET, Form::of([&FIXTURES.rpm])))
    });
    rows.end();
}

#[test]
fn ddeb_files_are_skipped() {
    let server = Server::start();
    let before = traces(&server);
    let ddeb = File::new("rws-one-dbgsym_1.0-1_amd64.ddeb", *b"anything");
    let mut rows = Rows::default();
    let expect_told = |answer: &Answer| {
        let warning = answer.header("rws-warning").unwrap_or_default();
        assert!(warning.starts_with(&format!("{}: it is not kept", ddeb.name)), "{warning:?}");
    };
    rows.row("alone: 201 and nothing is written", || {
        let answer = put(&server, DEB_TARGET, deb_form([&ddeb]));
        expect_created(&answer);
        expect_told(&answer);
        expect_no_traces(&server, &before);
    });
    rows.row("alone, without a product", || {
        expect_created(&put(&server, DEB_TARGET, Form::of([&ddeb])));
        expect_no_traces(&server, &before);
    });
    rows.row("alone, to an rpm distribution", || {
        expect_created(&put(&server, RPM_TARGET, Form::of([&ddeb])));
        expect_no_traces(&server, &before);
    });
    rows.row("alone, with wait", || {
        expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&ddeb])));
    });
    rows.row("beside a package, the rest is taken", || {
        let answer = put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&ddeb, &FIXTURES.deb]));
        expect_created(&answer);
        expect_told(&answer);
        let files = public_files(&server);
        assert!(files.iter().any(|name| name.ends_with(&FIXTURES.deb.name)), "{files:?}");
        assert!(!files.iter().any(|name| name.contains("ddeb")), "{files:?}");
    });
    rows.end();
}

/// Puts to a fresh server and waits until it is published.
#[track_caller]
fn published(path: &str, form: Form) -> Server {
    let server = Server::start();
    expect_created(&put(&server, &format!("{path}?wait=30"), form));
    server
}

#[track_caller]
fn expect_published(server: &Server, names: &[&str]) {
    let files = public_files(server);
    for name in names {
        assert!(files.iter().any(|file| file.ends_with(&format!("/{name}"))), "no {name} in {files:?}");
    }
}

#[test]
fn shapes_of_a_good_form() {
    let (rpm, noarch, deb) = (&FIXTURES.rpm, &FIXTURES.noarch_rpm, &FIXTURES.deb);
    let part = |name: &str, file: &File| format!("name=\"{name}\"; filename=\"{}\"", file.name);
    let mut rows = Rows::default();
    rows.row("two parts with one field name: both are taken", || {
        let form = Form::new().part(&part("file", rpm), &rpm.bytes).part(&part("file", noarch), &noarch.bytes);
        expect_published(&published(RPM_TARGET, form), &[&rpm.name, &noarch.name]);
    });
    rows.row("the field name does not count, the filename does", || {
        let form = Form::new().part(&part("product", deb), &deb.bytes).field("product", "product");
        expect_published(&published(DEB_TARGET, form), &[&deb.name]);
    });
    rows.row("no field name at all", || {
        let form = Form::new().part(&format!("filename={}", rpm.name), &rpm.bytes);
        expect_published(&published(RPM_TARGET, form), &[&rpm.name]);
    });
    rows.row("filename* wins over filename", || {
        let encoded = rpm.name.replace('-', "%2D");
        let form = Form::new().part(&format!("name=x; filename=\"x.zip\"; filename*=UTF-8''{encoded}"), &rpm.bytes);
        expect_published(&published(RPM_TARGET, form), &[&rpm.name]);
    });
    rows.row("product before the files", || {
        let server = published(DEB_TARGET, Form::new().field("product", "libfoo").file(deb));
        expect_published(&server, &[&format!("ubuntu/pool/focal/main/l/libfoo/{}", deb.name)]);
    });
    rows.row("product after the files; its first character is the directory", || {
        let server = published(DEB_TARGET, Form::new().file(deb).field("product", "libfoo"));
        expect_published(&server, &[&format!("ubuntu/pool/focal/main/l/libfoo/{}", deb.name)]);
    });
    rows.row("product between the files", || {
        let form = Form::new().file(deb).field("product", "p").file(&FIXTURES.arm_deb);
        expect_published(&published(DEB_TARGET, form), &[&deb.name, &FIXTURES.arm_deb.name]);
    });
    rows.row("product twice: the first counts", || {
        for second in ["other", "", "a/b", "\u{7f}"] {
            let form = Form::new().field("product", "libfoo").file(deb).field("product", second);
            expect_published(&published(DEB_TARGET, form), &[&format!("ubuntu/pool/focal/main/l/libfoo/{}", deb.name)]);
        }
    });
    rows.row("a product for an rpm distribution is ignored", || {
        expect_published(&published(RPM_TARGET, Form::of([rpm]).field("product", "a/b")), &[&rpm.name]);
    });
    rows.row("other fields are ignored", || {
        expect_published(&published(RPM_TARGET, Form::new().field("x", "y").file(rpm)), &[&rpm.name]);
    });
    rows.row("text before the first and after the final boundary", || {
        let body = [b"preamble\r\n", &*Form::of([rpm]).finish(), b"epilogue"].concat();
        let server = Server::start();
        let request = Request::new("PUT", &format!("{RPM_TARGET}?wait=30")).user(server.credentials());
        expect_created(&request.header("Content-Type", &form::content_type()).body(body).send(&server));
        expect_published(&server, &[&rpm.name]);
    });
    rows.end();
}

#[test]
fn one_file_name_twice() {
    let server = Server::start();
    let before = traces(&server);
    let (rpm, other) = (&FIXTURES.rpm, &FIXTURES.other_rpm);
    let part = |name: &str, file: &File| format!("name=\"{name}\"; filename=\"{}\"", file.name);
    let mut rows = Rows::default();
    for (name, second) in [("the same bytes", rpm), ("other bytes", other)] {
        rows.row(name, || {
            let form = Form::new().part(&part("a", rpm), &rpm.bytes).part(&part("b", second), &second.bytes);
            expect_file_refused(&put(&server, RPM_TARGET, form), &rpm.name);
            expect_no_traces(&server, &before);
        });
    }
    rows.end();
}

#[test]
fn continue_and_chunks() {
    let server = Server::start();
    let body = Form::of([&FIXTURES.rpm]).finish();
    let request = || {
        let request = Request::new("PUT", RPM_TARGET).user(server.credentials());
        request.header("Content-Type", &form::content_type())
    };
    let chunks = |size: usize| -> Vec<u8> {
        let chunk = |chunk: &[u8]| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
        let mut chunked: Vec<u8> = body.chunks(size).flat_map(chunk).collect();
        chunked.extend_from_slice(b"0\r\n\r\n");
        chunked
    };
    let mut rows = Rows::default();
    rows.row("Expect: 100-continue", || {
        let request = request().header("Content-Length", &body.len().to_string()).header("Expect", "100-continue");
        let mut connection = Connection::open(&server);
        connection.write(&request.head(&server));
        connection.expect_continue();
        connection.write(&body);
        expect_created(&connection.answer(&request));
        assert_eq!(connection.interim, [100]);
    });
    for size in [1, 7, 1000, 1 << 20] {
        rows.row(&format!("chunks of {size} bytes"), || {
            let request = request().header("Transfer-Encoding", "chunked");
            let mut connection = Connection::open(&server);
            connection.write(&request.head(&server));
            connection.write(&chunks(size));
            expect_created(&connection.answer(&request));
        });
    }
    rows.row("two uploads on one connection", || {
        let request = request().body(body.clone());
        let mut connection = Connection::open(&server);
        for _ in 0..2 {
            connection.write(&request.head(&server));
            connection.write(&body);
            expect_created(&connection.answer(&request));
        }
    });
    rows.row("a refused upload, then a good one on the same connection or a new one", || {
        let bad = request().form(Form::of([&FIXTURES.rpm.cut(200)]));
        expect_status(&bad.send(&server), 400);
        expect_created(&put(&server, RPM_TARGET, Form::of([&FIXTURES.rpm])));
    });
    rows.end();
}

#[test]
fn a_wrong_file_beside_a_good_one_stores_nothing() {
    let server = Server::start();
    let before = traces(&server);
    let Fixtures { rpm, noarch_rpm, deb, arm_deb, dsc, .. } = &*FIXTURES;
    let directory = temporary_directory();
    let foreign = Rpm::new("rws-foreign", "1.0", "1").architecture("ppc64le").build(directory.path());
    let foreign = File { name: crate::support::file_name(&foreign), bytes: crate::support::read_file(&foreign) };
    let check = |answer: Answer| {
        expect_status(&answer, 400);
        expect_json_form(&answer);
        expect_no_traces(&server, &before);
    };
    let mut rows = Rows::default();
    for (name, path, form) in [
        ("truncated rpm", RPM_TARGET, Form::of([noarch_rpm, &rpm.cut(rpm.bytes.len() - 10)])),
        ("truncated rpm first", RPM_TARGET, Form::of([&rpm.cut(rpm.bytes.len() - 10), noarch_rpm])),
        ("bad extension", RPM_TARGET, Form::of([noarch_rpm, &rpm.named("x.zip")])),
        ("deb", RPM_TARGET, Form::of([noarch_rpm, deb])),
        ("architecture that is not configured", RPM_TARGET, Form::of([noarch_rpm, &foreign])),
        ("truncated rpm through an anchor", "/tarantool-modules/el/7", Form::of([noarch_rpm, &rpm.cut(5)])),
        ("truncated deb", DEB_TARGET, deb_form([arm_deb, &deb.cut(deb.bytes.len() - 10)])),
        ("incomplete source", DEB_TARGET, deb_form([deb, dsc])),
        ("lone signature", DEB_TARGET, deb_form([deb, &FIXTURES.signature])),
        ("no product", DEB_TARGET, Form::of([deb])),
    ] {
        rows.row(name, || check(put(&server, path, form)));
    }
    rows.end();
}

const NO_PRODUCT: &str = "Can't upload the package to S3: The \"product\" form is absent in request. The \"product\" form \
                          is used to place package files in deb repositories. Example: \
                          .../release/series-2/ubuntu/pool/focal/main/p/product_name/...";

#[test]
fn the_product() {
    let server = Server::start();
    let before = traces(&server);
    let deb = &FIXTURES.deb;
    let mut rows = Rows::default();
    rows.row("missing", || expect_message(&put(&server, DEB_TARGET, Form::of([deb])), 400, NO_PRODUCT));
    rows.row("empty", || {
        expect_message(&put(&server, DEB_TARGET, Form::of([deb]).field("product", "")), 400, NO_PRODUCT);
    });
    rows.row("empty, then one that is not", || {
        let form = Form::of([deb]).field("product", "").field("product", "p");
        expect_message(&put(&server, DEB_TARGET, form), 400, NO_PRODUCT);
    });
    rows.row("the query string does not count", || {
        expect_message(&put(&server, &format!("{DEB_TARGET}?product=p"), Form::of([deb])), 400, NO_PRODUCT);
    });
    rows.row("as another field", || {
        expect_message(&put(&server, DEB_TARGET, Form::of([deb]).field("Product", "p")), 400, NO_PRODUCT);
    });
    rows.row("missing is said before the file type: an rpm to a deb distribution", || {
        expect_message(&put(&server, DEB_TARGET, Form::of([&FIXTURES.rpm])), 400, NO_PRODUCT);
    });
    rows.row("a bad extension is said before the missing product", || {
        let message = "Invalid filename. Allowed file extensions: .rpm, .deb, .dsc, .xz, .gz";
        expect_message(&put(&server, DEB_TARGET, Form::of([&deb.named("x.zip")])), 400, message);
    });
    for product in ["a/b", "a\\b", "..", "../../../evil", "a..b", "a b", " a", "a\tb", "a\u{7f}b", "/a", "a\r\nb"] {
        rows.row(&format!("bad product {product:?}"), || {
            let answer = put(&server, DEB_TARGET, Form::of([deb]).field("product", product));
            expect_status(&answer, 400);
            expect_json_form(&answer);
            assert!(answer.text().contains("product"), "{}", answer.text());
        });
    }
    rows.row("nothing is kept", || expect_no_traces(&server, &before));
    rows.end();
}
