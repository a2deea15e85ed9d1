//! Files with holes as GNU tar keeps them in pax headers (GNU tar manual, "Sparse Formats": 0.0, 0.1 and 1.0). Those of its
//! own older format the tar crate reads.

use std::io::{self, Read};

use super::entry::fill;

/// More pieces than any file system makes of a file.
const MAX_PIECES: usize = 1 << 20;
const BLOCK: usize = 512;

/// A sparse file's name and size, and where its data stand.
pub struct Sparse {
    pub name: Option<Vec<u8>>,
    pub size: u64,
    /// Offset and length of each piece; `None`: the content begins with them.
    pieces: Option<Vec<(u64, u64)>>,
}

impl Sparse {
    /// What the pax records of an entry say; `None` where it is no sparse file.
    pub fn of_records(records: &[(String, Vec<u8>)]) -> io::Result<Option<Sparse>> {
        let value = |wanted: &str| records.iter().rfind(|(key, _)| key == wanted).map(|(_, value)| value.as_slice());
        let name = value("GNU.sparse.name").map(<[u8]>::to_vec);
        if value("GNU.sparse.major").is_some_and(|major| major != b"0") {
            let size = number(value("GNU.sparse.realsize").ok_or_else(|| broken("its size is missing"))?)?;
            return Ok(Some(Sparse { name, size, pieces: None }));
        }
        let Some(size) = value("GNU.sparse.size").or_else(|| value("GNU.sparse.realsize")) else { return Ok(None) };
        let numbers: Vec<u64> = match value("GNU.sparse.map") {
            Some([]) => Vec::new(),
            Some(map) => map.split(|byte| *byte == b',').map(number).collect::<io::Result<_>>()?,
            None => {
                let of_pieces =
                    records.iter().filter(|(key, _)| key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes");
                of_pieces.map(|(_, value)| number(value)).collect::<io::Result<_>>()?
            }
        };
        Ok(Some(Sparse { name, size: number(size)?, pieces: Some(pairs(&numbers)?) }))
    }

    /// The content, holes included.
    pub fn content<R: Read>(self, mut inner: R) -> io::Result<Holes<R>> {
        let pieces = match self.pieces {
            Some(pieces) => pieces,
            None => leading_map(&mut inner)?,
        };
        let mut end = 0;
        for (offset, length) in &pieces {
            let behind = offset.checked_add(*length).filter(|behind| *offset >= end && *behind <= self.size);
            end = behind.ok_or_else(|| broken("its pieces overlap, or lie behind its end"))?;
        }
        Ok(Holes { inner, pieces: pieces.into_iter().collect(), at: 0, size: self.size })
    }
}

/// Version 1.0: the number of pieces, then offset and length of each, a line each, filled up to whole blocks.
fn leading_map(reader: &mut impl Read) -> io::Result<Vec<(u64, u64)>> {
    let (mut text, mut numbers): (Vec<u8>, Vec<u64>) = (Vec::new(), Vec::new());
    let mut wanted = None;
    loop {
        let mut block = [0; BLOCK];
        if fill(reader, &mut block)? < BLOCK {
            return Err(broken("it ends within its map"));
        }
        text.extend_from_slice(&block);
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            let number = number(&line[..end])?;
            match wanted {
                None if number as usize > MAX_PIECES => return Err(broken("it has too many pieces")),
                None => wanted = Some(2 * number as usize),
                Some(_) => numbers.push(number),
            }
            if wanted == Some(numbers.len()) {
                return pairs(&numbers);
            }
        }
        if text.len() > BLOCK {
            return Err(broken("its map has no lines"));
        }
    }
}

fn pairs(numbers: &[u64]) -> io::Result<Vec<(u64, u64)>> {
    let (pairs, []) = numbers.as_chunks::<2>() else { return Err(broken("its map is not complete")) };
    Ok(pairs.iter().map(|[offset, length]| (*offset, *length)).collect())
}

fn number(digits: &[u8]) -> io::Result<u64> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok()).ok_or_else(|| broken("its map holds something else than numbers"))
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a sparse file is broken: {why}"))
}

/// A sparse file's content as a program that reads the file would see it.
pub struct Holes<R> {
    inner: R,
    /// Those that are not read to their end.
    pieces: std::collections::VecDeque<(u64, u64)>,
    at: u64,
    size: u64,
}

impl<R: Read> Read for Holes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.pieces.front().is_some_and(|(offset, length)| self.at >= offset + length) {
            self.pieces.pop_front();
        }
        let capped = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX).min(buffer.len());
        let read = match self.pieces.front() {
            Some((offset, length)) if self.at >= *offset => {
                let wanted = capped(offset + length - self.at);
                self.inner.read(&mut buffer[..wanted])?
            }
            piece => {
                let hole = capped(piece.map_or(self.size, |(offset, _)| *offset) - self.at);
                buffer[..hole].fill(0);
                hole
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}
