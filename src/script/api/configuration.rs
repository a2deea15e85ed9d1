//! The image's configuration: steps that make no layer.

use std::collections::BTreeMap;

use rhai::plugin::*;
use rhai::{Array, Dynamic, NativeCallContext};

use super::{ports, signals};
use crate::recipe::{Command, Healthcheck, StepKind};
use crate::script::arguments::{Call, Outcome, raise};

pub const HEALTHCHECK_OPTIONS: &[&str] = &["interval", "timeout", "start_period", "retries"];

fn pairs(call: &Call, name: &Dynamic, value: &Dynamic) -> Outcome<BTreeMap<String, String>> {
    warn_of_variables(call, name, value);
    let pairs = BTreeMap::from([(call.text("name", name)?, call.value("value", value)?.to_string())]);
    checked(call, pairs)
}

/// Warns of a variable in the value of a name. That of `PATH` is refused with better words.
fn warn_of_variables(call: &Call, name: &Dynamic, value: &Dynamic) {
    let (name, value) =
        (name.clone().into_string().unwrap_or_default(), value.clone().into_string().unwrap_or_default());
    if name != "PATH" {
        call.warn_of_variables("value", &value);
    }
}

/// The pairs of a map.
fn pairs_of_map(call: &Call, what: &str, map: &Dynamic) -> Outcome<BTreeMap<String, String>> {
    for (name, value) in map.clone().try_cast::<rhai::Map>().unwrap_or_default() {
        warn_of_variables(call, &Dynamic::from(name.to_string()), &value);
    }
    checked(call, call.text_map(what, map)?)
}

fn checked(call: &Call, pairs: BTreeMap<String, String>) -> Outcome<BTreeMap<String, String>> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '=' | '"' | '\'' | '$' | '\\');
    if let Some(name) = pairs.keys().find(|name| name.is_empty() || name.contains(odd)) {
        return call.fail(format!("`{name}` is no name for `{}`", call.function()));
    }
    if pairs.is_empty() {
        return call.fail(format!("the map of `{}` is empty", call.function()));
    }
    Ok(pairs)
}

fn record_env(call: &Call, pairs: BTreeMap<String, String>) -> Outcome<()> {
    if pairs.get("PATH").is_some_and(|value| value.contains("$PATH") || value.contains("${PATH}")) {
        let error = call.error("`$PATH` would be taken as it is, and the image would find no program");
        return Err(raise(error.hint("`add_to_path(\"/opt/x/bin\")` puts a folder before those that are there")));
    }
    call.record(StepKind::Env(pairs))
}

fn command(call: &Call, value: &Dynamic) -> Outcome<Command> {
    if value.is_array() {
        Ok(Command::Exec(call.words("command", value)?))
    } else {
        Ok(Command::Shell(call.text("command", value)?))
    }
}

fn record_ports(ctx: &NativeCallContext, ports: &[&Dynamic]) -> Outcome<()> {
    let call = Call::new(ctx);
    let mut all = Vec::new();
    for value in ports {
        match (*value).clone().try_cast::<Array>() {
            Some(list) => all.extend(list.iter().map(|value| ports::port(&call, value)).collect::<Outcome<Vec<_>>>()?),
            None => all.push(ports::port(&call, value)?),
        }
    }
    if all.is_empty() {
        return call.fail("`expose` takes at least one port");
    }
    call.record(StepKind::Expose(all))
}

/// The longest time that an engine can hold, in seconds: it counts nanoseconds in 63 bits.
const MAX_SECONDS: i64 = i64::MAX / 1_000_000_000;
/// Seconds, or a number with a unit.
fn time(call: &Call, what: &str, value: &Dynamic) -> Outcome<u64> {
    match value.is_int() {
        true => up_to(MAX_SECONDS)(call, what, value),
        false => call.timeout(what, value).map(|time| time.duration().as_secs()),
    }
}

/// An engine counts retries in 31 bits.
const MAX_RETRIES: i64 = i32::MAX as i64;

fn up_to(most: i64) -> impl Fn(&Call, &str, &Dynamic) -> Outcome<u64> {
    move |call, what, value| match call.int(what, value, 1)? {
        number if number > most => {
            call.fail(format!("the {what} of `{}` is at most {most}, not {number}", call.function()))
        }
        number => Ok(number as u64),
    }
}

#[export_module]
pub mod functions {
    /// Sets variables of the image's environment.
    ///
    /// Takes a name and a value, or a map of them. Values are taken as they are: `$` means nothing, and
    /// `literal` says that this is meant; `add_to_path` is there for `PATH`.
    ///
    /// ```rhai
    /// env("JAVA_HOME", "/opt/jdk");
    /// env(#{ LANG: "C.UTF-8", TZ: "Asia/Shanghai" });
    /// ```
    /// ```dockerfile
    /// ENV JAVA_HOME="/opt/jdk"
    /// ENV LANG="C.UTF-8" TZ="Asia/Shanghai"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn env(ctx: NativeCallContext, name: Dynamic, value: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let pairs = pairs(&call, &name, &value)?;
        super::record_env(&call, pairs)
    }

    /// Puts folders, one absolute path or a list of them, before those in which the image looks for programs.
    ///
    /// ```rhai
    /// add_to_path("/opt/jdk/bin");
    /// ```
    /// ```dockerfile
    /// ENV PATH="/opt/jdk/bin:$PATH"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn add_to_path(ctx: NativeCallContext, folders: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let list = folders.clone().try_cast::<Array>().unwrap_or_else(|| vec![folders.clone()]);
        let folders = list.iter().map(|folder| call.absolute("folder", folder)).collect::<Outcome<Vec<_>>>()?;
        if let Some(odd) = folders.iter().find(|folder| folder.contains(':')) {
            return call.fail(format!("`{odd}` would be two folders: it has a `:`"));
        }
        if folders.is_empty() {
            return call.fail("`add_to_path` takes at least one folder");
        }
        call.record(StepKind::Path(folders))
    }

    #[rhai_fn(name = "env", return_raw)]
    pub fn env_map(ctx: NativeCallContext, variables: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let pairs = pairs_of_map(&call, "variables", &variables)?;
        super::record_env(&call, pairs)
    }

    /// Sets labels of the image.
    ///
    /// Takes a name and a value, or a map of them. f3s adds the labels of the OCI image specification that it knows
    /// (`org.opencontainers.image.title`, `.description`, `.source`, `.base.name`, `.base.digest`) unless the recipe sets them.
    /// The source is that of the remote `origin` of the git repository that the project lies in.
    ///
    /// ```rhai
    /// label("vendor", "CentOS");
    /// label(#{ license: "GPLv2", name: "CentOS Base Image" });
    /// ```
    /// ```dockerfile
    /// LABEL vendor="CentOS"
    /// LABEL license="GPLv2" name="CentOS Base Image"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn label(ctx: NativeCallContext, name: Dynamic, value: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let pairs = pairs(&call, &name, &value)?;
        call.record(StepKind::Label(pairs))
    }

    #[rhai_fn(name = "label", return_raw)]
    pub fn label_map(ctx: NativeCallContext, labels: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let pairs = pairs_of_map(&call, "labels", &labels)?;
        call.record(StepKind::Label(pairs))
    }

    /// Sets the working directory, an absolute path, of the steps that follow and of the image.
    ///
    /// ```rhai
    /// workdir("/app");
    /// ```
    /// ```dockerfile
    /// WORKDIR /app
    /// ```
    #[rhai_fn(return_raw)]
    pub fn workdir(ctx: NativeCallContext, path: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let path = call.absolute_unexpanded("path", &path)?;
        call.record(StepKind::Workdir(path))
    }

    /// Sets the user, `name[:group]` or `uid[:gid]`, of the steps that follow and of the image.
    ///
    /// ```rhai
    /// user("app");
    /// ```
    /// ```dockerfile
    /// USER app
    /// ```
    #[rhai_fn(return_raw)]
    pub fn user(ctx: NativeCallContext, name: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let name = call.owner("name", &name)?;
        call.record(StepKind::User(name))
    }

    /// Declares ports on which the image listens: numbers, `"53/udp"`, `"7000-7010"`, or a list of them.
    ///
    /// ```rhai
    /// expose(80, 443);
    /// ```
    /// ```dockerfile
    /// EXPOSE 80 443
    /// ```
    #[rhai_fn(return_raw)]
    pub fn expose(ctx: NativeCallContext, port: Dynamic) -> Outcome<()> {
        record_ports(&ctx, &[&port])
    }

    #[rhai_fn(name = "expose", return_raw)]
    pub fn expose_two(ctx: NativeCallContext, port: Dynamic, second: Dynamic) -> Outcome<()> {
        record_ports(&ctx, &[&port, &second])
    }

    #[rhai_fn(name = "expose", return_raw)]
    pub fn expose_three(ctx: NativeCallContext, port: Dynamic, second: Dynamic, third: Dynamic) -> Outcome<()> {
        record_ports(&ctx, &[&port, &second, &third])
    }

    /// Declares folders that hold data of a container: one absolute path or a list of them.
    ///
    /// ```rhai
    /// volume("/var/lib/data");
    /// ```
    /// ```dockerfile
    /// VOLUME ["/var/lib/data"]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn volume(ctx: NativeCallContext, paths: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let list = paths.clone().try_cast::<Array>().unwrap_or_else(|| vec![paths.clone()]);
        let paths = list.iter().map(|path| call.absolute_unexpanded("path", path)).collect::<Outcome<Vec<_>>>()?;
        if paths.is_empty() {
            return call.fail("`volume` takes at least one path");
        }
        call.record(StepKind::Volume(paths))
    }

    /// Sets the program that a container runs: a list of words (run as they are) or a string (run by the shell).
    ///
    /// ```rhai
    /// entrypoint(["/usr/local/bin/app", "--verbose"]);
    /// ```
    /// ```dockerfile
    /// ENTRYPOINT ["/usr/local/bin/app","--verbose"]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn entrypoint(ctx: NativeCallContext, command: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let command = super::command(&call, &command)?;
        call.record(StepKind::Entrypoint(command))
    }

    /// Sets the default command or the default arguments of the entry point: a list of words or a string.
    ///
    /// ```rhai
    /// cmd(["/bin/bash"]);
    /// ```
    /// ```dockerfile
    /// CMD ["/bin/bash"]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn cmd(ctx: NativeCallContext, command: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let command = super::command(&call, &command)?;
        call.record(StepKind::Cmd(command))
    }

    /// Sets the shell, a list of words, that runs the commands that follow.
    ///
    /// It is one that knows `set -eu`, as bash and `sh` do. Others (fish, csh, PowerShell) are refused.
    ///
    /// ```rhai
    /// shell(["/bin/bash", "-c"]);
    /// ```
    /// ```dockerfile
    /// SHELL ["/bin/bash","-c"]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn shell(ctx: NativeCallContext, words: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        if !words.is_array() {
            return call.wrong_type("words", "a list of strings", &words);
        }
        let words = call.words("words", &words)?;
        if let Some(shell) = crate::shell::foreign(&words) {
            let error = call.error(format!("commands cannot run in {}", crate::shell::foreign_reason(shell)));
            let hint = format!("run it as a program: write its script with `write`, and `run(\"{shell} FILE\")`");
            return Err(raise(error.hint(hint)));
        }
        call.record(StepKind::Shell(words))
    }

    /// Sets the signal that ends a container: `"SIGQUIT"` or a number.
    ///
    /// ```rhai
    /// stop_signal("SIGQUIT");
    /// ```
    /// ```dockerfile
    /// STOPSIGNAL SIGQUIT
    /// ```
    #[rhai_fn(return_raw)]
    pub fn stop_signal(ctx: NativeCallContext, signal: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let signal = if signal.is_int() { signal.to_string() } else { call.text("signal", &signal)? };
        if !signals::is_known(&signal) {
            return Err(raise(call.error(format!("`{signal}` is no signal")).hint(signals::remedy(&signal))));
        }
        call.record(StepKind::StopSignal(signal))
    }

    /// Sets the command that tells whether a container is healthy; `false` removes an inherited one.
    ///
    /// Options: `interval`, `timeout`, `start_period` (times: `"30s"`, `"5m"`, or seconds); `retries` (int).
    ///
    /// ```rhai
    /// healthcheck("curl -f http://localhost/", #{ interval: "30s", timeout: 3 });
    /// ```
    /// ```dockerfile
    /// HEALTHCHECK --interval=30s --timeout=3s CMD curl -f http://localhost/
    /// ```
    #[rhai_fn(return_raw)]
    pub fn healthcheck(ctx: NativeCallContext, command: Dynamic, opts: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let options = call.options(&opts, HEALTHCHECK_OPTIONS)?;
        let check = match command.as_bool() {
            Ok(false) => None,
            _ => Some(Healthcheck {
                command: super::command(&call, &command)?,
                interval: options.get("interval", time)?,
                timeout: options.get("timeout", time)?,
                start_period: options.get("start_period", time)?,
                retries: options.get("retries", up_to(MAX_RETRIES))?,
            }),
        };
        call.record(StepKind::Healthcheck(check))
    }

    #[rhai_fn(name = "healthcheck", return_raw)]
    pub fn healthcheck_plain(ctx: NativeCallContext, command: Dynamic) -> Outcome<()> {
        healthcheck(ctx, command, Dynamic::UNIT)
    }

    /// Names the image's author.
    ///
    /// ```rhai
    /// author("westzhao");
    /// ```
    /// ```dockerfile
    /// MAINTAINER westzhao
    /// ```
    #[rhai_fn(return_raw)]
    pub fn author(ctx: NativeCallContext, name: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let name = call.text("name", &name)?;
        let name = call.one_line("name", name)?.trim().to_owned();
        if name.ends_with('\\') {
            let error = call.error("the author's name ends in a backslash, which would join the next line");
            return Err(raise(error.hint("a Dockerfile cannot say that: leave it out")));
        }
        call.record(StepKind::Author(name))
    }
}
