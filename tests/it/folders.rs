//! Folders of the user: f3s trusts what lies there, so they are the user's alone.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use crate::binary::bare;
use crate::skipped::skipped;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_cache_that_others_can_write_is_refused_by_every_command_that_would_trust_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    std::fs::create_dir(&cache).unwrap();
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o777)).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    for (cache, word) in [(&cache, "others can write into"), (&link, "is a link")] {
        for words in [&["check"][..], &["plan", "--offline"], &["build"], &["logs"], &["prune", "--downloads"]] {
            let output = bare(folder.path(), &[("F3S_CACHE_DIR", cache.to_str().unwrap())], words);
            let err = text(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{err}");
            assert!(err.contains(word) && err.contains("by F3S_CACHE_DIR"), "{err}");
        }
    }
}

#[test]
fn the_cache_is_made_for_the_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    std::fs::write(folder.path().join("scripts/a.rhai"), "base(\"scratch\");\ncopy(\"a.rhai\", \"/a\");\n").unwrap();
    // A file that is not too young to be remembered.
    let file = std::fs::File::options().write(true).open(folder.path().join("scripts/a.rhai")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let home = folder.path().to_str().unwrap();
    let mask = Command::new("sh")
        .args(["-c", "umask 000; while :; do \"$0\" plan --offline; [ -d .cache/f3s ] && break; sleep 0.3; done"])
        .arg(env!("CARGO_BIN_EXE_f3s"))
        .current_dir(folder.path())
        .env_clear()
        .envs([("PATH", std::env::var("PATH").unwrap().as_str()), ("HOME", home)])
        .output()
        .unwrap();
    assert!(mask.status.success(), "{}", text(&mask.stderr));
    for made in [".cache", ".cache/f3s"] {
        assert_eq!(folder.path().join(made).metadata().unwrap().mode() & 0o777, 0o700, "{made}");
    }
}

#[test]
fn without_home_the_password_database_tells_it() {
    let folder = tempfile::tempdir().unwrap();
    let user = rustix::process::geteuid().as_raw().to_string();
    let entry = Command::new("getent").args(["passwd", &user]).output().map(|output| text(&output.stdout));
    let home = entry.ok().and_then(|entry| entry.split(':').nth(5).map(str::to_owned));
    let Some(home) = home else {
        skipped("without_home", "getent does not know this user");
        return;
    };
    let output = bare(folder.path(), &[("DOCKER_HOST", "unix:///nowhere")], &["doctor"]);
    let out = text(&output.stdout);
    assert!(out.contains(&format!("f3s's cache in {}", Path::new(&home).join(".cache/f3s").display())), "{out}");
}
