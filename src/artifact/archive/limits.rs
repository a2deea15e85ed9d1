//! What an archive may become: a few packed kilobytes can mean petabytes.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use crate::diagnostic::Diagnostic;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// Bytes of names and records that stand in front of one entry: more is no archive that anybody made to be unpacked.
const MAX_HEADERS: u64 = MIB;

/// How far an archive is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all its files, unpacked.
    pub bytes: u64,
    pub entries: u64,
    set_by: SetBy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SetBy {
    Default,
    PackedSize,
    Recipe,
}

impl Limits {
    /// 10 GiB, a hundred times its packed size (small ones may become 64 MiB), a million entries.
    pub fn of_packed(size: u64) -> Limits {
        let unpacked = size.saturating_mul(100).max(64 * MIB);
        let set_by = if unpacked < 10 * GIB { SetBy::PackedSize } else { SetBy::Default };
        Limits { bytes: unpacked.min(10 * GIB), entries: 1_000_000, set_by }
    }

    /// What the recipe says.
    pub fn of_bytes(bytes: u64) -> Limits {
        Limits { bytes, entries: u64::MAX, set_by: SetBy::Recipe }
    }
}

/// Counts what is read of an archive, for its reader and for what it is read through.
#[derive(Clone)]
pub struct Gauge(Rc<Counts>);

struct Counts {
    limits: Limits,
    /// Bytes that came out of the decompressor.
    read: Cell<u64>,
    /// Where headers must have ended, while they are read.
    headers_until: Cell<u64>,
    entries: Cell<u64>,
    content: Cell<u64>,
    /// Why reading was ended.
    refused: Cell<Option<Refused>>,
}

#[derive(Clone, Copy)]
enum Refused {
    Headers,
    Bytes,
    Entries,
}

impl Gauge {
    pub fn new(limits: Limits) -> Gauge {
        let zero = || Cell::new(0);
        let (headers_until, refused) = (Cell::new(u64::MAX), Cell::new(None));
        Gauge(Rc::new(Counts { limits, read: zero(), headers_until, entries: zero(), content: zero(), refused }))
    }

    /// Reads the headers of one entry, which end soon.
    pub fn headers<T>(&self, read: impl FnOnce() -> T) -> T {
        self.0.headers_until.set(self.0.read.get() + MAX_HEADERS);
        let result = read();
        self.0.headers_until.set(u64::MAX);
        result
    }

    /// One more entry, of so many bytes: holes of sparse files count as well.
    pub fn entry(&self, size: u64) -> io::Result<()> {
        let add = |counter: &Cell<u64>, more: u64| {
            counter.set(counter.get().saturating_add(more));
            counter.get()
        };
        if add(&self.0.entries, 1) > self.0.limits.entries {
            return Err(self.refuse(Refused::Entries));
        }
        if add(&self.0.content, size) > self.0.limits.bytes {
            return Err(self.refuse(Refused::Bytes));
        }
        Ok(())
    }

    /// True when reading ended at a limit.
    pub fn has_refused(&self) -> bool {
        self.0.refused.get().is_some()
    }

    fn refuse(&self, why: Refused) -> io::Error {
        self.0.refused.set(Some(why));
        io::Error::other("the archive is too large")
    }

    /// Why reading was ended here, if it was; another error otherwise.
    pub fn explain(&self, name: &str, error: io::Error) -> Diagnostic {
        let Limits { bytes: _, entries, set_by } = self.0.limits;
        let message = match (self.0.refused.get(), set_by) {
            (None, _) => return Diagnostic::error(format!("`{name}` cannot be unpacked: {error}")),
            (Some(Refused::Headers), _) => {
                let message = format!("an entry of `{name}` has names and records of more than 1 MiB");
                return Diagnostic::error(message).hint("do not trust this archive");
            }
            (Some(Refused::Entries), _) => format!("`{name}` has more than {entries} entries"),
            (Some(Refused::Bytes), SetBy::Default) => format!("`{name}` becomes larger than 10 GiB"),
            (Some(Refused::Bytes), SetBy::PackedSize) => {
                format!("`{name}` becomes more than a hundred times as large as it is packed")
            }
            (Some(Refused::Bytes), SetBy::Recipe) => format!("`{name}` becomes larger than its `limit`"),
        };
        Diagnostic::error(message)
            .hint("if that is right, `unpack(.., #{ limit: \"20GB\" })` says how large it may become")
    }
}

/// What comes out of a decompressor, counted.
pub struct Metered<R> {
    inner: R,
    gauge: Gauge,
}

impl<R> Metered<R> {
    pub fn new(inner: R, gauge: Gauge) -> Metered<R> {
        Metered { inner, gauge }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let counts = &self.gauge.0;
        let read = self.inner.read(buffer)?;
        let all = counts.read.get() + read as u64;
        counts.read.set(all);
        if all > counts.headers_until.get() {
            return Err(self.gauge.refuse(Refused::Headers));
        }
        // Headers and padding come on top of the files.
        let headers = counts.entries.get().saturating_add(1).saturating_mul(4 * 512).saturating_add(MAX_HEADERS);
        if all > counts.limits.bytes.saturating_add(headers) {
            return Err(self.gauge.refuse(Refused::Bytes));
        }
        Ok(read)
    }
}
