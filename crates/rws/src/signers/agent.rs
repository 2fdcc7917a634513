//! A gpg-agent: the Assuan protocol over its socket (manual of GnuPG, "Agent Protocol"; manual of libassuan).

use std::path::Path;

use rws_openpgp::{PublicKey, SignatureDraft};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// The longest line of the protocol is 1,000 bytes with its end.
const MOST_LINE_BYTES: u64 = 1002;

/// A signature or a public key is smaller.
const MOST_DATA_BYTES: usize = 64 * 1024;

/// Keys that an agent has, at most.
const MOST_KEYS: usize = 1000;

/// One connection.
struct Agent {
    input: BufReader<OwnedReadHalf>,
    output: OwnedWriteHalf,
}

/// What an agent answers to one command.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    data: Vec<u8>,
    /// Lines `S …`, without their first word.
    status: Vec<String>,
}

/// The raw signature of a draft.
///
/// # Errors
///
/// When the agent does not answer, does not have the key or does not sign: a sentence.
pub async fn sign(socket: &Path, public: &PublicKey, draft: &SignatureDraft) -> Result<Vec<u8>, String> {
    let stream = UnixStream::connect(socket).await.map_err(|error| format!("cannot be reached: {error}"))?;
    let (input, output) = stream.into_split();
    let mut agent = Agent { input: BufReader::new(input), output };
    agent.answer().await?;
    let grip = agent.find(public, draft).await?;
    agent.ask(&format!("SIGKEY {grip}")).await?;
    let digest: String = draft.digest().iter().map(|byte| format!("{byte:02X}")).collect();
    agent.ask(&format!("SETHASH --hash={} {digest}", draft.hash().to_lowercase())).await?;
    let signature = agent.ask("PKSIGN").await?.data;
    raw(&signature).ok_or_else(|| "answered with no signature that is known".to_owned())
}

impl Agent {
    /// The keygrip of the key: of all that the agent has, the one with the same numbers.
    async fn find(&mut self, public: &PublicKey, draft: &SignatureDraft) -> Result<String, String> {
        let listed = self.ask("KEYINFO --list").await?;
        let grips = listed.status.iter().filter_map(|line| line.strip_prefix("KEYINFO ")?.split(' ').next());
        let grips: Vec<String> = grips.take(MOST_KEYS).map(str::to_owned).collect();
        for grip in &grips {
            // one that cannot be read is another one
            let Ok(answer) = self.ask(&format!("READKEY {grip}")).await else { continue };
            if has_numbers(&answer.data, &draft.public_numbers(public)) {
                return Ok(grip.clone());
            }
        }
        Err(format!("does not have the key {} ({} others)", public.fingerprint(), grips.len()))
    }

    async fn ask(&mut self, command: &str) -> Result<Answer, String> {
        let lost = |error| format!("closed the connection: {error}");
        self.output.write_all(format!("{command}\n").as_bytes()).await.map_err(lost)?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<Answer, String> {
        let mut answer = Answer::default();
        loop {
            let line = line(&mut self.input).await?;
            let (word, rest) = match line.iter().position(|byte| *byte == b' ') {
                Some(at) => (&line[..at], line.get(at + 1..).unwrap_or_default()),
                None => (&line[..], &b""[..]),
            };
            match word {
                b"OK" => return Ok(answer),
                b"ERR" => return Err(format!("refuses: {}", String::from_utf8_lossy(rest))),
                b"D" => answer.data.extend(decoded(rest)),
                b"S" => answer.status.push(String::from_utf8_lossy(rest).into_owned()),
                // it tells of a program that asks a person for a PIN, or wants what nobody offers
                b"INQUIRE" => {
                    let lost = |error| format!("closed the connection: {error}");
                    self.output.write_all(b"END\n").await.map_err(lost)?;
                }
                _ => {}
            }
            if answer.data.len() > MOST_DATA_BYTES || answer.status.len() > MOST_KEYS {
                return Err("answers with too much".to_owned());
            }
        }
    }
}

/// One line without its end.
async fn line(input: &mut (impl AsyncBufRead + Unpin)) -> Result<Vec<u8>, String> {
    let mut line = Vec::new();
    let read = input.take(MOST_LINE_BYTES).read_until(b'\n', &mut line).await;
    read.map_err(|error| format!("cannot be read: {error}"))?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        Some(_) => Err("answers with a line that is too long, or cut".to_owned()),
        None => Err("closed the connection".to_owned()),
    }
}

/// Data, in which `%`, CR and LF are written as `%` and two digits.
fn decoded(line: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (first, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// The parameters of an S-expression in its canonical form (RFC 9804, section 6.3), each list of two octet strings:
/// `(1:s4:abcd)`.
fn parameters(expression: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut atoms: Vec<Option<&[u8]>> = Vec::new();
    let mut rest = expression;
    while let Some((first, after)) = rest.split_first() {
        if first.is_ascii_digit() {
            let Some(colon) = rest.iter().position(|byte| *byte == b':') else { break };
            let length = std::str::from_utf8(&rest[..colon]).ok().and_then(|digits| digits.parse::<usize>().ok());
            let Some((atom, after)) = length.and_then(|length| rest[colon + 1..].split_at_checked(length)) else {
                break;
            };
            atoms.push(Some(atom));
            rest = after;
        } else {
            // where a list begins or ends
            atoms.push(None);
            rest = after;
        }
    }
    let pairs = atoms.windows(4).filter_map(|window| match window {
        [None, Some(name), Some(value), None] => Some((*name, *value)),
        _ => None,
    });
    pairs.collect()
}

/// A number without the zeros before it.
fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// Whether a public key is one with these numbers.
fn has_numbers(expression: &[u8], numbers: &[Vec<u8>]) -> bool {
    let known = parameters(expression);
    !numbers.is_empty() && numbers.iter().all(|number| known.iter().any(|(_, value)| trimmed(value) == trimmed(number)))
}

/// The raw signature of `(sig-val(rsa(s …)))`, `(sig-val(eddsa(r …)(s …)))` or `(sig-val(ecdsa(r …)(s …)))`.
fn raw(expression: &[u8]) -> Option<Vec<u8>> {
    let known = parameters(expression);
    let named = |name: &[u8]| known.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let s = named(b"s")?;
    let Some(r) = named(b"r") else { return Some(s.to_vec()) };
    // numbers are written with a zero before a high bit, and without those that mean nothing
    let (r, s) = (trimmed(r), trimmed(s));
    let length = [32, 48, 66].into_iter().find(|length| r.len().max(s.len()) <= *length)?;
    let padded = |number: &[u8]| [vec![0; length - number.len()], number.to_vec()].concat();
    Some([padded(r), padded(s)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_of_signatures_are_read() {
        assert_eq!(raw(b"(7:sig-val(3:rsa(1:s4:\0abc)))"), Some(b"\0abc".to_vec()));
        let numbers = raw(b"(7:sig-val(5:ecdsa(1:r3:\0\x80a)(1:s1:b)))").unwrap();
        assert_eq!(numbers.len(), 64);
        assert_eq!((&numbers[30..32], &numbers[63..]), (&b"\x80a"[..], &b"b"[..]));
        for bad in [&b""[..], b"(", b"(7:sig-val", b"(7:sig-val(3:rsa(1:s99:a)))", b"99999999999999999999999:", b"1:s"]
        {
            assert_eq!(raw(bad), None);
        }
        assert!(has_numbers(b"(10:public-key(3:rsa(1:n3:\0ab)(1:e1:c)))", &[b"ab".to_vec(), b"c".to_vec()]));
        assert!(!has_numbers(b"(10:public-key(3:rsa(1:n3:\0ab)(1:e1:c)))", &[b"ax".to_vec()]));
        assert!(!has_numbers(b"(10:public-key(3:rsa(1:n3:\0ab)))", &[]));
    }

    #[test]
    fn data_is_decoded() {
        assert_eq!(decoded(b"a%25%0D%0ab"), b"a%\r\nb");
        assert_eq!(decoded(b"%"), b"%");
        assert_eq!(decoded(b"%2"), b"%2");
        assert_eq!(decoded(b"%zz"), b"%zz");
    }
}
