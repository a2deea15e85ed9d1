//! What the store keeps: verified when it is used, cleared of what the dead left, never taken from under those who use it.

use std::io::Write;
use std::path::PathBuf;

use f3s::artifact::{Cleared, clear};
use f3s::digest;
use f3s::recipe::{Filter, PackedAs};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::server::{Server, head};
use super::{Project, download, pinned, run};

/// Ways to spoil a file, each of which another check would miss.
fn spoilt(whole: &[u8]) -> [Vec<u8>; 3] {
    [Vec::new(), whole[..whole.len() / 2].to_vec(), vec![b'#'; whole.len()]]
}

#[test]
fn a_blob_that_was_cut_or_planted_is_fetched_again() {
    let server = Server::of("content");
    let cache = tempfile::tempdir().unwrap();
    let project = Project::new(cache.path());
    let blob = cache.path().join("artifacts/blobs").join(digest::of("content"));
    for artifact in [download(&server.url), pinned(&server.url, "content")] {
        assert_eq!(project.fetch(&artifact).text(), "content");
        for content in spoilt(b"content") {
            std::fs::write(&blob, content).unwrap();
            let fetched = project.fetch(&artifact);
            assert_eq!(fetched.text(), "content");
            assert!(
                fetched.notes()[0].contains("is not what was fetched: it is fetched again"),
                "{:?}",
                fetched.notes()
            );
        }
        // Nor does a link stand for it, or a folder.
        let elsewhere = cache.path().join("elsewhere");
        std::fs::write(&elsewhere, "content").unwrap();
        std::fs::remove_file(&blob).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &blob).unwrap();
        assert_eq!(project.fetch(&artifact).text(), "content");
        assert!(blob.symlink_metadata().unwrap().is_file());
        std::fs::remove_file(&blob).unwrap();
        std::fs::create_dir(&blob).unwrap();
        assert_eq!(project.fetch(&artifact).text(), "content");
    }
    assert_eq!(server.seen().len(), 1 + 2 * 5);
    // What says which content a source gave is no content itself.
    let source = cache.path().join("artifacts/sources").join(&project.names("sources")[0]);
    std::fs::write(source, "../../elsewhere").unwrap();
    assert_eq!(project.fetch(&download(&server.url)).text(), "content");
}

#[test]
fn a_packed_archive_that_was_cut_or_planted_is_packed_again() {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    archive.append_data(&mut header, "a", &b"hello"[..]).unwrap();
    let archive: &'static [u8] = archive.into_inner().unwrap().leak();
    let server = Server::start(move |_, stream| super::server::whole(stream, "", archive));
    let cache = tempfile::tempdir().unwrap();
    let project = Project::new(cache.path());
    let tar = PackedAs::Tar { filter: Filter::default(), chown: Some("7:8".to_owned()), copied: false };
    let first = project.fetch_as(&download(&server.url), &tar);
    let (right, path) = (first.bytes(), first.content.unwrap().path);
    for content in spoilt(&right) {
        std::fs::write(&path, content).unwrap();
        assert_eq!(project.fetch_as(&download(&server.url), &tar).bytes(), right);
    }
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_damaged_blob_that_cannot_be_fetched_again_is_an_error_at_the_line() {
    let server = Server::start(|request, stream| match request.number {
        0 => super::server::whole(stream, "", b"content"),
        _ => head(stream, "404 Not Found", "Content-Length: 0\r\n"),
    });
    let cache = tempfile::tempdir().unwrap();
    let project = Project::new(cache.path());
    let file = project.fetch(&download(&server.url)).content.unwrap();
    std::fs::write(&file.path, "CONTENT").unwrap();
    assert!(project.fetch(&download(&server.url)).error().contains("the server answered 404"));
    assert!(!file.path.exists());
}

#[test]
fn what_changes_under_a_process_is_noticed_by_it() {
    let server = Server::of("content");
    let cache = tempfile::tempdir().unwrap();
    let project = Project::new(cache.path());
    let artifact = download(&server.url);
    run(async {
        let (store, (events, _said)) = (project.store(), mpsc::unbounded_channel());
        let (file, never) = (PackedAs::File { mode: 0o644 }, CancellationToken::new());
        store.fetch(&artifact, &events, &never).await.unwrap();
        let content = store.pack(&artifact, &file).await.unwrap();
        std::fs::write(&content.path, "CONTENT").unwrap();
        let error = store.pack(&artifact, &file).await.unwrap_err();
        assert!(error.message.contains("is not in the artifact store any more"), "{error}");
        store.fetch(&artifact, &events, &never).await.unwrap();
        assert_eq!(std::fs::read(store.pack(&artifact, &file).await.unwrap().path).unwrap(), b"content");
    });
}

/// Files that no living process has anything to do with.
fn leave(project: &Project, path: &str, content: &str) -> PathBuf {
    let file = project.cache.join("artifacts").join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, content).unwrap();
    file
}

#[test]
fn the_next_run_clears_what_a_dead_one_has_left() {
    let cache = tempfile::tempdir().unwrap();
    let project = Project::new(cache.path());
    let key = "a".repeat(64);
    let gone = [
        leave(&project, "runs/run-dead/tree/file", "x"),
        leave(&project, "locks/run-dead", ""),
        leave(&project, "partial/.tmpAbCdEf", "x"),
        leave(&project, &format!("partial/{}", "b".repeat(64)), "x"),
        leave(&project, &format!("partial/{}", "c".repeat(64)), "x"),
        leave(&project, &format!("partial/{}.json", "c".repeat(64)), "{\"validator\":null,\"checked\":false}"),
        leave(&project, &format!("partial/{}", "d".repeat(64)), "x"),
    ];
    let about = "{\"validator\":\"\\\"x\\\"\",\"checked\":false,\"length\":9}";
    leave(&project, &format!("partial/{}.json", "d".repeat(64)), about);
    let week = std::time::Duration::from_secs(8 * 24 * 60 * 60);
    std::fs::File::options()
        .write(true)
        .open(&gone[6])
        .unwrap()
        .set_modified(std::time::SystemTime::now() - week)
        .unwrap();
    // With this one a later download goes on.
    let kept = leave(&project, &format!("partial/{key}"), "x");
    leave(&project, &format!("partial/{key}.json"), about);
    let first = project.store();
    for file in &gone {
        assert!(!file.exists(), "{}", file.display());
    }
    assert!(kept.exists());
    assert_eq!(project.names("runs").len(), 1);
    // Another one, which lives, keeps what is its own; and takes it along when it ends.
    let second = project.store();
    assert_eq!(project.names("runs").len(), 2);
    drop((first, second));
    assert_eq!(project.names("runs"), [] as [&str; 0]);
    assert!(!project.names("locks").iter().any(|name| name.starts_with("run-")));
}

#[test]
fn what_is_fetched_or_used_is_not_cleared() {
    let (ready, unused) = (Server::of("ready"), Server::of("unused"));
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let slow = Server::start(move |_, stream| {
        head(stream, "200 OK", "ETag: \"x\"\r\nContent-Length: 4\r\n");
        let _ = stream.write_all(b"sl");
        let _ = wait.lock().unwrap().recv();
        let _ = stream.write_all(b"ow");
    });
    let cache = tempfile::tempdir().unwrap();
    let project = Project::new(cache.path());
    assert_eq!(project.fetch(&download(&unused.url)).text(), "unused");
    run(async {
        let (store, (events, _said)) = (project.store(), mpsc::unbounded_channel());
        let never = CancellationToken::new();
        store.fetch(&download(&ready.url), &events, &never).await.unwrap();
        let fetched = {
            let (store, events, slow) = (store.clone(), events.clone(), download(&slow.url));
            tokio::spawn(async move { store.fetch(&slow, &events, &CancellationToken::new()).await })
        };
        let is_begun = || {
            let names = project.names("partial");
            names.iter().any(|name| {
                std::fs::read(cache.path().join("artifacts/partial").join(name)).unwrap_or_default() == b"sl"
            })
        };
        while !is_begun() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let all = Cleared { removed: 6 + 64, kept: 5 + 64 + 2 };
        assert_eq!(clear(cache.path(), true).unwrap(), all);
        assert_eq!(clear(cache.path(), false).unwrap(), all);
        go_on.send(()).unwrap();
        fetched.await.unwrap().unwrap();
        // Nothing of it is asked for again.
        for (artifact, content) in [(download(&ready.url), "ready"), (download(&slow.url), "slow")] {
            let packed = store.pack(&artifact, &PackedAs::File { mode: 0o644 }).await.unwrap();
            assert_eq!(std::fs::read_to_string(packed.path).unwrap(), content);
        }
    });
    assert_eq!((ready.seen().len(), slow.seen().len()), (1, 1));
    // When nobody uses it any more, it goes.
    assert_eq!(clear(cache.path(), false).unwrap(), Cleared { removed: 5 + 4 + 2 * 64, kept: 0 });
    assert_eq!(project.names("blobs"), [] as [&str; 0]);
    assert_eq!(clear(&cache.path().join("nowhere"), false).unwrap(), Cleared::default());
}
