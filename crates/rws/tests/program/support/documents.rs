//! The commands of documents, as they stand there but for addresses, passwords and what stands for a value of one's own.

use std::collections::VecDeque;
use std::path::Path;

use super::program::Program;
use super::server::own_variables;
use super::{project_root, read_file};

#[track_caller]
pub fn document(path: &str) -> String {
    String::from_utf8(read_file(&project_root().join(path))).expect("a document is UTF-8")
}

/// The shell commands of a text, block by block; in lists, too.
pub fn blocks(text: &str) -> Vec<String> {
    blocks_of("sh", text)
}

/// All blocks of a kind.
pub fn blocks_of(kind: &str, text: &str) -> Vec<String> {
    let (mut blocks, mut lines) = (Vec::new(), text.lines());
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        if line.trim_start() == format!("```{kind}") {
            let inside = lines.by_ref().take_while(|line| line.trim_start() != "```");
            blocks.push(inside.map(|line| line.get(indent..).unwrap_or_default()).collect::<Vec<_>>().join("\n"));
        }
    }
    blocks
}

/// Runs commands in a directory, `rws` being the program; the first that fails ends them.
pub fn shell(commands: &str, directory: &Path) -> Program {
    let program = Path::new(env!("CARGO_BIN_EXE_rws")).parent().expect("a program lies in a directory");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("there is a PATH"));
    let shell = Program::new("bash", directory).args(["-euc", commands]).env("PATH", path).current_dir(directory);
    own_variables().into_iter().fold(shell, Program::env_remove)
}

/// The text with other words; each has to stand in it.
#[track_caller]
pub fn replaced(text: &str, words: &[(&str, &str)]) -> String {
    words.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in\n{text}");
        text.replace(from, to)
    })
}

/// A document of which a test runs all commands, in their order.
pub struct Guide {
    path: String,
    blocks: VecDeque<String>,
}

impl Guide {
    #[track_caller]
    pub fn open(path: &str) -> Self {
        Self { path: path.to_owned(), blocks: blocks(&document(path)).into() }
    }

    /// The next commands, with other words.
    #[track_caller]
    pub fn next(&mut self, words: &[(&str, &str)]) -> String {
        let block = self.blocks.pop_front().unwrap_or_else(|| panic!("{} has no further commands", self.path));
        replaced(&block, words)
    }

    /// The next commands, which the test stands for in its own way.
    #[track_caller]
    pub fn expect(&mut self, commands: &str) {
        assert_eq!(self.next(&[]), commands, "{}", self.path);
    }
}

impl Drop for Guide {
    fn drop(&mut self) {
        let is_whole = self.blocks.is_empty() || std::thread::panicking();
        assert!(is_whole, "{}: no test runs\n{}", self.path, self.blocks[0]);
    }
}
