//! What bounds a download, which checksums files have, and how sizes are written.

use std::str::FromStr;

use serde::Deserialize;

use crate::recipe::Timeout;

/// `[downloads]`: what holds for every download unless its recipe says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Downloads {
    /// What one download may take in all, with what is tried again.
    pub timeout: Timeout,
    /// After which time a server that sends next to nothing is given up.
    pub stall: Timeout,
    /// The largest file.
    pub limit: Size,
}

impl Default for Downloads {
    fn default() -> Downloads {
        let seconds = |count| Timeout::of_seconds(count).expect("it is not 0");
        Downloads { timeout: seconds(2 * 60 * 60), stall: seconds(60), limit: Size(20 << 30) }
    }
}

/// A number of bytes, written as `80MB`, `1.5 GiB` or `1024`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        bytes(text.trim()).map(Size).ok_or_else(|| format!("`{text}` is no size: write `500MB` or `2GiB`"))
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Size, String> {
        text.parse()
    }
}

fn bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: u64 = match unit.trim() {
        "B" | "" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = u32::try_from(fraction.len()).ok().filter(|digits| *digits <= 3)?;
    let number: u64 = format!("{whole}{fraction}").parse().ok()?;
    Some(number.checked_mul(factor)? / 10u64.pow(digits))
}

/// `sha256:..` or `sha512:..`, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Checksum {
    Sha256(String),
    Sha512(String),
}

impl TryFrom<String> for Checksum {
    type Error = String;

    fn try_from(text: String) -> Result<Checksum, String> {
        let (kind, digits) = text.split_once(':').unwrap_or_default();
        match kind {
            "sha256" => digest(digits, SHA256_DIGITS).map(Checksum::Sha256),
            "sha512" => digest(digits, SHA512_DIGITS).map(Checksum::Sha512),
            _ => None,
        }
        .ok_or_else(|| format!("`{text}` is no checksum: write `sha256:..` or `sha512:..` with its hexadecimal digits"))
    }
}

pub const SHA256_DIGITS: usize = 64;
pub const SHA512_DIGITS: usize = 128;

/// A digest of that many hexadecimal digits, in lower case.
pub fn digest(text: &str, digits: usize) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    crate::digest::is_hexadecimal(&lower, digits).then_some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let size = |text: &str| text.parse::<Size>().map(|size| size.0).ok();
        assert_eq!(size("80MB"), Some(80_000_000));
        assert_eq!(size(" 1.5 GiB "), Some(3 << 29));
        assert_eq!(size("1024"), Some(1024));
        for text in ["", "MB", "1 PB", "-1", "1.2345MB", "99999999999999GB", "1.2.3"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn settings_are_read_and_checked() {
        let read = |text: &str| toml::from_str::<Downloads>(text).map_err(|error| error.message().to_owned());
        assert_eq!(read("").unwrap(), Downloads::default());
        let set = read("timeout = 90\nstall = \"2m\"\nlimit = \"3kB\"").unwrap();
        assert_eq!(
            (set.timeout.to_string(), set.stall.to_string(), set.limit),
            ("90s".into(), "2m".into(), Size(3000))
        );
        assert!(read("speed = 1").is_err());
        for text in ["timeout = 0", "timeout = -1", "stall = \"5 minutes\"", "stall = true", "stall = 1.5"] {
            let error = read(text).unwrap_err();
            assert!(error.contains("time: write `90s`, `5m`, `2h` or seconds"), "{text}: {error}");
        }
        assert_eq!(read("limit = \"much\"").unwrap_err(), "`much` is no size: write `500MB` or `2GiB`");
        let checksum = |text: &str| Checksum::try_from(text.to_owned());
        assert_eq!(checksum(&format!("sha256:{}", "A".repeat(64))), Ok(Checksum::Sha256("a".repeat(64))));
        assert_eq!(checksum(&format!("sha512:{}", "0".repeat(128))), Ok(Checksum::Sha512("0".repeat(128))));
        for text in ["", "sha256:", "sha256:12", &"0".repeat(64), &format!("sha512:{}", "0".repeat(64))] {
            assert!(checksum(text).is_err(), "{text}");
        }
    }
}
