//! What an archive says arrives in the image, where `ADD` of the engine unpacks what f3s packed.

use std::process::Command;

use crate::lab::{Project, variable};

/// Sparse files, names that are no text, special bits, owners, times, links and capabilities.
const TREE: &str = r#"mkdir -p tree/dir && cd tree && chmod 1777 dir
printf data | dd of=sparse bs=1 seek=300000 2>/dev/null && truncate -s 500000 sparse
echo latin >"$(printf 'caf\351')"; echo other >"$(printf 'caf\350')"; echo utf >ünï
echo s >setuid && chown 5:6 setuid && chmod 4755 setuid && touch -d '1999-01-02 03:04:05Z' setuid
ln -s ./dir//x/ link && chown -h 7:8 link && ln setuid hard && mkfifo fifo
echo c >cap && python3 -c "import os; os.setxattr('cap', 'security.capability', b'\x01\0\0\2\0\x04\0\0' + b'\0' * 12)"
tar --format=posix --sparse --sparse-version=1.0 --xattrs --xattrs-include='*' -czf ../archive.tar.gz ."#;

/// Kind, mode, owner, size, second, target and capabilities of all below a folder, and the content of files.
const LIST: &str = r#"import os, sys, hashlib
root = os.fsencode(sys.argv[1])
for folder, folders, files in os.walk(root):
    for name in folders + files:
        path = os.path.join(folder, name)
        s = os.lstat(path)
        content = hashlib.sha256(open(path, 'rb').read()).hexdigest() if os.path.isfile(path) and not os.path.islink(path) else ''
        target = os.readlink(path) if os.path.islink(path) else b''
        try: capability = os.getxattr(path, 'security.capability', follow_symlinks=False)
        except OSError: capability = b''
        times = int(s.st_mtime) if not os.path.isdir(path) else 0
        print(path[len(root):], oct(s.st_mode), s.st_uid, s.st_gid, times, s.st_nlink, target, capability, content)"#;

fn list(folder: &std::path::Path) -> Vec<String> {
    let output = Command::new("python3").args(["-c", LIST]).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[track_caller]
fn sh(folder: &std::path::Path, command: &str) {
    let output = Command::new("sh").args(["-ec", command]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_tar_unpacks_is_in_the_image() {
    let project = Project::new();
    let here = tempfile::tempdir().unwrap();
    sh(here.path(), TREE);
    let served = std::path::PathBuf::from(variable("F3S_LAB")).join("www").join(format!("{}.tar.gz", project.prefix));
    std::fs::copy(here.path().join("archive.tar.gz"), &served).unwrap();
    let url = format!("{}/{}.tar.gz", variable("F3S_LAB_UPSTREAM"), project.prefix);
    project.recipe("a", &format!("base(\"scratch\");\nunpack(download(\"{url}\"), \"/there\");\ncmd([\"/none\"]);\n"));
    let ran = project.f3s(&["build"]);
    std::fs::remove_file(&served).unwrap();
    ran.ok();
    let image = format!("{}:latest", project.image("a"));
    let saved = here.path().join("saved");
    std::fs::create_dir(&saved).unwrap();
    project.docker(&["save", "-o", saved.join("image.tar").to_str().unwrap(), &image]);
    // The one layer, as the engine keeps it: an export would have gone through the engine's own file system.
    sh(
        &saved,
        "tar -xf image.tar; for f in $(find . -type f ! -name image.tar); do zcat -f \"$f\" >flat; \
        if tar -tf flat 2>/dev/null | grep -q there; then mkdir out; tar -xpf flat -C out --numeric-owner --xattrs --xattrs-include='*'; break; fi; done",
    );
    sh(
        here.path(),
        "mkdir expected; tar -xpf archive.tar.gz -C expected --numeric-owner --xattrs --xattrs-include='*'",
    );
    assert_eq!(list(&saved.join("out/there")), list(&here.path().join("expected")));
}
