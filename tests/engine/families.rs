//! Images as families in the wild make them (trees over `/`, scripts beside each other, files of another user, working
//! folders, links that are named): Docker's own build of the same, the steps on their own, the steps in layers.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::docker_build::docker_build;
use crate::lab::{Project, is_missing};

/// Makes the project, which is also the context of Docker's build. `UNIQUE`: nothing is as the engine's cache knows it.
const FILES: &str = r#"
umask 022; mkdir -p rootfs/etc/app.d rootfs/opt/app/bin rootfs/tmp rootfs/usr/local/bin rootfs/var/empty scripts.d tree/in config
echo UNIQUE >rootfs/etc/app.d/conf; chmod 640 rootfs/etc/app.d/conf; chmod 750 rootfs/etc/app.d
echo UNIQUE >rootfs/opt/app/bin/run.sh; chmod 4755 rootfs/opt/app/bin/run.sh; ln -s bin/run.sh rootfs/opt/app/run
ln -s ../../../opt/app rootfs/usr/local/bin/app; ln -s /opt/app/bin rootfs/usr/local/tools; chmod 1733 rootfs/var/empty
echo UNIQUE >scripts.d/10-a.sh; echo UNIQUE >scripts.d/20-b.sh; echo UNIQUE >scripts.d/README; chmod 755 scripts.d/*.sh
echo UNIQUE >entry.sh; chmod 700 entry.sh; ln -s entry.sh linked.sh; ln -s tree named; echo UNIQUE >tree/in/f; ln -s in tree/l
tar -czf bundle.tar.gz tree; echo UNIQUE >config/.env; echo UNIQUE >config/main.toml; mkdir 'config/a b'; echo UNIQUE >'config/a b/c'
"#;

/// What stands in the image before.
const BEFORE: &str = "adduser -D -u 1001 app; mkdir -p /var/empty /srv/old /data; chmod 770 /data; chown app /data /srv; \
    ln -s /data /opt/data; echo '#!/bin/sh' >/opt/x; chmod 2755 /opt/x; ln /opt/x /opt/y; ln -s x /opt/z";

/// Lines of a Dockerfile, and the step that means the same.
const STEPS: &[(&str, &str)] = &[
    ("COPY rootfs /", "copy(\"../rootfs\", \"/\");"),
    ("COPY scripts.d/*.sh /docker-entrypoint.d/", "copy(\"../scripts.d/*.sh\", \"/docker-entrypoint.d/\");"),
    ("COPY entry.sh linked.sh /usr/local/bin/", "copy([\"../entry.sh\", \"../linked.sh\"], \"/usr/local/bin/\");"),
    ("COPY --chown=app:app entry.sh start", "copy(\"../entry.sh\", \"start\", #{ chown: \"app:app\" });"),
    ("COPY named deep/er", "copy(\"../named\", \"deep/er\");"),
    ("COPY bundle.tar.gz ./", "copy(\"../bundle.tar.gz\", \"./\");"),
    ("COPY --chown=1001:0 config /opt/data/", "copy(\"../config\", \"/opt/data/\", #{ chown: \"1001:0\" });"),
    ("COPY --chown=app --chmod=750 config/. .", "copy(\"../config/.\", \".\", #{ chown: \"app\", chmod: \"750\" });"),
    (
        "COPY --from=s /opt/x /opt/y /opt/z /tools/",
        "copy([\"/opt/x\", \"/opt/y\", \"/opt/z\"], \"/tools/\", #{ from: s });",
    ),
    ("COPY --from=s /opt /copied", "copy(\"/opt\", \"/copied\", #{ from: s });"),
    ("COPY --from=s /opt/data/ /data2/", "copy(\"/opt/data/\", \"/data2/\", #{ from: s });"),
    (
        "COPY --from=alpine:3.12 /etc/alpine-release ../up",
        "copy(\"/etc/alpine-release\", \"../up\", #{ from: \"alpine:3.12\" });",
    ),
    ("COPY --from=s /opt/z /opt/data /led/", "copy([\"/opt/z\", \"/opt/data\"], \"/led/\", #{ from: s });"),
    (
        "COPY rootfs/opt/app/run rootfs/usr/local/bin /led2/",
        "copy([\"../rootfs/opt/app/run\", \"../rootfs/usr/local/bin\"], \"/led2/\");",
    ),
    (
        "COPY --chmod=4755 --chown=1001 scripts.d /data",
        "copy(\"../scripts.d\", \"/data\", #{ chmod: \"4755\", chown: \"1001\" });",
    ),
    ("COPY --chown=app:0 --from=s /srv /srv", "copy(\"/srv\", \"/srv\", #{ from: s, chown: \"app:0\" });"),
    ("COPY --from=s / /whole/", "copy(\"/\", \"/whole/\", #{ from: s });"),
    ("COPY tree /opt/x/../new/./tree/", "copy(\"../tree\", \"/opt/x/../new/./tree/\");"),
];

/// All but what a container brings: kind, mode, owner, time, name and target; then contents.
const LIST: &str = "find / -xdev ! -path '/proc*' ! -path '/sys*' ! -path '/dev*' ! -path /.dockerenv ! -name resolv.conf \
    ! -name hostname ! -name hosts -exec stat -c '%f %u:%g %Y %N' {} + ; find /opt /usr/local /srv /tools /copied /data \
    /data2 /docker-entrypoint.d -type f -exec sha256sum {} +";

/// The list without what differs from build to build.
fn listed(project: &Project, name: &str) -> Vec<String> {
    let yesterday = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 86400;
    let comparable = |line: &str| {
        let mut words: Vec<&str> = line.splitn(4, ' ').collect();
        let time = words.get(2).and_then(|time| time.parse::<u64>().ok());
        if time.is_some_and(|time| time > yesterday || words[0].starts_with('4') && time == 315_532_800) {
            words[2] = "now";
        }
        words.join(" ")
    };
    let mut lines: Vec<String> = project.sh(name, LIST).lines().map(comparable).collect();
    lines.sort();
    lines
}

#[test]
fn images_of_families_hold_what_docker_makes_of_them() {
    if is_missing("alpine:3.13") || is_missing("alpine:3.12") {
        return;
    }
    let project = Project::new();
    let made = std::process::Command::new("sh")
        .args(["-ec", &FILES.replace("UNIQUE", &project.prefix)])
        .current_dir(project.path())
        .status();
    assert!(made.unwrap().success());
    let lines =
        |of: fn(&(&'static str, &'static str)) -> &'static str| STEPS.iter().map(of).collect::<Vec<_>>().join("\n");
    let instructions = lines(|step| step.0);
    let before = format!("FROM alpine:3.13\nRUN {BEFORE}; echo {}\nWORKDIR /srv/app\n", project.prefix);
    project.file("Dockerfile", &format!("{}{before}{instructions}\n", before.replacen('\n', " AS s\n", 1)));
    docker_build(project.path(), &project.image("docker")).unwrap();

    let base = format!("base(\"alpine:3.13\");\nrun(\"{BEFORE}; echo {}\");\nworkdir(\"/srv/app\");\n", project.prefix);
    let head = format!("let s = stage(\"s\", || {{ {base} }});\n{base}");
    let steps = lines(|step| step.1);
    project.recipe("plain", &format!("{head}{steps}\n"));
    project.recipe("layer", &format!("{head}layer(\"l\", || {{\n{steps}\nrun(\"true\");\n}});\n"));
    project.f3s(&["build"]).ok();
    let expected = listed(&project, "docker");
    for name in ["plain", "layer"] {
        let found = listed(&project, name);
        let missing: Vec<_> = expected.iter().filter(|line| !found.contains(line)).collect();
        let more: Vec<_> = found.iter().filter(|line| !expected.contains(line)).collect();
        assert!(missing.is_empty() && more.is_empty(), "{name}\nDocker: {missing:#?}\nf3s: {more:#?}");
    }
}
