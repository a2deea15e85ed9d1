//! What the environment says to several commands.

use super::failure::Failure;
use crate::diagnostic::Diagnostic;

/// The variable's value, if there is one that is text and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// True where a service of continuous integration runs f3s.
pub fn is_ci() -> bool {
    variable("CI").is_some_and(|value| is_yes(&value))
}

/// Some set `CI=false` on their own machine.
fn is_yes(value: &str) -> bool {
    !matches!(value.to_ascii_lowercase().as_str(), "0" | "false" | "no")
}

/// The last second that a file's time can hold, in nanoseconds.
const LAST_EPOCH: i64 = i64::MAX / 1_000_000_000 - 1;

/// `SOURCE_DATE_EPOCH`: seconds since the epoch.
pub fn source_date_epoch() -> Result<Option<i64>, Failure> {
    let Some(text) = variable("SOURCE_DATE_EPOCH") else { return Ok(None) };
    match text.parse() {
        Ok(epoch) if (0..=LAST_EPOCH).contains(&epoch) => Ok(Some(epoch)),
        _ => {
            let message = format!("SOURCE_DATE_EPOCH is `{text}`, which is no number of seconds up to {LAST_EPOCH}");
            Err(Failure::Usage(Diagnostic::error(message).hint("see reproducible-builds.org/specs/source-date-epoch")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn a_service_can_be_denied() {
        assert_eq!(["true", "1", "woodpecker"].map(is_yes), [true; 3]);
        assert_eq!(["false", "False", "0"].map(is_yes), [false; 3]);
    }
}
