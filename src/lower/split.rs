//! Cuts the commands of a `run` into layers of their own, for watch mode, where they mean the same as in one shell: what
//! set up the shell before is repeated in front of each, and what cannot be repeated keeps all behind it in one layer.

use super::effect::{self, Effect};
use super::script::Body;
use crate::recipe::{MountKind, Run};

/// Commands that share a layer.
#[derive(Debug)]
pub struct Part {
    pub body: Body,
    /// What it runs of its step, without the setup; empty for the whole step.
    pub commands: Vec<String>,
    /// It may leave what is there only until its container ends.
    pub needs_container: bool,
}

impl Part {
    /// All that a step does which brings files.
    pub fn of_files(body: Body) -> Part {
        Part { body, commands: Vec::new(), needs_container: false }
    }

    pub fn of_run(run: &Run, workdir: Option<&str>) -> Part {
        let needs_container = need_container(&run.commands, workdir);
        Part { needs_container, ..Part::of_files(Body::of_run(run)) }
    }
}

/// The parts of a `run`, one for a run that cannot be cut. `workdir`: the image's, if it is known.
pub fn parts(run: &Run, workdir: Option<&str>) -> Vec<Part> {
    let effects = effects(run);
    let last = effects.iter().rposition(|effect| *effect != Effect::Setup);
    let mut setup = Setup::of(run, workdir);
    let mut parts = Vec::new();
    for (index, (command, effect)) in run.commands.iter().zip(&effects).enumerate() {
        if *effect == Effect::Setup && Some(index) < last {
            setup.add(command);
            continue;
        }
        // In front of the first command stand the script's options.
        let asks = parts.is_empty() && asks_for_the_command_before(command);
        let goes_on = asks || run.commands.get(index + 1).is_some_and(|next| asks_for_the_command_before(next));
        let is_alone = *effect == Effect::Files && Some(index) != last && !goes_on && !setup.may_be_removed_by(command);
        if is_alone {
            let mut body = setup.body(run, std::slice::from_ref(command));
            // Where errors do not end the script, that of its last command would end the layer.
            if ignores_errors(run) {
                body.command(":");
            }
            parts.push(Part { body, commands: vec![command.clone()], needs_container: false });
            continue;
        }
        if parts.is_empty() {
            break;
        }
        let rest = &run.commands[index..];
        let needs_container = need_container(rest, workdir);
        parts.push(Part { body: setup.body(run, rest), commands: rest.to_vec(), needs_container });
        let piped = parts.iter().any(|part| part.body.is_piped());
        parts.iter_mut().for_each(|part| part.body.join_pipefail(piped));
        return parts;
    }
    vec![Part::of_run(run, workdir)]
}

fn effects(run: &Run) -> Vec<Effect> {
    // Where errors do not end the script, a `cd` that fails now may succeed when it is repeated.
    let ignored = ignores_errors(run);
    let of = |command: &String| match effect::of(command) {
        Effect::Setup if ignored && !effect::folders(command).is_empty() => Effect::Shell,
        effect => effect,
    };
    run.commands.iter().map(of).collect()
}

/// True where some command may say `set +e`.
fn ignores_errors(run: &Run) -> bool {
    run.commands.iter().any(|command| command.contains("set") && command.contains('+'))
}

/// What is mounted over the image's files only while a command runs, and kept nowhere.
pub fn has_tmpfs(run: &Run) -> bool {
    run.mounts.iter().any(|mount| mount.kind == MountKind::Tmpfs)
}

/// True for a shell that the cuts were thought out for, and that reads no files when it starts: they could be others for
/// a later command.
pub fn understands(shell: &[String]) -> bool {
    let Some((program, options)) = shell.split_first() else { return false };
    let name = program.rsplit('/').next().unwrap_or(program);
    let is_known =
        |option: &String| option.strip_prefix('-').is_some_and(|set| set.chars().all(|c| "ceuxo".contains(c)));
    matches!(name, "sh" | "ash" | "dash" | "bash") && options.iter().all(|word| word == "pipefail" || is_known(word))
}

/// `$?`, `$_`, `$!`
fn asks_for_the_command_before(command: &str) -> bool {
    command.split('$').skip(1).any(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let name_goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
        rest.starts_with(['?', '!']) || rest.strip_prefix('_').is_some_and(|rest| !rest.starts_with(name_goes_on))
    }) || command.contains("PIPESTATUS")
}

/// A removed working folder comes back with the next container.
fn need_container(commands: &[String], workdir: Option<&str>) -> bool {
    let folders: Vec<String> = workdir.map(str::to_owned).into_iter().collect();
    commands.iter().any(|command| effect::of(command) == Effect::Container || may_remove(command, &folders))
}

/// The commands that set up the shell so far.
struct Setup<'a> {
    /// Where it is before them.
    folders: Vec<&'a str>,
    commands: Vec<&'a str>,
    /// How many of them have run in some part, and so are known to work.
    tried: usize,
    /// Whether an absolute `cd` makes those before it needless: nothing asks for the folder before.
    cds_replace: bool,
}

impl<'a> Setup<'a> {
    fn of(run: &'a Run, workdir: Option<&'a str>) -> Setup<'a> {
        let goes_back =
            |command: &String| command.contains("cd -") || effect::folders(command).contains(&"-".to_owned());
        let asks = |command: &String| command.contains("PWD") || command.contains("~-") || goes_back(command);
        let cds_replace = !run.commands.iter().any(asks);
        let folders = workdir.into_iter().chain(run.workdir.as_deref()).collect();
        Setup { folders, commands: Vec::new(), tried: 0, cds_replace }
    }

    fn add(&mut self, command: &'a str) {
        if self.cds_replace && effect::is_absolute_cd(command) {
            // The folder that was left may be gone when a later command starts.
            let untried = self.commands.split_off(self.tried);
            self.commands.retain(|before| !effect::is_cd(before));
            self.tried = self.commands.len();
            self.commands.extend(untried);
        }
        self.commands.push(command);
    }

    /// These commands behind the setup.
    fn body(&mut self, run: &Run, commands: &[String]) -> Body {
        self.tried = self.commands.len();
        let mut body = Body::default();
        body.setup(&run.env, run.workdir.as_deref());
        self.commands.iter().for_each(|command| body.entry(command));
        commands.iter().for_each(|command| body.entry(command));
        body
    }

    /// True when the command may remove a folder that the setup goes to: the shell that is in it would stay there,
    /// another one could not go there again.
    fn may_be_removed_by(&self, command: &str) -> bool {
        let cds = self.commands.iter().flat_map(|command| effect::folders(command));
        let folders: Vec<String> = self.folders.iter().map(|folder| (*folder).to_owned()).chain(cds).collect();
        may_remove(command, &folders)
    }
}

/// True when a command may remove one of these folders, each of which may be relative to the one before. The shell is in
/// the last one.
fn may_remove(command: &str, folders: &[String]) -> bool {
    let ends_word = |c: char| c.is_whitespace() || "'\";&|<>(){}`".contains(c);
    let words = || command.split(ends_word).filter(|word| !word.is_empty());
    let removes =
        |word: &str| matches!(word.rsplit('/').next(), Some("rm" | "rmdir" | "mv" | "ln" | "unlink" | "-delete"));
    if folders.iter().all(|folder| folder == "/") || !words().any(removes) {
        return false;
    }
    let is_known = |folder: &String| {
        !folder.is_empty() && !folder.contains(['$', '~']) && folder.split('/').all(|part| part != ".." && part != "-")
    };
    let is_elsewhere =
        |word: &str| word.contains(['$', '~', '\\']) || word.contains("..") || matches!(word, "cd" | "-C");
    if !folders.iter().all(is_known) || command.contains('`') || words().any(is_elsewhere) {
        return true;
    }
    let mut paths: Vec<String> = Vec::new();
    for folder in folders {
        paths.push(match paths.last() {
            Some(before) if !folder.starts_with('/') => format!("{before}/{folder}"),
            _ => folder.clone(),
        });
    }
    words().filter(|word| word.starts_with('/')).any(|word| {
        let literal = word.split(['*', '?', '[']).next().unwrap_or_default().trim_end_matches('/');
        // Where a relative folder lies is not known.
        paths.iter().any(|path| !path.starts_with('/') || path.starts_with(literal))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(commands: &[&str]) -> Run {
        Run { commands: commands.iter().map(|c| (*c).to_owned()).collect(), ..Run::default() }
    }

    /// The parts' lines, setup and all.
    fn cut(run: &Run) -> Vec<String> {
        parts(run, None).iter().map(|part| part.body.line()).collect()
    }

    #[test]
    fn setup_is_repeated_and_the_rest_stands_alone() {
        for (commands, expected) in [
            (&["a"][..], &["a"][..]),
            (&["cd /x", "a"], &["cd /x; a"]),
            (&["a", "b", "c"], &["a", "b", "c"]),
            (&["cd /x", "a", "Y=1", "b"], &["cd /x; a", "cd /x; Y=1; b"]),
            // Setup behind the last command may fail, too.
            (&["a", "b", "cd /x"], &["a", "b; cd /x"]),
            (&["a", "X=$(b)", "c", "d"], &["a", "X=$(b); c; d"]),
            (&["cd /x && a", "b"], &["cd /x && a; (exit $?); b"]),
            (&["a && b", "c"], &["a && b", "c"]),
            (&["a", "b &", "c"], &["a", "b & c"]),
            (&["a", "b", "echo $?"], &["a", "b; echo $?"]),
            (&["X=1", "cd /x"], &["X=1; cd /x"]),
            // There, how a command ends does not count.
            (&["set +e", "a && a", "cd /x", "b", "c"], &["set +e; a && a; (exit $?); :", "set +e; cd /x; b; c"]),
        ] {
            assert_eq!(cut(&run(commands)), expected, "{commands:?}");
        }
    }

    #[test]
    fn a_folder_that_is_removed_is_not_gone_to_again() {
        for (commands, expected) in [
            (&["cd /x", "a", "rm -rf /x", "b"][..], &["cd /x; a", "cd /x; rm -rf /x; b"][..]),
            (&["cd /x/y", "rm -rf /x", "b"], &["cd /x/y; rm -rf /x; b"]),
            (&["cd /x", "rm -rf ../x", "b"], &["cd /x; rm -rf ../x; b"]),
            (&["cd /x", "rm -rf \"$X\"", "b"], &["cd /x; rm -rf \"$X\"; b"]),
            (&["cd /x", "rm -rf y /var/z/*", "b"], &["cd /x; rm -rf y /var/z/*", "cd /x; b"]),
            (&["cd /x", "a", "cd /", "rm -rf /x", "b"], &["cd /x; a", "cd /; rm -rf /x", "cd /; b"]),
            (&["cd /x", "a", "cd /y", "rm -rf /x", "b"], &["cd /x; a", "cd /y; rm -rf /x", "cd /y; b"]),
            (&["cd /x", "cd /", "a", "b"], &["cd /x; cd /; a", "cd /x; cd /; b"]),
            (&["cd /x", "a", "cd /y", "cd -", "b"], &["cd /x; a", "cd /x; cd /y; cd -; b"]),
        ] {
            assert_eq!(cut(&run(commands)), expected, "{commands:?}");
        }
        let in_folder = Run { workdir: Some("/x".to_owned()), ..run(&["rm -rf /x", "b"]) };
        assert_eq!(cut(&in_folder), ["cd /x; rm -rf /x; b"]);
        let in_image = |workdir| parts(&run(&["a", "rm -r /x/y", "b"]), Some(workdir)).len();
        assert_eq!((in_image("/"), in_image("/x"), in_image("/x/y/z")), (3, 3, 2));
        assert!(Part::of_run(&run(&["a; rm -r /x"]), Some("/x")).needs_container);
    }

    #[test]
    fn parts_know_their_commands_and_options() {
        let run = Run { env: [("A".to_owned(), "1".to_owned())].into(), ..run(&["X=1", "a | b", "c", ". d &", "e"]) };
        let parts = parts(&run, None);
        let commands: Vec<&[String]> = parts.iter().map(|part| &part.commands[..]).collect();
        assert_eq!(commands, [&["a | b"][..], &["c"], &[". d &", "e"]]);
        assert_eq!(parts.iter().map(|part| part.needs_container).collect::<Vec<_>>(), [false, false, true]);
        // What is read from a file may hold a pipe.
        assert_eq!(parts.iter().map(|part| part.body.is_piped()).collect::<Vec<_>>(), [true, false, true]);
        assert!(parts[1].body.line().starts_with("export A='1'; X=1; c"));
    }

    #[test]
    fn other_shells_are_not_understood() {
        let of = |words: &[&str]| understands(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert!(of(&["/bin/sh", "-c"]) && of(&["/bin/bash", "-euxo", "pipefail", "-c"]));
        assert!(
            !of(&["/bin/bash", "-lc"])
                && !of(&["pwsh", "-Command"])
                && !of(&["/usr/bin/env", "bash", "-c"])
                && !of(&[])
        );
    }
}
