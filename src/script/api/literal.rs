//! Texts in which `$` stands for itself, and the warning where nobody said so.

use rhai::plugin::*;
use rhai::{Dynamic, NativeCallContext};

use crate::diagnostic::Diagnostic;
use crate::script::arguments::{Call, Literal, Outcome};

/// Who does not read these does not read more.
const MAX_WARNINGS: usize = 100;

/// The first `$NAME` or `${NAME}` of a text: what a Dockerfile would put a variable's value for.
fn variable(text: &str) -> Option<&str> {
    text.match_indices('$').find_map(|(at, _)| {
        let rest = &text[at + 1..];
        let name = rest.strip_prefix('{').unwrap_or(rest);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let length = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
        is_name.then(|| match rest.len() == name.len() {
            true => &text[at..at + 1 + length],
            false => &text[at..at + 2 + name.find('}').map_or(length, |end| end + 1)],
        })
    })
}

impl Call<'_, '_> {
    /// Warns of a variable that stays a text. What the library writes is its own matter.
    pub fn warn_of_variables(&self, what: &str, text: &str) {
        let Some(variable) = variable(text).filter(|_| self.origin.trace.is_empty()) else { return };
        let message =
            format!("`{variable}` is a text here: f3s expands no variables in the {what} of `{}`", self.function());
        let warning = Diagnostic::warning(message).at(self.origin.clone());
        let warning = warning.hint("write the value, or a variable of the script: `\"/opt/\" + name`");
        let warning = warning.hint(format!("`literal(\"{variable}\")` says that the text is meant"));
        let mut recorder = self.recording.lock();
        if recorder.warnings.len() < MAX_WARNINGS && !recorder.warnings.contains(&warning) {
            recorder.warnings.push(warning);
        }
    }

    /// As `absolute`, for what a Dockerfile would expand.
    pub fn absolute_unexpanded(&self, what: &str, value: &Dynamic) -> Outcome<String> {
        self.unexpanded(what, value)?;
        self.absolute(what, value)
    }

    /// As `string`, for what a Dockerfile would expand.
    pub fn unexpanded(&self, what: &str, value: &Dynamic) -> Outcome<String> {
        if !value.is::<Literal>() && value.is_string() {
            self.warn_of_variables(what, &value.clone().into_string().unwrap_or_default());
        }
        self.string(what, value)
    }
}

#[export_module]
pub mod functions {
    /// Returns a text in which `$` is meant to stand for itself.
    ///
    /// It is for `env`, `label`, `workdir`, `volume` and the targets of `copy`, `write`, `unpack` and `place`. f3s expands no
    /// variables there: `$NAME` stays as it is, which f3s warns of, because a Dockerfile would put the variable's value for
    /// it. `literal` says that the text is meant. The shell's own variables in `run`, `cmd` and `entrypoint` need none.
    ///
    /// ```rhai
    /// env("PROMPT", literal("$USER> "));
    /// ```
    /// ```dockerfile
    /// ENV PROMPT="\$USER> "
    /// ```
    #[rhai_fn(return_raw)]
    pub fn literal(ctx: NativeCallContext, text: Dynamic) -> Outcome<Literal> {
        let call = Call::new(&ctx);
        Ok(Literal(call.string("text", &text)?))
    }
}

#[cfg(test)]
mod tests {
    use super::variable;

    #[test]
    fn what_a_dockerfile_would_expand() {
        for (text, found) in
            [("$HOME/x", "$HOME"), ("/a/${x_1}b", "${x_1}"), ("a $1 $(x) ${y:-z} b", "${y:-z}"), ("$$_", "$_")]
        {
            assert_eq!(variable(text), Some(found), "{text}");
        }
        for text in ["", "$", "a$", "$1", "${}", "$(date)", "$ HOME", "costs 5$"] {
            assert_eq!(variable(text), None, "{text}");
        }
    }
}
