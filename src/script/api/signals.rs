//! Signals, as an engine knows them.

use crate::diagnostic::nearest;

/// The signals of Linux, as engines know them, with or without `SIG` (github.com/moby/sys, `signal/signal_linux.go`).
const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
    "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];
/// The number of the last signal, `RTMAX`, and how many there are from `RTMIN` to it.
const LAST_SIGNAL: u32 = 64;
const REAL_TIME_SIGNALS: u32 = 31;

pub fn is_known(signal: &str) -> bool {
    if let Ok(number) = signal.parse::<u32>() {
        return (1..=LAST_SIGNAL).contains(&number) && signal.bytes().all(|byte| byte.is_ascii_digit());
    }
    let upper = signal.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let half = REAL_TIME_SIGNALS / 2;
    let away = |sign: char, most: u32| {
        let rest = name.strip_prefix(if sign == '+' { "RTMIN" } else { "RTMAX" });
        let distances = 1..=most;
        rest.is_some_and(|rest| rest.is_empty() || distances.into_iter().any(|far| *rest == format!("{sign}{far}")))
    };
    SIGNALS.contains(&name) || away('+', half) || away('-', half - 1)
}

/// What may be meant instead.
pub fn remedy(signal: &str) -> String {
    let name = signal.to_ascii_uppercase();
    match nearest(name.trim_start_matches("SIG"), SIGNALS.iter().copied()) {
        Some(near) => format!("did you mean `SIG{near}`?"),
        None => format!("write one like `SIGTERM`, or a number from 1 to {LAST_SIGNAL}"),
    }
}
