//! How long a command, a download or a transfer may take.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// Whole seconds, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Timeout(u32);

/// Seconds of what stands behind a number.
const UNITS: [(&str, u32); 4] = [("h", 3600), ("m", 60), ("s", 1), ("", 1)];

impl Timeout {
    /// Of a check that says nothing else.
    pub const OF_CHECKS: Timeout = Timeout(300);

    pub fn of_seconds(seconds: i64) -> Option<Timeout> {
        u32::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Timeout)
    }

    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

/// `90`, `90s`, `5m`, `1h`.
impl FromStr for Timeout {
    type Err = ();

    fn from_str(text: &str) -> Result<Timeout, ()> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(())?;
        let number: u32 = number.parse().map_err(|_| ())?;
        number.checked_mul(*seconds).filter(|seconds| *seconds > 0).map(Timeout).ok_or(())
    }
}

/// In settings: a number of seconds, or one with a unit.
impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timeout, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a time: write `90s`, `5m`, `2h` or seconds")]
        enum Written {
            Seconds(i64),
            Text(String),
        }
        let (timeout, written) = match Written::deserialize(deserializer)? {
            Written::Seconds(seconds) => (Timeout::of_seconds(seconds), seconds.to_string()),
            Written::Text(text) => (text.parse().ok(), text),
        };
        timeout.ok_or_else(|| D::Error::custom(format!("`{written}` is no time: write `90s`, `5m`, `2h` or seconds")))
    }
}

/// In the largest unit of which it is a whole number.
impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, seconds) = UNITS.iter().find(|(_, seconds)| self.0.is_multiple_of(*seconds)).unwrap_or(&("s", 1));
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_units() {
        for (text, seconds, shown) in
            [("90", 90, "90s"), ("90s", 90, "90s"), ("5m", 300, "5m"), ("300", 300, "5m"), ("2h", 7200, "2h")]
        {
            let timeout: Timeout = text.parse().unwrap();
            assert_eq!((timeout.0, timeout.to_string().as_str()), (seconds, shown));
        }
        for text in ["", "0", "0m", "m", "5 m", "5d", "-1", "1.5h", "99999999h"] {
            assert!(text.parse::<Timeout>().is_err(), "{text}");
        }
    }
}
