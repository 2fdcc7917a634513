//! How far the work is, on a terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use rws_repository::publish::Publisher;

/// How often the line is drawn.
const DRAWN: Duration = Duration::from_millis(200);

/// Draws a line on the terminal while `work` compares repositories with the store; nothing where standard error is none.
pub async fn shown<T>(publisher: &Publisher, work: impl Future<Output = T>) -> T {
    if !is_drawn() {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    let mut drawn = false;
    loop {
        match tokio::time::timeout(DRAWN, &mut work).await {
            Ok(done) => {
                if drawn {
                    draw("");
                }
                return done;
            }
            Err(_) => {
                for one in publisher.comparisons() {
                    draw(&format!("{}: {} of {} packages read", one.repository, one.read, one.files));
                    drawn = true;
                }
            }
        }
    }
}

/// Whether there is a terminal to draw on.
pub fn is_drawn() -> bool {
    std::io::stderr().is_terminal()
}

/// Puts a text in place of the line; a terminal that has gone is no reason to stop.
pub fn draw(text: &str) {
    let mut terminal = std::io::stderr().lock();
    _ = write!(terminal, "\r\x1b[K{text}").and_then(|()| terminal.flush());
}
