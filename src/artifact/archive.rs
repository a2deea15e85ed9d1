//! Reading archives of any known format as a sequence of entries, and writing a folder as a tar.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::diagnostic::Diagnostic;

/// Time of entries whose own time is not worth keeping: 1980-01-01.
const TIME: u64 = 315_532_800;

pub enum Kind {
    File {
        size: u64,
    },
    Folder,
    Symlink {
        target: String,
    },
    /// Another name for an entry of the archive, by its path there.
    HardLink {
        target: String,
    },
    /// A device or pipe, as root file systems have them.
    Special {
        kind: tar::EntryType,
        major: u32,
        minor: u32,
    },
}

pub struct Entry<'a> {
    /// As it stands in the archive.
    pub path: String,
    pub kind: Kind,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub time: u64,
    /// `SCHILY.xattr.` records: extended attributes such as file capabilities.
    pub attributes: Vec<(String, Vec<u8>)>,
    pub content: &'a mut dyn Read,
}

pub type Visit<'v> = &'v mut dyn FnMut(Entry<'_>) -> Result<(), Diagnostic>;

/// Calls `visit` for every entry of an archive, in its order. `name` is for messages.
pub fn read(file: &Path, name: &str, visit: Visit) -> Result<(), Diagnostic> {
    let broken = |error: io::Error| Diagnostic::error(format!("`{name}` cannot be unpacked: {error}"));
    let mut start = [0; 512];
    let mut opened = File::open(file).map_err(broken)?;
    let known = fill(&mut opened, &mut start).map_err(broken)?;
    opened.seek(SeekFrom::Start(0)).map_err(broken)?;
    let start = &start[..known];
    let buffered = BufReader::with_capacity(256 * 1024, opened);
    let tar: Box<dyn Read> = match start {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(buffered)),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::read::MultiBzDecoder::new(buffered)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Box::new(liblzma::read::XzDecoder::new_multi_decoder(buffered)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::stream::read::Decoder::with_buffer(buffered).map_err(broken)?),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => return read_zip(buffered, name, visit),
        start if start.get(257..262) == Some(b"ustar") => Box::new(buffered),
        _ => {
            let error = Diagnostic::error(format!("`{name}` is no archive"));
            return Err(
                error.hint("f3s unpacks tar (also gzip, bzip2, xz, zstd) and zip; `place` takes the file as it is")
            );
        }
    };
    read_tar(tar, name, visit)
}

fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

fn read_tar(reader: impl Read, name: &str, visit: Visit) -> Result<(), Diagnostic> {
    let broken = |error: io::Error| Diagnostic::error(format!("`{name}` cannot be unpacked: {error}"));
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let attributes = match entry.pax_extensions().map_err(broken)? {
            Some(records) => records
                .filter_map(Result::ok)
                .filter_map(|record| Some((record.key().ok()?.to_owned(), record.value_bytes().to_vec())))
                .filter(|(key, _)| key.starts_with("SCHILY.xattr."))
                .collect(),
            None => Vec::new(),
        };
        let header = entry.header().clone();
        let link = entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default();
        let special = |kind| {
            let number = |device: io::Result<Option<u32>>| device.ok().flatten().unwrap_or(0);
            Kind::Special { kind, major: number(header.device_major()), minor: number(header.device_minor()) }
        };
        let kind = match header.entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
                Kind::File { size: entry.size() }
            }
            tar::EntryType::Directory => Kind::Folder,
            tar::EntryType::Symlink => Kind::Symlink { target: link },
            tar::EntryType::Link => Kind::HardLink { target: link },
            kind @ (tar::EntryType::Char | tar::EntryType::Block | tar::EntryType::Fifo) => special(kind),
            // Headers about the archive itself.
            _ => continue,
        };
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        visit(Entry {
            path,
            kind,
            mode: header.mode().map_err(broken)? & 0o7777,
            uid: header.uid().map_err(broken)?,
            gid: header.gid().map_err(broken)?,
            time: header.mtime().map_err(broken)?,
            attributes,
            content: &mut entry,
        })?;
    }
    Ok(())
}

fn read_zip(reader: impl Read + Seek, name: &str, visit: Visit) -> Result<(), Diagnostic> {
    let broken = |error: zip::result::ZipError| Diagnostic::error(format!("`{name}` cannot be unpacked: {error}"));
    let mut archive = zip::ZipArchive::new(reader).map_err(broken)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(broken)?;
        let path = entry.name().map_err(broken)?.into_owned();
        let mode = entry.unix_mode();
        let kind = if entry.is_dir() {
            Kind::Folder
        } else if entry.is_symlink() {
            let mut target = String::new();
            entry.read_to_string(&mut target).map_err(|error| broken(error.into()))?;
            Kind::Symlink { target }
        } else {
            Kind::File { size: entry.size() }
        };
        let default = if matches!(kind, Kind::Folder) { 0o755 } else { 0o644 };
        // Archives of other systems have no permission bits.
        let mode = mode.map(|mode| mode & 0o7777).filter(|mode| *mode != 0).unwrap_or(default);
        let content: &mut dyn Read = &mut entry;
        visit(Entry { path, kind, mode, uid: 0, gid: 0, time: TIME, attributes: Vec::new(), content })?;
    }
    Ok(())
}

/// Writes a folder as a tar: sorted, owned by root, with no times that differ between checkouts.
pub fn of_folder(folder: &Path, target: &Path) -> io::Result<()> {
    let mut builder = tar::Builder::new(io::BufWriter::new(File::create(target)?));
    add_folder(&mut builder, folder, "")?;
    builder.into_inner()?.into_inner().map_err(|error| error.into_error())?;
    Ok(())
}

fn add_folder<W: io::Write>(builder: &mut tar::Builder<W>, folder: &Path, prefix: &str) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut names: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
    names.sort();
    for name in names {
        let full = folder.join(&name);
        let path = format!("{prefix}{}", name.to_string_lossy());
        let metadata = full.symlink_metadata()?;
        let mut header = tar::Header::new_gnu();
        header.set_mtime(TIME);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        if metadata.is_dir() {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            builder.append_data(&mut header, format!("{path}/"), io::empty())?;
            add_folder(builder, &full, &format!("{path}/"))?;
        } else if metadata.is_symlink() {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            builder.append_link(&mut header, &path, std::fs::read_link(&full)?)?;
        } else {
            // git keeps no other bits.
            header.set_mode(if metadata.permissions().mode() & 0o100 != 0 { 0o755 } else { 0o644 });
            header.set_size(metadata.len());
            builder.append_data(&mut header, &path, File::open(&full)?)?;
        }
    }
    Ok(())
}
