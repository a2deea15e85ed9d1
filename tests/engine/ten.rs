//! The main job: the ten images are built, checked, pushed, pulled back into an empty engine and compared with the
//! Dockerfiles that they came from.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::artifacts::{self, TRIMMED};
use crate::lab::{docker_at, is_missing, layers_at, variable};

fn f3s(words: &[&str], host: &str) -> (Option<i32>, String, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output =
        Command::new(env!("CARGO_BIN_EXE_f3s")).args(words).current_dir(root).env("DOCKER_HOST", host).output();
    let output = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The last line of standard error, without its time.
fn summary(err: &str) -> String {
    let last = err.lines().rfind(|line| !line.is_empty()).unwrap_or_default();
    last.rsplit_once(" in ").map_or(last, |(counts, _)| counts).to_owned()
}

struct Pulled {
    host: String,
    reference: String,
    config: Value,
}

impl Pulled {
    fn new(name: &str) -> Pulled {
        let host = variable("F3S_LAB_EMPTY");
        let reference = format!("{}/f3s-tcr/{name}", variable("F3S_LAB_REGISTRY"));
        docker_at(&host, &["pull", "-q", &reference]);
        let config = docker_at(&host, &["image", "inspect", "--format", "{{json .Config}}", &reference]);
        Pulled { config: serde_json::from_str(&config).unwrap(), host, reference }
    }

    fn sh(&self, command: &str) -> String {
        let words = ["run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", &self.reference, "-c", command];
        docker_at(&self.host, &words)
    }

    fn author(&self) -> String {
        docker_at(&self.host, &["image", "inspect", "--format", "{{.Author}}", &self.reference])
    }
}

#[test]
fn the_ten_images_are_those_of_the_dockerfiles() {
    if ["alpine:3.12", "alpine:3.13", "golang:1.14.7-alpine3.12"].iter().any(|image| is_missing(image)) {
        return;
    }
    let host = variable("DOCKER_HOST");
    let (code, _, err) = f3s(&["run"], &host);
    assert_eq!(code, Some(0), "{err}");
    let (code, _, err) = f3s(&["run"], &host);
    assert_eq!((code, summary(&err).as_str()), (Some(0), "up to date 10"), "{err}");
    seed_is_met();
    every_image_is_configured_and_clean();
    only_what_is_needed_is_built_in_an_empty_engine();
}

/// `f3s run scripts/jmeter-master.rhai` where f3s has built nothing yet.
fn only_what_is_needed_is_built_in_an_empty_engine() {
    let empty = variable("F3S_LAB_EMPTY");
    let (code, _, err) = f3s(&["prune", "--all"], &empty);
    assert_eq!(code, Some(0), "{err}");
    let (code, out, err) = f3s(&["run", "--progress", "json", "scripts/jmeter-master.rhai"], &empty);
    assert_eq!(code, Some(0), "{err}");
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let built =
        events.iter().filter(|event| event["event"] == "image_built").map(|event| event["image"].as_str().unwrap());
    assert_eq!(built.collect::<Vec<_>>(), ["alpine", "ops", "alpine-kona", "jmeter-base", "jmeter-master"]);
    let (code, _, err) = f3s(&["prune", "--all"], &empty);
    assert_eq!(code, Some(0), "{err}");
    assert!(!docker_at(&empty, &["images"]).contains("f3s.invalid/"));
}

/// What is in the images, and what runs there.
fn seed_is_met() {
    let alpine = Pulled::new("alpine:v3.13");
    assert_eq!(alpine.sh("date +%Z; cat /etc/timezone"), "CST\nAsia/Shanghai");
    let packages = "apache2-utils bind-tools bridge-utils busybox-extras curl ebtables ethtool fio fping iperf3 iproute2 iptables iputils ipvsadm jq lftp lsof mtr netcat-openbsd net-tools nmap procps psmisc rsync smartmontools strace sysstat tcpdump tree tzdata unzip util-linux wget zip";
    assert_eq!(alpine.sh(&format!("apk info -e {packages} | wc -l")), "34");
    assert!(alpine.sh("cat /etc/apk/repositories").contains("/alpine/v3.13/community"));
    assert_eq!(alpine.sh("ls /var/cache/apk | wc -l"), "0");

    let centos = Pulled::new("centos:v7.8");
    let labels = &centos.config["Labels"];
    assert_eq!(
        (&labels["name"], &labels["vendor"], &labels["license"]),
        (&json!("CentOS Base Image"), &json!("CentOS"), &json!("GPLv2"))
    );
    assert_eq!(centos.sh("date +%Z; ls /etc/yum.repos.d"), "CST\nCentOS-Base.repo");
    // What is installed later has no documentation, either.
    assert_eq!(centos.sh("grep -c ^tsflags=nodocs /etc/dnf/dnf.conf; ls /tmp | wc -l"), "1\n0");
    assert_eq!(centos.sh("dumb-init gosu nobody id -un"), "nobody");
    assert!(centos.sh("locale -a").contains("zh_CN.utf8"));
    let packages = "atop bind-utils curl dstat ebtables ethtool fping htop iftop iproute jq less lsof mtr nc net-tools nmap-ncat perf psmisc strace sysstat tcpdump telnet tree unzip wget which zip ca-certificates kde-l10n-Chinese glibc-common";
    assert_eq!(centos.sh(&format!("rpm -q {packages} | grep -c noarch")), "31");

    let ops = Pulled::new("alpine:latest");
    let packages = "wget curl mysql-client busybox busybox-extras bash bash-doc bash-completion vim unzip glibc glibc-bin glibc-i18n";
    assert_eq!(ops.sh(&format!("apk info -e {packages} | wc -l")), "13");
    assert_eq!(ops.sh("apk info -e tzdata || echo none"), "none");
    assert_eq!(ops.sh("cat /etc/profile.d/locale.sh"), "export LANG=C.UTF-8");
    assert_eq!(ops.sh("cat /usr/glibc-compat/locales"), "-c -i en_US -f UTF-8 C.UTF-8");
    let zones = "cmp /etc/localtime /share/zoneinfo/Asia/Shanghai && cmp /etc/localtime /etc/zoneinfo/Asia/Shanghai && date +%Z";
    assert_eq!(ops.sh(zones), "CST");
    assert_eq!(ops.sh("ls /tmp | wc -l"), "0");

    let kona = Pulled::new("alpine-kona:latest");
    assert_eq!(kona.sh("readlink /opt/jdk"), "/opt/TencentKona-8.0.5-282");
    assert_eq!(kona.sh("find /opt/jdk/ -type f | sort"), "/opt/jdk/bin/java\n/opt/jdk/jre/lib/rt.jar");

    let skywalking = Pulled::new("alpine-kona-skywalking:latest");
    assert_eq!(
        skywalking.sh("find /3.app -type f | sort"),
        "/3.app/skywalking/config/agent.config\n/3.app/skywalking/skywalking-agent.jar"
    );

    let jmeter = Pulled::new("jmeter-base:latest");
    let jars = "ApacheJMeter_core.jar\nJMeterPlugins-Standard.jar\nbzm-parallel-0.7.jar\npepper-box-1.0.jar";
    assert_eq!(jmeter.sh("ls /jmeter/apache-jmeter-5.4.1/lib/ext"), jars);
    assert_eq!(jmeter.sh("ls /tmp | wc -l"), "0");

    let slave = Pulled::new("jmeter-slave:latest");
    assert_eq!(docker_at(&slave.host, &["run", "--rm", "--network", "none", &slave.reference]), "Apache JMeter 5.4.1");

    let reporter = Pulled::new("jmeter-grafana-reporter:latest");
    assert_eq!(
        reporter.sh("ls /texlive.profile /usr/share/fonts/west/SIMKAI.ttf /usr/local/bin/grafana-reporter | wc -l"),
        "3"
    );
    assert_eq!(reporter.sh("date +%Z; apk info -e tzdata || echo none"), "CST\nnone");
    assert_eq!(
        reporter.sh("stat -c %U:%G /opt/TinyTeX; tlmgr info | sort | tr '\\n' ' '"),
        "root:adm\nctex epstopdf-pkg euenc everysel everyshi"
    );
    assert_eq!(reporter.sh("ls /go 2>/dev/null || echo none"), "none");

    let nginx = Pulled::new("alpine-nginx:latest");
    assert!(nginx.sh("cat /etc/nginx/nginx.conf").contains("worker_processes"));
    assert!(nginx.sh("cat /etc/nginx/http.d/default.conf").contains("listen 80"));
}

/// What the Dockerfiles say of an image's configuration; variables without `PATH`.
struct Seed {
    name: &'static str,
    author: &'static str,
    env: &'static [(&'static str, &'static str)],
    ports: Value,
    entrypoint: Value,
    cmd: Value,
}

/// `shell` is the command that Alpine's image has.
fn seeds(shell: &Value) -> Vec<Seed> {
    const BUILD: (&str, &str) = ("BUILD", "f3s-docker-file.tencentcloudcr.com/f3s-tcr/alpine:v3.13");
    const ALPINE: &[(&str, &str)] = &[BUILD, ("FROM", "alpine:3.13"), ("TZ", "Asia/Shanghai")];
    const OPS: &[(&str, &str)] = &[BUILD, ("FROM", "alpine:3.13"), ("LANG", "C.UTF-8"), ("TZ", "Asia/Shanghai")];
    const HOME: (&str, &str) = ("JAVA_HOME", "/opt/jdk");
    const KONA: &[(&str, &str)] = &[BUILD, OPS[1], HOME, OPS[2], OPS[3]];
    const JMETER: &[(&str, &str)] =
        &[BUILD, OPS[1], HOME, ("JMETER_HOME", "/jmeter/apache-jmeter-5.4.1/"), OPS[2], OPS[3]];
    const CENTOS: &[(&str, &str)] = &[
        ("BUILD", "f3s-docker-file.tencentcloudcr.com/f3s-tcr/centos:v7.8"),
        ("LANG", "en_US.UTF-8"),
        ("LC_ALL", "zh_CN.utf8"),
    ];
    let plain = |name, author, env| {
        let (ports, entrypoint) = (Value::Null, Value::Null);
        Seed { name, author, env, ports, entrypoint, cmd: shell.clone() }
    };
    let server = "$JMETER_HOME/bin/jmeter-server -Dserver.rmi.localport=50000 -Dserver_port=1099";
    let nginx = json!(["/usr/sbin/nginx", "-g", "daemon off;", "-c", "/etc/nginx/nginx.conf"]);
    let reporter = json!(["/usr/local/bin/grafana-reporter", "-ip", "jmeter-grafana:3000"]);
    vec![
        plain("alpine:v3.13", "", ALPINE),
        Seed { cmd: json!(["/bin/bash"]), ..plain("centos:v7.8", "", CENTOS) },
        plain("alpine:latest", "westzhao", OPS),
        plain("alpine-kona:latest", "westzhao", KONA),
        plain("alpine-kona-skywalking:latest", "westzhao", KONA),
        plain("jmeter-base:latest", "westzhao", JMETER),
        Seed { ports: json!({ "60000/tcp": {} }), ..plain("jmeter-master:latest", "westzhao", JMETER) },
        Seed {
            ports: json!({ "1099/tcp": {}, "50000/tcp": {} }),
            entrypoint: json!(["/bin/sh", "-c", server]),
            cmd: Value::Null,
            ..plain("jmeter-slave:latest", "westzhao", JMETER)
        },
        Seed { entrypoint: reporter, cmd: Value::Null, ..plain("jmeter-grafana-reporter:latest", "westzhao", &[]) },
        Seed {
            ports: json!({ "443/tcp": {}, "80/tcp": {} }),
            cmd: nginx,
            ..plain("alpine-nginx:latest", "westzhao", KONA)
        },
    ]
}

/// Configuration and layers of each of the ten.
fn every_image_is_configured_and_clean() {
    let words = ["image", "inspect", "--format", "{{json .Config.Cmd}}", "alpine:3.13"];
    let shell = serde_json::from_str(&docker_at(&variable("DOCKER_HOST"), &words)).unwrap();
    for seed in seeds(&shell) {
        let name = seed.name;
        let image = Pulled::new(name);
        assert_eq!(image.author(), seed.author, "{name}");
        let variables = image.config["Env"].as_array().unwrap().iter().map(|pair| pair.as_str().unwrap());
        let mut variables: Vec<(&str, &str)> = variables.map(|pair| pair.split_once('=').unwrap()).collect();
        variables.retain(|(name, _)| *name != "PATH");
        variables.sort_unstable();
        assert_eq!(variables, seed.env, "{name}");
        for (field, expected) in [("ExposedPorts", seed.ports), ("Entrypoint", seed.entrypoint), ("Cmd", seed.cmd)] {
            assert_eq!(image.config[field], expected, "{name}: {field}");
        }
        // Engines write what is not set as an empty text, or not at all.
        for field in ["User", "WorkingDir"] {
            assert!(["", "/"].contains(&image.config[field].as_str().unwrap_or_default()), "{name}: {field}");
        }

        let paths = layers_at(&image.host, &image.reference).concat();
        assert!(paths.iter().any(|path| path == "etc/os-release"), "{name}: no paths");
        let left: Vec<&String> = paths.iter().filter(|path| is_leftover(path)).collect();
        assert_eq!(left, Vec::<&String>::new(), "{name}");
        let trimmed: Vec<&&str> = TRIMMED.iter().filter(|path| artifacts::has(&paths, path)).collect();
        assert_eq!(trimmed, Vec::<&&str>::new(), "{name}");
    }
}

/// True for what no layer may hold, and for marks that a layer below holds it.
fn is_leftover(path: &str) -> bool {
    const FOLDERS: &[&str] = &[
        "tmp",
        "var/tmp",
        "var/cache/apk",
        "var/cache/yum",
        "var/cache/dnf",
        "var/lib/yum",
        "3.app/skywalking.new",
        "root/.TinyTeX",
    ];
    let below = |folder: &&&str| path.strip_prefix(**folder).is_some_and(|rest| rest.starts_with('/'));
    FOLDERS.iter().any(|folder| below(&folder)) || [".f3s", "dev/f3s"].iter().any(|ours| path.contains(ours))
}
