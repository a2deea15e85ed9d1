//! Who gets the user's login, and how often.

use super::server::{Reply, Server};
use super::{Error, User, manifest};

/// `me:pw`.
const BASIC: &str = "Basic bWU6cHc=";

fn wanted(how: &str) -> Reply {
    Reply::Answer(401, vec![("www-authenticate", how.to_owned())], "{}".to_owned())
}

/// Names of the scopes in the question for a token.
fn scopes(path: &str) -> Vec<String> {
    let pairs = url::Url::parse(&format!("http://x{path}")).unwrap();
    pairs.query_pairs().filter(|(name, _)| name == "scope").map(|(_, value)| value.into_owned()).collect()
}

#[tokio::test]
async fn a_password_is_sent_when_it_is_wanted() {
    let answer = |login: &'static str| {
        move |question: &super::server::Question, _| match question.login() {
            Some(found) if found == login => Reply::digest("sha256:0"),
            _ => wanted(r#"Basic realm="r""#),
        }
    };
    let server = Server::start(answer(BASIC)).await;
    let answers = User::at(&server).ask(&server, &["a", "b", "c"], false).await;
    assert!(answers.iter().all(|answer| *answer == manifest("sha256:0")), "{answers:?}");
    assert_eq!(server.seen().len(), 4);

    let server = Server::start(answer("another")).await;
    for user in [User::at(&server), User::new()] {
        let answers = user.ask(&server, &["a"], false).await;
        assert!(matches!(&answers[..], [Err(Error::Refused(_))]), "{answers:?}");
    }
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn one_token_is_fetched_for_all_repositories() {
    let server = Server::start(|question, _| match question.login() {
        _ if question.path.starts_with("/token?") => {
            assert_eq!(question.login(), Some(BASIC));
            Reply::Answer(200, Vec::new(), format!(r#"{{"token": "t{}"}}"#, scopes(&question.path).len()))
        }
        Some("Bearer t3") => Reply::digest("sha256:0"),
        _ => {
            let realm = format!("http://{}/token", question.headers["host"]);
            wanted(&format!(r#"Bearer realm="{realm}",service="s",scope="repository:a:pull""#))
        }
    })
    .await;
    let answers = User::at(&server).ask(&server, &["a", "b", "team/c"], false).await;
    assert!(answers.iter().all(|answer| *answer == manifest("sha256:0")), "{answers:?}");
    let tokens: Vec<_> = server.seen().into_iter().filter(|question| question.path.starts_with("/token?")).collect();
    assert_eq!(tokens.len(), 1);
    assert!(tokens[0].path.contains("service=s"), "{}", tokens[0].path);
    let all = ["repository:a:pull", "repository:b:pull", "repository:team/c:pull"];
    assert_eq!(scopes(&tokens[0].path), all);
    assert_eq!(server.seen().len(), 1 + 1 + 3);
}

#[tokio::test]
async fn a_token_holds_however_long_its_service_says() {
    for seconds in [0, u64::MAX] {
        let server = Server::start(move |question, _| match question.login() {
            _ if question.path.starts_with("/token?") => {
                Reply::Answer(200, Vec::new(), format!(r#"{{"token": "t", "expires_in": {seconds}}}"#))
            }
            Some("Bearer t") => Reply::digest("sha256:0"),
            _ => wanted(&format!(r#"Bearer realm="http://{}/token""#, question.headers["host"])),
        })
        .await;
        assert_eq!(User::new().ask(&server, &["a"], false).await, [manifest("sha256:0")]);
    }
}

#[tokio::test]
async fn a_repository_that_a_common_token_does_not_open_gets_its_own() {
    // Each service does one of the two.
    for gives_too_little in [true, false] {
        let server = Server::start(move |question, _| match question.login() {
            _ if question.path.starts_with("/token?") => match &scopes(&question.path)[..] {
                [one] => Reply::Answer(200, Vec::new(), format!(r#"{{"access_token": "{one}"}}"#)),
                _ if gives_too_little => Reply::Answer(200, Vec::new(), r#"{"token": "repository:a:pull"}"#.to_owned()),
                _ => Reply::status(403),
            },
            Some(login) if login == format!("Bearer repository:{}:pull", &question.path[4..5]) => {
                Reply::digest("sha256:0")
            }
            _ => wanted(&format!(r#"Bearer realm="http://{}/token""#, question.headers["host"])),
        })
        .await;
        let answers = User::at(&server).ask(&server, &["a", "b"], false).await;
        assert_eq!(answers, [manifest("sha256:0"), manifest("sha256:0")], "{gives_too_little}");
    }
}

#[tokio::test]
async fn an_identity_token_is_exchanged() {
    let server = Server::start(|question, _| match question.login() {
        None if question.path == "/token" => {
            assert!(question.body.contains("grant_type=refresh_token"), "{}", question.body);
            assert!(question.body.contains("refresh_token=secret&scope=repository%3Aa%3Apull"), "{}", question.body);
            Reply::Answer(200, Vec::new(), r#"{"access_token": "t"}"#.to_owned())
        }
        Some("Bearer t") => Reply::digest("sha256:0"),
        _ => wanted(&format!(r#"Bearer realm="http://{}/token""#, question.headers["host"])),
    })
    .await;
    let user = User::new();
    let config = format!(r#"{{"auths": {{"{}": {{"identitytoken": "secret"}}}}}}"#, server.address);
    std::fs::write(user.folder.path().join("config.json"), config).unwrap();
    assert_eq!(user.ask(&server, &["a"], false).await, [manifest("sha256:0")]);
}

#[tokio::test]
async fn no_login_leaves_over_http_or_goes_where_a_redirect_leads() {
    let server = Server::start(|_, _| wanted(r#"Bearer realm="http://auth.example.com/token""#)).await;
    let answers = User::at(&server).ask(&server, &["a"], false).await;
    assert!(matches!(&answers[..], [Err(Error::Refused(why))] if why.contains("auth.example.com")), "{answers:?}");

    let other = Server::start(|question, _| match &*question.path {
        "/open" => Reply::digest("sha256:0"),
        _ => wanted(r#"Basic realm="r""#),
    })
    .await;
    let there = other.address;
    let server = Server::start(move |question, _| match question.login() {
        Some(BASIC) if question.path.starts_with("/v2/a/") => {
            Reply::Answer(307, vec![("location", format!("http://{there}/open"))], String::new())
        }
        Some(BASIC) => Reply::Answer(302, vec![("location", format!("http://{there}/closed"))], String::new()),
        _ => wanted(r#"Basic realm="r""#),
    })
    .await;
    let answers = User::at(&server).ask(&server, &["a", "b"], false).await;
    assert_eq!(answers[0], manifest("sha256:0"));
    assert!(matches!(&answers[1], Err(Error::Refused(_))), "{answers:?}");
    assert_eq!(other.seen().len(), 2);
    assert!(other.seen().iter().all(|question| question.login().is_none()));
}
