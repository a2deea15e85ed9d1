//! gzip as `gzip -d` reads it: members one behind the other, zeros behind the last one, every checksum compared.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

pub struct Gzip<R> {
    /// `None` only while a member ends and the next one begins.
    member: Option<GzDecoder<R>>,
    ended: bool,
}

impl<R: BufRead> Gzip<R> {
    pub fn new(reader: R) -> Gzip<R> {
        Gzip { member: Some(GzDecoder::new(reader)), ended: false }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            let member = self.member.as_mut().expect("between two calls there is a member");
            let read = member.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            // The member's checksum was right. Tapes and disks are filled up with zeros.
            let mut rest = self.member.take().expect("it was just read").into_inner();
            self.ended = !skip_zeros(&mut rest)?;
            self.member = Some(GzDecoder::new(rest));
        }
        Ok(0)
    }
}

/// False where nothing follows.
fn skip_zeros(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
        let follows = zeros < buffer.len();
        reader.consume(zeros);
        if follows {
            return Ok(true);
        }
    }
}
