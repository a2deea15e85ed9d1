//! The artifact store beside builds: damaged contents never reach an image, and a killed run leaves nothing that the next one
//! does not use or clear.

use std::io::Write;
use std::path::PathBuf;

use crate::lab::{Project, is_missing, wait_until};
use crate::server::{Server, head, whole};

fn files(project: &Project, folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(project.path().join("cache/artifacts").join(folder)).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn damaged_contents_reach_no_image() {
    if is_missing("alpine:3.13") {
        return;
    }
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    for set in [tar::Header::set_uid, tar::Header::set_gid, tar::Header::set_mtime] {
        set(&mut header, 0);
    }
    archive.append_data(&mut header, "packed", &b"right"[..]).unwrap();
    let archive = archive.into_inner().unwrap();
    let (file, tar) = (Server::of("right"), Server::start(move |_, stream| whole(stream, "", &archive)));
    let project = Project::new();
    let steps = format!(
        "base(\"alpine:3.13\");\nplace(download(\"{}/file\"), \"/file\");\nunpack(download(\"{}/a.tar\"), \"/\");\n",
        file.url, tar.url
    );
    project.recipe("a", &steps);
    project.f3s(&["build"]).ok();
    assert_eq!(project.sh("a", "cat /file /packed"), "rightright");
    let kept = files(&project, "blobs");
    assert_eq!(kept.len(), 3);
    for damage in [|_: usize| 0, |length: usize| length / 2, |length: usize| length] {
        for file in &kept {
            let length = std::fs::metadata(file).unwrap().len() as usize;
            std::fs::write(file, vec![b'#'; damage(length)]).unwrap();
        }
        let ran = project.f3s(&["build", "--force"]).ok();
        assert!(ran.err.contains("is not what was fetched: it is fetched again"), "{}", ran.err);
        assert_eq!(project.sh("a", "cat /file /packed"), "rightright");
    }
    assert_eq!((file.seen().len(), tar.seen().len()), (4, 4));
}

#[test]
fn a_killed_download_is_gone_on_with_and_leaves_nothing() {
    const CONTENT: &[u8] = b"all of the file";
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let server = Server::start(move |request, stream| {
        let offset = match request.number {
            0 => 0,
            _ => request.header("range").trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap(),
        };
        let (rest, total) = (&CONTENT[offset..], CONTENT.len());
        let range = format!("Content-Range: bytes {offset}-{}/{total}\r\n", total - 1);
        let status = if offset == 0 { "200 OK" } else { "206 Partial Content" };
        head(stream, status, &format!("ETag: \"x\"\r\n{range}Content-Length: {}\r\n", rest.len()));
        if offset == 0 {
            let _ = stream.write_all(&CONTENT[..6]);
            let _ = wait.lock().unwrap().recv();
        } else {
            let _ = stream.write_all(rest);
        }
    });
    let project = Project::new();
    let steps = format!("base(\"scratch\");\nplace(download(\"{}/file\"), \"/file\");\n", server.url);
    project.recipe("a", &steps);
    let mut child = project.start(&["build"]);
    let has_begun =
        || files(&project, "partial").iter().any(|file| std::fs::read(file).unwrap_or_default() == b"all of");
    wait_until("six bytes are there", has_begun);
    // It is being fetched: it stays.
    project.f3s(&["prune", "--downloads"]).ok();
    assert!(has_begun());
    child.kill().unwrap();
    child.wait().unwrap();
    drop(go_on);
    assert_eq!(files(&project, "runs").len(), 1);
    project.f3s(&["build"]).ok();
    let again = &server.seen()[1];
    assert_eq!((again.path.as_str(), again.header("range")), ("/file", "bytes=6-"));
    assert_eq!((files(&project, "partial").len(), files(&project, "runs").len()), (0, 0));
    project.f3s(&["prune", "--downloads"]).ok();
    assert_eq!(files(&project, "blobs").len(), 0);
}
