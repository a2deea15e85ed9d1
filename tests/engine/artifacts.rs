//! Downloads: retried, verified, unpacked on the host, in no layer what is left out.

use std::io::Write;

use sha2::{Digest, Sha256};

use crate::lab::{Project, interrupt, is_missing, requests, variable, wait_until};

/// Every path that the Dockerfile of `alpine-kona` removed from the JDK.
pub const TRIMMED: &[&str] = &[
    "release",
    "THIRD_PARTY_README",
    "LICENSE",
    "ASSEMBLY_EXCEPTION",
    "sample",
    "demo",
    "src.zip",
    "man",
    "lib/missioncontrol",
    "lib/visualvm",
    "lib/ant-javafx.jar",
    "lib/javafx-mx.jar",
    "lib/jconsole.jar",
    "jre/lib/amd64/libawt_xawt.so",
    "jre/lib/amd64/libjavafx_font_freetype.so",
    "jre/lib/amd64/libjavafx_font_pango.so",
    "jre/lib/amd64/libjavafx_font.so",
    "jre/lib/amd64/libjavafx_font_t2k.so",
    "jre/lib/amd64/libjavafx_iio.so",
    "jre/lib/amd64/libjfxwebkit.so",
    "jre/lib/desktop",
    "jre/lib/ext/jfxrt.jar",
    "jre/lib/fonts",
    "jre/lib/locale/de",
    "jre/lib/locale/fr",
    "jre/lib/locale/it",
    "jre/lib/locale/ja",
    "jre/lib/locale/ko",
    "jre/lib/locale/ko.UTF-8",
    "jre/lib/locale/pt_BR",
    "jre/lib/locale/sv",
    "jre/lib/locale/zh_HK.BIG5HK",
    "jre/lib/locale/zh_TW",
    "jre/lib/locale/zh_TW.BIG5",
    "jre/lib/oblique-fonts",
    "jre/lib/deploy.jar",
    "jre/lib/locale",
];
/// The JDK's folder in an image.
const HOME: &str = "opt/TencentKona-8.0.5-282";
const JDK: &str =
    "github.com/Tencent/TencentKona-8/releases/download/8.0.5-GA/TencentKona8.0.5.b12_jdk_linux-x86_64_8u282.tar.gz";
const AGENT: &str = "archive.apache.org/dist/skywalking/8.5.0/apache-skywalking-apm-8.5.0.tar.gz";

fn url(path: &str) -> String {
    format!("{}/{path}", variable("F3S_LAB_UPSTREAM"))
}

/// The served file itself.
fn served(path: &str) -> std::path::PathBuf {
    std::path::Path::new(&variable("F3S_LAB")).join("www").join(path)
}

fn sha256(path: &str) -> String {
    Sha256::digest(std::fs::read(served(path)).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A recipe on `scratch` that places one download.
fn placing(project: &Project, url: &str, options: &str) {
    project.recipe("a", &format!("base(\"scratch\");\nplace(download(\"{url}\", {options}), \"/file\");\n"));
}

#[test]
fn a_right_checksum_passes_and_a_wrong_one_fails_without_a_second_try() {
    let project = Project::new();
    let from = url(&format!("{AGENT}?sha-{}", project.prefix));
    placing(&project, &from, &format!("#{{ sha256: \"{}\" }}", sha256(AGENT)));
    project.f3s(&["build"]).ok();
    let wrong = Project::new();
    let from = url(&format!("{AGENT}?sha-{}", wrong.prefix));
    placing(&wrong, &from, &format!("#{{ sha256: \"{}\" }}", "0".repeat(64)));
    let at = format!("--> scripts/{}.rhai:2:7", wrong.image("a"));
    wrong.f3s(&["build"]).fails(1, &["the checksum of", "expected sha256 0000", &at]);
    assert_eq!(requests(&format!("sha-{}", wrong.prefix)), 1);
    // Nothing of it was kept.
    wrong.f3s(&["build"]).fails(1, &["the checksum of"]);
}

#[test]
fn servers_that_fail_twice_are_asked_again() {
    for how in ["500-twice", "cut-twice"] {
        let project = Project::new();
        let from = url(&format!("flaky/{how}/{}/{AGENT}", project.prefix));
        placing(&project, &from, &format!("#{{ sha256: \"{}\" }}", sha256(AGENT)));
        let ran = project.f3s(&["build"]).ok();
        assert!(ran.err.contains("attempt 3"), "{}", ran.err);
    }
}

#[test]
fn a_download_that_is_always_cut_off_fails_and_leaves_nothing() {
    let project = Project::new();
    placing(&project, &url(&format!("flaky/cut/{}/{AGENT}", project.prefix)), "#{}");
    project.f3s(&["build"]).fails(1, &["cannot be downloaded: cut off", "tried 5 times"]);
    let partial = project.path().join("cache/artifacts/partial");
    assert_eq!(std::fs::read_dir(partial).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(project.path().join("cache/artifacts/blobs")).unwrap().count(), 0);
}

#[test]
fn a_missing_file_says_404_and_a_mirror_leads_elsewhere() {
    let project = Project::new();
    let from = format!("https://upstream.invalid/{AGENT}");
    placing(&project, &from, "#{}");
    let mirror = |to: &str| format!("https://upstream.invalid/={to}");
    project
        .f3s(&["build", "--mirror", &mirror(&url("nowhere/"))])
        .fails(1, &["the server answered 404", "`[mirrors]` lead to"]);
    project.f3s(&["build", "--mirror", &mirror(&url(""))]).ok();
    project.file("f3s.toml", &format!("[mirrors]\n\"https://upstream.invalid/\" = \"{}\"\n", url("")));
    // Where it came from does not change what it is.
    assert_eq!(project.f3s(&["build"]).ok().summary(), "up to date 1");
}

#[test]
fn a_source_tree_is_fetched_again_when_its_server_fails() {
    let project = Project::new();
    let from = url(&format!("flaky/500-twice/{}/github.com/8710925/reporter", project.prefix));
    project.recipe("a", &format!("base(\"scratch\");\nunpack(git(\"{from}\"), \"/src\");\n"));
    let ran = project.f3s(&["build"]).ok();
    assert!(ran.err.contains("attempt 2"), "{}", ran.err);
    // What will not mend itself is not tried again.
    let nowhere = url("github.com/8710925/nowhere");
    project.recipe("a", &format!("base(\"scratch\");\nunpack(git(\"{nowhere}\"), \"/src\");\n"));
    let ran = project.f3s(&["build"]).fails(1, &["cannot be fetched", "git says:"]);
    assert!(!ran.err.contains("attempt 2"), "{}", ran.err);
}

#[test]
fn a_fetch_within_a_hook_of_git_leaves_that_repository_alone_and_runs_no_hook() {
    let mut project = Project::new();
    let from = url("github.com/8710925/reporter");
    project.recipe("a", &format!("base(\"scratch\");\nunpack(git(\"{from}\"), \"/src\");\n"));
    let at = |name: &str| project.path().join(name).display().to_string();
    // What a hook of a commit or a push finds in its environment.
    let variables = [
        ("GIT_DIR", at("hooked")),
        ("GIT_INDEX_FILE", at("hooked-index")),
        ("GIT_OBJECT_DIRECTORY", at("hooked-objects")),
        ("GIT_QUARANTINE_PATH", at("hooked-objects")),
        ("GIT_DEFAULT_HASH", "sha256".to_owned()),
        // A user's hooks are for his own trees: relative, the folder lies in the one that was fetched.
        ("GIT_CONFIG_COUNT", "1".to_owned()),
        ("GIT_CONFIG_KEY_0", "core.hooksPath".to_owned()),
        ("GIT_CONFIG_VALUE_0", at("hooks")),
    ];
    let ran = at("hooked-checkout");
    project.file("hooks/post-checkout", &format!("#!/bin/sh\ntouch {ran}\n"));
    let hook = project.path().join("hooks/post-checkout");
    std::fs::set_permissions(hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    variables.iter().for_each(|(name, value)| project.set(name, value));
    project.f3s(&["build"]).ok();
    let left = std::fs::read_dir(project.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("hooked")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn ctrl_c_ends_a_download_and_keeps_no_half_of_it() {
    // From a server that is slow, and from one that has sent some bytes and says nothing more.
    for how in ["slow", "stall"] {
        let project = Project::new();
        placing(&project, &url(&format!("flaky/{how}/{}/{AGENT}", project.prefix)), "#{}");
        let mut children = vec![project.start(&["run"])];
        wait_until("the download runs", || requests(&format!("{how}/{}", project.prefix)) == 1);
        // Another run waits for the first one's download.
        children.push(project.start(&["run"]));
        std::thread::sleep(std::time::Duration::from_millis(500));
        children.reverse();
        for child in children {
            interrupt(&child);
            let start = std::time::Instant::now();
            project.wait(child).fails(130, &[]);
            assert!(start.elapsed().as_secs() < 20, "{how}: it took {:?}", start.elapsed());
        }
        assert_eq!(std::fs::read_dir(project.path().join("cache/artifacts/partial")).unwrap().count(), 0);
    }
}

#[test]
fn archives_of_every_kind_are_unpacked_without_a_shell() {
    let project = Project::new();
    project.recipe(
        "a",
        &format!(
            "base(\"scratch\");\nunpack(download(\"{}\"), \"/agent\", #{{ strip: 1, exclude: [\"oap-libs\", \"*.txt\"], chown: \"7:8\" }});\n\
             unpack(download(\"{}\"), \"/zip\");\nunpack(git(\"{}\"), \"/src\", #{{ only: \"util\" }});\n",
            url(AGENT),
            url("jmeter-plugins.org/downloads/file/JMeterPlugins-Standard-1.4.0.zip"),
            url("github.com/8710925/reporter"),
        ),
    );
    project.f3s(&["build"]).ok();
    let layers = project.layers("a").concat();
    for path in ["agent/agent/skywalking-agent.jar", "zip/lib/ext/JMeterPlugins-Standard.jar", "src/util/SIMKAI.ttf"] {
        assert!(layers.iter().any(|found| found == path), "{path} is not in {layers:?}");
    }
    for path in ["oap", "README.txt", "main.go", ".git"] {
        assert!(!layers.iter().any(|found| found.contains(path)), "{path} is in {layers:?}");
    }
}

#[test]
fn an_archive_that_leaves_its_folder_is_refused() {
    let project = Project::new();
    // Served by the lab like any other file.
    let name = format!("evil-{}.tar", project.prefix);
    let served = served(&name);
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..9].copy_from_slice(b"../passwd");
    for set in [tar::Header::set_uid, tar::Header::set_gid] {
        set(&mut header, 0);
    }
    header.set_mtime(0);
    header.set_mode(0o644);
    header.set_size(1);
    header.set_cksum();
    let mut archive = tar::Builder::new(std::fs::File::create(&served).unwrap());
    archive.append(&header, &b"x"[..]).unwrap();
    archive.into_inner().unwrap().flush().unwrap();
    project.recipe("a", &format!("base(\"scratch\");\nunpack(download(\"{}\"), \"/a\");\n", url(&name)));
    let ran = project.f3s(&["build"]);
    std::fs::remove_file(served).unwrap();
    ran.fails(1, &["`../passwd`", "outside of its folder"]);
}

#[test]
fn trimmed_files_are_in_no_layer() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let mirror = format!("https://github.com/={}/github.com/", variable("F3S_LAB_UPSTREAM"));
    project.recipe("jdk", "base(\"alpine:3.13\");\nkona_jdk();\ntrim_jdk(\"/opt/jdk\", #{ keep: [\"man\"] });\n");
    project.f3s(&["build", "--mirror", &mirror]).ok();
    let brought = std::fs::File::open(served(JDK)).unwrap();
    let mut brought = tar::Archive::new(flate2::read::GzDecoder::new(brought));
    let entries = brought.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned());
    let brought: Vec<String> = entries.map(|path| format!("opt/{}", path.display())).collect();
    for path in TRIMMED {
        assert!(has(&brought, path), "the JDK that is served has no {path}");
    }
    let paths = project.layers("jdk").concat();
    for kept in ["bin/java", "jre/lib/rt.jar", "man/file"] {
        assert!(paths.contains(&format!("{HOME}/{kept}")), "{kept} is not in {paths:?}");
    }
    let shipped: Vec<&&str> = TRIMMED.iter().filter(|path| has(&paths, path)).collect();
    assert_eq!(shipped, [&"man"]);
}

/// True when a path of the JDK, or something below it, is among these; a mark that it was removed counts, too.
pub fn has(paths: &[String], path: &str) -> bool {
    let whole = format!("{HOME}/{path}");
    let (folder, name) = whole.rsplit_once('/').unwrap();
    let (below, removed) = (format!("{whole}/"), format!("{folder}/.wh.{name}"));
    paths.iter().any(|found| *found == whole || found.starts_with(&below) || *found == removed)
}

#[test]
fn what_fetches_nothing_reads_no_logins() {
    let project = Project::new();
    std::fs::create_dir_all(project.path().join("settings")).unwrap();
    // As those have it who keep their settings elsewhere: f3s trusts none behind a link.
    std::os::unix::fs::symlink("elsewhere", project.path().join("settings/f3s")).unwrap();
    project.recipe("a", "base(\"scratch\");\nwrite(\"/a\", \"x\");\n");
    project.f3s(&["build"]).ok();
    let fetched = format!("base(\"scratch\");\nplace(download(\"{}/x\"), \"/a\");\n", variable("F3S_LAB_UPSTREAM"));
    project.recipe("a", &fetched);
    project.f3s(&["build"]).fails(3, &["settings/f3s` is a link"]);
}
