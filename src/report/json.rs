//! Progress as NDJSON: one object per line and event, each with the version of the format.

use std::io::Write;
use std::time::Instant;

use serde::Serialize;

use super::Report;
use crate::event::Event;
use crate::harmless;

/// Version of the format: it changes when a field changes its meaning or goes away, not when one is added.
pub const VERSION: u32 = 1;

/// One line per event: `{"version": 1, "time": SECONDS, "event": "image_built", ..}`.
pub struct Json<W> {
    out: W,
    start: Instant,
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    /// Seconds since the run began.
    time: f64,
    #[serde(flatten)]
    event: &'a Event,
}

impl<W: Write> Json<W> {
    pub fn new(out: W) -> Self {
        Json { out, start: Instant::now() }
    }
}

impl<W: Write + Send> Report for Json<W> {
    fn say(&mut self, event: &Event) {
        let time = (self.start.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        let line = harmless::json_of(&Line { version: VERSION, time, event });
        // A closed pipe ends nobody's build.
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Summary;

    #[test]
    fn every_event_is_one_object() {
        let mut out = Vec::new();
        let mut json = Json::new(&mut out);
        json.hear(&Event::ImageUpToDate { image: "a".into() });
        json.hear(&Event::Finished(Summary { built: 2, ..Summary::default() }));
        let lines: Vec<serde_json::Value> =
            String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["event"], &lines[0]["image"]), (&"image_up_to_date".into(), &"a".into()));
        assert_eq!(
            (&lines[1]["event"], &lines[1]["built"], &lines[1]["version"]),
            (&"finished".into(), &2.into(), &1.into())
        );
    }
}
