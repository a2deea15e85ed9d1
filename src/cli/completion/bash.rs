//! Completion in bash, which takes a word apart at `=` and `:` (COMP_WORDBREAKS): the script puts it together again.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use clap_complete::env::{Bash, EnvCompleter};

/// `NAME`, `BIN`, `VAR` and `COMPLETER` are replaced. It runs in every bash since 3.2, which macOS still has.
const SCRIPT: &str = r#"
_NAME_complete() {
    # Words that no blank divides are one.
    local rest=${COMP_LINE:0:COMP_POINT} words=() last=-1 blanks word i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        blanks=${rest%%[![:space:]]*}
        rest=${rest#"$blanks"}
        word=${COMP_WORDS[i]}
        ((i == COMP_CWORD)) && word=$rest
        rest=${rest#"$word"}
        if [[ last -lt 0 || -n $blanks ]]; then
            words[++last]=$word
        else
            words[last]+=$word
        fi
    done
    # Bash replaces only what follows the last break, which does not count in quotes.
    local current=${words[last]} breaks=${COMP_WORDBREAKS//[^=:@]/} quoted= kept=
    case $current in
    [\"\']*)
        quoted=1
        current=${current:1}
        ;;
    *)
        [[ -n $breaks ]] && kept=${current%"${current##*[$breaks]}"}
        ;;
    esac
    words[last]=$current
    local replies=() reply
    IFS=$'\013' read -r -d '' -a replies < <(
        _CLAP_IFS=$'\013' _CLAP_COMPLETE_INDEX=$last VAR=bash COMPLETER -- "${words[@]}" 2>/dev/null
    )
    COMPREPLY=()
    for reply in ${replies[@]+"${replies[@]}"}; do
        reply=${reply#"$kept"}
        [[ -z $quoted && $reply == *[!A-Za-z0-9_./~:=@%+,-]* ]] && printf -v reply %q "$reply"
        COMPREPLY+=("$reply")
    done
    if [[ ${COMPREPLY-} == *[=/:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
    return 0
}
if [[ ${BASH_VERSINFO[0]} -gt 4 || ${BASH_VERSINFO[0]} -eq 4 && ${BASH_VERSINFO[1]} -ge 4 ]]; then
    complete -o bashdefault -o nosort -F _NAME_complete BIN
else
    complete -o bashdefault -F _NAME_complete BIN
fi
"#;

/// Bash as clap knows it, but for the script.
pub struct WholeWords;

impl EnvCompleter for WholeWords {
    fn name(&self) -> &'static str {
        Bash.name()
    }

    fn is(&self, name: &str) -> bool {
        Bash.is(name)
    }

    fn write_registration(
        &self,
        var: &str,
        name: &str,
        bin: &str,
        completer: &str,
        buf: &mut dyn Write,
    ) -> std::io::Result<()> {
        let completer = crate::shell::quote(completer);
        let script = SCRIPT.replace("NAME", name).replace("BIN", bin).replace("VAR", var);
        buf.write_all(script.replace("COMPLETER", &completer).as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut clap::Command,
        args: Vec<OsString>,
        current_dir: Option<&Path>,
        buf: &mut dyn Write,
    ) -> std::io::Result<()> {
        Bash.write_complete(command, args, current_dir, buf)
    }
}
