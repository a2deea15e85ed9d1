//! Assertions over the finished image.

use rhai::plugin::*;
use rhai::{Dynamic, NativeCallContext};

use crate::config::Size;
use crate::recipe::{Check, CheckKind, SizeBound, Timeout};
use crate::script::arguments::{Call, Outcome, raise};

pub const CHECK_OPTIONS: &[&str] = &["name", "stdout", "contains", "exit", "user", "timeout"];
pub const FILE_OPTIONS: &[&str] = &["absent", "contains", "mode", "owner"];

fn add(call: &Call, name: String, kind: CheckKind, timeout: Option<Timeout>) -> Outcome<()> {
    call.count("checks")?;
    let timeout = timeout.unwrap_or(Timeout::OF_CHECKS);
    call.recording.lock().checks.push(Check { name, kind, timeout, origin: call.origin.clone() });
    Ok(())
}

/// Reads `< 80MB`; `None` when it is no size.
fn size(text: &str) -> Option<SizeBound> {
    let bound = text.trim().trim_start_matches("<=").trim_start_matches('<').trim();
    let Size(max_bytes) = bound.parse().ok()?;
    Some(SizeBound { max_bytes, text: text.trim().to_owned() })
}

#[export_module]
pub mod functions {
    /// Asserts that a shell command succeeds in a throw-away container of the finished image.
    ///
    /// Checks run before the final tags are set; nothing is pushed unless all pass. The command runs by `/bin/sh -c`,
    /// without the image's entry point and without a network.
    ///
    /// Options: `name` (string), `stdout` (string: the standard output, trimmed, equals it), `contains` (string: in the
    /// standard output or the standard error), `exit` (int: the expected exit code, 0 unless set), `user` (string), `timeout`
    /// (seconds, or `"30s"`, `"5m"`, `"1h"`: a command that takes longer is ended; 5 minutes unless set).
    ///
    /// Errors: a command that prints more than 10 MB.
    ///
    /// ```rhai
    /// check("java -version", #{ contains: "1.8.0" });
    /// check("date +%Z", #{ stdout: "CST" });
    /// ```
    #[rhai_fn(return_raw)]
    pub fn check(ctx: NativeCallContext, command: Dynamic, opts: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let command = call.text("command", &command)?;
        let options = call.options(&opts, CHECK_OPTIONS)?;
        let kind = CheckKind::Command {
            stdout: options.get("stdout", |call, what, value| call.string(what, value))?.map(|s| s.trim().to_owned()),
            contains: options.text("contains")?,
            exit: options.get("exit", |call, what, value| call.int(what, value, 0))?.unwrap_or(0),
            user: options.text("user")?,
            command: command.clone(),
        };
        let timeout = options.get("timeout", |call, what, value| call.timeout(what, value))?;
        add(&call, options.text("name")?.unwrap_or(command), kind, timeout)
    }

    #[rhai_fn(name = "check", return_raw)]
    pub fn check_plain(ctx: NativeCallContext, command: Dynamic) -> Outcome<()> {
        check(ctx, command, Dynamic::UNIT)
    }

    /// Asserts that a file or folder is in the finished image. Needs no shell: it works on `scratch`.
    ///
    /// Options: `absent` (bool: it must not be there), `contains` (string in the file), `mode` (octal string), `owner`
    /// (`uid:gid`).
    ///
    /// ```rhai
    /// check_file("/etc/os-release", #{ contains: "Alpine" });
    /// check_file("/usr/bin/wget-log", #{ absent: true });
    /// ```
    #[rhai_fn(return_raw)]
    pub fn check_file(ctx: NativeCallContext, path: Dynamic, opts: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let path = call.absolute("path", &path)?;
        let options = call.options(&opts, FILE_OPTIONS)?;
        let owner = options.text("owner")?;
        if let Some(owner) = &owner
            && (owner.split(':').count() != 2 || !owner.split(':').all(|id| id.parse::<u32>().is_ok()))
        {
            return call.fail(format!("`{owner}` is no owner: write `uid:gid` in numbers"));
        }
        let absent = options.bool("absent")?;
        let kind = CheckKind::File {
            contains: options.text("contains")?,
            mode: options.mode("mode")?,
            owner,
            absent,
            path: path.clone(),
        };
        add(&call, if absent { format!("no {path}") } else { path }, kind, None)
    }

    #[rhai_fn(name = "check_file", return_raw)]
    pub fn check_file_plain(ctx: NativeCallContext, path: Dynamic) -> Outcome<()> {
        check_file(ctx, path, Dynamic::UNIT)
    }

    /// Asserts that the image is not larger than this: `"< 80MB"`, `"< 1.5GiB"`.
    ///
    /// ```rhai
    /// check_size("< 80MB");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn check_size(ctx: NativeCallContext, bound: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let text = call.text("bound", &bound)?;
        let Some(bound) = size(&text) else {
            let error = call.error(format!("`{text}` is no size"));
            return Err(raise(error.hint("write `< 80MB` or `< 1.5GiB`")));
        };
        add(&call, format!("size {text}"), CheckKind::Size(bound), None)
    }
}
