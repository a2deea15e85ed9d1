//! The state as lines that fit the terminal: never wider, never more than it has room for.

use std::time::Instant;

use unicode_width::UnicodeWidthChar;

use super::state::{Image, State, Transfer, TransferKind};
use crate::diagnostic::Place;
use crate::report::{bytes, count, seconds};

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    pub columns: usize,
    pub rows: usize,
    pub colour: bool,
    pub unicode: bool,
}

/// Rows that stay free for what scrolls by above.
const FREE_ROWS: usize = 4;
/// Rows that the view takes all the same, where the terminal has them.
const LEAST_ROWS: usize = 3;
/// A step that is cut shorter than this says nothing.
const SHORTEST_STEP: usize = 16;
/// Columns that a name gets before a step gets any.
const SHORTEST_NAME: usize = 8;
/// Columns of a bar.
const BAR: usize = 20;

/// The view's lines, never more than the terminal has. Their visible width is below the terminal's.
pub fn lines(state: &State, terminal: Terminal, now: Instant) -> Vec<String> {
    let width = terminal.columns.saturating_sub(1).max(1);
    let room = terminal.rows.saturating_sub(FREE_ROWS).max(terminal.rows.min(LEAST_ROWS)).max(1);
    // The last row is the footer's.
    let mut left = room - 1;
    let mut all = transfers(state, if state.images.is_empty() { left } else { left / 3 }, terminal, now);
    left -= all.len();
    all.extend(images(state, left, width, now));
    let output = output(state, room - 1 - all.len());
    let dim = |line: String| if terminal.colour { format!("\x1b[2m{line}\x1b[0m") } else { line };
    let mut lines: Vec<String> = all.iter().map(|line| clipped(line, width)).collect();
    lines.extend(output.iter().map(|line| dim(clipped(&format!("  | {line}"), width))));
    let footer = format!("{} of {} done, {} running", state.done.len(), state.total, state.images.len());
    lines.push(dim(clipped(&footer, width)));
    lines
}

/// Downloads, pulls and pushes, in at most so many lines.
fn transfers(state: &State, room: usize, terminal: Terminal, now: Instant) -> Vec<String> {
    let lines = state.transfers.iter().map(|(name, transfer)| transfer_line(name, transfer, terminal, now));
    match (room, state.transfers.len()) {
        (0, _) => Vec::new(),
        (_, number) if number <= room => lines.collect(),
        (1, number) => vec![format!("... {number} transfers")],
        (_, number) => {
            let hidden = number - (room - 1);
            lines.take(room - 1).chain([format!("... and {}", count(hidden, "more transfer"))]).collect()
        }
    }
}

/// Running images, in at most so many lines.
fn images(state: &State, room: usize, width: usize, now: Instant) -> Vec<String> {
    let names = state.images.keys().map(|name| visible(name)).max().unwrap_or(0).min((width / 3).max(SHORTEST_NAME));
    let lines = state.images.iter().map(|(name, image)| image_line(name, image, names, width, now));
    match state.images.len() {
        count if count <= room => lines.collect(),
        // The footer counts the others.
        _ if room < 2 => lines.take(room).collect(),
        count => lines.take(room - 1).chain([format!("... and {} more", count - (room - 1))]).collect(),
    }
}

/// The last output of the step that runs longest.
fn output(state: &State, room: usize) -> Vec<String> {
    let lines = |image: &Image| image.last_lines.iter().chain(&image.unfinished).cloned().collect::<Vec<_>>();
    let speaking = state.images.values().filter(|image| !image.last_lines.is_empty() || image.unfinished.is_some());
    let mut lines = speaking.min_by_key(|image| image.step_since).map(lines).unwrap_or_default();
    lines.split_off(lines.len().saturating_sub(room))
}

fn image_line(name: &str, image: &Image, names: usize, width: usize, now: Instant) -> String {
    let name = clipped(name, names);
    let pad = " ".repeat(names.saturating_sub(visible(&name)));
    let time = seconds(now.duration_since(image.since).as_secs_f64());
    // The time stands at the right, whatever the step's length.
    let room = width.saturating_sub(names + visible(&time) + 6);
    // Nothing runs yet: the engine is given what the image is made of.
    let step = image.step.as_ref().map_or("sends files".to_owned(), |(step, place)| step_and_place(step, place, room));
    let gap = " ".repeat(room.saturating_sub(visible(&step)));
    format!("  {name}{pad}  {step}{gap}  {time}")
}

/// The step is cut before its place is, which goes only where there is room for neither.
fn step_and_place(step: &str, place: &Place, room: usize) -> String {
    let place = format!("  {}:{}", place.file, place.line);
    let left = room.saturating_sub(visible(&place));
    match () {
        () if visible(step) <= left => format!("{step}{place}"),
        () if left >= SHORTEST_STEP => format!("{}...{place}", clipped(step, left - 3)),
        () => clipped(step, room),
    }
}

fn transfer_line(name: &str, transfer: &Transfer, terminal: Terminal, now: Instant) -> String {
    let arrow = match (transfer.kind, terminal.unicode) {
        (TransferKind::Download | TransferKind::Pull, true) => "↓",
        (TransferKind::Push, true) => "↑",
        (TransferKind::Download | TransferKind::Pull, false) => "<",
        (TransferKind::Push, false) => ">",
    };
    let short = match transfer.kind {
        TransferKind::Download => name.split(['?', '#']).next().unwrap_or(name).rsplit('/').next().unwrap_or(name),
        TransferKind::Pull | TransferKind::Push => name,
    };
    let elapsed = now.duration_since(transfer.since).as_secs_f64();
    let rate =
        if elapsed > 0.5 { format!("  {}/s", bytes((transfer.bytes as f64 / elapsed) as u64)) } else { String::new() };
    match transfer.total.filter(|total| *total > 0) {
        Some(total) => {
            let filled = (transfer.bytes.min(total) * BAR as u64 / total) as usize;
            let (full, empty) = if terminal.unicode { ("█", "░") } else { ("#", "-") };
            let bar = format!("{}{}", full.repeat(filled), empty.repeat(BAR - filled));
            format!("{arrow} {bar} {}/{}{rate}  {short}", bytes(transfer.bytes), bytes(total))
        }
        None if transfer.bytes > 0 => format!("{arrow} {}{rate}  {short}", bytes(transfer.bytes)),
        None => format!("{arrow} {short}  {}", seconds(elapsed)),
    }
}

/// Columns of a text without escapes.
fn visible(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// The text, cut to so many columns; control characters go.
fn clipped(text: &str, columns: usize) -> String {
    let mut clipped = String::new();
    let mut used = 0;
    for c in text.chars().map(|c| if c == '\t' { ' ' } else { c }) {
        let Some(width) = c.width() else { continue };
        if used + width > columns {
            break;
        }
        used += width;
        clipped.push(c);
    }
    clipped
}
