//! The git repository that a project lies in: read here, above the project's root, and handed on as data.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::lower::Repository;
use crate::recipe::address;

/// More than any configuration of git has, in bytes.
const LONGEST: u64 = 1 << 20;

/// The repository of a project, by its nearest folder upward with `.git`; `None` without one that names a remote `origin`.
pub fn of(root: &Path) -> Option<Repository> {
    let top = root.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok())?;
    let config = read(&configuration(&top.join(".git"))?)?;
    let folder = root.strip_prefix(top).ok()?.to_str()?.to_owned();
    Some(Repository { url: origin(&config)?, folder })
}

/// Where git keeps the configuration of a working tree: a worktree and a submodule have a file that names their folder.
fn configuration(git: &Path) -> Option<PathBuf> {
    if git.is_dir() {
        return Some(git.join("config"));
    }
    let text = read(git)?;
    let folder = git.parent()?.join(text.strip_prefix("gitdir:")?.trim());
    // A worktree shares the configuration of its repository.
    let common = read(&folder.join("commondir")).map(|common| folder.join(common.trim()));
    Some(common.unwrap_or(folder).join("config"))
}

/// A text of the user's or of root's, as git itself trusts no others.
fn read(path: &Path) -> Option<String> {
    let metadata = path.metadata().ok()?;
    let is_ours = metadata.uid() == 0 || metadata.uid() == rustix::process::geteuid().as_raw();
    if !metadata.is_file() || !is_ours {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The URL of the remote `origin`, without credentials.
fn origin(config: &str) -> Option<String> {
    let mut lines = config.lines().map(str::trim).skip_while(|line| *line != "[remote \"origin\"]").skip(1);
    let mut section = lines.by_ref().take_while(|line| !line.starts_with('['));
    section.find_map(|line| {
        let (name, url) = line.split_once('=')?;
        (name.trim().eq_ignore_ascii_case("url")).then(|| address::shown(url.trim().trim_matches('"')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://me:token@example.com/team/images.git\n[remote \"b\"]\n\turl = x\n";

    fn write(path: PathBuf, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// What is found of a folder, which is made.
    fn found(folder: PathBuf) -> Option<(String, String)> {
        std::fs::create_dir_all(&folder).unwrap();
        of(&folder).map(|repository| (repository.url, repository.folder))
    }

    #[test]
    fn repositories_worktrees_and_submodules_are_found_from_below() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        let of_images = |path: &str| Some(("https://example.com/team/images.git".to_owned(), path.to_owned()));
        write(at("repo/.git/config"), CONFIG);
        assert_eq!(found(at("repo")), of_images(""));
        assert_eq!(found(at("repo/teams/a")), of_images("teams/a"));
        // A worktree elsewhere, and one within.
        write(at("tree/.git"), &format!("gitdir: {}\n", at("repo/.git/worktrees/tree").display()));
        write(at("repo/.git/worktrees/tree/commondir"), "../..\n");
        assert_eq!(found(at("tree/images")), of_images("images"));
        // A submodule has a configuration of its own.
        write(at("repo/sub/.git"), "gitdir: ../.git/modules/sub\n");
        write(at("repo/.git/modules/sub/config"), &CONFIG.replace("images", "sub"));
        assert_eq!(found(at("repo/sub")), Some(("https://example.com/team/sub.git".to_owned(), String::new())));
        // None, one without a remote, one that leads nowhere.
        assert_eq!(found(at("none")), None);
        write(at("local/.git/config"), "[core]\n\tbare = false\n");
        assert_eq!(found(at("local")), None);
        write(at("gone/.git"), "gitdir: /nowhere\n");
        assert_eq!(found(at("gone")), None);
    }

    #[test]
    fn git_itself_says_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let git = |words: &[&str]| {
            let mut command = std::process::Command::new("git");
            let output = command.args(words).current_dir(folder.path()).env("HOME", folder.path()).output().unwrap();
            assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        git(&["init", "--quiet", "repo"]);
        git(&["-C", "repo", "remote", "add", "origin", "git@example.com:team/images.git"]);
        let who = ["-c", "user.name=a", "-c", "user.email=a@b"];
        git(&[&["-C", "repo"][..], &who, &["commit", "--quiet", "--allow-empty", "-m", "x"]].concat());
        git(&["-C", "repo", "worktree", "add", "--quiet", "../tree"]);
        let expected = Some(("git@example.com:team/images.git".to_owned(), "images".to_owned()));
        assert_eq!(found(folder.path().join("repo/images")), expected);
        assert_eq!(found(folder.path().join("tree/images")), expected);
    }
}
