//! Artifacts: fetched on the host, brought into the image without a network.

use rhai::plugin::*;
use rhai::{Dynamic, NativeCallContext};

use crate::config::{Checksum, SHA256_DIGITS, SHA512_DIGITS, Size, digest};
use crate::recipe::address::{self, REPOSITORY_SCHEMES, shown};
use crate::recipe::{Artifact, ArtifactSource, Filter, Limits, PlaceFile, StepKind, Unpack};
use crate::script::arguments::{Call, Options, Outcome, raise};

pub const DOWNLOAD_OPTIONS: &[&str] = &["sha256", "sha512", "name", "limit", "timeout", "stall"];
pub const GIT_OPTIONS: &[&str] = &["ref", "timeout", "stall"];
pub const UNPACK_OPTIONS: &[&str] = &["strip", "only", "exclude", "chown", "limit"];
pub const PLACE_OPTIONS: &[&str] = &["chmod", "chown"];

/// What `download()` and `git()` return.
#[derive(Clone)]
pub struct ArtifactHandle(pub Artifact);

fn read_url(call: &Call, url: &Dynamic) -> Outcome<String> {
    let url = call.text("url", url)?;
    if !address::is_web(&url) {
        let error = call.error(format!("`{}` is no URL of `http` or `https`", shown(&url)));
        return Err(raise(error.hint("files of the project need no download: use `copy`")));
    }
    Ok(url)
}

fn read_repository(call: &Call, url: &Dynamic) -> Outcome<String> {
    let url = call.text("url", url)?;
    if !address::is_repository(&url) {
        let schemes = REPOSITORY_SCHEMES.map(|scheme| format!("`{scheme}`")).join(", ");
        let error = call.error(format!("`{}` is no repository", shown(&url)));
        return Err(raise(error.hint(format!("write a URL of {schemes}, or `user@host:path`"))));
    }
    Ok(url)
}

/// True for what git could take for an option, or for more than a name.
fn is_no_reference(reference: &str) -> bool {
    reference.starts_with(['-', '+', '^'])
        || reference.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':')
}

/// The last segment of an address' path.
fn file_name(url: &str) -> &str {
    let address = url.split(['?', '#']).next().unwrap_or_default();
    let path = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/'),
        None => address.split_once(':'),
    };
    path.map_or("", |(_, path)| path.rsplit('/').next().unwrap_or_default())
}

fn checksum(call: &Call, kind: &str, digits: usize, value: &Dynamic) -> Outcome<String> {
    let text = call.text("checksum", value)?;
    match digest(&text, digits) {
        Some(digest) => Ok(digest),
        None => call.fail(format!("`{text}` is no {kind}: it has {digits} hexadecimal digits")),
    }
}

fn size(call: &Call, what: &str, value: &Dynamic) -> Outcome<u64> {
    let text = call.text(what, value)?;
    text.parse().map(|Size(bytes)| bytes).or_else(|why: String| call.fail(why))
}

fn limits(options: &Options) -> Outcome<Limits> {
    let time = |key| options.get(key, |call, what, value| call.timeout(what, value));
    Ok(Limits { size: None, timeout: time("timeout")?, stall: time("stall")? })
}

fn artifact(call: &Call, value: &Dynamic) -> Outcome<Artifact> {
    match value.clone().try_cast::<ArtifactHandle>() {
        Some(handle) => Ok(handle.0),
        None => call.wrong_type("artifact", "a handle of `download()` or `git()`", value),
    }
}

#[export_module]
pub mod functions {
    /// Downloads a file and returns a handle on it, for `unpack` and `place`.
    ///
    /// The file is fetched on the host, once, and kept under where it came from; `[mirrors]` in `f3s.toml` say from where. The
    /// image needs neither `wget` nor a network. A URL whose file changes is not asked again: name versions, and give a
    /// checksum, which is verified whenever the file is used. `[checksums]` in `f3s.toml` stand above it.
    ///
    /// A download that was cut off goes on where it stopped, if the server can do so. Logins come from `[logins]` of your own
    /// settings, else from `~/.netrc` (or `NETRC`), for the host that they are of and by https only; passwords in URLs, and the
    /// values of their queries, are sent and not shown.
    ///
    /// Options: `sha256` (64 hexadecimal digits), `sha512` (128), `name` (file name; the last part of the URL unless set),
    /// `limit` (the largest file, such as `"50GiB"`), `timeout` (in all: `"10m"`, or seconds), `stall` (after which a server
    /// that sends less than 1 KiB a second is given up and asked again). `[downloads]` in `f3s.toml` sets these three for all;
    /// else they are 20 GiB, 2 hours and one minute.
    ///
    /// ```rhai
    /// let init = download("https://example.com/dumb-init_1.2.5");
    /// place(init, "/usr/local/bin/dumb-init", #{ chmod: "755" });
    /// ```
    /// ```dockerfile
    /// COPY --chmod=755 .f3s/artifacts/KEY/dumb-init_1.2.5 /usr/local/bin/dumb-init
    /// ```
    #[rhai_fn(return_raw)]
    pub fn download(ctx: NativeCallContext, url: Dynamic, opts: Dynamic) -> Outcome<ArtifactHandle> {
        let call = Call::new(&ctx);
        let url = read_url(&call, &url)?;
        let options = call.options(&opts, DOWNLOAD_OPTIONS)?;
        let sha256 = options.get("sha256", |call, _, value| super::checksum(call, "SHA-256", SHA256_DIGITS, value))?;
        let sha512 = options.get("sha512", |call, _, value| super::checksum(call, "SHA-512", SHA512_DIGITS, value))?;
        let (sha256, sha512) = match call.recording.lock().project.checksums.get(&url).cloned() {
            Some(Checksum::Sha256(digest)) => (Some(digest), None),
            Some(Checksum::Sha512(digest)) => (None, Some(digest)),
            None => (sha256, sha512),
        };
        let name = options.text("name")?.unwrap_or_else(|| file_name(&url).to_owned());
        if name.is_empty() || name.contains('/') || matches!(name.as_str(), "." | "..") {
            let error = call.error(format!("`{}` gives the file no name", shown(&url)));
            return Err(raise(error.hint("name it: `download(url, #{ name: \"file.tar.gz\" })`")));
        }
        let limits = Limits { size: options.get("limit", super::size)?, ..super::limits(&options)? };
        let source = ArtifactSource::Download { url, sha256, sha512 };
        Ok(ArtifactHandle(Artifact { source, name, limits, origin: call.origin.clone() }))
    }

    #[rhai_fn(name = "download", return_raw)]
    pub fn download_plain(ctx: NativeCallContext, url: Dynamic) -> Outcome<ArtifactHandle> {
        download(ctx, url, Dynamic::UNIT)
    }

    /// Fetches a git repository and returns a handle on its files, for `unpack`.
    ///
    /// `url` has the scheme `https`, `http`, `ssh` or `git`, or is `user@host:path`; git finds logins and keys as it does for
    /// you, by the host: a recipe reads what you may read there, and no host hears the login of another. The work tree is
    /// fetched on the host, without its history and submodules, once, and kept: a branch that moves is not asked again, so
    /// name a tag or a commit.
    ///
    /// Options: `ref` (branch, tag or commit; the default branch unless set), `timeout` and `stall` as those of `download`.
    ///
    /// ```rhai
    /// let source = git("https://example.com/team/reporter", #{ ref: "v1.0" });
    /// unpack(source, "/src");
    /// ```
    /// ```dockerfile
    /// ADD .f3s/artifacts/KEY/reporter.tar /src/
    /// ```
    #[rhai_fn(return_raw)]
    pub fn git(ctx: NativeCallContext, url: Dynamic, opts: Dynamic) -> Outcome<ArtifactHandle> {
        let call = Call::new(&ctx);
        let url = read_repository(&call, &url)?;
        let options = call.options(&opts, GIT_OPTIONS)?;
        let reference = options.text("ref")?;
        if let Some(reference) = reference.as_deref().filter(|text| is_no_reference(text)) {
            return call.fail(format!("`{reference}` is no branch, tag or commit"));
        }
        let name = file_name(url.trim_end_matches('/')).trim_end_matches(".git").to_owned();
        if matches!(name.as_str(), "" | "." | "..") {
            return call.fail(format!("`{}` is no repository", shown(&url)));
        }
        let limits = super::limits(&options)?;
        let source = ArtifactSource::Git { url, reference };
        Ok(ArtifactHandle(Artifact { source, name, limits, origin: call.origin.clone() }))
    }

    #[rhai_fn(name = "git", return_raw)]
    pub fn git_plain(ctx: NativeCallContext, url: Dynamic) -> Outcome<ArtifactHandle> {
        git(ctx, url, Dynamic::UNIT)
    }

    /// Unpacks an archive or a source tree into a folder of the image. Needs no shell and works on `scratch`.
    ///
    /// Reads tar (also gzip, bzip2, xz and zstd) and zip, and makes of them what `tar -xp` and `unzip -K` would. Entries that
    /// would leave the folder are refused, and so are archives that become larger than 10 GiB, than a hundred times their
    /// packed size (small ones may become 64 MiB), or have more than a million entries.
    ///
    /// Options: `strip` (int: leading path components to drop), `only` and `exclude` (pattern or list of them, over
    /// the paths after stripping; a folder's name means all below it), `chown` (`uid[:gid]`), `limit` (size such as `"20GB"`:
    /// how large the archive may become, instead of the limits above). What is excluded is in no layer.
    /// In a `layer()` of several steps, and before a cleanup, archives with capabilities of files are refused: the image's
    /// `cp` could lose them.
    ///
    /// ```rhai
    /// let agent = download("https://example.com/agent-8.5.0.tar.gz");
    /// unpack(agent, "/opt/agent", #{ strip: 1, exclude: "*.md" });
    /// ```
    /// ```dockerfile
    /// ADD .f3s/artifacts/KEY/agent-8.5.0.tar /opt/agent/
    /// ```
    #[rhai_fn(return_raw)]
    pub fn unpack(ctx: NativeCallContext, artifact: Dynamic, folder: Dynamic, opts: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let artifact = super::artifact(&call, &artifact)?;
        let target = call.absolute_unexpanded("folder", &folder)?;
        let options = call.options(&opts, UNPACK_OPTIONS)?;
        let strip = options.get("strip", |call, what, value| call.int(what, value, 0))?.unwrap_or(0);
        if strip > 100 {
            return call.fail("no archive is a hundred folders deep: `strip` is too large");
        }
        let filter = Filter {
            strip: strip as u32,
            only: options.patterns("only")?,
            exclude: options.patterns("exclude")?,
            limit: options.get("limit", super::size)?,
        };
        let chown = options.owner("chown")?;
        if let Some(owner) = &chown
            && !owner.split(':').all(|id| id.parse::<u32>().is_ok())
        {
            let error = call.error(format!("`{owner}` is no numeric owner"));
            return Err(raise(error.hint("`unpack` works without the image's user list: write `uid:gid`")));
        }
        call.record(StepKind::Unpack(Unpack { artifact, target, filter, chown }))
    }

    #[rhai_fn(name = "unpack", return_raw)]
    pub fn unpack_plain(ctx: NativeCallContext, artifact: Dynamic, folder: Dynamic) -> Outcome<()> {
        unpack(ctx, artifact, folder, Dynamic::UNIT)
    }

    /// Puts a downloaded file into the image. Needs no shell.
    ///
    /// A `path` that ends in `/` is a folder: the file keeps its name.
    ///
    /// Options: `chmod` (octal string, `"644"` unless set), `chown` (`user[:group]`).
    ///
    /// ```rhai
    /// place(download("https://example.com/app.jar"), "/app/");
    /// ```
    /// ```dockerfile
    /// COPY .f3s/artifacts/KEY/app.jar /app/app.jar
    /// ```
    #[rhai_fn(return_raw)]
    pub fn place(ctx: NativeCallContext, artifact: Dynamic, path: Dynamic, opts: Dynamic) -> Outcome<()> {
        let call = Call::new(&ctx);
        let artifact = super::artifact(&call, &artifact)?;
        if let ArtifactSource::Git { .. } = artifact.source {
            let error = call.error("a repository is no file");
            return Err(raise(error.hint("bring its files in with `unpack(.., #{ only: [..] })`")));
        }
        let mut target = call.absolute_unexpanded("path", &path)?;
        if target.ends_with('/') {
            target.push_str(&artifact.name);
        }
        let options = call.options(&opts, PLACE_OPTIONS)?;
        let (chmod, chown) = (options.mode("chmod")?, options.owner("chown")?);
        call.record(StepKind::Place(PlaceFile { artifact, target, chmod, chown }))
    }

    #[rhai_fn(name = "place", return_raw)]
    pub fn place_plain(ctx: NativeCallContext, artifact: Dynamic, path: Dynamic) -> Outcome<()> {
        place(ctx, artifact, path, Dynamic::UNIT)
    }
}
