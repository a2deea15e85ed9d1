//! The command of `--exec`: runs beside watch mode, with all that it starts, until the next good round.

use std::io;
use std::process::Stdio;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::event::{Event, Events};
use crate::harmless::clean;

/// A command that runs, or has ended. Dropping it ends it, and what it started, also in the background.
pub struct Exec {
    group: Pid,
    hearing: JoinHandle<()>,
    /// Not waited for before the end of all: until then nobody else is given its number.
    _child: Child,
}

impl Exec {
    /// Runs the command by `sh`, with the references of the round's images; `events` hear what it writes, and how it failed.
    pub fn start(command: &str, references: &[String], events: Events) -> io::Result<Exec> {
        let mut child = Command::new("sh")
            .args(["-c", command])
            .env("F3S_IMAGES", references.join(" "))
            // Keys are for f3s.
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(id as i32)).ok_or(io::ErrorKind::NotFound)?;
        let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let command = command.to_owned();
        let hearing = tokio::spawn(async move {
            let (_, _, status) = tokio::join!(say(out, &events), say(err, &events), ended(group));
            if let Some(message) = status.and_then(|status| failed(&command, status)) {
                let _ = events.send(Event::Note { message });
            }
        });
        Ok(Exec { group, hearing, _child: child })
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process_group(self.group, Signal::TERM);
        self.hearing.abort();
    }
}

/// Waits for the end of a process, and leaves it for its parent to be collected.
async fn ended(process: Pid) -> Option<WaitIdStatus> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let wait = move || rustix::process::waitid(WaitId::Pid(process), options);
    tokio::task::spawn_blocking(wait).await.ok()?.ok()?
}

fn failed(command: &str, status: WaitIdStatus) -> Option<String> {
    match status.exit_status() {
        Some(0) => None,
        Some(code) => Some(format!("`{command}` ended with exit code {code}")),
        None => Some(format!("`{command}` was ended by a signal")),
    }
}

async fn say(output: impl AsyncRead + Unpin, events: &Events) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while let Ok(1..) = output.read_until(b'\n', &mut line).await {
        let text = clean(line.strip_suffix(b"\n").unwrap_or(&line));
        let _ = events.send(Event::CommandOutput { line: text });
        line.clear();
    }
}
