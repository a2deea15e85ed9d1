//! Running the host's `git` in a folder of f3s's own, so that neither what started f3s nor the server decides what it does, how
//! much it writes and how much it says.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::retry::Failure;
use crate::diagnostic::Diagnostic;
use crate::recipe::address::REPOSITORY_SCHEMES;

/// What git tells its hooks of the repository that they run for (`git rev-parse --local-env-vars`, but for configuration, and
/// more of that kind): a commit or a push may have started f3s, and its index is no place for other files.
const OF_ANOTHER_REPOSITORY: [&str; 18] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_COMMON_DIR",
    "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// What the user's configuration means for trees of his own. A relative `core.hooksPath` leads into the tree that was fetched,
/// whose programs git would run; what goes on behind git's back writes into a folder that is about to be removed.
const OWN_CONFIGURATION: [&str; 5] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
];

/// Bytes of what git says that are kept: the last ones, where it says why it failed. A server can have it say anything.
const KEPT: usize = 64 << 10;

/// Bytes of what is said of one file: more than any path has.
const LONGEST_ENTRY: u64 = 64 << 10;

/// Bytes.
const BLOCK: u64 = 512;
/// Bytes: a petabyte is no limit, and far from what systems take for a negative number.
const LARGEST: u64 = 1 << 50;

/// What a shell answers for a program that is not there.
const NOT_FOUND: i32 = 127;

pub struct Git<'a> {
    pub tree: &'a Path,
    /// How long a server may send nothing.
    pub stall: Duration,
    /// Bytes of the largest file that git may write.
    pub limit: u64,
}

/// How git ended.
pub struct Said {
    pub succeeded: bool,
    /// The end of what it said.
    pub text: String,
}

/// What a commit holds; `files` is more than was asked for when counting was ended there.
#[derive(Default)]
pub struct Size {
    pub files: u64,
    pub bytes: u64,
}

impl Said {
    /// A file would have become larger than git may write.
    pub fn is_over_limit(&self) -> bool {
        // SIGXFSZ, of a program that git started, or what `write` says where the signal is ignored.
        ["died of signal 25", "File too large"].iter().any(|words| self.text.contains(words))
    }
}

impl Git<'_> {
    pub async fn run(&self, words: &[&str]) -> Result<Said, Failure> {
        let mut child = self.start(words, Stdio::null())?;
        let text = end_of(child.stderr.take().expect("piped")).await.map_err(|error| broken(&error))?;
        let status = child.wait().await.map_err(|error| broken(&error))?;
        if status.code() == Some(NOT_FOUND) {
            return Err(broken(&std::io::ErrorKind::NotFound.into()));
        }
        Ok(Said { succeeded: status.success(), text: text.trim().to_owned() })
    }

    /// Counts the files of a commit, as far as `most`; `None` when there is no such commit.
    pub async fn size_of(&self, commit: &str, most: u64) -> Result<Option<Size>, Failure> {
        let mut child = self.start(&["ls-tree", "-r", "-l", "-z", commit], Stdio::piped())?;
        let mut entries = BufReader::new(child.stdout.take().expect("piped"));
        let mut size = Size::default();
        loop {
            let mut entry = Vec::new();
            let read = (&mut entries).take(LONGEST_ENTRY).read_until(0, &mut entry).await;
            if read.map_err(|error| broken(&error))? == 0 {
                break;
            }
            size.files = if entry.ends_with(&[0]) { size.files + 1 } else { u64::MAX };
            // `100644 blob OBJECT    SIZE\tPATH`
            let about = entry.split(|byte| *byte == b'\t').next().unwrap_or_default();
            let bytes = about.rsplit(|byte| *byte == b' ').next().and_then(|bytes| str::from_utf8(bytes).ok());
            size.bytes = size.bytes.saturating_add(bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or(0));
            if size.files > most {
                return Ok(Some(size));
            }
        }
        let status = child.wait().await.map_err(|error| broken(&error))?;
        Ok(status.success().then_some(size))
    }

    fn start(&self, words: &[&str], stdout: Stdio) -> Result<Child, Failure> {
        // ssh asks on the terminal, unless a program asks in its place.
        let asks = std::env::var_os("SSH_ASKPASS").is_some();
        let askpass = [("SSH_ASKPASS", "false"), ("SSH_ASKPASS_REQUIRE", "force")].into_iter().filter(|_| !asks);
        // What git starts is bounded as git is, from its first byte on. `ulimit` counts blocks (POSIX.1-2024, `ulimit`).
        let mut command = Command::new("/bin/sh");
        command.args([
            "-c",
            "ulimit -f \"$0\" 2>/dev/null; exec git \"$@\"",
            &self.limit.min(LARGEST).div_ceil(BLOCK).to_string(),
        ]);
        for name in OF_ANOTHER_REPOSITORY {
            command.env_remove(name);
        }
        command
            .args(OWN_CONFIGURATION.iter().flat_map(|setting| ["-c", setting]))
            .arg("-C")
            .arg(self.tree)
            .args(words)
            // Neither `ext::`, which is a command, nor files of this machine, whatever configuration git reads.
            .env("GIT_ALLOW_PROTOCOL", REPOSITORY_SCHEMES.join(":"))
            // A question nobody sees would wait for ever, and so would a server that sends nothing.
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_HTTP_LOW_SPEED_LIMIT", "1")
            .env("GIT_HTTP_LOW_SPEED_TIME", self.stall.as_secs().to_string())
            .envs(askpass)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| broken(&error))
    }
}

/// Reads to the end and keeps the last part.
async fn end_of(mut stream: impl AsyncRead + Unpin) -> std::io::Result<String> {
    let (mut kept, mut buffer) = (Vec::new(), vec![0; 8 << 10]);
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(String::from_utf8_lossy(&kept).into_owned());
        }
        kept.extend_from_slice(&buffer[..read]);
        if kept.len() > 2 * KEPT {
            kept.drain(..kept.len() - KEPT);
        }
    }
}

fn broken(error: &std::io::Error) -> Failure {
    let error = Diagnostic::error(format!("`git` cannot be run: {error}"));
    Failure::Final(error.hint("`git()` needs git on this machine: install it"))
}
