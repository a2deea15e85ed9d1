//! The state as lines that fit the terminal: never wider, never more than it has room for.

use std::time::Instant;

use unicode_width::UnicodeWidthChar;

use super::state::{Image, State, Transfer, TransferKind};
use crate::diagnostic::Place;
use crate::report::{bytes, seconds};

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
/// A step that is cut shorter than this says nothing.
const SHORTEST_STEP: usize = 16;
/// Columns of a bar.
const BAR: usize = 20;

/// The view's lines. Their visible width is below the terminal's.
pub fn lines(state: &State, terminal: Terminal, now: Instant) -> Vec<String> {
    let width = terminal.columns.saturating_sub(1).max(10);
    let room = terminal.rows.saturating_sub(FREE_ROWS).max(3);
    let mut all: Vec<String> =
        state.transfers.iter().map(|(name, transfer)| transfer_line(name, transfer, terminal, now)).collect();
    let names = state.images.keys().map(|name| visible(name)).max().unwrap_or(0).min(width / 3);
    all.extend(state.images.iter().map(|(name, image)| image_line(name, image, names, width, now)));
    let footer = format!("{} of {} done, {} running", state.done, state.total, state.images.len());
    let hidden = (all.len() + 1).saturating_sub(room);
    if hidden > 0 {
        all.truncate(room - 2);
        all.push(format!("... and {} more", hidden + 1));
    }
    let free = room.saturating_sub(all.len() + 1);
    let output = output(state, free);
    let dim = |line: String| if terminal.colour { format!("\x1b[2m{line}\x1b[0m") } else { line };
    let cut = |line: &String| clipped(line, width);
    let mut lines: Vec<String> = all.iter().map(cut).collect();
    lines.extend(output.iter().map(|line| dim(clipped(&format!("  | {line}"), width))));
    lines.push(dim(clipped(&footer, width)));
    lines
}

/// The last output of the step that runs longest.
fn output(state: &State, room: usize) -> Vec<String> {
    let speaking = state.images.values().filter(|image| !image.last_lines.is_empty());
    let Some(longest) = speaking.min_by_key(|image| image.step_since) else { return Vec::new() };
    let skip = longest.last_lines.len().saturating_sub(room);
    longest.last_lines.iter().skip(skip).cloned().collect()
}

fn image_line(name: &str, image: &Image, names: usize, width: usize, now: Instant) -> String {
    let name = clipped(name, names);
    let pad = " ".repeat(names.saturating_sub(visible(&name)));
    let time = seconds(now.duration_since(image.since).as_secs_f64());
    // The time stands at the right, whatever the step's length.
    let room = width.saturating_sub(names + visible(&time) + 6);
    let step = image.step.as_ref().map(|(step, place)| step_and_place(step, place, room)).unwrap_or_default();
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
