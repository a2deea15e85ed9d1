//! Reading archives of any known format as a sequence of entries, and writing a folder as a tar.
//!
//! What `tar -xp` and `unzip -K` would make of an archive is what its entries say; what cannot be had so is an error that
//! names the entry.

mod entry;
mod folder;
mod gzip;
mod limits;
mod sparse;
mod tarball;
#[cfg(test)]
mod tests;
mod writer;
mod zipped;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

pub use entry::{Entry, Kind, Time, Visit, shown};
pub use folder::of_folder;
pub use limits::Limits;
pub use writer::Writer;

use crate::diagnostic::Diagnostic;
use entry::fill;
use limits::{Gauge, Metered};

/// Calls `visit` for every entry of an archive, in its order. `name` is for messages; without `limits` those that follow
/// from its size hold.
///
/// Errors: no known format; a checksum or a header that is wrong; an end in the middle; more than the limits allow.
pub fn read(file: &Path, name: &str, limits: Option<Limits>, visit: Visit) -> Result<(), Diagnostic> {
    read_measured(file, name, &gauge(file, limits), visit)
}

/// False for an archive that is broken or does not end as archives do; one that is too large is not read to its end.
pub fn is_whole(file: &Path, name: &str) -> bool {
    let gauge = gauge(file, None);
    let read_to_end = |entry: Entry| {
        io::copy(entry.content, &mut io::sink()).map(drop).map_err(|error| Diagnostic::error(error.to_string()))
    };
    read_measured(file, name, &gauge, &mut { read_to_end }).is_ok() || gauge.has_refused()
}

fn gauge(file: &Path, limits: Option<Limits>) -> Gauge {
    let packed_size = || file.metadata().map_or(0, |metadata| metadata.len());
    Gauge::new(limits.unwrap_or_else(|| Limits::of_packed(packed_size())))
}

fn read_measured(file: &Path, name: &str, gauge: &Gauge, visit: Visit) -> Result<(), Diagnostic> {
    let broken = |error: io::Error| Diagnostic::error(format!("`{name}` cannot be unpacked: {error}"));
    let mut start = [0; 512];
    let mut opened = File::open(file).map_err(broken)?;
    let known = fill(&mut opened, &mut start).map_err(broken)?;
    opened.seek(SeekFrom::Start(0)).map_err(broken)?;
    let start = &start[..known];
    let buffered = BufReader::with_capacity(256 * 1024, opened);
    let tar: Box<dyn Read> = match start {
        [0x1f, 0x8b, ..] => Box::new(gzip::Gzip::new(buffered)),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::read::MultiBzDecoder::new(buffered)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Box::new(liblzma::read::XzDecoder::new_multi_decoder(buffered)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::stream::read::Decoder::with_buffer(buffered).map_err(broken)?),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => return zipped::read(buffered, name, gauge, visit),
        start if tarball::begins(start) => Box::new(buffered),
        _ => {
            let error = Diagnostic::error(format!("`{name}` is no archive"));
            return Err(
                error.hint("f3s unpacks tar (also gzip, bzip2, xz, zstd) and zip; `place` takes the file as it is")
            );
        }
    };
    tarball::read(Metered::new(tar, gauge.clone()), name, gauge, visit)
}
