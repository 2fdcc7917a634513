use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use super::*;

/// Sends a form with the real curl and parses it as it arrives. Gives the parts: names, data.
fn upload(arguments: &[String]) -> Vec<(Option<String>, Option<String>, Vec<u8>)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let (mut content_type, mut left) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-type") => value.clone_into(&mut content_type),
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => left = value.parse().unwrap(),
                None if line.trim_end().is_empty() => break,
                _ => {}
            }
        }
        let mut parser = MultipartParser::new(&content_type, Limits::default()).unwrap();
        let mut parts: Vec<(Option<String>, Option<String>, Vec<u8>)> = Vec::new();
        let mut buffer = vec![0; 1013];
        while left > 0 {
            let length = reader.read(&mut buffer).unwrap();
            assert!(length > 0, "curl hung up");
            left -= length;
            parser.push(Bytes::copy_from_slice(&buffer[..length])).unwrap();
            while let Some(event) = parser.next_event() {
                match event {
                    Event::PartBegin { name, file_name } => parts.push((name, file_name, Vec::new())),
                    Event::Data(data) => parts.last_mut().unwrap().2.extend_from_slice(&data),
                    Event::PartEnd | Event::End => {}
                }
            }
        }
        parser.finish().unwrap();
        reader.get_mut().write_all(b"HTTP/1.1 201 CREATED\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        parts
    });
    let status = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--max-time", "60", "--noproxy", "*", "--header", "Expect:"])
        .args(arguments)
        .arg(address)
        .status()
        .expect("curl does not run: apt-get install curl");
    assert!(status.success());
    server.join().unwrap()
}

#[test]
fn a_form_of_the_real_curl_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let binary: Vec<u8> = (0..300_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let files: [(&str, &[u8]); 5] = [
        ("hello_2.10-3+b1~x_amd64.deb", &binary),
        ("empty.rpm", b""),
        ("quote\"and\\slash.rpm", b"\r\n--"),
        ("größe.tar.xz", b"\r\n------------------------\r\n"),
        ("semi;colon=x y.dsc", b"-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\n"),
    ];
    let mut arguments = Vec::new();
    for (number, (name, content)) in files.iter().enumerate() {
        fs::write(directory.path().join(number.to_string()), content).unwrap();
        let path = directory.path().join(number.to_string()).display().to_string();
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        arguments.extend(["--form".to_owned(), format!("{name}=@{path};filename=\"{quoted}\"")]);
    }
    // a field's name ends at the first equals sign
    arguments[9] = arguments[9].replacen("semi;colon=x y.dsc=@", "semi=@", 1);
    arguments.extend(["--form".to_owned(), "product=hello".to_owned()]);
    for escape in [None, Some("--form-escape".to_owned())] {
        let parts = upload(&[arguments.clone(), escape.into_iter().collect()].concat());
        assert_eq!(parts.len(), 6);
        for ((name, content), (_, file_name, data)) in files.iter().zip(&parts) {
            assert_eq!(file_name.as_deref(), Some(*name));
            assert!(data == content, "{name}");
        }
        assert_eq!(parts[5], (Some("product".to_owned()), None, b"hello".to_vec()));
    }
}
