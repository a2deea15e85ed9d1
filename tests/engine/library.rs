//! Functions of the library on a real engine, where the ten recipes do not lead.

use crate::lab::{Project, is_missing, variable};

/// A recipe on the lab's Debian, which stands in for CentOS.
fn on_debian(project: &Project, steps: &str) {
    let folder = "raw.githubusercontent.com/CentOS/sig-cloud-instance-images";
    let root = format!("{folder}/CentOS-7.8.2003-x86_64/docker/centos-7.8.2003-x86_64-docker.tar.xz");
    let root = format!("unpack(download(\"{}/{root}\"), \"/\");", variable("F3S_LAB_UPSTREAM"));
    project.recipe("a", &format!("base(\"scratch\");\n{root}\n{steps}"));
}

#[test]
fn on_debian_the_time_zone_outlives_tzdata() {
    let project = Project::new();
    let steps = r#"
set_timezone("Asia/Shanghai", #{ remove_tzdata: true });
set_locale("de_DE.UTF-8");
add_user("app", #{ uid: 1234, home: "/srv/app's home" });
"#;
    on_debian(&project, steps);
    project.f3s(&["build"]).ok();
    assert_eq!(project.sh("a", "date +%Z; cat /etc/timezone"), "CST\nAsia/Shanghai");
    assert_eq!(project.sh("a", "test -e /usr/share/zoneinfo/Asia/Shanghai || echo gone"), "gone");
    assert_eq!(
        project.sh("a", ". /etc/profile.d/locale.sh; echo $LANG; locale -a | grep de_DE"),
        "de_DE.UTF-8\nde_DE.utf8"
    );
    assert_eq!(project.sh("a", "id -u app; stat -c %U \"/srv/app's home\""), "1234\napp");
    assert_eq!(project.sh("a", "ls /var/cache/apt/*.bin 2>/dev/null || echo none"), "none");
}

#[test]
fn library_functions_share_a_layer() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    let steps = r#"
base("alpine:3.13");
layer("java", || {
    kona_jdk();
    skywalking_agent("8.5.0", "/agent");
    jmeter_plugin("/plugins", param("plugin", "", "bzm-parallel"));
    run("$JAVA_HOME/bin/java -version >/version 2>&1");
});
trim_jdk("/opt/jdk");
"#;
    project.recipe("a", steps);
    let upstream = variable("F3S_LAB_UPSTREAM");
    let set = |name: &str, path: &str| format!("{name}={upstream}/{path}");
    let settings = [
        set("kona_url", "github.com/Tencent/TencentKona-8/releases/download"),
        set("skywalking_url", "archive.apache.org/dist/skywalking"),
        set("plugin", "jmeter-plugins.org/files/packages/bzm-parallel-0.7.zip"),
    ];
    let words = settings.iter().flat_map(|setting| ["--set", setting]);
    project.f3s(&["build"].into_iter().chain(words).collect::<Vec<_>>()).ok();
    let layers = project.layers("a");
    assert_eq!(layers.len(), 2);
    for path in ["opt/jdk", "agent/skywalking-agent.jar", "plugins/lib/ext/bzm-parallel-0.7.jar", "version"] {
        assert!(layers[1].iter().any(|found| found == path), "{path} is not in {:?}", layers[1]);
    }
    for path in ["src.zip", "agent.new", "tmp/plugin", "f3s"] {
        assert!(!layers[1].iter().any(|found| found.contains(path)), "{path} is in {:?}", layers[1]);
    }
    assert!(project.sh("a", "cat /version").contains("1.8.0_282"));
}
