//! Commands, and the secrets that reach them.

use rhai::plugin::*;
use rhai::{Dynamic, NativeCallContext};

use crate::recipe::{Mount, MountKind, Run, RunNetwork, SecretMount, SecretSource, StepKind};
use crate::script::arguments::{Call, Outcome, raise};
use crate::shell::Script;

pub const OPTIONS: &[&str] = &["mounts", "cache", "secrets", "ssh", "network", "user", "workdir", "env", "timeout"];
pub const SECRET_OPTIONS: &[&str] = &["env", "file", "target"];
const MOUNT_KEYS: &[&str] = &["type", "source", "target", "id"];

/// What `secret()` returns.
#[derive(Clone)]
pub struct SecretHandle(pub SecretMount);

/// What `ssh()` returns.
#[derive(Clone)]
pub struct SshHandle;

fn read_run(call: &Call, commands: &Dynamic, options: &Dynamic) -> Outcome<Run> {
    let commands = call.texts("command", commands)?;
    for (index, command) in commands.iter().enumerate() {
        let refused = |why: String, hint: Option<&str>| {
            let error = call.error(why).note(format!("the command:\n{}", shortened(command)));
            Err(raise(error.hint_if(hint.map(str::to_owned))))
        };
        match Script::parse(command) {
            Err(fault) => return refused(fault.to_string(), fault.hint(commands.len() > 1)),
            Ok(Script { ends_early: Some(what), .. }) if index + 1 < commands.len() => {
                let why = format!(
                    "`{what}` could end all commands of this list, and those behind it would be skipped unseen"
                );
                let hint = "write the list as one text of several lines, or this command in parentheses: `( .. )`";
                return refused(why, Some(hint));
            }
            Ok(_) => {}
        }
    }
    let options = call.options(options, OPTIONS)?;
    let mut mounts = Vec::new();
    let cache = options
        .get("cache", |call, what, value| list_of(value).iter().map(|item| call.mount_path(what, item)).collect());
    for target in cache?.unwrap_or_else(Vec::new) {
        mounts.push(Mount { kind: MountKind::Cache { id: target.clone() }, target });
    }
    mounts.extend(options.get("mounts", read_mounts)?.unwrap_or_default());
    let network = options.text("network")?;
    let network = match network.as_deref() {
        None => None,
        Some("none") => Some(RunNetwork::None),
        Some("host") => Some(RunNetwork::Host),
        Some("default") => Some(RunNetwork::Default),
        Some(other) => {
            return call.fail(format!("`{other}` is no network: it is `default`, `host` or `none`"));
        }
    };
    Ok(Run {
        commands,
        mounts,
        secrets: options.get("secrets", read_secrets)?.unwrap_or_default(),
        ssh: options.get("ssh", read_ssh)?.unwrap_or(false),
        network,
        user: options.owner("user")?,
        workdir: options.get("workdir", |call, what, value| call.absolute(what, value))?,
        env: options.get("env", variables)?.unwrap_or_default(),
        timeout: options.get("timeout", |call, what, value| call.timeout(what, value))?,
    })
}

/// The beginning of a command, for a message.
fn shortened(command: &str) -> String {
    const LENGTH: usize = 200;
    if command.chars().count() <= LENGTH {
        return command.to_owned();
    }
    command.chars().take(LENGTH).chain("...".chars()).collect()
}

/// Variables of the shell: their names are words of its grammar.
fn variables(call: &Call, what: &str, value: &Dynamic) -> Outcome<std::collections::BTreeMap<String, String>> {
    let variables = call.text_map(what, value)?;
    let is_name = |name: &str| {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        name.chars().all(word) && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty()
    };
    match variables.keys().find(|name| !is_name(name)) {
        Some(name) => call.fail(format!("`{name}` is no name of a variable")),
        None => Ok(variables),
    }
}

fn list_of(value: &Dynamic) -> Vec<Dynamic> {
    value.clone().try_cast::<rhai::Array>().unwrap_or_else(|| vec![value.clone()])
}

fn read_mounts(call: &Call, what: &str, value: &Dynamic) -> Outcome<Vec<Mount>> {
    list_of(value).iter().map(|mount| read_mount(call, what, mount)).collect()
}

fn read_mount(call: &Call, what: &str, value: &Dynamic) -> Outcome<Mount> {
    let map = call.map(what, value)?;
    if let Some(unknown) = map.keys().find(|key| !MOUNT_KEYS.contains(&key.as_str())) {
        let error = call.error(format!("a mount has no field `{unknown}`"));
        return Err(raise(error.hint("its fields are `type`, `source`, `target` and `id`")));
    }
    let field = |name: &str| map.get(name).map(|value| call.text(&format!("mount's {name}"), value)).transpose();
    let Some(target) = map.get("target") else {
        return call.fail("a mount needs a `target`");
    };
    let target = call.mount_path("mount's target", target)?;
    let kind = match field("type")?.as_deref() {
        Some("cache") => {
            let id = map.get("id").map(|id| call.text("mount's id", id)).transpose()?.unwrap_or_else(|| target.clone());
            if id.contains(|c: char| c.is_whitespace() || c == ',') {
                return call.fail(format!("`{id}` is no id of a cache: it has no blanks and no commas"));
            }
            MountKind::Cache { id }
        }
        Some("tmpfs") => MountKind::Tmpfs,
        Some("bind") => {
            let Some(source) = field("source")? else {
                return call.fail("a bind mount needs a `source`");
            };
            MountKind::Bind { source: super::files::existing(call, &source)? }
        }
        Some(other) => return call.fail(format!("`{other}` is no type of mount: it is `cache`, `tmpfs` or `bind`")),
        None => return call.fail("a mount needs a `type`: `cache`, `tmpfs` or `bind`"),
    };
    Ok(Mount { kind, target })
}

fn read_secrets(call: &Call, what: &str, value: &Dynamic) -> Outcome<Vec<SecretMount>> {
    list_of(value)
        .iter()
        .map(|item| match item.clone().try_cast::<SecretHandle>() {
            Some(handle) => Ok(handle.0),
            None => call.wrong_type(what, "handles of `secret()`", item),
        })
        .collect()
}

fn read_ssh(call: &Call, what: &str, value: &Dynamic) -> Outcome<bool> {
    if value.is::<SshHandle>() { Ok(true) } else { call.bool(what, value) }
}

#[export_module]
pub mod functions {
    /// Runs one or more shell commands; the first that fails ends the step.
    ///
    /// They run in the shell of the stage, with `set -eu`, and with `pipefail` when there is a pipe and the shell knows it. A
    /// list of commands makes one layer. Every command of it is complete in itself, and one that ends with a status other
    /// than 0 ends the step, whatever it is made of, unless `set +e` stands before it. One that could end all of them as if all
    /// were well, such as `exit 0` or `exec`, may only be the last.
    ///
    /// A command may hold several, on lines of their own or with `;` between them. One of those that fails ends the step, too,
    /// be it `a && b` or `! a`, but for a chain that begins with tests of which one says no: `[ -e x ] && rm x` goes on where
    /// there is no `x`. Tests are `[`, `test`, `[[`, `((`, `grep -q`, `cmp -s`, `command -v`, `type`, `which`, what stands behind
    /// `!`, groups of nothing else, and pipes that end in one.
    ///
    /// Conditions are the shell's: what decides an `if` or a `while`, and what stands in front of `||` or behind `!`. There it
    /// counts how the last command ends, also within a function that is called there or in front of `&&`. `$(..)` is the
    /// shell's, too.
    ///
    /// Refused is what could fail unseen: several commands in front of `&&`, as in `{ a; b; } && c` (`a && b && c` says it), and,
    /// unless the chain ends the command, a test behind what must succeed, as in `a && [ -e x ] && b` (`if` says what is meant).
    ///
    /// Options: `cache` (string or list: folders kept between builds, for this project and user alone), `mounts` (list of
    /// `#{ type: "cache" | "tmpfs" | "bind", target, source, id }`), `secrets` (list of `secret()` handles), `ssh` (bool: forward
    /// the ssh agent), `network` (`"default"`, `"none"` or `"host"`, which needs consent), `user` (string), `workdir` (absolute
    /// path), `env` (map: for these commands only), `timeout` (seconds, or `"5m"`: a step that takes longer is ended; in
    /// `f3s watch`, a command of it).
    ///
    /// ```rhai
    /// run("adduser -D app");
    /// run(["mkdir /data", "chown app /data"], #{ env: #{ LC_ALL: "C" } });
    /// ```
    /// ```dockerfile
    /// RUN set -eu; adduser -D app
    /// RUN set -eu; \
    ///     export LC_ALL='C'; \
    ///     mkdir /data; \
    ///     chown app /data
    /// ```
    #[rhai_fn(return_raw)]
    pub fn run(ctx: NativeCallContext, command: Dynamic, opts: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let run = read_run(&call, &command, &opts)?;
        call.record(StepKind::Run(run))
    }

    #[rhai_fn(name = "run", return_raw)]
    pub fn run_plain(ctx: NativeCallContext, command: Dynamic) -> Outcome<()> {
        run(ctx, command, Dynamic::UNIT)
    }

    /// Runs commands that join the layer before them, so that what they remove ships in no layer.
    ///
    /// Takes what `run` takes.
    ///
    /// Errors: no step before it in the stage.
    ///
    /// ```rhai
    /// run("make install");
    /// cleanup("rm -rf /src");
    /// ```
    /// ```dockerfile
    /// RUN set -eu; exec 2>&1; \
    ///     echo '#f3s 0'; (make install); \
    ///     echo '#f3s 1'; (rm -rf /src)
    /// ```
    #[rhai_fn(return_raw)]
    pub fn cleanup(ctx: NativeCallContext, command: Dynamic, opts: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let run = read_run(&call, &command, &opts)?;
        call.record(StepKind::Cleanup(run))
    }

    #[rhai_fn(name = "cleanup", return_raw)]
    pub fn cleanup_plain(ctx: NativeCallContext, command: Dynamic) -> Outcome<()> {
        cleanup(ctx, command, Dynamic::UNIT)
    }

    /// Returns a handle on a secret, for the option `secrets` of `run`.
    ///
    /// While the command runs the value is a file, and afterwards it is nowhere: in no image, log, label or fingerprint, and
    /// the engine keeps no history of the build. Where a command prints it, `***` is shown, line by line of the value. That
    /// cannot be done to what is shorter than four characters, is encoded (base64, URLs, JSON), or is printed in parts or with
    /// something in between: such commands should print nothing.
    ///
    /// A file outside of the project needs the user's consent, see `--allow read=PATH`; of variables `f3s plan -v` tells.
    ///
    /// Options: `env` (host variable; the id in capitals unless set), `file` (file on the host, or in the project when relative),
    /// `target` (absolute path in the container; `/run/secrets/ID` unless set).
    ///
    /// ```rhai
    /// run("token=$(cat /run/secrets/api-token); test -n \"$token\"", #{ secrets: secret("api-token") });
    /// ```
    /// ```dockerfile
    /// RUN --mount=type=secret,id=api-token,target=/run/secrets/api-token,required=true \
    ///     set -eu; token=$(cat /run/secrets/api-token); test -n "$token"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn secret(ctx: NativeCallContext, id: Dynamic, opts: Dynamic) -> Outcome<SecretHandle> {
        let call = Call::new(&ctx);
        let id = call.text("id", &id)?;
        if !id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
            return call.fail(format!("`{id}` is no id of a secret: letters, digits, `-`, `_` and `.`"));
        }
        let options = call.options(&opts, SECRET_OPTIONS)?;
        let source = match (options.text("env")?, options.text("file")?) {
            (Some(_), Some(_)) => return call.fail("a secret comes from `env` or from `file`, not from both"),
            (None, Some(file)) => SecretSource::File(file),
            (Some(variable), None) => SecretSource::Env(variable),
            (None, None) => SecretSource::Env(id.to_ascii_uppercase().replace(['-', '.'], "_")),
        };
        let target = options.get("target", |call, what, value| call.mount_path(what, value))?;
        let target = target.unwrap_or_else(|| format!("/run/secrets/{id}"));
        Ok(SecretHandle(SecretMount { id, target, source }))
    }

    #[rhai_fn(name = "secret", return_raw)]
    pub fn secret_plain(ctx: NativeCallContext, id: Dynamic) -> Outcome<SecretHandle> {
        secret(ctx, id, Dynamic::UNIT)
    }

    /// Returns a handle on the user's ssh agent, for the option `ssh` of `run`.
    ///
    /// The agent needs the user's consent, see `--allow ssh`.
    ///
    /// ```rhai
    /// run("git clone git@example.com:team/app.git /app", #{ ssh: ssh() });
    /// ```
    /// ```dockerfile
    /// RUN --mount=type=ssh \
    ///     set -eu; git clone git@example.com:team/app.git /app
    /// ```
    pub fn ssh() -> SshHandle {
        SshHandle
    }
}
