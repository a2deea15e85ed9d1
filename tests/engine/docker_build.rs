//! Docker's own builds, without f3s: what it must agree with.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::lab::variable;

/// Builds a folder with a `Dockerfile` by BuildKit, with the owner and the time that f3s gives to files of a context.
/// Fails with what the engine said.
pub fn docker_build(folder: &Path, tag: &str) -> Result<(), String> {
    let tar = Command::new("tar")
        .args(["--owner=0", "--group=0", "--numeric-owner", "--mtime=@315532800", "-cf", "-", "."])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(tar.status.success());
    let host = variable("DOCKER_HOST");
    let mut engine = UnixStream::connect(host.strip_prefix("unix://").unwrap()).unwrap();
    let head = format!(
        "POST /v1.41/build?version=2&networkmode=host&t={tag} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\
         Content-Type: application/x-tar\r\nContent-Length: {}\r\n\r\n",
        tar.stdout.len()
    );
    engine.write_all(head.as_bytes()).unwrap();
    engine.write_all(&tar.stdout).unwrap();
    let mut said = String::new();
    engine.read_to_string(&mut said).unwrap();
    match said.lines().find(|line| line.contains("\"errorDetail\"") || line.contains("\"message\":")) {
        Some(error) => Err(error.to_owned()),
        None if said.contains("moby.image.id") => Ok(()),
        None => Err(said),
    }
}

/// An image with the programs of this machine: GNU's, where Alpine has busybox. None where this machine has others.
pub fn import_gnu(tag: &str) -> Option<()> {
    let version = Command::new("cp").arg("--version").output().ok()?;
    if !String::from_utf8_lossy(&version.stdout).contains("GNU") {
        return None;
    }
    let root = tempfile::tempdir().unwrap();
    let script = r#"
set -eu
mkdir bin etc proc sys dev
mkdir -m 1777 tmp
for program in sh cp mkdir chmod chown stat touch readlink rm id find sha256sum cat ln mkfifo; do
    file=$(command -v $program)
    cp -L "$file" bin/$program
    for library in $(ldd "$file" | grep -o '/[^ ]*'); do
        mkdir -p ".${library%/*}"
        cp -L "$library" ".$library"
    done
done
echo 'root:x:0:0:root:/:/bin/sh' >etc/passwd
echo 'root:x:0:' >etc/group
"#;
    let made = Command::new("sh").args(["-c", script]).current_dir(root.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut tar = Command::new("tar")
        .args(["--owner=0", "--group=0", "-cf", "-", "."])
        .current_dir(root.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let imported =
        Command::new("docker").args(["import", "-", tag]).stdin(tar.stdout.take().unwrap()).output().unwrap();
    assert!(tar.wait().unwrap().success() && imported.status.success());
    Some(())
}
