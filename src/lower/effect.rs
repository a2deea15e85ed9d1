//! What a command does beside changing files: whether the command after it, in a shell of its own, would find all that
//! it left. When in doubt, it would not.

use super::words::{Token, tokens, unquoted};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It sets up the shell, and does so again when it is repeated.
    Setup,
    /// It only changes files.
    Files,
    /// It may change the shell in other ways.
    Shell,
    /// It may leave what ends with its container: processes, mounts, entries of `/etc/hosts`.
    Container,
}

/// The effect of all that stands in one command of `run`.
pub fn of(command: &str) -> Effect {
    if leaves_more_than_files(command) {
        return Effect::Container;
    }
    let Some(script) = Script::read(command).filter(|_| !assigns_in_expansion(command)) else { return Effect::Shell };
    let worst = script.commands.iter().map(simple).max().unwrap_or(Simple::Nothing);
    let sets_up = script.commands.iter().any(|words| simple(words) == Simple::Setup);
    match worst {
        Simple::Nothing | Simple::Setup if script.is_sequence => Effect::Setup,
        Simple::Nothing => Effect::Files,
        Simple::Files if !sets_up => Effect::Files,
        Simple::Setup | Simple::Files | Simple::Shell => Effect::Shell,
        Simple::Container => Effect::Container,
    }
}

/// Where the `cd`s of a setup go, in order.
pub fn folders(command: &str) -> Vec<String> {
    let commands = Script::read(command).map(|script| script.commands).unwrap_or_default();
    let cds = commands.into_iter().filter(|words| words.words.first().is_some_and(|name| unquoted(name) == "cd"));
    cds.map(|words| words.words.get(1).map(|word| unquoted(word)).unwrap_or_default()).collect()
}

/// True when the command is one `cd` to a folder that does not depend on where the shell is.
pub fn is_absolute_cd(command: &str) -> bool {
    is_cd(command) && folders(command)[0].starts_with('/')
}

/// True when the command is nothing but one `cd`.
pub fn is_cd(command: &str) -> bool {
    folders(command).len() == 1 && Script::read(command).is_some_and(|script| script.commands.len() == 1)
}

/// The effect of a simple command. A mixture of several has the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Simple {
    /// `true`, or no command at all.
    Nothing,
    Setup,
    Files,
    Shell,
    Container,
}

/// A simple command: its words without redirections, and without keywords in front.
#[derive(Default)]
struct Words {
    words: Vec<String>,
    is_redirected: bool,
    /// `&&` follows: where it fails, the script goes on behind the list.
    is_condition: bool,
}

/// The simple commands of a script outside of subshells.
struct Script {
    commands: Vec<Words>,
    /// Nothing but `;`, `&&` and line breaks between them.
    is_sequence: bool,
}

const OPENING: &str = "if while until { case";
const CLOSING: &str = "fi done } esac";
const BETWEEN: &str = "then elif else do ! time";

impl Script {
    /// `None`: not understood.
    fn read(command: &str) -> Option<Script> {
        let mut script = Script { commands: Vec::new(), is_sequence: true };
        let (mut open, mut words, mut is_target, mut dangling) = (0, Words::default(), false, false);
        for token in tokens(command)?.into_iter().chain([Token::Separator("\n")]) {
            match token {
                Token::Word(_) if is_target => is_target = false,
                Token::Redirection if !is_target => (words.is_redirected, is_target) = (true, true),
                Token::Word(word) => words.words.push(word),
                Token::Subshell => {
                    let between = |word: &String| lists(BETWEEN, word) || lists(OPENING, word);
                    // `f()`, `a=(b c)`, `<(a)`
                    if is_target || !words.words.iter().all(between) {
                        return None;
                    }
                    script.is_sequence = false;
                    dangling = false;
                }
                Token::Separator(operator) => {
                    if is_target {
                        return None;
                    }
                    script.is_sequence &= matches!(operator, ";" | "&&" | "\n");
                    let mut ended = std::mem::take(&mut words);
                    if !ended.words.is_empty() || ended.is_redirected {
                        dangling = false;
                        ended.is_condition = operator == "&&";
                        script.is_sequence &= !ended.drop_keywords(&mut open);
                        script.commands.push(ended);
                    }
                    if operator == ")" && open == 0 {
                        return None;
                    }
                    dangling |= matches!(operator, "&&" | "||" | "|" | "|&");
                }
                Token::Redirection => return None,
            }
        }
        (open == 0 && !dangling).then_some(script)
    }
}

impl Words {
    /// Counts what is opened and closed in front of the command; true when there was a keyword.
    fn drop_keywords(&mut self, open: &mut i32) -> bool {
        let mut dropped = 0;
        for word in &self.words {
            if lists(OPENING, word) {
                *open += 1;
            } else if lists(CLOSING, word) {
                *open -= 1;
            } else if !lists(BETWEEN, word) {
                break;
            }
            dropped += 1;
            // What follows is compared, not run.
            if word == "case" {
                dropped = self.words.len();
                break;
            }
        }
        self.words.drain(..dropped);
        dropped > 0
    }
}

/// Built into shells, and changing them; keywords that set variables or define functions.
const CHANGING: &str = ". alias bg bind builtin chdir complete coproc declare disown enable eval exec exit fc fg for function getopts \
    hash history let local logout mapfile popd pushd read readarray readonly return select shift shopt source \
    suspend trap typeset ulimit unalias wait";
/// Servers that go to the background by themselves.
const SERVERS: &str = "apache2ctl apachectl cron crond dbus-daemon dockerd httpd named nginx slapd sshd";

fn simple(command: &Words) -> Simple {
    let is_plain = !command.is_redirected;
    let assigned = command.words.iter().take_while(|word| assignment(word).is_some()).count();
    let (assignments, words) = command.words.split_at(assigned);
    let Some((first, arguments)) = words.split_first() else {
        return match assignments {
            [] if is_plain => Simple::Nothing,
            [] => Simple::Files,
            values => setup(is_plain && values.iter().all(|value| is_repeatable(value))),
        };
    };
    let name = unquoted(first);
    let in_front_of_builtin = || setup(is_plain && assignments.is_empty());
    match name.as_str() {
        "cd" | "export" | "set" | "umask" | "unset" if in_front_of_builtin() == Simple::Shell => Simple::Shell,
        // One that fails now may succeed later.
        "cd" => setup(!command.is_condition && is_repeatable_cd(arguments)),
        "export" => setup(!arguments.is_empty() && arguments.iter().all(|word| is_exported(word))),
        "set" => setup(are_options(arguments)),
        "umask" => setup(matches!(arguments, [mask] if mask.chars().all(|c| c.is_alphanumeric() || "=+,".contains(c)))),
        "unset" => setup(!arguments.is_empty() && arguments.iter().all(|word| is_name(word))),
        // In some shells the assignment would stay.
        ":" if !assignments.is_empty() => Simple::Shell,
        ":" | "true" if is_plain && arguments.iter().all(|word| is_repeatable(word)) => Simple::Nothing,
        "command" if arguments.first().is_some_and(|option| option == "-v" || option == "-V") => Simple::Files,
        "command" => Simple::Shell,
        "printf" if arguments.first().is_some_and(|option| option.starts_with("-v")) => Simple::Shell,
        name if lists(CHANGING, name) => Simple::Shell,
        name if lists(SERVERS, name.rsplit('/').next().unwrap_or(name)) => Simple::Container,
        // What it stands for may be any of these, and so may an array's element.
        name if (name.contains('$') && !name.contains('/')) || name.contains("$(") || name.contains('`') => {
            Simple::Shell
        }
        // The option of a keyword; words that braces make.
        name if name.starts_with('-') || name.contains('{') => Simple::Shell,
        name if name.contains('=') || arguments.iter().any(|word| word == "=~") => Simple::Shell,
        _ => Simple::Files,
    }
}

fn lists(names: &str, name: &str) -> bool {
    names.split(' ').any(|listed| listed == name)
}

fn setup(is_repeatable: bool) -> Simple {
    if is_repeatable { Simple::Setup } else { Simple::Shell }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The value of `NAME=value`.
fn assignment(word: &str) -> Option<&str> {
    word.split_once('=').filter(|(name, _)| is_name(name)).map(|(_, value)| value)
}

fn has_pattern(word: &str) -> bool {
    word.contains(['*', '?', '['])
}

fn is_exported(word: &str) -> bool {
    is_name(word) || assignment(word).is_some_and(|value| is_repeatable(value) && !has_pattern(value))
}

fn is_repeatable_cd(arguments: &[String]) -> bool {
    match arguments {
        [] => true,
        [folder] => is_repeatable(folder) && !has_pattern(folder) && (folder == "-" || !folder.starts_with('-')),
        _ => false,
    }
}

/// `set -eux`, `set +e -o pipefail`: no operands, and nothing that would end the script.
fn are_options(arguments: &[String]) -> bool {
    let mut words = arguments.iter();
    let mut any = false;
    while let Some(word) = words.next() {
        let Some(letters) = word.strip_prefix(['-', '+']).filter(|letters| !letters.is_empty()) else { return false };
        let named = letters.ends_with('o');
        let known = letters.trim_end_matches('o').chars().all(|c| "aefuvxC".contains(c));
        let names = "allexport errexit noclobber noglob nounset pipefail verbose xtrace";
        if !known || (named && !words.next().is_some_and(|name| lists(names, name))) {
            return false;
        }
        any = true;
    }
    any
}

/// Variables that the shell itself sets, otherwise every time.
const CHANGING_VARIABLES: &str = "_ BASHPID BASH_COMMAND EPOCHREALTIME EPOCHSECONDS LINENO OPTARG OPTIND PIPESTATUS PPID RANDOM SECONDS \
    SRANDOM";

/// True for a word that means the same when it is read again: it runs nothing, and the variables in it are the setup's.
fn is_repeatable(word: &str) -> bool {
    let variables = word.split('$').skip(1).all(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        is_name(&name) && !lists(CHANGING_VARIABLES, &name)
    });
    // Another user's home may change; one's own is a variable.
    let homes = word.split('~').skip(1).all(|rest| rest.is_empty() || rest.starts_with('/'));
    variables && homes && !word.contains('`')
}

/// `${a:=b}`, `$((a++))`
fn assigns_in_expansion(command: &str) -> bool {
    let by_default = command.split("${").skip(1).any(|rest| {
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        rest.starts_with(":=") || rest.starts_with('=')
    });
    let calculates = command.contains("((") || command.contains("$[");
    by_default || (calculates && (command.contains('=') || command.contains("++") || command.contains("--")))
}

/// Programs and options that start something which goes on, or change the container: looked for anywhere, also within
/// quotes and subshells, which do not hold it back.
const LEAVING: &str =
    "daemon daemonize detach fork hostname losetup mount nohup restart setsid start sysctl systemctl umount";
/// Files that the builder gives to every container anew, and those that say who a user is, which is read when it starts.
const NOT_KEPT: &[&str] =
    &["/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/proc/sys", "/etc/passwd", "/etc/group"];
/// Devices that are there in every container.
const DEVICES: &str = "null zero full random urandom tty stdin stdout stderr fd";

fn leaves_more_than_files(command: &str) -> bool {
    let is_part = |c: char| !c.is_alphanumeric() && c != '_';
    let words = || command.split(is_part);
    words().any(|word| lists(LEAVING, word) || word == "usermod")
        || NOT_KEPT.iter().any(|path| command.contains(path))
        || command.split("/dev/").skip(1).any(|rest| !lists(DEVICES, rest.split(is_part).next().unwrap_or_default()))
        || has_background_job(command)
}

/// A single `&` that ends a command, be it in quotes for another shell.
fn has_background_job(command: &str) -> bool {
    let is_operator = |at: usize| {
        let (before, behind) = (&command[..at], &command[at + 1..]);
        !before.ends_with(['&', '>', '<', '|', '\\', ';'])
            && (behind.is_empty() || behind.starts_with(|c: char| c.is_whitespace() || "\"'`);>".contains(c)))
    };
    command.match_indices('&').any(|(at, _)| is_operator(at)) || unquoted_ampersand(command)
}

/// `a &b`
fn unquoted_ampersand(command: &str) -> bool {
    tokens(command).is_some_and(|tokens| tokens.contains(&Token::Separator("&")))
}

#[cfg(test)]
mod tests;
