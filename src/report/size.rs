//! Bytes, seconds and counts as people read them.

/// `1.5 MB`: powers of 1000, as `docker images` prints them.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{count} B"),
        _ if value < 9.95 => format!("{value:.1} {}", UNITS[unit]),
        _ => format!("{value:.0} {}", UNITS[unit]),
    }
}

/// `0.04 s`, `12.3 s`, `2 min 05 s`.
pub fn seconds(value: f64) -> String {
    match value {
        value if value < 0.995 => format!("{value:.2} s"),
        value if value < 59.95 => format!("{value:.1} s"),
        value => format!("{} min {:02} s", value as u64 / 60, value as u64 % 60),
    }
}

/// `1 image`, `2 images`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_as_people_do() {
        assert_eq!([0, 999, 1500, 79_900_000, 999_999].map(bytes), ["0 B", "999 B", "1.5 kB", "80 MB", "1.0 MB"]);
        assert_eq!([0.04, 1.0, 12.34, 125.0].map(seconds), ["0.04 s", "1.0 s", "12.3 s", "2 min 05 s"]);
    }
}
