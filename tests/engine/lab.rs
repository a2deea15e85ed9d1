//! The lab as tests see it, and projects of their own in it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A variable of `target/lab/env`.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run these tests with `make test`"))
}

/// True when a base image is nowhere to be had; the test is reported as skipped and ends.
pub fn is_missing(image: &str) -> bool {
    let missing = variable("F3S_LAB_MISSING").split(' ').any(|name| name == image);
    if missing {
        skipped(&format!("{image} is nowhere to be had"));
    }
    missing
}

/// Notes the running test as skipped: `tests/run` lists them at its end.
pub fn skipped(because: &str) {
    let file = PathBuf::from(variable("F3S_LAB")).join("skipped");
    let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    file.write_all(format!("SKIPPED {name}: {because}\n").as_bytes()).unwrap();
}

/// True as soon as it holds, false when it does not within a minute.
pub fn within_a_minute(mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[track_caller]
pub fn wait_until(what: &str, holds: impl FnMut() -> bool) {
    assert!(within_a_minute(holds), "not within a minute: {what}");
}

/// Ctrl-C.
pub fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

/// True while a process with exactly this command line runs, in a container or not.
pub fn runs(command: &str) -> bool {
    !processes(command).is_empty()
}

/// The ids of the processes with exactly this command line.
pub fn processes(command: &str) -> Vec<String> {
    let found = Command::new("pgrep").args(["-fx", command]).output().unwrap();
    String::from_utf8_lossy(&found.stdout).split_whitespace().map(str::to_owned).collect()
}

/// Runs `docker` on an engine and returns what it prints.
pub fn docker_at(host: &str, words: &[&str]) -> String {
    loop {
        let output = Command::new("docker").arg("--host").arg(host).args(words).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        // containerd's store cannot list images while another test removes one.
        if words[0] == "images" && error.contains("NotFound: content digest") {
            continue;
        }
        assert!(output.status.success(), "docker {words:?}: {error}");
        return String::from_utf8_lossy(&output.stdout).trim().to_owned();
    }
}

pub fn docker(words: &[&str]) -> String {
    docker_at(&variable("DOCKER_HOST"), words)
}

/// What a run of f3s gave.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub fn ok(self) -> Ran {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    /// Fails with this code, and says all of this.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> Ran {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "`{word}` is not in\n{}", self.err);
        }
        self
    }

    /// The last line, without its time.
    pub fn summary(&self) -> String {
        let last = self.err.lines().rfind(|line| !line.is_empty()).unwrap_or_default();
        last.rsplit_once(" in ").map_or(last, |(counts, _)| counts).to_owned()
    }
}

/// A project in a temporary folder, with image names of its own; they go when it goes.
pub struct Project {
    folder: tempfile::TempDir,
    /// What all its recipes begin with.
    pub prefix: String,
    variables: Vec<(String, String)>,
}

impl Project {
    pub fn new() -> Project {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("t{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let project = Project { folder: tempfile::tempdir().unwrap(), prefix, variables: Vec::new() };
        project.file("f3s.toml", "network = \"host\"\n");
        project
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, path: &str, content: &str) {
        let full = self.path().join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, content).unwrap();
    }

    /// Writes the recipe `PREFIX-NAME`; `@x` in it means the recipe `PREFIX-x`.
    pub fn recipe(&self, name: &str, script: &str) {
        self.file(&format!("scripts/{}.rhai", self.image(name)), &script.replace('@', &format!("{}-", self.prefix)));
    }

    pub fn image(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// Makes both projects one user's.
    pub fn share_user(&mut self, other: &Project) {
        let state = other.path().join("state").display().to_string();
        self.set("XDG_STATE_HOME", &state);
    }

    /// Sets a variable for all runs that follow.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_f3s"));
        command.args(words);
        self.set_up(&mut command);
        command
    }

    /// Gives a command the project's folder and variables.
    pub fn set_up(&self, command: &mut Command) {
        command.current_dir(self.path()).env_remove("F3S_CONFIG").env("F3S_CACHE_DIR", self.path().join("cache"));
        // The lab's engines have no network of their own.
        command.env("F3S_ALLOW", "network.host").env("XDG_CONFIG_HOME", self.path().join("settings"));
        // A key of its own: what other tests build is nothing that it made, and no prune waits for them.
        command.env("XDG_STATE_HOME", self.path().join("state"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }

    pub fn f3s(&self, words: &[&str]) -> Ran {
        Ran::of(self.command(words).output().unwrap())
    }

    /// Starts f3s and leaves it running.
    pub fn start(&self, words: &[&str]) -> Child {
        self.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub fn wait(&self, child: Child) -> Ran {
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Runs `docker` on the project's engine.
    pub fn docker(&self, words: &[&str]) -> String {
        let own = self.variables.iter().rfind(|(name, value)| name == "DOCKER_HOST" && !value.is_empty());
        match own {
            Some((_, host)) => docker_at(host, words),
            None => docker(words),
        }
    }

    /// The id of an image's `latest`; empty when there is none.
    pub fn id(&self, name: &str) -> String {
        self.docker(&["images", "-q", "--no-trunc", &format!("{}:latest", self.image(name))])
    }

    /// Runs a command in an image.
    pub fn sh(&self, name: &str, command: &str) -> String {
        let image = format!("{}:latest", self.image(name));
        self.docker(&["run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", &image, "-c", command])
    }

    /// A field of an image's configuration, as JSON.
    pub fn config(&self, name: &str) -> serde_json::Value {
        let image = format!("{}:latest", self.image(name));
        serde_json::from_str(&self.docker(&["image", "inspect", "--format", "{{json .Config}}", &image])).unwrap()
    }

    pub fn layers(&self, name: &str) -> Vec<Vec<String>> {
        layers_at(&variable("DOCKER_HOST"), &format!("{}:latest", self.image(name)))
    }
}

impl Project {
    /// The lab's engines that the project may have images on.
    fn hosts(&self) -> Vec<String> {
        let lab = ["F3S_LAB_26", "F3S_LAB_28", "F3S_LAB_28_CONTAINERD", "F3S_LAB_EMPTY"];
        let is_own = |host: &String| self.variables.iter().any(|(name, value)| name == "DOCKER_HOST" && value == host);
        let others = lab.into_iter().filter_map(|name| std::env::var(name).ok()).filter(is_own);
        others.chain([variable("DOCKER_HOST")]).collect()
    }

    fn forget(&self, host: &str) {
        // A pushed image is known by its digest, too.
        let format = "{{.Repository}}:{{.Tag}}\n{{.Repository}}@{{.Digest}}";
        let images = docker_at(host, &["images", "--digests", "--format", format]);
        let ours = |name: &&str| {
            let parts = name.split(['/', ':', '@']);
            parts.into_iter().any(|part| part == self.prefix || part.starts_with(&format!("{}-", self.prefix)))
        };
        let ours: Vec<&str> = images.lines().filter(ours).filter(|name| !name.ends_with("<none>")).collect();
        if !ours.is_empty() {
            let _ = Command::new("docker").args(["--host", host, "rmi"]).args(ours).output();
        }
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        for host in self.hosts() {
            self.forget(&host);
        }
    }
}

/// The paths in every layer of an image that an engine saves, lowest layer first.
pub fn layers_at(host: &str, image: &str) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.tar");
    docker_at(host, &["save", "-o", saved.to_str().unwrap(), image]);
    let tar = |words: &[&str]| {
        let output = Command::new("tar").args(words).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    tar(&["-xf", "saved.tar"]);
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("manifest.json")).unwrap()).unwrap();
    let names = manifest[0]["Layers"].as_array().unwrap();
    names
        .iter()
        .map(|name| {
            let list = tar(&["-tf", name.as_str().unwrap()]);
            list.lines().map(|line| line.trim_start_matches("./").trim_end_matches('/').to_owned()).collect()
        })
        .collect()
}

/// How often the upstreams' server was asked for a path that contains `part`.
pub fn requests(part: &str) -> usize {
    let log = PathBuf::from(variable("F3S_LAB")).join("requests.log");
    std::fs::read_to_string(log).unwrap().lines().filter(|line| line.contains(part)).count()
}
