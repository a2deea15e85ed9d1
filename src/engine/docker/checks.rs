//! Checks in throw-away containers of the finished image: no network, no entry point, removed whatever happens. How long one
//! runs and how much it prints is limited.

use std::sync::{Mutex, MutexGuard};

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions, WaitContainerOptions,
};
use futures_util::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use super::client::{Client, failed, message};
use super::leftovers;
use crate::diagnostic::Diagnostic;
use crate::engine::EngineError;
use crate::harmless::{clean, clean_lines};
use crate::recipe::{Check, CheckKind};

/// Lines of a failed check's output that are shown with it.
const LAST_LINES: usize = 20;
/// A command that prints more is ended.
const MAX_OUTPUT: usize = 10 << 20;
/// A file that is searched for a text is read up to this many bytes.
const MAX_FILE: usize = 64 << 20;
/// Links that are followed before they are taken for a circle.
const MAX_LINKS: usize = 16;

pub async fn run(client: &Client, id: &str, check: &Check, cancel: &CancellationToken) -> Result<(), EngineError> {
    let wrong = match &check.kind {
        CheckKind::Size(bound) => {
            let size = client.inspect_image(id).await.map_err(failed)?.size.unwrap_or(0) as u64;
            let found = format!("{:.1} MB", size as f64 / 1e6);
            (size > bound.max_bytes).then(|| Diagnostic::error(format!("the image has {found}, not {}", bound.text)))
        }
        CheckKind::Command { command, user, .. } => {
            let container = Container::create(client, id, check, Some(command), user.as_deref()).await?;
            container.within(cancel, check, container.command(check)).await?
        }
        CheckKind::File { .. } => {
            let container = Container::create(client, id, check, None, None).await?;
            container.within(cancel, check, container.file(check)).await?
        }
    };
    match wrong {
        None => Ok(()),
        Some(diagnostic) => Err(EngineError::Failed(diagnostic.at(check.origin.clone()))),
    }
}

struct Container<'a> {
    client: &'a Client,
    id: String,
    printed: Mutex<Printed>,
}

/// What a command has printed so far.
#[derive(Default)]
struct Printed {
    /// Standard output.
    out: Vec<u8>,
    /// Both outputs together.
    all: Vec<u8>,
}

/// What a check found wrong, if anything.
type Verdict = Result<Option<Diagnostic>, EngineError>;

impl Container<'_> {
    async fn create<'a>(
        client: &'a Client,
        image: &str,
        check: &Check,
        command: Option<&str>,
        user: Option<&str>,
    ) -> Result<Container<'a>, EngineError> {
        let words = command.map(|command| vec!["/bin/sh".to_owned(), "-c".to_owned(), command.to_owned()]);
        let body = ContainerCreateBody {
            image: Some(image.to_string()),
            // A container that is only looked into needs a command all the same.
            entrypoint: Some(words.unwrap_or_else(|| vec!["f3s".to_owned()])),
            cmd: Some(Vec::new()),
            user: user.map(str::to_owned),
            network_disabled: Some(true),
            labels: Some(leftovers::labels(check.timeout.duration())),
            host_config: Some(HostConfig {
                network_mode: Some("none".to_owned()),
                // The output is heard while the command writes it: one that writes too fast waits, and fills no disk.
                log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::new().name(&leftovers::name()).build();
        let created = client.create_container(Some(options), body).await.map_err(failed)?;
        Ok(Container { client, id: created.id, printed: Mutex::default() })
    }

    /// Removes the container when the work is done, has failed, takes too long or is cancelled.
    async fn within(&self, cancel: &CancellationToken, check: &Check, work: impl Future<Output = Verdict>) -> Verdict {
        let verdict = tokio::select! {
            verdict = work => verdict,
            () = tokio::time::sleep(check.timeout.duration()) => Ok(Some(self.late(check))),
            () = cancel.cancelled() => Err(EngineError::Cancelled),
        };
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        if let Err(error) = self.client.remove_container(&self.id, Some(options)).await {
            tracing::warn!(%error, container = self.id, "the container of a check could not be removed");
        }
        verdict
    }

    async fn command(&self, check: &Check) -> Verdict {
        let CheckKind::Command { command, stdout, contains, exit, user: _ } = &check.kind else {
            unreachable!("called for commands only")
        };
        let options = AttachContainerOptionsBuilder::new().stream(true).stdout(true).stderr(true).build();
        let attached = self.client.attach_container(&self.id, Some(options)).await.map_err(failed)?;
        if let Err(error) = self.client.start_container(&self.id, None::<StartContainerOptions>).await {
            let why = message(&error);
            let no_shell = why.contains("/bin/sh") || why.contains("no such file");
            let hint = no_shell.then(|| "`check` needs /bin/sh in the image; `check_file` does not".to_owned());
            let message = format!("the check `{}` cannot be run: {why}", check.name);
            return Ok(Some(Diagnostic::error(message).hint_if(hint)));
        }
        if !self.listen(attached.output).await? {
            let message = format!("the check `{}` failed: it prints more than 10 MB", one_line(&check.name));
            return Ok(Some(self.shown(Diagnostic::error(message), command)));
        }
        let code = match self.client.wait_container(&self.id, None::<WaitContainerOptions>).next().await {
            Some(Ok(ended)) => ended.status_code,
            Some(Err(Error::DockerContainerWaitError { code, .. })) => code,
            Some(Err(error)) => return Err(failed(error)),
            None => return Err(EngineError::unreachable("the engine went away while a check ran")),
        };
        let [out, all] = self.output();
        let wrong = if code != *exit {
            Some(format!("exit code {code}, not {exit}"))
        } else if let Some(expected) = stdout.as_ref().filter(|expected| out.trim() != expected.as_str()) {
            let printed = clean(one_line(out.trim()).as_bytes());
            Some(format!("it prints `{printed}`, not `{expected}`"))
        } else {
            contains
                .as_ref()
                .filter(|text| !all.contains(text.as_str()))
                .map(|text| format!("its output does not contain `{text}`"))
        };
        Ok(wrong.map(|wrong| {
            let error = Diagnostic::error(format!("the check `{}` failed: {wrong}", one_line(&check.name)));
            self.shown(error, command)
        }))
    }

    /// Hears what the command prints until it ends; false when it prints too much.
    async fn listen(
        &self,
        mut output: impl Stream<Item = Result<LogOutput, Error>> + Unpin,
    ) -> Result<bool, EngineError> {
        while let Some(piece) = output.next().await {
            let piece = piece.map_err(failed)?;
            let mut printed = self.printed();
            if let LogOutput::StdOut { message } | LogOutput::Console { message } = &piece {
                printed.out.extend_from_slice(message);
            }
            printed.all.extend_from_slice(&piece.into_bytes());
            if printed.all.len() > MAX_OUTPUT {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn printed(&self) -> MutexGuard<'_, Printed> {
        self.printed.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Standard output, and both outputs together.
    fn output(&self) -> [String; 2] {
        let printed = self.printed();
        [&printed.out, &printed.all].map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// With the command, and the last that it printed.
    fn shown(&self, diagnostic: Diagnostic, command: &str) -> Diagnostic {
        let diagnostic = diagnostic.note(format!("the command:\n{command}"));
        let [_, all] = self.output();
        let mut last: Vec<&str> = all.lines().rev().take(LAST_LINES).collect();
        last.reverse();
        let last = clean_lines(&last.join("\n")).join("\n");
        if last.is_empty() { diagnostic } else { diagnostic.note(format!("its output:\n{last}")) }
    }

    fn late(&self, check: &Check) -> Diagnostic {
        let (name, timeout) = (one_line(&check.name), check.timeout);
        let error = Diagnostic::error(format!("the check `{name}` failed: it still runs after {timeout}"));
        match &check.kind {
            CheckKind::Command { command, .. } => self
                .shown(error, command)
                .hint("its option `timeout` gives it more time: `check(\"..\", #{ timeout: \"10m\" })`"),
            CheckKind::File { .. } | CheckKind::Size(_) => error,
        }
    }

    async fn file(&self, check: &Check) -> Verdict {
        let CheckKind::File { path, absent, contains, mode, owner } = &check.kind else {
            unreachable!("called for files only")
        };
        let found = self.stat(path, contains.is_some() || mode.is_some()).await?;
        let wrong = match (found, absent) {
            (None, true) => return Ok(None),
            (None, false) => format!("`{path}` is not in the image"),
            (Some(_), true) => format!("`{path}` is in the image"),
            (Some(entry), false) => {
                let bits = mode.as_ref().and_then(|mode| u32::from_str_radix(mode, 8).ok());
                let owned = format!("{}:{}", entry.uid, entry.gid);
                if let Some(bits) = bits.filter(|bits| *bits != entry.mode) {
                    format!("`{path}` has the mode {:o}, not {bits:o}", entry.mode)
                } else if let Some(owner) = owner.as_ref().filter(|owner| **owner != owned) {
                    format!("`{path}` belongs to {owned}, not to {owner}")
                } else if let Some(text) = contains.as_ref().filter(|text| !entry.contains(text)) {
                    format!("`{path}` does not contain `{text}`")
                } else {
                    return Ok(None);
                }
            }
        };
        Ok(Some(Diagnostic::error(format!("the check `{}` failed: {wrong}", check.name))))
    }

    /// What stands at a path, links followed if asked for; `None` when nothing does.
    async fn stat(&self, path: &str, follow: bool) -> Result<Option<Found>, EngineError> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let Some(found) = self.archive(&path).await? else { return Ok(None) };
            match &found.link {
                Some(target) if follow => {
                    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                    path = if target.starts_with('/') { target.clone() } else { format!("{folder}/{target}") };
                }
                _ => return Ok(Some(found)),
            }
        }
        Ok(None)
    }

    /// The first entry of the archive of a path: the thing itself.
    async fn archive(&self, path: &str) -> Result<Option<Found>, EngineError> {
        let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
        let mut stream = self.client.download_from_container(&self.id, Some(options));
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
                Err(error) => return Err(failed(error)),
            }
            if bytes.len() > MAX_FILE || bytes.get(156).is_some_and(|kind| *kind == b'5') {
                break;
            }
        }
        Ok(Found::parse(&bytes))
    }
}

struct Found {
    mode: u32,
    uid: u64,
    gid: u64,
    link: Option<String>,
    content: Vec<u8>,
}

impl Found {
    fn parse(archive: &[u8]) -> Option<Found> {
        use std::io::Read;
        let mut archive = tar::Archive::new(archive);
        let mut entry = archive.entries().ok()?.next()?.ok()?;
        let header = entry.header();
        let (mode, uid, gid) = (header.mode().ok()? & 0o7777, header.uid().ok()?, header.gid().ok()?);
        let link = header.entry_type().is_symlink().then(|| entry.link_name().ok().flatten()).flatten();
        let link = link.map(|target| target.to_string_lossy().into_owned());
        let mut content = Vec::new();
        // A file that was cut off is searched as far as it was read.
        let _ = entry.read_to_end(&mut content);
        Some(Found { mode, uid, gid, link, content })
    }

    fn contains(&self, text: &str) -> bool {
        text.is_empty() || self.content.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

fn one_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.len() < text.len() { format!("{line} ...") } else { line.to_owned() }
}
