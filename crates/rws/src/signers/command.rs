//! A program that signs: the data comes on its standard input, what it writes to its standard output is the signature.

use std::process::Stdio;

use rws_model::SigningPurpose;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process_group};

/// What a program gets of the environment of this process, which has secrets: what finds programs, files and agents.
const PASSED: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "GNUPGHOME",
    "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE",
];

/// A signature is smaller; what is longer is none.
const MOST_BYTES: u64 = 64 * 1024;

/// So much of what it complains of is said.
const MOST_COMPLAINT_CHARACTERS: usize = 300;

/// What a program is asked.
pub struct Asked<'a> {
    /// What the signature is for.
    pub purpose: SigningPurpose,
    /// The algorithm of the digest that it gets; `None` where it gets the data.
    pub hash: Option<&'a str>,
    /// What it gets.
    pub bytes: &'a [u8],
}

/// What the program is called.
pub fn name(command: &[String]) -> &str {
    command.first().map_or("", String::as_str)
}

/// Runs the program once.
///
/// # Errors
///
/// When it cannot be started, ends with an error, or writes too much: a sentence.
pub async fn run(command: &[String], asked: &Asked<'_>) -> Result<Vec<u8>, String> {
    let (program, arguments) = command.split_first().ok_or("no program is configured")?;
    let mut process = Command::new(program);
    // with all that it starts, so that nothing of it stays
    process.args(arguments).kill_on_drop(true).process_group(0);
    process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    process.env_clear().envs(PASSED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    process.env("RWS_SIGN_PURPOSE", word(asked.purpose));
    process.env("RWS_SIGN_HASH", asked.hash.unwrap_or_default());
    process.env("RWS_SIGN_SIZE", asked.bytes.len().to_string());
    let failed = |what: &str, error: std::io::Error| format!("{program} {what}: {error}");
    let mut child = process.spawn().map_err(|error| failed("cannot be started", error))?;
    let _group = Group::of(&child);
    let (Some(mut input), Some(output), Some(complaint)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(format!("{program} has no standard input or output"));
    };
    let (mut signature, mut complained) = (Vec::new(), Vec::new());
    let write = async {
        // a program that has heard enough may close its input
        _ = input.write_all(asked.bytes).await;
        drop(input);
    };
    let mut output = output.take(MOST_BYTES + 1);
    let complain = async {
        // what is said beyond that is read, too, so that it does not wait
        let mut complaint = complaint;
        _ = (&mut complaint).take(MOST_BYTES).read_to_end(&mut complained).await;
        _ = tokio::io::copy(&mut complaint, &mut tokio::io::sink()).await;
    };
    let ((), read, ()) = tokio::join!(write, output.read_to_end(&mut signature), complain);
    read.map_err(|error| failed("cannot be read", error))?;
    if signature.len() as u64 > MOST_BYTES {
        return Err(format!("{program} wrote more than {MOST_BYTES} bytes, which is no signature"));
    }
    let status = child.wait().await.map_err(|error| failed("cannot be waited for", error))?;
    if !status.success() {
        let complained = String::from_utf8_lossy(&complained);
        let line: String = complained.split_whitespace().collect::<Vec<_>>().join(" ");
        let line: String = line.chars().take(MOST_COMPLAINT_CHARACTERS).collect();
        let line = if line.is_empty() { "it said nothing" } else { &line };
        return Err(format!("{program} ended with {status}: {line}"));
    }
    Ok(signature)
}

/// A program and all that it started, which end when this is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // one that is empty does not exist any more
        self.0.into_iter().for_each(|group| _ = kill_process_group(group, Signal::KILL));
    }
}

/// What a program is told of its purpose.
fn word(purpose: SigningPurpose) -> &'static str {
    match purpose {
        SigningPurpose::ClearText => "cleartext",
        SigningPurpose::Detached | SigningPurpose::DetachedBlocks => "detached",
        SigningPurpose::Package => "rpm-header",
    }
}
