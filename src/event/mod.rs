//! What happens while a plan is executed: said by the engine and by downloads, heard by reports.

mod harmless;

use serde::Serialize;

use crate::diagnostic::{Diagnostic, Place};

/// Sends events to whoever reports them. Cloned freely; a closed receiver is no error.
pub type Events = tokio::sync::mpsc::UnboundedSender<Event>;

/// `image` is the image's name in plans and logs (`jmeter-base`, `app[jdk=11]`).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Once, first: what will happen.
    Started {
        images: usize,
        to_build: usize,
    },
    /// Not `builds`: the image is there; its checks run, its tags move.
    ImageStarted {
        image: String,
        reason: String,
        builds: bool,
    },
    /// A layer begins. `cached` layers have no end of their own.
    StepStarted {
        image: String,
        step: String,
        place: Place,
        cached: bool,
    },
    /// A line of output, without secrets.
    StepOutput {
        image: String,
        line: String,
    },
    /// The line of output that lacks its end, as it stands: the next one, or the whole line, takes its place.
    StepProgress {
        image: String,
        line: String,
    },
    StepFinished {
        image: String,
        step: String,
        seconds: f64,
    },
    CheckStarted {
        image: String,
        check: String,
        place: Place,
    },
    CheckPassed {
        image: String,
        check: String,
        seconds: f64,
    },
    /// Built and checked; `size` in bytes of the whole image, `cached` when the engine ran no step.
    ImageBuilt {
        image: String,
        reference: String,
        size: u64,
        seconds: f64,
        cached: bool,
    },
    /// Nothing was built: the final tags moved to an image that the engine had.
    ImageTagged {
        image: String,
        references: Vec<String>,
    },
    ImageUpToDate {
        image: String,
    },
    ImageFailed {
        image: String,
        diagnostic: Box<Diagnostic>,
    },
    /// Not tried, because an image that it rests on failed or the run was ended.
    ImageSkipped {
        image: String,
        because: String,
    },
    /// It was in the making, and is wanted no more.
    ImageCancelled {
        image: String,
    },
    /// `total` in bytes, when the server says so.
    DownloadStarted {
        url: String,
        total: Option<u64>,
    },
    DownloadProgress {
        url: String,
        bytes: u64,
        total: Option<u64>,
    },
    DownloadRetried {
        url: String,
        attempt: u32,
        because: String,
    },
    DownloadFinished {
        url: String,
        bytes: u64,
        seconds: f64,
    },
    PullStarted {
        reference: String,
    },
    PullRetried {
        reference: String,
        attempt: u32,
        because: String,
    },
    PullFinished {
        reference: String,
        seconds: f64,
    },
    /// The images that rest on it say why.
    PullFailed {
        reference: String,
    },
    PushStarted {
        image: String,
        reference: String,
    },
    PushProgress {
        image: String,
        reference: String,
        bytes: u64,
        total: u64,
    },
    PushRetried {
        image: String,
        reference: String,
        attempt: u32,
        because: String,
    },
    Pushed {
        image: String,
        reference: String,
        digest: String,
        seconds: f64,
    },
    PushUpToDate {
        image: String,
        reference: String,
    },
    /// Once for all images that say `push()`.
    PushSkipped {
        images: Vec<String>,
        because: String,
    },
    PushFailed {
        image: String,
        reference: String,
        diagnostic: Box<Diagnostic>,
    },
    /// Something the user should know that belongs to no image.
    Note {
        message: String,
    },
    /// f3s is about to be put to sleep.
    Paused,
    /// What made watch mode look again: `scripts/a.rhai changed`.
    Changed {
        what: String,
        /// The screen is to be cleared first.
        #[serde(skip)]
        clear: bool,
    },
    /// Nothing could be executed: scripts are wrong, or nobody answers.
    Mistaken {
        diagnostics: Vec<Diagnostic>,
    },
    /// What scripts say that is probably not meant so; the run goes on.
    Warned {
        diagnostics: Vec<Diagnostic>,
    },
    /// A line that the command of `f3s watch --exec` wrote.
    CommandOutput {
        line: String,
    },
    /// A change ended the round before it was done; what it still needs goes on in the next one.
    Superseded,
    Finished(Summary),
}

impl Event {
    /// The image that it is about.
    pub fn image(&self) -> Option<&str> {
        match self {
            Event::ImageStarted { image, .. }
            | Event::StepStarted { image, .. }
            | Event::StepOutput { image, .. }
            | Event::StepProgress { image, .. }
            | Event::StepFinished { image, .. }
            | Event::CheckStarted { image, .. }
            | Event::CheckPassed { image, .. }
            | Event::ImageBuilt { image, .. }
            | Event::ImageTagged { image, .. }
            | Event::ImageUpToDate { image }
            | Event::ImageFailed { image, .. }
            | Event::ImageSkipped { image, .. }
            | Event::ImageCancelled { image }
            | Event::PushStarted { image, .. }
            | Event::PushProgress { image, .. }
            | Event::PushRetried { image, .. }
            | Event::Pushed { image, .. }
            | Event::PushUpToDate { image, .. }
            | Event::PushFailed { image, .. } => Some(image),
            Event::Started { .. }
            | Event::DownloadStarted { .. }
            | Event::DownloadProgress { .. }
            | Event::DownloadRetried { .. }
            | Event::DownloadFinished { .. }
            | Event::PullStarted { .. }
            | Event::PullRetried { .. }
            | Event::PullFinished { .. }
            | Event::PullFailed { .. }
            | Event::Note { .. }
            | Event::PushSkipped { .. }
            | Event::Paused
            | Event::Changed { .. }
            | Event::Mistaken { .. }
            | Event::Warned { .. }
            | Event::CommandOutput { .. }
            | Event::Superseded
            | Event::Finished(_) => None,
        }
    }

    /// True for the last word about an image's build, or about one of its pushes.
    pub fn ends_image(&self) -> bool {
        matches!(
            self,
            Event::ImageBuilt { .. }
                | Event::ImageTagged { .. }
                | Event::ImageUpToDate { .. }
                | Event::ImageFailed { .. }
                | Event::ImageSkipped { .. }
                | Event::Pushed { .. }
                | Event::PushUpToDate { .. }
                | Event::PushFailed { .. }
        )
    }
}

/// The last line of a run: `built 4, up to date 6, pushed 4 in 12.3 s`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    pub built: usize,
    pub tagged: usize,
    pub up_to_date: usize,
    pub pushed: usize,
    pub failed: usize,
    pub skipped: usize,
    pub interrupted: bool,
    pub seconds: f64,
}
