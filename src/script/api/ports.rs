//! Ports on which an image listens.

use rhai::Dynamic;

use crate::script::arguments::{Call, Outcome, raise};

/// The protocols of ports, which Docker takes in capitals, too.
const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// `80`, `53/udp`, `7000-7010`.
pub fn port(call: &Call, value: &Dynamic) -> Outcome<String> {
    let text = match value.as_int() {
        Ok(number) => number.to_string(),
        Err(_) => call.text("port", value)?,
    };
    let (range, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    let number = |port: &str| {
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        port.parse::<u16>().ok().filter(|port| digits && *port > 0)
    };
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    let ports = number(from).zip(number(to)).is_some_and(|(from, to)| from <= to);
    if !ports || !PROTOCOLS.iter().any(|name| protocol.eq_ignore_ascii_case(name)) {
        let error = call.error(format!("`{text}` is no port"));
        return Err(raise(error.hint("write `80`, `\"53/udp\"` or `\"7000-7010\"`")));
    }
    Ok(text.to_ascii_lowercase())
}
