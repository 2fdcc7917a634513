//! The servers themselves: what tests rely on, on each of them.

use rws_lab::S3Server;

fn servers() -> [(&'static str, S3Server); 3] {
    [("ceph", S3Server::ceph()), ("moto", S3Server::moto()), ("s3rver", S3Server::s3rver())]
}

/// Everything that somebody has got wrong in a URL, a signature or a listing before. Every part between slashes has
/// content, as in all that RWS writes: moto's web framework merges `//`, and s3rver takes `x/` for a directory.
const ODD_KEYS: &[&str] = &[
    "plain",
    "a+b/c+d.deb",
    "tilde~rc1_1%3a2.0.deb",
    "percent%2Bliteral%",
    "colon:and;semicolon",
    "amper&sand=equals?question#hash",
    "two  blanks and a trailing one ",
    "directory/inside",
    "quotes\"and'apostrophes`",
    "brackets[1]{2}(3)<4>",
    "back\\slash|pipe^caret",
    "comma,star*bang!dollar$at@",
    "ünïcödé/ключ/鍵/🔑",
    ".hidden/..dots/...",
];

#[test]
fn odd_keys_are_written_read_and_listed_as_they_are() {
    for (name, server) in servers() {
        let bucket = server.create_bucket("odd");
        for key in ODD_KEYS {
            server.put(&bucket, key, format!("content of {key}"));
        }
        for key in ODD_KEYS {
            let content = server.get(&bucket, key).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            assert_eq!(content, Some(format!("content of {key}")), "{name}");
        }
        let mut listed = server.keys(&bucket);
        let mut written = ODD_KEYS.to_vec();
        listed.sort();
        written.sort_unstable();
        assert_eq!(listed, written, "{name}");
    }
}
