//! The command of `--exec`: runs beside watch mode, with all that it starts, until the next good round.

use std::io;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::event::{Event, Events};

/// A command that runs, or has ended. Dropping it ends it, and what it started.
pub struct Exec {
    group: Option<Pid>,
    hearing: JoinHandle<()>,
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
        let group = child.id().and_then(|id| Pid::from_raw(id as i32));
        let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let command = command.to_owned();
        let hearing = tokio::spawn(async move {
            let (_, _, status) = tokio::join!(say(out, &events), say(err, &events), child.wait());
            if let Some(message) = status.ok().filter(|status| !status.success()).map(|status| failed(&command, status))
            {
                let _ = events.send(Event::Note { message });
            }
        });
        Ok(Exec { group, hearing })
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        if let Some(group) = self.group.filter(|_| !self.hearing.is_finished()) {
            let _ = rustix::process::kill_process_group(group, Signal::TERM);
        }
        self.hearing.abort();
    }
}

fn failed(command: &str, status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("`{command}` ended with exit code {code}"),
        None => format!("`{command}` was ended by a signal"),
    }
}

async fn say(output: impl AsyncRead + Unpin, events: &Events) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let _ = events.send(Event::CommandOutput { line });
    }
}
