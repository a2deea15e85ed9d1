//! What runs right now, gathered from events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use crate::diagnostic::Place;
use crate::event::Event;

/// Lines of output that are kept of a running image.
const KEPT_LINES: usize = 4;

#[derive(Default)]
pub struct State {
    /// By name.
    pub images: BTreeMap<String, Image>,
    /// By URL or reference.
    pub transfers: BTreeMap<String, Transfer>,
    pub total: usize,
    /// Images that have come to their end, some of them with several failures.
    pub done: BTreeSet<String>,
}

pub struct Image {
    pub since: Instant,
    /// The current step in the recipe's words, and where it stands.
    pub step: Option<(String, Place)>,
    pub step_since: Instant,
    pub last_lines: VecDeque<String>,
    /// The line of output that lacks its end.
    pub unfinished: Option<String>,
}

pub struct Transfer {
    pub kind: TransferKind,
    pub since: Instant,
    pub bytes: u64,
    pub total: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TransferKind {
    Download,
    Pull,
    Push,
}

impl State {
    pub fn hear(&mut self, event: &Event, now: Instant) {
        match event {
            // What an earlier round left running goes on in this one.
            Event::Started { images, .. } => (self.total, self.done) = (*images, BTreeSet::new()),
            Event::ImageStarted { image, .. } => {
                let new =
                    Image { since: now, step: None, step_since: now, last_lines: VecDeque::new(), unfinished: None };
                self.images.insert(image.clone(), new);
            }
            Event::StepStarted { image, step, place, .. } => self.step(image, step.clone(), place, now),
            Event::CheckStarted { image, check, place } => self.step(image, format!("check `{check}`"), place, now),
            Event::StepOutput { image, line } => {
                if let Some(image) = self.images.get_mut(image) {
                    if image.last_lines.len() == KEPT_LINES {
                        image.last_lines.pop_front();
                    }
                    image.last_lines.push_back(line.clone());
                    image.unfinished = None;
                }
            }
            Event::StepProgress { image, line } => {
                if let Some(image) = self.images.get_mut(image) {
                    image.unfinished = Some(line.clone());
                }
            }
            Event::ImageBuilt { image, .. }
            | Event::ImageTagged { image, .. }
            | Event::ImageUpToDate { image }
            | Event::ImageFailed { image, .. }
            | Event::ImageSkipped { image, .. } => {
                self.images.remove(image);
                self.done.insert(image.clone());
            }
            Event::ImageCancelled { image } => _ = self.images.remove(image),
            Event::DownloadStarted { url, total } => self.begin(TransferKind::Download, url, *total, now),
            Event::DownloadProgress { url, bytes, total } => self.progress(url, *bytes, *total),
            Event::DownloadFinished { url, .. } => _ = self.transfers.remove(url),
            Event::PullStarted { reference } => self.begin(TransferKind::Pull, reference, None, now),
            Event::PullFinished { reference, .. } | Event::PullFailed { reference } => {
                _ = self.transfers.remove(reference)
            }
            Event::PushStarted { reference, .. } => self.begin(TransferKind::Push, reference, None, now),
            Event::PushProgress { reference, bytes, total, .. } => self.progress(reference, *bytes, Some(*total)),
            Event::Pushed { reference, .. } | Event::PushFailed { reference, .. } => {
                _ = self.transfers.remove(reference)
            }
            Event::Finished(_) => {
                self.images.clear();
                self.transfers.clear();
            }
            Event::StepFinished { .. }
            | Event::CheckPassed { .. }
            | Event::DownloadRetried { .. }
            | Event::PullRetried { .. }
            | Event::PushRetried { .. }
            | Event::PushUpToDate { .. }
            | Event::PushSkipped { .. }
            | Event::Note { .. }
            | Event::Paused
            | Event::Changed { .. }
            | Event::Mistaken { .. }
            | Event::Warned { .. }
            | Event::CommandOutput { .. }
            | Event::Superseded => {}
        }
    }

    fn step(&mut self, image: &str, step: String, place: &Place, now: Instant) {
        if let Some(image) = self.images.get_mut(image) {
            image.step = Some((step, place.clone()));
            image.step_since = now;
            image.last_lines.clear();
            image.unfinished = None;
        }
    }

    fn begin(&mut self, kind: TransferKind, name: &str, total: Option<u64>, now: Instant) {
        self.transfers.insert(name.to_owned(), Transfer { kind, since: now, bytes: 0, total });
    }

    fn progress(&mut self, name: &str, bytes: u64, total: Option<u64>) {
        if let Some(transfer) = self.transfers.get_mut(name) {
            transfer.bytes = bytes;
            transfer.total = total.or(transfer.total);
        }
    }
}
