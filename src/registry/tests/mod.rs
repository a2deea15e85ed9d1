//! Questions to servers of the tests' own, which answer as registries do, and as they should not.

mod logins;
mod server;
mod trust;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::{Error, Found, Patience, Trust, ask_as};
use crate::digest;
use crate::recipe::ImageRef;
use crate::transport::credentials::Credentials;
use server::{Reply, Server};

/// Long enough for a busy machine, short enough for what says nothing.
const PATIENCE: Patience = Patience { answer: Duration::from_secs(20), busy: Duration::from_secs(20) };

struct User {
    folder: tempfile::TempDir,
    patience: Patience,
}

impl User {
    /// Without any login.
    fn new() -> User {
        User { folder: tempfile::tempdir().unwrap(), patience: PATIENCE }
    }

    /// With `me:pw` at this registry.
    fn at(server: &Server) -> User {
        let user = User::new();
        let config = format!(r#"{{"auths": {{"{}": {{"auth": "bWU6cHc="}}}}}}"#, server.address);
        std::fs::write(user.folder.path().join("config.json"), config).unwrap();
        user
    }

    async fn ask(&self, server: &Server, names: &[&str], whole: bool) -> Vec<Result<Found, Error>> {
        let reference = |name: &&str| format!("{}/{name}:1", server.address).parse::<ImageRef>().unwrap();
        let references: Vec<ImageRef> = names.iter().map(reference).collect();
        let (credentials, trust) = (Credentials::in_folder(self.folder.path()), Trust::in_folder(self.certificates()));
        let all: BTreeSet<ImageRef> = references.iter().cloned().collect();
        let mut asked = ask_as(all, whole, &credentials, &trust, self.patience);
        let mut answers = Vec::new();
        for reference in &references {
            answers.push(asked.answer(reference).await.unwrap());
        }
        answers
    }

    fn certificates(&self) -> std::path::PathBuf {
        Path::join(self.folder.path(), "certs.d")
    }
}

fn manifest(digest: &str) -> Result<Found, Error> {
    Ok(Found::Manifest(digest.to_owned()))
}

#[tokio::test]
async fn one_request_for_an_image_over_few_connections() {
    let names: Vec<String> = (0..40).map(|index| format!("team/{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let server = Server::start(|question, _| match &*question.path {
        "/v2/team/7/manifests/1" => Reply::status(404),
        path => Reply::digest(&format!("sha256:{path}")),
    })
    .await;
    let answers = User::new().ask(&server, &names, false).await;
    assert_eq!(answers[7], Ok(Found::Nothing));
    assert_eq!(answers[8], manifest("sha256:/v2/team/8/manifests/1"));
    assert_eq!(server.seen().len(), 40);
    assert!(server.seen().iter().all(|question| question.method == "HEAD" && question.login().is_none()));
    assert!(server.connections() <= 8, "{}", server.connections());
}

#[tokio::test]
async fn what_fails_in_passing_is_asked_again() {
    let server = Server::start(|_, before| match before {
        0 => Reply::digest("sha256:0"),
        1 => Reply::Cut,
        2 => Reply::status(502),
        _ => Reply::digest("sha256:0"),
    })
    .await;
    assert_eq!(User::new().ask(&server, &["a", "b"], false).await, [manifest("sha256:0"), manifest("sha256:0")]);
    assert_eq!(server.seen().len(), 4);

    let broken = Server::start(|_, _| Reply::status(500)).await;
    let answers = User::new().ask(&broken, &["a"], false).await;
    assert_eq!(answers, [Err(Error::Failed(format!("`{}` answered 500", broken.address)))]);
    assert_eq!(broken.seen().len(), 3);
}

#[tokio::test]
async fn a_busy_registry_is_left_alone_for_as_long_as_it_wants() {
    let busy = |seconds: u32| Reply::Answer(429, vec![("retry-after", seconds.to_string())], String::new());
    let server = Server::start(move |_, before| if before == 0 { busy(1) } else { Reply::digest("sha256:0") }).await;
    assert_eq!(User::new().ask(&server, &["a"], false).await, [manifest("sha256:0")]);

    let server = Server::start(move |_, _| busy(3600)).await;
    let answers = User::new().ask(&server, &["a", "b", "c"], false).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(Error::Busy(_)))), "{answers:?}");
    assert!(server.seen().len() <= 3);
}

#[tokio::test]
async fn no_wait_that_a_registry_names_is_too_short_or_too_long() {
    for seconds in [0, u64::MAX] {
        let busy = vec![("retry-after", seconds.to_string())];
        let server = Server::start(move |_, _| Reply::Answer(429, busy.clone(), String::new())).await;
        let patience = Patience { busy: Duration::from_secs(1), ..PATIENCE };
        let answers = User { patience, ..User::new() }.ask(&server, &["a"], false).await;
        assert!(matches!(&answers[..], [Err(Error::Busy(_))]), "{answers:?}");
        assert!(server.seen().len() <= 6);
    }
}

#[tokio::test]
async fn a_registry_that_says_nothing_is_not_asked_for_ever() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let patience = Patience { answer: Duration::from_millis(300), ..PATIENCE };
    let names: Vec<String> = (0..100).map(|index| format!("a{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answers = User { patience, ..User::new() }.ask(&server, &names, false).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(Error::Silent(_)))), "{answers:?}");
    assert_eq!(server.seen().len(), 1);

    let mut gone = Server::start(|_, _| Reply::Silence).await;
    gone.end().await;
    let answers = User::new().ask(&gone, &["a"], false).await;
    assert!(matches!(&answers[..], [Err(Error::Unreachable(_))]), "{answers:?}");
}

#[tokio::test]
async fn what_has_no_digest_is_read_and_what_has_a_wrong_one_is_refused() {
    let text = "{}";
    let digest = format!("sha256:{}", digest::of(text.as_bytes()));
    let server = Server::start(move |question, _| match (&*question.method, &*question.path) {
        ("HEAD", "/v2/old/manifests/1") => Reply::status(405),
        ("HEAD", _) => Reply::status(200),
        (_, "/v2/liar/manifests/1") => {
            Reply::Answer(200, vec![("docker-content-digest", format!("sha256:{}", "0".repeat(64)))], text.to_owned())
        }
        _ => Reply::Answer(200, Vec::new(), text.to_owned()),
    })
    .await;
    let answers = User::new().ask(&server, &["plain", "old", "liar"], false).await;
    assert_eq!(answers[..2], [manifest(&digest), manifest(&digest)]);
    assert!(matches!(&answers[2], Err(Error::Failed(why)) if why.contains("gave other content")), "{answers:?}");
}

#[tokio::test]
async fn all_parts_are_looked_for_where_that_is_asked() {
    let layer = |name: &str| format!("sha256:{}", digest::of(name.as_bytes()));
    let image = |layers: &[&str]| {
        let layers: Vec<_> = layers.iter().map(|name| serde_json::json!({ "digest": layer(name) })).collect();
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        let elsewhere = serde_json::json!({ "digest": layer("elsewhere"), "mediaType": foreign });
        let layers = [layers, vec![elsewhere]].concat();
        serde_json::json!({ "config": { "digest": layer("config") }, "layers": layers }).to_string()
    };
    let (good, torn) = (image(&["one", "two", "two"]), image(&["one", "lost"]));
    let of = |text: &str| format!("sha256:{}", digest::of(text.as_bytes()));
    let index = |text: &str| serde_json::json!({ "manifests": [{ "digest": of(text) }] }).to_string();
    let (good_index, torn_index) = (index(&good), index(&torn));
    let tags = [("good", &good), ("torn", &torn), ("good-index", &good_index), ("torn-index", &torn_index)];
    let tags: Vec<(String, String)> = tags.map(|(name, text)| (name.to_owned(), text.clone())).to_vec();
    let kept = [layer("config"), layer("one"), layer("two")];
    let server = Server::start(move |question, _| {
        let (repository, kind, wanted) = {
            let mut parts = question.path.trim_start_matches("/v2/").split('/').map(str::to_owned);
            (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
        };
        if kind == "blobs" {
            return Reply::status(if kept.contains(&wanted) { 200 } else { 404 });
        }
        let is_it = |(name, text): &&(String, String)| *name == repository && wanted == "1" || wanted == of(text);
        match tags.iter().find(is_it) {
            Some((_, text)) => Reply::Answer(200, vec![("docker-content-digest", of(text))], text.clone()),
            None => Reply::status(404),
        }
    })
    .await;
    let answers = User::new().ask(&server, &["good", "torn", "good-index", "torn-index", "none"], true).await;
    assert_eq!(answers[0], manifest(&of(&good)));
    assert_eq!(answers[1], Ok(Found::Incomplete));
    assert_eq!(answers[2], manifest(&of(&good_index)));
    assert_eq!(answers[3], Ok(Found::Incomplete));
    assert_eq!(answers[4], Ok(Found::Nothing));
    let asked_for = |name: &str| server.seen().iter().filter(|question| question.path.ends_with(&layer(name))).count();
    assert_eq!((asked_for("two"), asked_for("elsewhere")), (2, 0));
}

#[tokio::test]
async fn an_index_without_end_is_not_followed() {
    let server = Server::start(|question, before| match &*question.method {
        "HEAD" => Reply::digest(&format!("sha512:{}", digest::of("0"))),
        // Each names another one.
        _ => {
            let next = serde_json::json!({ "manifests": [{ "digest": format!("sha512:{}", digest::of(before.to_string())) }] });
            Reply::Answer(200, Vec::new(), next.to_string())
        }
    })
    .await;
    let answers = User::new().ask(&server, &["a"], true).await;
    assert!(matches!(&answers[..], [Err(Error::Failed(why))] if why.contains("more than 256")), "{answers:?}");
}
