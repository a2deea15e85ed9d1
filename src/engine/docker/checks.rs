//! Checks in throw-away containers of the finished image: no network, no entry point, removed whatever happens.

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptions, DownloadFromContainerOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions, WaitContainerOptions,
};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::client::{Client, failed, message};
use crate::diagnostic::Diagnostic;
use crate::engine::EngineError;
use crate::harmless::{clean, clean_lines};
use crate::recipe::{Check, CheckKind};

/// Marks containers of checks, so that leftovers of a killed f3s can be told.
pub const LABEL: &str = "f3s.check";
/// Lines of a failed check's output that are shown with it.
const LAST_LINES: usize = 20;
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
            let container = Container::create(client, id, Some(command), user.as_deref()).await?;
            container.within(cancel, container.command(check)).await?
        }
        CheckKind::File { .. } => {
            let container = Container::create(client, id, None, None).await?;
            container.within(cancel, container.file(check)).await?
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
}

/// What a check found wrong, if anything.
type Verdict = Result<Option<Diagnostic>, EngineError>;

impl Container<'_> {
    async fn create<'a>(
        client: &'a Client,
        image: &str,
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
            labels: Some([(LABEL.to_owned(), "1".to_owned())].into()),
            host_config: Some(HostConfig { network_mode: Some("none".to_owned()), ..HostConfig::default() }),
            ..ContainerCreateBody::default()
        };
        let created = client.create_container(None::<CreateContainerOptions>, body).await.map_err(failed)?;
        Ok(Container { client, id: created.id })
    }

    /// Removes the container when the work is done, has failed or is cancelled.
    async fn within(&self, cancel: &CancellationToken, work: impl Future<Output = Verdict>) -> Verdict {
        let verdict = tokio::select! {
            verdict = work => verdict,
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
        if let Err(error) = self.client.start_container(&self.id, None::<StartContainerOptions>).await {
            let why = message(&error);
            let no_shell = why.contains("/bin/sh") || why.contains("no such file");
            let hint = no_shell.then(|| "`check` needs /bin/sh in the image; `check_file` does not".to_owned());
            let message = format!("the check `{}` cannot be run: {why}", check.name);
            return Ok(Some(Diagnostic::error(message).hint_if(hint)));
        }
        let code = match self.client.wait_container(&self.id, None::<WaitContainerOptions>).next().await {
            Some(Ok(ended)) => ended.status_code,
            Some(Err(Error::DockerContainerWaitError { code, .. })) => code,
            Some(Err(error)) => return Err(failed(error)),
            None => return Err(EngineError::unreachable("the engine went away while a check ran")),
        };
        let (out, all) = self.output().await?;
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
            let diagnostic = Diagnostic::error(format!("the check `{}` failed: {wrong}", one_line(&check.name)));
            let diagnostic = diagnostic.note(format!("the command:\n{command}"));
            let lines = clean_lines(&all);
            let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
            if last.is_empty() { diagnostic } else { diagnostic.note(format!("its output:\n{last}")) }
        }))
    }

    /// Standard output, and both outputs together.
    async fn output(&self) -> Result<(String, String), EngineError> {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).build();
        let mut logs = self.client.logs(&self.id, Some(options));
        let (mut out, mut all) = (Vec::new(), Vec::new());
        while let Some(log) = logs.next().await {
            let log = log.map_err(failed)?;
            if let LogOutput::StdOut { message } | LogOutput::Console { message } = &log {
                out.extend_from_slice(message);
            }
            all.extend_from_slice(&log.into_bytes());
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((text(&out), text(&all)))
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
