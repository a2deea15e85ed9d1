//! Watch mode for a long time, and files that change all the while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::cases::Cases;
use crate::lab::{Project, is_missing};
use crate::watching::Watching;

/// Bytes in memory, and open descriptors.
fn taken(pid: u32) -> (u64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (kilobytes * 1024, std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count())
}

#[test]
fn rounds_of_watch_mode_take_no_more_memory_and_descriptors() {
    let project = Project::new();
    let round = |number: usize| {
        project
            .recipe("a", &format!("base(\"scratch\");\nwrite(\"/a\", \"{number}\");\nlabel(\"n\", \"{number}\");\n"));
    };
    round(0);
    let mut watch = Watching::start(&project, &[]);
    watch.round("built 1");
    let rounds = Cases::wanted(40).count.max(20);
    let mut first = (0, 0);
    for number in 1..=rounds {
        round(number);
        watch.round("built 1");
        if number == 10 {
            first = taken(watch.child.id());
        }
    }
    let last = taken(watch.child.id());
    assert!(last.1 <= first.1 + 4, "descriptors: {} and then {}", first.1, last.1);
    assert!(last.0 <= first.0 + (16 << 20), "bytes: {} and then {}", first.0, last.0);
    assert_eq!(project.config("a")["Labels"]["n"], rounds.to_string());
}

#[test]
fn of_many_edits_the_last_one_is_what_is_built() {
    let project = Project::new();
    let edit = |number: usize| {
        project.file("scripts/data", &number.to_string());
        project.recipe("a", &format!("base(\"scratch\");\ncopy(\"data\", \"/a\");\nlabel(\"n\", \"{number}\");\n"));
    };
    edit(0);
    let mut watch = Watching::start(&project, &[]);
    watch.round("built 1");
    // A hundred a second.
    let edits = 10 * Cases::wanted(30).count;
    for number in 1..=edits {
        edit(number);
        std::thread::sleep(Duration::from_millis(10));
    }
    // Rounds of before may still be on their way.
    let is_built = || project.config("a")["Labels"]["n"] == *edits.to_string();
    crate::lab::wait_until("the last edit is built", is_built);
    drop(watch);
    assert_eq!(project.f3s(&["build"]).ok().summary(), "up to date 1");
}

#[test]
fn a_file_that_never_rests_is_built_whole_or_not_at_all() {
    if is_missing("alpine:3.13") {
        return;
    }
    let project = Project::new();
    project.recipe("a", "base(\"alpine:3.13\");\ncopy(\"data\", \"/data\");\nrun(\"tr -d '\\n' </data | fold -w 1 | sort -u >/seen\");\n");
    let write = |letter: &str| project.file("scripts/data", &letter.repeat(300_000));
    write("a");
    let rests = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for letter in ["b", "c", "d", "e"].iter().cycle() {
                if rests.load(Ordering::Relaxed) {
                    break;
                }
                // As an editor saves: another file takes the name.
                let next = project.path().join("next");
                std::fs::write(&next, letter.repeat(300_000)).unwrap();
                std::fs::rename(&next, project.path().join("scripts/data")).unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        for _ in 0..Cases::wanted(4).count {
            let ran = project.f3s(&["build", "--progress", "quiet"]);
            match ran.code {
                Some(0) => assert_eq!(project.sh("a", "cat /seen").len(), 1),
                _ => drop(ran.fails(1, &["changed while it was built"])),
            }
        }
        rests.store(true, Ordering::Relaxed);
    });
    write("z");
    project.f3s(&["build"]).ok();
    assert_eq!(project.sh("a", "cat /seen"), "z");
}
