//! The engine that f3s starts itself when no other answers: own socket, own data, own bridge. It outlives f3s.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::lock::Lock;
use crate::diagnostic::Diagnostic;
use crate::engine::docker::Docker;
use crate::folders;
use crate::transport::Address;

/// dockerd answers in a second or two; an old machine on a slow disk takes longer.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Root's own: nobody else can hold a lock in it.
const MACHINE_FOLDER: &str = "/run/f3s";

pub struct Private {
    /// Data, socket, process id and log.
    folder: PathBuf,
}

/// What `f3s engine status` says.
pub struct Status {
    pub address: Address,
    pub folder: PathBuf,
    /// The process, when it runs.
    pub pid: Option<u32>,
}

impl Private {
    /// In `F3S_ENGINE_DIR`, else where daemons of root or of a user keep their data.
    pub fn of_user() -> Private {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = set("F3S_ENGINE_DIR").unwrap_or_else(|| match rustix::process::geteuid().is_root() {
            true => PathBuf::from("/var/lib/f3s/engine"),
            // Without a home there is no such engine, and nobody but root can make one there.
            false => folders::home().unwrap_or_else(|| PathBuf::from("/")).join(".local/share/f3s/engine"),
        });
        Private { folder }
    }

    pub fn address(&self) -> Address {
        Address::Unix(self.socket())
    }

    /// Whether nobody else can have put an engine there.
    pub fn is_ours(&self) -> bool {
        folders::examine(&self.folder).is_ok()
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("engine.sock")
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("engine.pid")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("engine.log")
    }

    pub fn status(&self) -> Status {
        Status {
            address: self.address(),
            folder: self.folder.clone(),
            pid: self.pid().map(|pid| pid.as_raw_nonzero().get() as u32),
        }
    }

    /// The process of the engine.
    fn pid(&self) -> Option<Pid> {
        self.process(&self.pid_file(), "dockerd")
    }

    /// The process that a file names: alive, of that program and of this very folder. A number in a file proves nothing.
    fn process(&self, file: &Path, program: &str) -> Option<Pid> {
        let number: i32 = std::fs::read_to_string(file).ok()?.trim().parse().ok()?;
        let words = std::fs::read(format!("/proc/{number}/cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words).into_owned();
        let ours = words.contains(program) && words.contains(&*self.folder.to_string_lossy());
        Pid::from_raw(number).filter(|_| ours)
    }

    /// Process ids of an engine that was killed: dockerd would refuse to start over its own, and would wait for a
    /// containerd that is gone.
    fn remove_stale_pid_files(&self) {
        let containerd = self.folder.join("run/containerd/containerd.pid");
        for (file, program) in [(self.pid_file(), "dockerd"), (containerd, "containerd")] {
            if self.process(&file, program).is_none() {
                let _ = std::fs::remove_file(file);
            }
        }
    }

    /// Starts the engine and waits until it answers. Two at once start one.
    ///
    /// Errors: no `dockerd` on this system, no rights to run one, one that ends at once.
    pub async fn start(&self, say: &(dyn Fn(String) + Sync)) -> Result<(), Diagnostic> {
        let dockerd = program("dockerd").ok_or_else(not_installed)?;
        if !rustix::process::geteuid().is_root() {
            return Err(Diagnostic::error("no engine answers, and only root can start one")
                .hint("run f3s as root, start a rootless engine (`dockerd-rootless-setuptool.sh install`), or set DOCKER_HOST"));
        }
        let made = |folder: &Path| folders::make(folder).map_err(|error| Diagnostic::error(error.to_string()));
        made(&self.folder).map_err(|error| error.hint("F3S_ENGINE_DIR names another folder for the private engine"))?;
        let _lock = Lock::take(&self.folder.join("lock"), say).await?;
        // Two that start at the same time trip over each other's rules of iptables.
        made(Path::new(MACHINE_FOLDER))?;
        let _machine = Lock::take(&Path::new(MACHINE_FOLDER).join("engine.lock"), say).await?;
        if Docker::connect(self.address()).await.is_ok() {
            return Ok(());
        }
        say(format!("no engine answers: starting f3s's own in {} (`f3s engine stop` ends it)", self.folder.display()));
        self.spawn(&dockerd)?;
        let start = Instant::now();
        while start.elapsed() < START_TIMEOUT {
            if Docker::connect(self.address()).await.is_ok() {
                return Ok(());
            }
            // It writes its process id first; without one after a while it has ended.
            if start.elapsed() > Duration::from_secs(3) && self.pid().is_none() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(self.did_not_start())
    }

    /// A number of the folder's own: two private engines share no network.
    fn number(&self) -> u8 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.folder.hash(&mut hasher);
        hasher.finish() as u8
    }

    fn bridge(&self) -> String {
        format!("f3s{}", self.number())
    }

    /// In a network that the default bridge of another dockerd does not use.
    fn bridge_address(&self) -> String {
        format!("172.30.{}.1/24", self.number())
    }

    fn spawn(&self, dockerd: &Path) -> Result<(), Diagnostic> {
        use std::os::unix::process::CommandExt;
        let failed =
            |error: std::io::Error| Diagnostic::error(format!("`{}` cannot be started: {error}", dockerd.display()));
        self.remove_stale_pid_files();
        let log = File::create(self.log()).map_err(failed)?;
        let path = |name: &str| self.folder.join(name).display().to_string();
        let bridge = self.bridge();
        let bridged = make_bridge(&bridge, &self.bridge_address());
        let mut command = Command::new(dockerd);
        command
            .args(["--host", &self.address().to_string(), "--data-root", &path("data"), "--exec-root", &path("run")])
            .args(["--pidfile", &self.pid_file().display().to_string()])
            .args(["--bridge", if bridged { &bridge } else { "none" }])
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            // Ctrl-C in the terminal is for f3s, not for the engine.
            .process_group(0);
        if !program("iptables").is_some_and(|_| bridged) {
            command.arg("--iptables=false");
        }
        command.spawn().map_err(failed)?;
        Ok(())
    }

    fn did_not_start(&self) -> Diagnostic {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(8)..].join("\n");
        Diagnostic::error("the private engine did not start")
            .note(format!("its last words, from {}:\n{last}", self.log().display()))
            .hint("set DOCKER_HOST to an engine that runs")
    }

    /// Ends the engine and waits for it; false when none ran.
    pub async fn stop(&self) -> Result<bool, Diagnostic> {
        let Some(pid) = self.pid() else { return Ok(false) };
        rustix::process::kill_process(pid, Signal::TERM)
            .map_err(|error| Diagnostic::error(format!("the engine cannot be stopped: {error}")))?;
        let start = Instant::now();
        while self.pid().is_some() {
            if start.elapsed() > STOP_TIMEOUT {
                return Err(
                    Diagnostic::error("the engine does not end").hint(format!("its log is {}", self.log().display()))
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let _ = Command::new("ip").args(["link", "delete", &self.bridge()]).stderr(Stdio::null()).status();
        remove_rules(&self.bridge());
        // What it leaves mounted, more so when it was killed before, keeps the folder from being removed.
        for mounted in ["run/netns/default", "data"] {
            let unmount = || {
                Command::new("umount").arg("--recursive").arg(self.folder.join(mounted)).stderr(Stdio::null()).status()
            };
            while unmount().is_ok_and(|status| status.success()) {}
        }
        Ok(true)
    }
}

/// Makes the engine's own bridge; false when that cannot be, and build steps need `network = "host"`.
fn make_bridge(name: &str, address: &str) -> bool {
    let ip = |words: &[&str]| {
        Command::new("ip").args(words).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let exists = Path::new("/sys/class/net").join(name).exists();
    let made =
        exists || (ip(&["link", "add", name, "type", "bridge"]) && ip(&["address", "add", address, "dev", name]));
    made && ip(&["link", "set", name, "up"])
}

/// dockerd leaves its rules for a bridge that it did not make itself.
fn remove_rules(bridge: &str) {
    for table in ["nat", "filter"] {
        let listed = Command::new("iptables").args(["--table", table, "--list-rules"]).stderr(Stdio::null()).output();
        let Ok(listed) = listed else { return };
        let rules = String::from_utf8_lossy(&listed.stdout).into_owned();
        for rule in rules.lines().filter(|rule| rule.split(' ').any(|word| word == bridge)) {
            let Some(rule) = rule.strip_prefix("-A ") else { continue };
            let words = ["--table", table, "--delete"].into_iter().chain(rule.split(' '));
            let _ = Command::new("iptables").args(words).stderr(Stdio::null()).status();
        }
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Which package brings `dockerd` on this system.
fn not_installed() -> Diagnostic {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let is = |words: &[&str]| {
        release
            .lines()
            .filter(|line| line.starts_with("ID=") || line.starts_with("ID_LIKE="))
            .any(|line| words.iter().any(|word| line.contains(word)))
    };
    let remedy = match () {
        () if is(&["debian", "ubuntu"]) => "apt-get install docker.io iptables",
        () if is(&["alpine"]) => "apk add docker",
        () if is(&["fedora", "rhel", "centos"]) => "dnf install moby-engine",
        () if is(&["arch"]) => "pacman -S docker",
        () if is(&["suse"]) => "zypper install docker",
        () => "install Docker (docs.docker.com/engine/install)",
    };
    Diagnostic::error("no engine answers, and `dockerd` is not installed")
        .hint(format!("install one: {remedy}"))
        .hint("or set DOCKER_HOST to an engine that runs elsewhere")
}
