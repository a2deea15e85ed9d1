//! What bounds a download: its size, its time, and what a silent server may take.

use std::io::Write;
use std::time::Duration;

use f3s::recipe::{Artifact, Limits, Timeout};

use super::server::{Server, head, whole};
use super::{Project, download, repository};

fn bounded(artifact: Artifact, limits: Limits) -> Artifact {
    Artifact { limits, ..artifact }
}

#[test]
fn more_than_the_limit_is_refused() {
    let said = Server::start(|_, stream| whole(stream, "", &[0; 3000]));
    // Sends without end, and does not say how much.
    let endless = Server::start(|_, stream| {
        head(stream, "200 OK", "");
        while stream.write_all(&[0; 1000]).is_ok() {}
    });
    let cache = tempfile::tempdir().unwrap();
    let mut project = Project::new(cache.path());
    let limits = Limits { size: Some(2999), ..Limits::default() };
    for server in [&said, &endless] {
        let error = project.fetch(&bounded(download(&server.url), limits)).error();
        assert!(error.contains("it is larger than 2999 bytes\na larger one is allowed by `limit`"), "{error}");
        assert_eq!(server.seen().len(), 1);
    }
    project.config.downloads.limit = "2999".parse().unwrap();
    assert!(project.fetch(&download(&said.url)).error().contains("it is larger than 2999 bytes"));
    assert_eq!((project.names("partial").len(), project.names("blobs").len()), (0, 0));
    // The recipe's own word stands above the configuration.
    let limits = Limits { size: Some(3000), ..Limits::default() };
    assert_eq!(project.fetch(&bounded(download(&said.url), limits)).bytes().len(), 3000);
}

/// Sends one byte now and then, until whoever asked has gone.
fn dripping() -> Server {
    Server::start(|_, stream| {
        head(stream, "200 OK", "Content-Length: 1000000\r\n");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    })
}

#[test]
fn a_drip_is_a_stall() {
    let server = Server::start({
        let drips = std::sync::atomic::AtomicUsize::new(0);
        move |_, stream| {
            if drips.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0 {
                return whole(stream, "", b"all of it");
            }
            head(stream, "200 OK", "Content-Length: 1000000\r\n");
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    });
    let cache = tempfile::tempdir().unwrap();
    let limits = Limits { stall: Timeout::of_seconds(1), ..Limits::default() };
    let fetched = Project::new(cache.path()).fetch(&bounded(download(&server.url), limits));
    assert_eq!(fetched.text(), "all of it");
    assert_eq!(fetched.retries(), ["the server has sent next to nothing for 1 s"]);
}

#[test]
fn all_of_a_fetch_has_its_time() {
    let limits = Limits { timeout: Timeout::of_seconds(1), ..Limits::default() };
    let cache = tempfile::tempdir().unwrap();
    let project = Project::new(cache.path());
    let (dripping, failing) = (
        dripping(),
        Server::start(|_, stream| {
            head(stream, "503 Service Unavailable", "Retry-After: 600\r\nContent-Length: 0\r\n");
        }),
    );
    for server in [&dripping, &failing] {
        let error = project.fetch(&bounded(download(&server.url), limits)).error();
        assert!(error.contains("it has taken 1 s, which is its limit\nmore is allowed by `timeout`"), "{error}");
    }
    let error = project.fetch(&bounded(repository(&format!("{}/x", dripping.url)), limits)).error();
    assert!(error.contains("it has taken 1 s, which is its limit"), "{error}");
    assert_eq!(project.names("partial"), [] as [&str; 0]);
}
