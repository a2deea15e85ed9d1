//! Where content came from: what one project's mirror gave is no other's, and no address is a command.

use f3s::config::Replacement;
use f3s::recipe::ArtifactSource;
use sha2::{Digest, Sha512};

use super::server::{Server, whole};
use super::{Project, artifact, download, pinned, repository};

#[test]
fn what_a_mirror_gave_is_kept_from_projects_without_it() {
    let (honest, hostile) = (Server::of("honest"), Server::of("hostile"));
    let cache = tempfile::tempdir().unwrap();
    let file = download(&format!("{}/gosu", honest.url));
    let mirrored = Project::mirror(cache.path(), &honest.url, &hostile.url);
    assert_eq!(mirrored.fetch(&file).text(), "hostile");
    assert_eq!(Project::new(cache.path()).fetch(&file).text(), "honest");
    // Each is kept.
    assert_eq!(mirrored.fetch(&file).text(), "hostile");
    assert_eq!(Project::new(cache.path()).fetch(&file).text(), "honest");
    assert_eq!((honest.seen().len(), hostile.seen().len()), (1, 1));
    // Two mirrors that lead to the same place have the same content.
    let other = Project::mirror(cache.path(), "https://upstream.invalid", &hostile.url);
    assert_eq!(other.fetch(&download("https://upstream.invalid/gosu")).text(), "hostile");
    assert_eq!(hostile.seen().len(), 1);
}

#[test]
fn a_checksum_joins_what_mirrors_part() {
    let (mirror, other) = (Server::of("content"), Server::of("something else"));
    let cache = tempfile::tempdir().unwrap();
    let sha512 = |url: &str| {
        let sha512 = Sha512::digest("content").iter().map(|byte| format!("{byte:02x}")).collect();
        artifact(ArtifactSource::Download { url: url.to_owned(), sha256: None, sha512: Some(sha512) })
    };
    let upstream = "https://upstream.invalid/";
    let mirrored = Project::mirror(cache.path(), upstream, &mirror.url);
    let plain = Project::new(cache.path());
    assert_eq!(mirrored.fetch(&pinned(upstream, "content")).text(), "content");
    assert_eq!(plain.fetch(&pinned(&other.url, "content")).text(), "content");
    // One of the other kind is not known yet.
    assert_eq!(mirrored.fetch(&sha512(upstream)).text(), "content");
    assert_eq!(plain.fetch(&sha512(&other.url)).text(), "content");
    assert_eq!((mirror.seen().len(), other.seen().len()), (2, 0));
    let wrong = Project::new(tempfile::tempdir().unwrap().path()).fetch(&sha512(&other.url)).error();
    assert!(wrong.contains("the checksum of") && wrong.contains("expected sha512 "), "{wrong}");
}

#[test]
fn what_git_gets_is_an_address_and_no_option() {
    let cache = tempfile::tempdir().unwrap();
    let pwned = cache.path().join("pwned");
    for to in [
        format!("--upload-pack=touch {}; #", pwned.display()),
        format!("ext::sh -c touch% {} #", pwned.display()),
        format!("{}/", cache.path().display()),
        format!("file://{}/", cache.path().display()),
    ] {
        assert!(Replacement::try_from(to.clone()).is_err(), "a mirror: {to}");
        // Not even if it came to the store some other way.
        let error = Project::new(cache.path()).fetch(&repository(&to)).error();
        assert!(error.contains("cannot be fetched from `"), "{error}");
        assert!(error.contains("mirrors are URLs of `https`, `http`, `ssh`, `git`"), "{error}");
        assert!(!pwned.exists(), "{to}");
    }
}

#[test]
fn passwords_in_urls_are_sent_and_not_shown() {
    let server = Server::start(|request, stream| match request.path.as_str() {
        "/there" => whole(stream, "", b"x"),
        _ => super::server::head(stream, "404 Not Found", "Content-Length: 0\r\n"),
    });
    let cache = tempfile::tempdir().unwrap();
    let url = server.url.replace("http://", "http://user:p%40ss@");
    let fetched = Project::new(cache.path()).fetch(&download(&format!("{url}/there")));
    assert_eq!(fetched.text(), "x");
    // `user:p@ss`.
    assert_eq!(server.seen()[0].header("authorization"), "Basic dXNlcjpwQHNz");
    let gone = Project::new(cache.path()).fetch(&download(&format!("{url}/gone")));
    let shown = format!("{:?}{:?}{}", fetched.events, gone.events, gone.error());
    assert!(shown.contains(&server.url) && !shown.contains("p%40ss") && !shown.contains("user"), "{shown}");
    let gone = Project::new(cache.path()).fetch(&repository(&format!("{url}/gone")));
    let shown = format!("{:?}{}", gone.events, gone.error());
    assert!(shown.contains(&server.url) && !shown.contains("p%40ss"), "{shown}");
}
