//! The build context as the classic builder takes it: a tar, written while it is sent. A file that is not any more what the
//! plan saw ends it: its content would be kept under the fingerprint of another.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use hyper::body::{Bytes, Frame};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::buildkit::{Content, Entry, Files, changed};

/// Bytes that are sent at once; so many pieces wait at most.
const PIECE: usize = 128 << 10;
const PIECES: usize = 8;

type Piece = io::Result<Frame<Bytes>>;

/// The pieces of the tar, and its writer, which says what went wrong with a file.
pub fn stream(files: Files) -> (mpsc::Receiver<Piece>, JoinHandle<io::Result<()>>) {
    let (sender, receiver) = mpsc::channel(PIECES);
    let writer = tokio::task::spawn_blocking(move || {
        let mut tar = tar::Builder::new(Pipe { sender, piece: Vec::with_capacity(PIECE), is_broken: false });
        let result = write(&mut tar, &files);
        let pipe = tar.get_mut();
        if let Err(error) = &result {
            // No end of the archive may follow: half of it would be taken for the whole.
            pipe.is_broken = true;
            let _ = pipe.sender.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
            return result;
        }
        tar.into_inner()?.flush()
    });
    (receiver, writer)
}

fn write(tar: &mut tar::Builder<Pipe>, files: &Files) -> io::Result<()> {
    let (entries, time) = files.entries();
    for (path, entry) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mtime(time.max(0) as u64);
        header.set_size(0);
        match entry {
            Entry::File { content, size, mode, stamp: _ } => {
                header.set_mode(*mode);
                header.set_size(*size);
                match content {
                    Content::Text(text) => tar.append_data(&mut header, path, &text[..])?,
                    Content::Path { path: file, digest } => {
                        let mut content = Verified::open(file, *size)?;
                        tar.append_data(&mut header, path, &mut content)?;
                        content.finish(file, digest.as_deref())?;
                    }
                }
            }
            Entry::Folder { mode } => {
                header.set_mode(*mode);
                header.set_entry_type(tar::EntryType::Directory);
                tar.append_data(&mut header, path, io::empty())?;
            }
            Entry::Link { target } => {
                header.set_mode(0o777);
                header.set_entry_type(tar::EntryType::Symlink);
                tar.append_link(&mut header, path, target)?;
            }
        }
    }
    Ok(())
}

/// A file of which exactly as many bytes are read as the tar says that it has.
struct Verified {
    file: BufReader<File>,
    left: u64,
    hasher: Sha256,
}

impl Verified {
    fn open(path: &Path, size: u64) -> io::Result<Verified> {
        let file = crate::file::open(path)
            .map_err(|error| io::Error::new(error.kind(), format!("`{}` cannot be read: {error}", path.display())))?;
        Ok(Verified { file: BufReader::with_capacity(PIECE, file), left: size, hasher: Sha256::new() })
    }

    fn finish(mut self, path: &Path, digest: Option<&str>) -> io::Result<()> {
        let is_whole = self.left == 0 && self.file.fill_buf()?.is_empty();
        let found = crate::digest::hex(self.hasher.finalize());
        if is_whole && digest.is_none_or(|digest| digest == found) {
            return Ok(());
        }
        Err(io::Error::other(changed(path)))
    }
}

impl Read for Verified {
    /// Zeros take the place of what is missing, so that the tar stays one until `finish` says what is wrong.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.file.read(&mut buffer[..wanted])?;
        self.hasher.update(&buffer[..read]);
        if read == 0 {
            // Of a file that is read on, every byte counts.
            self.hasher.update(b"missing");
            buffer[..wanted].fill(0);
            self.left -= wanted as u64;
            return Ok(wanted);
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// Where the tar goes.
struct Pipe {
    sender: mpsc::Sender<Piece>,
    piece: Vec<u8>,
    is_broken: bool,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE)));
        if self.is_broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if piece.is_empty() {
            return Ok(());
        }
        // The other side is gone: it knows why.
        self.sender.blocking_send(Ok(Frame::data(piece))).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(files: Files) -> (Vec<u8>, bool, io::Result<()>) {
        let (mut pieces, writer) = stream(files);
        let (mut bytes, mut is_cut) = (Vec::new(), false);
        while let Some(piece) = pieces.recv().await {
            match piece {
                Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap()),
                Err(_) => is_cut = true,
            }
        }
        (bytes, is_cut, writer.await.unwrap())
    }

    fn file(path: &Path, size: u64, planned: &str) -> Files {
        let mut files = Files::new(1_000_000_000);
        let digest = Some(crate::digest::of(planned));
        files.file("folder/a", Content::Path { path: path.to_owned(), digest }, size, 0o755, "a");
        files.link("folder/l", "a");
        files.text("z", "text", 0o644);
        files
    }

    #[tokio::test]
    async fn what_arrives_is_what_the_plan_saw_with_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let content = "0123456789abcdef".repeat(50_000);
        std::fs::write(&path, &content).unwrap();
        let (bytes, is_cut, result) = sent(file(&path, content.len() as u64, &content)).await;
        assert!(!is_cut && result.is_ok());
        assert!(bytes.ends_with(&[0; 1024]), "the end of an archive");
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            (entry.path().unwrap().display().to_string(), header.mode().unwrap(), header.mtime().unwrap(), entry.size())
        });
        let expected =
            [("folder", 0o755, 0), ("folder/a", 0o755, content.len() as u64), ("folder/l", 0o777, 0), ("z", 0o644, 4)];
        let expected = expected.map(|(path, mode, size)| (path.to_owned(), mode, 1_000_000_000, size));
        assert_eq!(entries.collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn a_file_that_changed_ends_the_archive_before_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for found in ["other", "plan", "planned and more", ""] {
            std::fs::write(&path, found).unwrap();
            let (bytes, is_cut, result) = sent(file(&path, 7, "planned")).await;
            let error = result.unwrap_err().to_string();
            assert!(error.contains("changed while it was built"), "{error}");
            assert!(is_cut && !bytes.ends_with(&[0; 1024]), "{found}");
        }
        std::fs::remove_file(&path).unwrap();
        let (_, is_cut, result) = sent(file(&path, 7, "planned")).await;
        assert!(is_cut && result.unwrap_err().to_string().contains("cannot be read"));
    }
}
