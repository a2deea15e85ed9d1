//! Downloads that go on where they stopped, and those that must not.

use std::io::Write;
use std::net::TcpStream;

use super::server::{Request, Server, head, whole};
use super::{Project, download, pinned};

const CONTENT: &[u8] = b"0123456789abcdefghij";

/// Answers the first request with the first half, the others as asked: by a range if the file is still `tag`.
fn cut_once(request: &Request, stream: &mut TcpStream, tag: &str, content: &[u8]) {
    let validator = if tag.is_empty() { String::new() } else { format!("ETag: {tag}\r\n") };
    if request.number == 0 {
        head(stream, "200 OK", &format!("{validator}Content-Length: {}\r\n", content.len()));
        let _ = stream.write_all(&content[..content.len() / 2]);
        return;
    }
    let offset = request.header("range").strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')?.parse().ok());
    let unless = request.header("if-range");
    match offset.filter(|_| unless.is_empty() || unless == tag) {
        Some(offset) => part(stream, &validator, content, offset),
        None => whole(stream, &validator, content),
    }
}

fn part(stream: &mut TcpStream, headers: &str, content: &[u8], offset: usize) {
    let (rest, total) = (&content[offset..], content.len());
    let range = format!("Content-Range: bytes {offset}-{}/{total}\r\n", total - 1);
    head(stream, "206 Partial Content", &format!("{headers}{range}Content-Length: {}\r\n", rest.len()));
    let _ = stream.write_all(rest);
}

#[test]
fn a_cut_download_goes_on_where_it_stopped() {
    let server = Server::start(|request, stream| cut_once(request, stream, "\"one\"", CONTENT));
    let cache = tempfile::tempdir().unwrap();
    let fetched = Project::new(cache.path()).fetch(&download(&server.url));
    assert_eq!(fetched.bytes(), CONTENT);
    assert_eq!(fetched.retries().len(), 1);
    let again = &server.seen()[1];
    assert_eq!((again.header("range"), again.header("if-range")), ("bytes=10-", "\"one\""));
}

#[test]
fn a_checksum_stands_in_for_a_tag() {
    let server = Server::start(|request, stream| cut_once(request, stream, "", CONTENT));
    let cache = tempfile::tempdir().unwrap();
    assert_eq!(Project::new(cache.path()).fetch(&pinned(&server.url, CONTENT)).bytes(), CONTENT);
    assert_eq!(server.seen()[1].header("range"), "bytes=10-");
    // Without either nobody can tell whether it is the same file.
    let server = Server::start(|request, stream| cut_once(request, stream, "", CONTENT));
    assert_eq!(Project::new(cache.path()).fetch(&download(&server.url)).bytes(), CONTENT);
    assert_eq!(server.seen()[1].header("range"), "");
    // A weak tag is of the meaning, not of the bytes.
    let server = Server::start(|request, stream| cut_once(request, stream, "W/\"one\"", CONTENT));
    assert_eq!(Project::new(cache.path()).fetch(&download(&server.url)).bytes(), CONTENT);
    assert_eq!(server.seen()[1].header("range"), "");
}

#[test]
fn parts_of_two_files_are_never_joined() {
    // The file changed, and the server says so.
    let server = Server::start(|request, stream| match request.number {
        0 => cut_once(request, stream, "\"one\"", CONTENT),
        _ => cut_once(request, stream, "\"two\"", b"another file of the server"),
    });
    let cache = tempfile::tempdir().unwrap();
    let fetched = Project::new(cache.path()).fetch(&download(&server.url));
    assert_eq!(fetched.text(), "another file of the server");
    // It changed, and only the checksum says so.
    let server = Server::start(|request, stream| match request.number {
        0 => cut_once(request, stream, "", b"ANOTHER FILE........"),
        _ => cut_once(request, stream, "", CONTENT),
    });
    let fetched = Project::new(cache.path()).fetch(&pinned(&server.url, CONTENT));
    assert_eq!(fetched.bytes(), CONTENT);
    assert_eq!(fetched.retries()[1], "the parts of the file do not fit together");
    // It became shorter; and a range that was not asked for.
    for answer in ["416", "other"] {
        let server = Server::start(move |request, stream| match (request.number, answer) {
            (0, _) => cut_once(request, stream, "\"one\"", CONTENT),
            (1, "416") => head(stream, "416 Range Not Satisfiable", "Content-Length: 0\r\n"),
            (1, _) => part(stream, "ETag: \"one\"\r\n", CONTENT, 3),
            _ => whole(stream, "", b"short"),
        });
        assert_eq!(Project::new(cache.path()).fetch(&download(&server.url)).text(), "short");
        assert_eq!(server.seen()[2].header("range"), "");
    }
}

#[test]
fn a_line_that_breaks_again_and_again_brings_all_of_a_file() {
    let content: Vec<u8> = (0..12 << 20).map(|number: u32| (number >> 12) as u8).collect();
    let served = content.clone();
    // Each connection brings 2 MiB more than it was asked to begin with: six of them are one more than a server may fail.
    let server = Server::start(move |request, stream| {
        let range = request.header("range");
        let offset: usize =
            range.strip_prefix("bytes=").map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
        let (rest, total) = (&served[offset..], served.len());
        let status = if offset == 0 { "200 OK" } else { "206 Partial Content" };
        let range = format!("Content-Range: bytes {offset}-{}/{total}\r\n", total - 1);
        head(stream, status, &format!("ETag: \"x\"\r\n{range}Content-Length: {}\r\n", rest.len()));
        let _ = stream.write_all(&rest[..rest.len().min(2 << 20)]);
    });
    let cache = tempfile::tempdir().unwrap();
    let fetched = Project::new(cache.path()).fetch(&download(&server.url));
    assert_eq!(fetched.bytes(), content);
    assert!(fetched.retries().len() >= 5, "{:?}", fetched.retries());
}

#[test]
fn a_length_without_measure_is_an_error_like_others() {
    let server = Server::start(|request, stream| match request.number {
        0 => cut_once(request, stream, "\"one\"", CONTENT),
        _ => {
            let range = format!("Content-Range: bytes 10-19/20\r\nContent-Length: {}\r\n", u64::MAX);
            head(stream, "206 Partial Content", &range);
        }
    });
    let cache = tempfile::tempdir().unwrap();
    let error = Project::new(cache.path()).fetch(&download(&server.url)).error();
    assert!(error.contains("it is larger than 20 GiB"), "{error}");
}
