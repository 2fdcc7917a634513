//! Keys of every algorithm that a repository can have.

use rws_lab::Gpg;
use rws_model::{FileName, PackageFront, UploadFormat as _};
use rws_openpgp::{KeySigner as _, SignatureKind, SigningKey};
use rws_rpm::Rpm;

/// A key of gpg, which signs here and as rpmsign's.
pub struct Key {
    pub gpg: Gpg,
    signing: SigningKey,
}

/// The user of every key.
pub const USER: &str = "a@example.org";

impl Key {
    /// A new key of this algorithm.
    pub fn new(algorithm: &str) -> Self {
        let gpg = Gpg::new(algorithm, &["a"]);
        let secret = gpg.run(&["--armor", "--export-secret-keys", USER]);
        let signing = SigningKey::import(&String::from_utf8(secret).unwrap(), None, now()).unwrap();
        Self { gpg, signing }
    }

    pub fn armored(&self) -> &str {
        self.signing.public_key().armored()
    }

    /// The package, signed.
    #[track_caller]
    pub fn sign(&self, name: &str, bytes: &[u8]) -> Vec<u8> {
        let front = front(name, bytes);
        let signature = self.signing.sign(SignatureKind::Binary, front.signed_bytes(), now()).unwrap();
        let signature = signature.to_packet().unwrap();
        let signed = with_signature(name, bytes, &signature);
        let again = self::front(name, &signed);
        assert_eq!(again.signatures(), [signature], "{name}");
        assert_eq!(again.other_signatures(), 0, "{name}");
        assert_eq!(again.signed_bytes(), front.signed_bytes(), "{name}");
        assert_eq!(rest(&*again, &signed), rest(&*front, bytes), "{name}");
        signed
    }
}

/// Keys of gpg are not older.
fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// The front of a package.
#[track_caller]
pub fn front(name: &str, bytes: &[u8]) -> Box<dyn PackageFront> {
    let mut unread = bytes;
    Rpm.signing().unwrap().read(&FileName::parse(name).unwrap(), &mut unread).unwrap()
}

/// The package with this signature and no other.
#[track_caller]
pub fn with_signature(name: &str, bytes: &[u8], packet: &[u8]) -> Vec<u8> {
    let front = front(name, bytes);
    [&front.with_signature(packet).unwrap(), rest(&*front, bytes)].concat()
}

/// What follows the front: main header and payload.
fn rest<'b>(front: &dyn PackageFront, bytes: &'b [u8]) -> &'b [u8] {
    &bytes[usize::try_from(front.length_bytes()).unwrap()..]
}
