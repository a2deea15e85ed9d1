//! One attempt at a download, on a thread that may block: from the server into the partial file, hashed on the way.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use sha2::{Digest, Sha256, Sha512};
use ureq::Body;
use ureq::http::Response;

use super::partial::{About, Partial, Start};
use super::request::{Request, header};
use super::retry::Failure;
use crate::diagnostic::Diagnostic;
use crate::digest;

/// So much makes an attempt more than a failure.
const ADVANCE: u64 = 1 << 20;

/// What the blocking half and the waiting half know of each other.
#[derive(Default)]
pub struct Shared {
    /// Of the whole file.
    pub bytes: AtomicU64,
    /// 0: unknown.
    pub total: AtomicU64,
    /// Only the end of the connection tells the end of the file.
    pub is_endless: AtomicBool,
    target: Mutex<Target>,
}

/// Whoever writes holds it; so what was abandoned never writes again, however long its thread still blocks.
#[derive(Default)]
enum Target {
    #[default]
    None,
    File(File),
    Abandoned,
}

impl Shared {
    fn target(&self) -> MutexGuard<'_, Target> {
        self.target.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn abandon(&self) {
        *self.target() = Target::Abandoned;
    }

    fn open(&self, open: impl FnOnce() -> io::Result<File>) -> Result<(), Failure> {
        let mut target = self.target();
        if let Target::Abandoned = *target {
            return Err(Failure::Cancelled);
        }
        *target = Target::File(open().map_err(local)?);
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        match &mut *self.target() {
            Target::File(file) => file.write_all(bytes).map_err(local),
            Target::None | Target::Abandoned => Err(Failure::Cancelled),
        }
    }

    fn close(&self) -> Result<(), Failure> {
        match std::mem::take(&mut *self.target()) {
            Target::File(_) => Ok(()),
            Target::None | Target::Abandoned => Err(Failure::Cancelled),
        }
    }
}

fn local(error: io::Error) -> Failure {
    Failure::Final(Diagnostic::error(format!("the artifact store cannot be written: {error}")))
}

/// What the file must be.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    pub sha256: Option<String>,
    pub sha512: Option<String>,
    pub limit: u64,
}

impl Expected {
    pub fn has_checksum(&self) -> bool {
        self.sha256.is_some() || self.sha512.is_some()
    }
}

/// Both digests of what was written so far.
struct Hasher {
    sha256: Sha256,
    sha512: Option<Sha512>,
}

impl Hasher {
    fn new(expected: &Expected) -> Hasher {
        Hasher { sha256: Sha256::new(), sha512: expected.sha512.as_ref().map(|_| Sha512::new()) }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
    }
}

pub struct Transfer<'a> {
    pub request: Request<'a>,
    pub expected: &'a Expected,
    pub partial: &'a Partial,
    pub shared: &'a Shared,
    /// How far the attempts before this one came.
    pub furthest: &'a AtomicU64,
}

impl Transfer<'_> {
    /// Returns the file's SHA-256 and its length.
    pub fn run(&self) -> Result<(String, u64), Failure> {
        let start = self.partial.start(self.expected.has_checksum());
        let response = self.request.send(start.as_ref())?;
        let status = response.status().as_u16();
        let (mut hasher, offset) = match start.filter(|start| goes_on(&response, start)) {
            Some(start) => (self.go_on(&start)?, start.offset),
            None if matches!(status, 206 | 416) => {
                // The next attempt asks for everything.
                self.partial.remove();
                return Err(Failure::passing("the server has another part of the file than was asked for"));
            }
            None => (self.begin(&response)?, 0),
        };
        let bytes = self.receive(response, offset, &mut hasher)?;
        self.shared.close()?;
        self.examine(hasher, bytes, offset > 0)
    }

    fn begin(&self, response: &Response<Body>) -> Result<Hasher, Failure> {
        let length = length(response);
        self.within_limit(length.unwrap_or(0))?;
        let about = About { validator: validator(response), checked: self.expected.has_checksum(), length };
        self.shared.open(|| self.partial.begin(&about))?;
        self.shared.bytes.store(0, Ordering::Relaxed);
        Ok(Hasher::new(self.expected))
    }

    /// The digests cover what an earlier attempt brought.
    fn go_on(&self, start: &Start) -> Result<Hasher, Failure> {
        let mut hasher = Hasher::new(self.expected);
        let mut file = File::open(&self.partial.file).map_err(local)?.take(start.offset);
        let mut buffer = vec![0; 128 * 1024];
        loop {
            match file.read(&mut buffer).map_err(local)? {
                0 => break,
                read => hasher.update(&buffer[..read]),
            }
        }
        self.shared.open(|| self.partial.go_on(start.offset))?;
        self.shared.bytes.store(start.offset, Ordering::Relaxed);
        Ok(hasher)
    }

    fn receive(&self, response: Response<Body>, offset: u64, hasher: &mut Hasher) -> Result<u64, Failure> {
        let total = length(&response).map(|length| offset.saturating_add(length));
        self.within_limit(total.unwrap_or(0))?;
        self.shared.total.store(total.unwrap_or(0), Ordering::Relaxed);
        let is_chunked = header(response.headers(), "transfer-encoding").is_some();
        self.shared.is_endless.store(total.is_none() && !is_chunked, Ordering::Relaxed);
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 128 * 1024];
        let mut bytes = offset;
        // One that begins anew every time gets nowhere, however much it sends.
        let cut = |bytes: u64, why: String| Failure::Passing {
            because: format!("cut off after {bytes} {why}"),
            after: None,
            advanced: bytes >= self.furthest.fetch_max(bytes, Ordering::Relaxed) + ADVANCE,
        };
        loop {
            let read = body.read(&mut buffer).map_err(|error| cut(bytes, format!("bytes: {error}")))?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            self.within_limit(bytes)?;
            hasher.update(&buffer[..read]);
            self.shared.write(&buffer[..read])?;
            self.shared.bytes.store(bytes, Ordering::Relaxed);
        }
        match total.filter(|total| *total != bytes) {
            Some(total) => Err(cut(bytes, format!("of {total} bytes"))),
            None => Ok(bytes),
        }
    }

    fn within_limit(&self, bytes: u64) -> Result<(), Failure> {
        if bytes <= self.expected.limit {
            return Ok(());
        }
        self.partial.remove();
        let why = format!("it is larger than {}", shown_size(self.expected.limit));
        let hint = "a larger one is allowed by `limit` of `download`, or of `[downloads]` in `f3s.toml`";
        Err(Failure::Final(self.request.error(why).hint(hint)))
    }

    fn examine(&self, hasher: Hasher, bytes: u64, is_resumed: bool) -> Result<(String, u64), Failure> {
        let sha256 = digest::hex(hasher.sha256.finalize());
        let sha512 = hasher.sha512.map(|hasher| digest::hex(hasher.finalize()));
        let expected = self.expected;
        let wrong = [("sha256", &expected.sha256, Some(&sha256)), ("sha512", &expected.sha512, sha512.as_ref())];
        let wrong = wrong.into_iter().find(|(_, expected, found)| expected.is_some() && expected.as_ref() != *found);
        let Some((kind, Some(wanted), Some(found))) = wrong else { return Ok((sha256, bytes)) };
        self.partial.remove();
        if is_resumed {
            // Its first part may be of another file: all of it is asked for once more.
            return Err(Failure::passing("the parts of the file do not fit together"));
        }
        let error = Diagnostic::error(format!("the checksum of `{}` is wrong", self.request.shown));
        let error = error.note(format!("expected {kind} {wanted}\n     got {kind} {found}"));
        Err(Failure::Final(error.hint(
            "if the file was meant to change, write the new checksum into the recipe, or into `[checksums]` of `f3s.toml`",
        )))
    }
}

/// True when the answer is the rest of the file that was begun.
fn goes_on(response: &Response<Body>, start: &Start) -> bool {
    let range = header(response.headers(), "content-range").unwrap_or_default();
    let range = range.strip_prefix("bytes ").unwrap_or_default();
    let begins = range.split('-').next().and_then(|first| first.parse().ok()) == Some(start.offset);
    let total: Option<u64> = range.rsplit('/').next().and_then(|total| total.parse().ok());
    let fits = total.is_none() || start.about.length.is_none() || total == start.about.length;
    response.status().as_u16() == 206 && begins && fits
}

fn length(response: &Response<Body>) -> Option<u64> {
    header(response.headers(), "content-length")?.parse().ok()
}

/// What says whether the file is still the same; a weak `ETag` says so of its meaning only.
fn validator(response: &Response<Body>) -> Option<String> {
    let strong = header(response.headers(), "etag").filter(|tag| !tag.starts_with("W/"));
    strong.or_else(|| header(response.headers(), "last-modified")).map(str::to_owned)
}

pub fn shown_size(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= 1 << 30 && bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        bytes if bytes >= 1_000_000 => format!("{} MB", bytes / 1_000_000),
        bytes => format!("{bytes} bytes"),
    }
}
