//! Arguments of host functions: from Rhai's values to Rust's, with errors that say what a function takes.

use std::collections::BTreeMap;

use rhai::{Array, Dynamic, EvalAltResult, Map, NativeCallContext};

use super::origin;
use super::recorder::Recording;
use crate::diagnostic::{Diagnostic, Origin, nearest};
use crate::path::ProjectPath;
use crate::pattern::Patterns;
use crate::recipe::{StepKind, Timeout, Value};

pub type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// What `literal()` returns.
#[derive(Clone)]
pub struct Literal(pub String);

/// A host call that is running: whose name errors take, and where it stands.
pub struct Call<'a, 'c> {
    pub ctx: &'a NativeCallContext<'c>,
    pub recording: Recording,
    pub origin: Origin,
}

/// An error that keeps its diagnostic on the way through Rhai.
pub fn raise(diagnostic: Diagnostic) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(Dynamic::from(std::sync::Arc::new(diagnostic)), rhai::Position::NONE).into()
}

/// How scripts call the type of a value.
pub fn type_name(value: &Dynamic) -> &'static str {
    match value {
        value if value.is_unit() => "nothing",
        value if value.is_bool() => "bool",
        value if value.is_int() => "int",
        value if value.is_string() || value.is_char() => "string",
        value if value.is_array() => "list",
        value if value.is_map() => "map",
        value if value.is_fnptr() => "function",
        _ => "handle",
    }
}

/// `a string`, `an int`, `nothing`.
pub fn with_article(name: &str) -> String {
    match name {
        "nothing" => name.to_owned(),
        name if name.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {name}"),
        name => format!("a {name}"),
    }
}

impl<'a, 'c> Call<'a, 'c> {
    pub fn new(ctx: &'a NativeCallContext<'c>) -> Self {
        let recording = Recording::of(ctx);
        let origin = origin::of_call(ctx, &recording.lock().definitions);
        Call { ctx, recording, origin }
    }

    pub fn function(&self) -> &str {
        self.ctx.fn_name()
    }

    pub fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(self.origin.clone())
    }

    pub fn fail<T>(&self, message: impl Into<String>) -> Outcome<T> {
        Err(raise(self.error(message)))
    }

    /// "`base` takes a string as its reference, not an int".
    pub fn wrong_type<T>(&self, what: &str, takes: &str, given: &Dynamic) -> Outcome<T> {
        let given = with_article(type_name(given));
        self.fail(format!("`{}` takes {takes} as its {what}, not {given}", self.function()))
    }

    /// Records a step with the call that the user wrote as its summary.
    pub fn record(&self, kind: StepKind) -> Outcome<()> {
        self.recording.lock().record(kind, self.origin.clone()).map_err(|error| raise(*error))
    }

    /// Counts what is recorded beside steps.
    pub fn count(&self, what: &str) -> Outcome<()> {
        self.recording.lock().count(what, &self.origin).map_err(|error| raise(*error))
    }

    pub fn string(&self, what: &str, value: &Dynamic) -> Outcome<String> {
        let literal = value.clone().try_cast::<Literal>().map(|literal| literal.0);
        let text = if literal.is_some() {
            literal
        } else if value.is_char() {
            value.as_char().ok().map(String::from)
        } else {
            value.clone().into_string().ok()
        };
        match text {
            Some(text) if text.contains('\0') => self.fail(format!("the {what} of `{}` holds a NUL", self.function())),
            Some(text) => Ok(text),
            None => self.wrong_type(what, "a string", value),
        }
    }

    /// As `string`, and not empty.
    pub fn text(&self, what: &str, value: &Dynamic) -> Outcome<String> {
        let text = self.string(what, value)?;
        if text.trim().is_empty() {
            return self.fail(format!("the {what} of `{}` is empty", self.function()));
        }
        Ok(text)
    }

    /// A string or a list of strings; never empty.
    pub fn texts(&self, what: &str, value: &Dynamic) -> Outcome<Vec<String>> {
        if !value.is_array() {
            if value.is_string() || value.is_char() {
                return Ok(vec![self.text(what, value)?]);
            }
            return self.wrong_type(what, "a string or a list of strings", value);
        }
        let list = value.read_lock::<Array>().expect("it is an array");
        if list.is_empty() {
            return self.fail(format!("the {what} of `{}` is an empty list", self.function()));
        }
        let wrong = list.iter().find(|item| !item.is_string() && !item.is_char());
        if let Some(wrong) = wrong {
            let given = with_article(type_name(wrong));
            let takes = "a string or a list of strings";
            return self.fail(format!("`{}` takes {takes} as its {what}; the list holds {given}", self.function()));
        }
        list.iter().map(|item| self.text(what, item)).collect()
    }

    /// A command as a list of words: the first is a program, any other may be empty.
    pub fn words(&self, what: &str, value: &Dynamic) -> Outcome<Vec<String>> {
        let list = value.clone().try_cast::<Array>().unwrap_or_default();
        match list.split_first() {
            // Says what is wrong with it.
            None => self.texts(what, value),
            Some((program, words)) => {
                let words = words.iter().map(|word| self.string(what, word));
                std::iter::once(self.text(what, program)).chain(words).collect()
            }
        }
    }

    pub fn bool(&self, what: &str, value: &Dynamic) -> Outcome<bool> {
        value.as_bool().or_else(|_| self.wrong_type(what, "true or false", value))
    }

    /// An integer of at least `least`.
    pub fn int(&self, what: &str, value: &Dynamic, least: i64) -> Outcome<i64> {
        match value.as_int() {
            Ok(number) if number >= least => Ok(number),
            Ok(number) => self.fail(format!("the {what} of `{}` is at least {least}, not {number}", self.function())),
            Err(_) => self.wrong_type(what, "an int", value),
        }
    }

    /// Seconds, or a number with a unit.
    pub fn timeout(&self, what: &str, value: &Dynamic) -> Outcome<Timeout> {
        let (timeout, written) = match value.as_int() {
            Ok(seconds) => (Timeout::of_seconds(seconds), seconds.to_string()),
            Err(_) => {
                let text = self.text(what, value)?;
                (text.parse().ok(), text)
            }
        };
        let error = || {
            self.error(format!("the {what} of `{}` is a time, not `{written}`", self.function()))
                .hint("write seconds, or `30s`, `5m`, `1h`")
        };
        timeout.ok_or_else(|| raise(error()))
    }

    pub fn map(&self, what: &str, value: &Dynamic) -> Outcome<Map> {
        match value.clone().try_cast::<Map>() {
            Some(map) => Ok(map),
            None => self.wrong_type(what, "a map `#{..}`", value),
        }
    }

    /// A map of names to texts; numbers and bools count as their text.
    pub fn text_map(&self, what: &str, value: &Dynamic) -> Outcome<BTreeMap<String, String>> {
        let map = self.map(what, value)?;
        map.into_iter()
            .map(|(key, value)| match self.value(what, &value) {
                Ok(value) => Ok((key.to_string(), value.to_string())),
                Err(error) => Err(error),
            })
            .collect()
    }

    /// A bool, int or string.
    pub fn value(&self, what: &str, value: &Dynamic) -> Outcome<Value> {
        if let Ok(value) = value.as_bool() {
            return Ok(Value::Bool(value));
        }
        if let Ok(value) = value.as_int() {
            return Ok(Value::Int(value));
        }
        if value.is_string() || value.is_char() || value.is::<Literal>() {
            return Ok(Value::Text(self.string(what, value)?));
        }
        self.wrong_type(what, "a string, an int or a bool", value)
    }

    /// An absolute path in the image.
    pub fn absolute(&self, what: &str, value: &Dynamic) -> Outcome<String> {
        let path = self.text(what, value)?;
        if !path.starts_with('/') {
            let error = self.error(format!("the {what} of `{}` is an absolute path, not `{path}`", self.function()));
            return Err(raise(error.hint(format!("write `/{path}`"))));
        }
        self.one_line(what, path)
    }

    /// A text that can stand in one line.
    pub fn one_line(&self, what: &str, text: String) -> Outcome<String> {
        if text.chars().any(char::is_control) {
            return self
                .fail(format!("the {what} of `{}` has a line break or another control character", self.function()));
        }
        Ok(text)
    }

    /// An absolute path that can stand in the flag of a mount, which knows no quotes.
    pub fn mount_path(&self, what: &str, value: &Dynamic) -> Outcome<String> {
        let path = self.absolute(what, value)?;
        if path.contains(|c: char| c.is_whitespace() || matches!(c, ',' | '"' | '$' | '\\')) {
            return self.fail(format!("the {what} `{path}` has a character that no mount can have"));
        }
        Ok(path)
    }

    /// `user[:group]`, by names or numbers.
    pub fn owner(&self, what: &str, value: &Dynamic) -> Outcome<String> {
        let owner = if value.is_int() { value.to_string() } else { self.text(what, value)? };
        let part = |part: &str| {
            !part.is_empty()
                && !part.starts_with('-')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        };
        if owner.split(':').count() > 2 || !owner.split(':').all(part) {
            let error = self.error(format!("the {what} of `{}` is no owner: `{owner}`", self.function()));
            return Err(raise(error.hint("write `user` or `user:group`, by names or numbers")));
        }
        Ok(owner)
    }

    /// A pattern as `.dockerignore` knows them.
    pub fn patterns(&self, what: &str, value: &Dynamic) -> Outcome<Vec<String>> {
        let patterns = self.texts(what, value)?;
        match Patterns::new(&patterns) {
            Ok(_) => Ok(patterns),
            Err((number, error)) => self.fail(format!("`{}` is no pattern: {}", patterns[number], error.0)),
        }
    }

    /// A path next to the script that the user's line stands in; it must not leave the project.
    pub fn project_path(&self, what: &str, written: &str) -> Outcome<ProjectPath> {
        let folder = self.origin.place.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        if let Some(path) = ProjectPath::join(folder, written) {
            return Ok(path);
        }
        let error = self.error(format!("the {what} `{written}` leaves the project"));
        Err(raise(error.hint("a recipe reads only its project: copy the file into it, or use `download`")))
    }

    /// Octal permission bits.
    pub fn mode(&self, what: &str, value: &Dynamic) -> Outcome<String> {
        let mode = self.text(what, value)?;
        if (3..=4).contains(&mode.len()) && mode.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) {
            return Ok(mode);
        }
        let error = self.error(format!("the {what} of `{}` is octal, not `{mode}`", self.function()));
        Err(raise(error.hint("write three or four octal digits: `chmod: \"755\"`")))
    }

    /// The options of a call: a map whose keys are all known.
    pub fn options(&self, given: &Dynamic, known: &[&str]) -> Outcome<Options<'_, 'a, 'c>> {
        if given.is_unit() {
            return Ok(Options { call: self, map: Map::new() });
        }
        let map = self.map("options", given)?;
        if let Some(unknown) = map.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(raise(unknown_option(self.function(), unknown, known.iter().copied()).at(self.origin.clone())));
        }
        Ok(Options { call: self, map })
    }
}

/// "`apk` has no option `upgrad`", with the nearest and all known ones.
pub fn unknown_option<'k>(function: &str, unknown: &str, known: impl Iterator<Item = &'k str> + Clone) -> Diagnostic {
    let all = known.clone().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    Diagnostic::error(format!("`{function}` has no option `{unknown}`"))
        .hint_if(nearest(unknown, known).map(|near| format!("did you mean `{near}`?")))
        .hint(if all.is_empty() { format!("`{function}` takes no options") } else { format!("its options are {all}") })
}

/// Options that are read one by one; keys were checked.
pub struct Options<'o, 'a, 'c> {
    call: &'o Call<'a, 'c>,
    map: Map,
}

impl Options<'_, '_, '_> {
    /// The option read by `read`, which gets the option's name for its errors; `None` when it was not given.
    pub fn get<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Call<'_, '_>, &str, &Dynamic) -> Outcome<T>,
    ) -> Outcome<Option<T>> {
        match self.map.get(key) {
            Some(value) => read(self.call, &format!("option `{key}`"), value).map(Some),
            None => Ok(None),
        }
    }

    pub fn text(&self, key: &str) -> Outcome<Option<String>> {
        self.get(key, |call, what, value| call.text(what, value))
    }

    pub fn bool(&self, key: &str) -> Outcome<bool> {
        Ok(self.get(key, |call, what, value| call.bool(what, value))?.unwrap_or(false))
    }

    pub fn mode(&self, key: &str) -> Outcome<Option<String>> {
        self.get(key, |call, what, value| call.mode(what, value))
    }

    pub fn owner(&self, key: &str) -> Outcome<Option<String>> {
        self.get(key, |call, what, value| call.owner(what, value))
    }

    pub fn patterns(&self, key: &str) -> Outcome<Vec<String>> {
        Ok(self.get(key, |call, what, value| call.patterns(what, value))?.unwrap_or_default())
    }
}
