//! Containers that f3s made and could not remove, because it was killed. Their names and labels say who made them.
//!
//! An engine may serve several machines: only a process of this one is known to be dead. What others left goes when it must
//! have ended by its own time-out.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::errors::Error;
use bollard::models::ContainerSummary;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};

use super::client::{Client, failed};
use crate::engine::EngineError;

/// What the names of the containers begin with. Labels alone prove nothing: a container has those of its image, too.
const NAME: &str = "f3s-check-";
/// Marks containers of checks.
const CHECK: &str = "f3s.check";
const OWNER: &str = "f3s.check.owner";
/// Seconds after which the check is ended.
const SECONDS: &str = "f3s.check.seconds";
/// By how much clocks may differ, and a removal may be late.
const SLACK: Duration = Duration::from_secs(3600);

/// A name that no other container has.
pub fn name() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let of_process = crate::digest::of(owner(std::process::id()).unwrap_or_else(random));
    format!("{NAME}{}-{}-{number}", &of_process[..16], std::process::id())
}

pub fn labels(limit: Duration) -> HashMap<String, String> {
    let owner = owner(std::process::id()).map(|owner| (OWNER.to_owned(), owner));
    let labels = [(CHECK.to_owned(), "1".to_owned()), (SECONDS.to_owned(), limit.as_secs().to_string())];
    labels.into_iter().chain(owner).collect()
}

/// Removes what dead processes left.
pub async fn remove(client: &Client) -> Result<(), EngineError> {
    let filters = HashMap::from([("label".to_owned(), vec![CHECK.to_owned()])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let containers = client.list_containers(Some(options)).await.map_err(failed)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    for container in containers.iter().filter(|container| is_left(container, now)) {
        let Some(id) = &container.id else { continue };
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match client.remove_container(id, Some(options)).await {
            // Gone, or somebody else removes it.
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

fn is_left(container: &ContainerSummary, now: Duration) -> bool {
    let is_ours = |name: &String| name.trim_start_matches('/').starts_with(NAME);
    if !container.names.iter().flatten().any(is_ours) {
        return false;
    }
    let label = |name: &str| container.labels.as_ref().and_then(|labels| labels.get(name));
    if label(OWNER).is_some_and(|owner| is_dead(owner)) {
        return true;
    }
    let created = container.created.and_then(|created| u64::try_from(created).ok());
    let seconds = label(SECONDS).and_then(|seconds| seconds.parse().ok());
    let end = created.zip(seconds).map(|(created, seconds): (u64, u64)| created.saturating_add(seconds));
    end.is_some_and(|end| now > Duration::from_secs(end).saturating_add(SLACK))
}

/// `MACHINE PID START`: numbers of processes are given again, their start is not. `None` where the system does not say.
fn owner(pid: u32) -> Option<String> {
    Some(format!("{} {pid} {}", machine()?, start(pid)?))
}

/// This boot of the machine, and the space of process ids in it.
fn machine() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{} {}", boot.trim(), std::fs::metadata("/proc/self/ns/pid").ok()?.ino()))
}

/// When a process began, in ticks since the boot: field 22 of `proc_pid_stat(5)`.
fn start(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name, which may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let is_zombie = matches!(fields.next()?, "Z" | "X");
    fields.nth(18).filter(|_| !is_zombie).map(str::to_owned)
}

/// False for a process of another machine: nothing is known of it.
fn is_dead(owner: &str) -> bool {
    let Some(machine) = machine() else { return false };
    let Some(process) = owner.strip_prefix(&machine).and_then(|rest| rest.strip_prefix(' ')) else { return false };
    let Some((pid, began)) = process.split_once(' ') else { return false };
    pid.parse().is_ok_and(|pid| start(pid).is_none_or(|start| start != began))
}

fn random() -> String {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str, owner: &str, created: i64) -> ContainerSummary {
        let labels = [(CHECK, "1"), (OWNER, owner), (SECONDS, "300")];
        ContainerSummary {
            names: Some(vec![format!("/{name}")]),
            labels: Some(labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            created: Some(created),
            ..ContainerSummary::default()
        }
    }

    #[test]
    fn only_what_a_dead_process_of_this_machine_left_is_left() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let of_child = owner(child.id()).unwrap();
        let (me, name) = (owner(std::process::id()).unwrap(), name());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let created = now.as_secs() as i64;
        let is_left = |name: &str, owner: &str, created| is_left(&container(name, owner, created), now);
        assert!(!is_left(&name, &me, created) && !is_left(&name, &of_child, created));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_left(&name, &of_child, created));
        // The number of a process that lives, but of another one's.
        let reused = me.rsplit_once(' ').map(|(process, _)| format!("{process} 1")).unwrap();
        assert!(is_left(&name, &reused, created));
        // Another machine's, or one that nothing is known of.
        let elsewhere = of_child.replacen(&machine().unwrap(), "0ecf4e8c-0000-0000-0000-000000000000 1", 1);
        for owner in [&elsewhere, "", "x 1"] {
            assert!(!is_left(&name, owner, created));
            assert!(!is_left(&name, owner, created - 3600));
            assert!(is_left(&name, owner, created - 300 - 3601), "its own time-out is long over");
        }
        // A user's container of an image that has such labels.
        assert!(!is_left("app", &of_child, created - 100_000));
    }

    #[test]
    fn names_differ() {
        assert_ne!(name(), name());
    }
}
