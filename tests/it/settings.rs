//! The settings file is believed only where nobody else can have written it, and mirrors only where they fetch.

use std::os::unix::fs::symlink;
use std::process::Output;

use crate::binary::f3s;
use crate::skipped::skipped;

/// A project in a folder `project` of a folder.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("project/scripts")).unwrap();
    std::fs::write(folder.path().join("project/scripts/a.rhai"), "base(\"scratch\");\nwrite(\"/a\", \"a\");\n")
        .unwrap();
    folder
}

#[track_caller]
fn fails(output: &Output, code: i32, words: &[&str]) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{err}");
    for word in words {
        assert!(err.contains(word), "`{word}` is not in\n{err}");
    }
}

#[test]
fn a_file_that_is_none_leads_out_or_has_no_end_is_refused() {
    let folder = project();
    let file = folder.path().join("project/f3s.toml");
    let refused = |words: &[&str]| {
        for command in [&["check"][..], &["list"], &["build"]] {
            fails(&f3s(&folder.path().join("project"), &[], command), 3, words);
        }
        std::fs::remove_file(&file).unwrap();
    };
    std::fs::write(folder.path().join("outside.toml"), "jobs = 2\n").unwrap();
    symlink("../outside.toml", &file).unwrap();
    refused(&["f3s.toml", "is a link that leaves the project", "outside.toml", "help: a file that you trust is named"]);
    symlink("nothing", &file).unwrap();
    refused(&["f3s.toml` cannot be read"]);
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    refused(&["f3s.toml` is no file"]);
    symlink("/dev/zero", &file).unwrap();
    refused(&["f3s.toml` is a link that leaves the project"]);
    std::fs::write(&file, "# many\n".repeat(200_000)).unwrap();
    refused(&["f3s.toml` cannot be read: settings of more than 1 MiB"]);
    // A link that stays is followed.
    std::fs::write(folder.path().join("project/real.toml"), "jobs = 2\n").unwrap();
    symlink("real.toml", &file).unwrap();
    assert!(f3s(&folder.path().join("project"), &[], &["check"]).status.success());
}

#[test]
fn a_file_of_another_owner_is_refused_unless_the_user_names_it() {
    let folder = project();
    let above = folder.path().join("f3s.toml");
    std::fs::write(&above, "recipes = [\"project/scripts/*.rhai\"]\n").unwrap();
    assert!(f3s(&folder.path().join("project"), &[], &["check"]).status.success());
    if std::os::unix::fs::chown(&above, Some(65_534), None).is_err() {
        skipped("a_file_of_another_owner", "only root gives files away");
        return;
    }
    let refused = ["f3s.toml` belongs to another user: its owner has the number 65534", "help: a file that you trust"];
    for command in [&["check"][..], &["list"], &["plan", "--offline"], &["build"], &["doctor"]] {
        fails(&f3s(&folder.path().join("project"), &[], command), 3, &refused);
    }
    let named = ("F3S_CONFIG", above.to_str().unwrap());
    assert!(f3s(&folder.path().join("project"), &[named], &["check"]).status.success());
    // It is his who became root by `sudo`.
    assert!(f3s(&folder.path().join("project"), &[("SUDO_UID", "65534")], &["check"]).status.success());
    // A file of one's own ends the search.
    std::fs::write(folder.path().join("project/f3s.toml"), "").unwrap();
    assert!(f3s(&folder.path().join("project"), &[], &["check"]).status.success());
}

#[test]
fn a_link_of_another_owner_to_settings_of_ones_own_is_refused() {
    let folder = project();
    let link = folder.path().join("f3s.toml");
    std::fs::create_dir(folder.path().join("other")).unwrap();
    std::fs::write(folder.path().join("other/f3s.toml"), "recipes = [\"project/scripts/*.rhai\"]\n").unwrap();
    std::os::unix::fs::symlink("other/f3s.toml", &link).unwrap();
    assert!(f3s(folder.path(), &[], &["check"]).status.success());
    if std::os::unix::fs::lchown(&link, Some(65_534), None).is_ok() {
        fails(&f3s(folder.path(), &[], &["check"]), 3, &["is a link of another user, who has the number 65534"]);
    }
}

#[test]
fn scripts_of_another_owner_in_a_folder_above_are_not_the_project() {
    let folder = project();
    let scripts = folder.path().join("scripts");
    std::fs::create_dir(&scripts).unwrap();
    std::fs::write(scripts.join("hostile.rhai"), "base(\"scratch\");\n").unwrap();
    std::fs::rename(folder.path().join("project/scripts"), folder.path().join("project/images")).unwrap();
    let listed = |word: &str| {
        String::from_utf8_lossy(&f3s(&folder.path().join("project"), &[], &["list"]).stdout).contains(word)
    };
    assert!(listed("hostile"));
    if std::os::unix::fs::chown(&scripts, Some(65_534), None).is_ok() {
        assert!(!listed("hostile"));
    }
}

#[test]
fn registries_make_references() {
    let folder = project();
    let project = folder.path().join("project");
    let file = project.join("f3s.toml");
    for registry in ["-x", "a b/c", "https://r.example.com", "r.example.com/Team"] {
        std::fs::write(&file, format!("jobs = 2\nregistry = \"{registry}\"\n")).unwrap();
        let words = [&format!("the registry `{registry}` makes no image reference"), "--> f3s.toml:2:12"];
        for command in [&["build"][..], &["check"], &["plan", "--offline"]] {
            fails(&f3s(&project, &[], command), 3, &words);
        }
        std::fs::remove_file(&file).unwrap();
        fails(&f3s(&project, &[("F3S_REGISTRY", registry)], &["build"]), 2, &["makes no image reference"]);
    }
    std::fs::write(&file, "registry = \"127.0.0.1:5000/\"\n").unwrap();
    let listed = f3s(&project, &[], &["list"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("127.0.0.1:5000/a:latest"));
    assert!(f3s(&project, &[("F3S_REGISTRY", "")], &["check"]).status.success());
}

#[test]
fn mirrors_are_urls_that_fetch() {
    let folder = project();
    let project = folder.path().join("project");
    let file = project.join("f3s.toml");
    for to in ["--upload-pack=touch pwned; #", "ext::sh -c true", "file:///etc/", "ssh://-oProxyCommand=true/"] {
        std::fs::write(&file, format!("[mirrors]\n\"https://example.com/\" = \"{to}\"\n")).unwrap();
        fails(&f3s(&folder.path().join("project"), &[], &["check"]), 3, &["is no URL of `http`", "--> f3s.toml:2:26"]);
        let flag = format!("https://example.com/={to}");
        std::fs::remove_file(&file).unwrap();
        fails(&f3s(&folder.path().join("project"), &[], &["check", "--mirror", &flag]), 2, &["is no URL of `http`"]);
    }
    std::fs::write(&file, "[mirrors]\n\"--x\" = \"https://example.com/\"\n").unwrap();
    fails(&f3s(&folder.path().join("project"), &[], &["check"]), 3, &["`--x` is no URL of `http`", "--> f3s.toml:2:1"]);
    std::fs::write(&file, "[mirrors]\n\"https://a/\" = \"ssh://git@b/\"\n").unwrap();
    assert!(f3s(&folder.path().join("project"), &[], &["check", "--mirror", "https://c/=git://d/"]).status.success());
}
