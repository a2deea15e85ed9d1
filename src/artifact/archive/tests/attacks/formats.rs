//! The same entries in every format: headers by hand, as nobody's tar would write them.

use std::io::Write;

/// An entry as an attacker wants it.
#[derive(Clone, Debug)]
pub struct Item {
    pub name: &'static str,
    pub kind: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    File(&'static str, u32),
    Folder(u32),
    Link(&'static str),
    Hard(&'static str),
    Device,
    Pipe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    V7,
    Ustar,
    Gnu,
    Pax,
    Gz,
    Bz2,
    Xz,
    Zst,
    Zip,
}

pub const ALL: [Format; 9] = {
    use Format::{Bz2, Gnu, Gz, Pax, Ustar, V7, Xz, Zip, Zst};
    [V7, Ustar, Gnu, Pax, Gz, Bz2, Xz, Zst, Zip]
};

impl Format {
    /// False for what the format has no words for.
    pub fn can_say(self, item: &Item) -> bool {
        match item.kind {
            // Line breaks in records of pax are refused: a case of its own.
            What::File(..) | What::Folder(_) | What::Link(_) => self != Format::Pax || !item.name.contains('\n'),
            What::Hard(_) => self != Format::Zip,
            What::Device | What::Pipe => !matches!(self, Format::V7 | Format::Zip),
        }
    }

    pub fn write(self, items: &[Item]) -> Vec<u8> {
        let packed = |pack: &dyn Fn(&[u8]) -> Vec<u8>| pack(&tar(Format::Gnu, items));
        match self {
            Format::V7 | Format::Ustar | Format::Gnu | Format::Pax => tar(self, items),
            Format::Gz => packed(&|tar| {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                gzip.write_all(tar).unwrap();
                gzip.finish().unwrap()
            }),
            Format::Bz2 => packed(&|tar| {
                let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                bzip2.write_all(tar).unwrap();
                bzip2.finish().unwrap()
            }),
            Format::Xz => packed(&|tar| {
                let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
                xz.write_all(tar).unwrap();
                xz.finish().unwrap()
            }),
            Format::Zst => packed(&|tar| zstd::encode_all(tar, 1).unwrap()),
            Format::Zip => zip(items),
        }
    }
}

fn tar(format: Format, items: &[Item]) -> Vec<u8> {
    let mut archive = Vec::new();
    for Item { name, kind } in items {
        let (mode, content, target) = match *kind {
            What::File(content, mode) => (mode, content, ""),
            What::Folder(mode) => (mode, "", ""),
            What::Link(target) | What::Hard(target) => (0o777, "", target),
            What::Device | What::Pipe => (0o644, "", ""),
        };
        let letter = match kind {
            What::File(..) => b'0',
            What::Folder(_) => b'5',
            What::Link(_) => b'2',
            What::Hard(_) => b'1',
            What::Device => b'3',
            What::Pipe => b'6',
        };
        let (mut shown_name, mut shown_target) = (name.as_bytes(), target.as_bytes());
        // In front of a harmless header stands what is meant.
        match format {
            Format::Pax => {
                archive
                    .extend(whole(header(b"pax", b'x', 0o644, pax(name, target).len()), pax(name, target).as_bytes()));
                (shown_name, shown_target) = (b"harmless", if target.is_empty() { &b""[..] } else { b"harmless" });
            }
            Format::Gnu => {
                let mut long = |kind, text: &str| {
                    let text = format!("{text}\0");
                    archive.extend(whole(header(b"././@LongLink", kind, 0o644, text.len()), text.as_bytes()));
                };
                long(b'L', name);
                shown_name = b"harmless";
                if !target.is_empty() {
                    long(b'K', target);
                    shown_target = b"harmless";
                }
            }
            _ => {}
        }
        let mut block = header(shown_name, letter, mode, content.len());
        block[157..157 + shown_target.len()].copy_from_slice(shown_target);
        match format {
            Format::V7 => {
                block[257..].fill(0);
                // Folders are known by their name.
                block[156] = if letter == b'5' || letter == b'0' { 0 } else { letter };
            }
            // The path is cut in two wherever that can be.
            Format::Ustar => {
                if let Some((prefix, rest)) =
                    name.trim_end_matches('/').split_once('/').filter(|(prefix, _)| !prefix.is_empty())
                {
                    block[..100].fill(0);
                    block[..rest.len()].copy_from_slice(rest.as_bytes());
                    block[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
                }
            }
            _ => {}
        }
        if *kind == What::Device {
            block[329..336].copy_from_slice(b"0000001");
            block[337..344].copy_from_slice(b"0000003");
        }
        archive.extend(whole(block, content.as_bytes()));
    }
    archive.extend([0; 1024]);
    archive
}

fn pax(name: &str, target: &str) -> String {
    let target = if target.is_empty() { String::new() } else { record("linkpath", target) };
    [record("path", name), target].concat()
}

/// A record of a pax header.
pub fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let length = (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length).unwrap();
    format!("{length}{rest}")
}

/// A header of ustar without its checksum.
pub fn header(name: &[u8], kind: u8, mode: u32, size: usize) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..107].copy_from_slice(format!("{mode:07o}").as_bytes());
    block[108..115].copy_from_slice(b"0000000");
    block[116..123].copy_from_slice(b"0000000");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[136..147].copy_from_slice(b"07346540000");
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block
}

/// A header with its checksum, and the content behind it in whole blocks.
pub fn whole(mut header: [u8; 512], content: &[u8]) -> Vec<u8> {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut entry = header.to_vec();
    entry.extend(content);
    entry.resize(entry.len().div_ceil(512) * 512, 0);
    entry
}

fn zip(items: &[Item]) -> Vec<u8> {
    let entry = |Item { name, kind }: &Item| {
        let (mode, content) = match *kind {
            What::File(content, mode) => (0o100_000 | mode, content),
            What::Folder(mode) => (0o040_000 | mode, ""),
            What::Link(target) => (0o120_777, target),
            What::Hard(_) | What::Device | What::Pipe => unreachable!("a zip has no words for it"),
        };
        Zipped {
            system: 3,
            attributes: mode << 16,
            name: name.as_bytes().to_vec(),
            content: content.as_bytes().to_vec(),
        }
    };
    zip_of(&items.iter().map(entry).collect::<Vec<_>>())
}

/// `system`: what made it, 3 for Unix and 0 for DOS.
pub struct Zipped {
    pub system: u8,
    pub attributes: u32,
    pub name: Vec<u8>,
    pub content: Vec<u8>,
}

/// A zip of stored entries.
pub fn zip_of(entries: &[Zipped]) -> Vec<u8> {
    let (mut bytes, mut central) = (Vec::new(), Vec::new());
    for Zipped { system, attributes, name, content } in entries {
        let offset = bytes.len() as u32;
        let mut checksum = flate2::Crc::new();
        checksum.update(content);
        let size = (content.len() as u32).to_le_bytes();
        let length = (name.len() as u16).to_le_bytes();
        // Stored, 2001-02-03 04:05:06.
        let common = [
            &[10, 0, 0, 0, 0, 0, 0xa3, 0x20, 0x43, 0x2a][..],
            &checksum.sum().to_le_bytes(),
            &size,
            &size,
            &length,
            &[0, 0],
        ]
        .concat();
        bytes.extend([b"PK\x03\x04", &common[..], name, content].concat());
        let tail = [&[0; 6][..], &attributes.to_le_bytes(), &offset.to_le_bytes()].concat();
        central.extend([b"PK\x01\x02", &[20, *system][..], &common, &tail, name].concat());
    }
    let (start, count) = (bytes.len() as u32, (entries.len() as u16).to_le_bytes());
    let size = (central.len() as u32).to_le_bytes();
    bytes.extend(&central);
    bytes.extend([b"PK\x05\x06", &[0; 4][..], &count, &count, &size, &start.to_le_bytes(), &[0, 0]].concat());
    bytes
}
