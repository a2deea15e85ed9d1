//! A folder as a tar: what git checked out.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::entry::TIME;

/// Writes a folder as a tar: sorted, owned by root, with no times that differ between checkouts.
pub fn of_folder(folder: &Path, target: &Path) -> io::Result<()> {
    let mut builder = tar::Builder::new(BufWriter::new(File::create(target)?));
    add_folder(&mut builder, folder, Path::new(""))?;
    builder.into_inner()?.into_inner().map_err(|error| error.into_error())?;
    Ok(())
}

fn add_folder<W: Write>(builder: &mut tar::Builder<W>, folder: &Path, prefix: &Path) -> io::Result<()> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
    names.sort();
    for name in names {
        let full = folder.join(&name);
        let path = prefix.join(&name);
        let metadata = full.symlink_metadata()?;
        let mut header = tar::Header::new_gnu();
        header.set_mtime(TIME as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        if metadata.is_dir() {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            builder.append_data(&mut header, path.join(""), io::empty())?;
            add_folder(builder, &full, &path)?;
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
