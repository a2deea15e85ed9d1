use super::*;

fn credentials(config: &str, variable: Option<&str>) -> (tempfile::TempDir, Credentials) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    let credentials = Credentials { folder: Some(folder.path().to_owned()), variable: variable.map(str::to_owned) };
    (folder, credentials)
}

async fn found(config: &str, registry: &str) -> Option<Login> {
    credentials(config, None).1.of_registry(registry).await.unwrap()
}

fn password(user: &str, secret: &str) -> Option<Login> {
    Some(Login::Password { user: user.to_owned(), secret: secret.to_owned() })
}

#[tokio::test]
async fn finds_logins_however_their_key_is_written() {
    // `me:pa:ss`
    let config = |key: &str| format!(r#"{{"auths": {{"{key}": {{"auth": "bWU6cGE6c3M="}}}}}}"#);
    for key in ["r.example.com:5000", "https://r.example.com:5000/v1/", "http://r.example.com:5000"] {
        assert_eq!(found(&config(key), "r.example.com:5000").await, password("me", "pa:ss"), "{key}");
    }
    assert_eq!(found(&config("https://index.docker.io/v1/"), "docker.io").await, password("me", "pa:ss"));
    assert_eq!(found(&config("r.example.com"), "other.example.com").await, None);
    let token = r#"{"auths": {"r": {"identitytoken": "t"}}}"#;
    assert_eq!(found(token, "r").await, Some(Login::IdentityToken("t".into())));
    assert_eq!(found("{}", "r").await, None);
}

#[tokio::test]
async fn nothing_is_written_in_many_ways() {
    let nothing = [
        "",
        "null",
        r#"{"auths": null}"#,
        r#"{"auths": {"r": null}}"#,
        r#"{"auths": {"r": {}}, "credHelpers": null, "credsStore": ""}"#,
        r#"{"auths": {"r": {"auth": "", "username": null}}, "credHelpers": {"r": ""}, "credsStore": null}"#,
    ];
    for config in nothing {
        assert_eq!(found(config, "r").await, None, "{config}");
    }
    let filled = [
        r#"{"Auths": {"r": {"AUTH": "bWU6cHc=", "username": "", "password": ""}}, "credsStore": ""}"#,
        r#"{"auths": {"r": {"auth": "bWU6cHc=", "username": "other", "password": "other"}}, "credHelpers": null}"#,
        r#"{"auths": {"r": {"username": "me", "password": "pw"}}, "credHelpers": {"r": ""}, "credsStore": "absent"}"#,
        r#"{"auths": {"r": {"auth": "bWU6cHc="}}} and more"#,
    ];
    for config in filled {
        assert_eq!(found(config, "r").await, password("me", "pw"), "{config}");
    }
    let (_folder, wrong) = credentials(r#"{"auths": {"r": {"auth": "bWU="}, "s": {"auth": "bWU6cHc="}}}"#, None);
    assert!(wrong.of_registry("r").await.unwrap_err().to_string().contains("the login of `r`"));
    assert_eq!(wrong.of_registry("s").await.unwrap(), password("me", "pw"));
}

#[tokio::test]
async fn the_variable_goes_before_the_file_and_is_left_out_when_it_is_wrong() {
    let file = r#"{"auths": {"r": {"auth": "ZmlsZTpwdw=="}, "s": {"auth": "ZmlsZTpwdw=="}}}"#;
    let (_folder, both) = credentials(file, Some(r#"{"auths": {"r": {"auth": "bWU6cHc="}}}"#));
    assert_eq!(both.of_registry("r").await.unwrap(), password("me", "pw"));
    assert_eq!(both.of_registry("s").await.unwrap(), password("file", "pw"));
    assert_eq!(both.complaint(), None);
    let wrong = [
        r#"{"auths": {"r": {"auth": "bWU6cHc="}}, "credHelpers": {}}"#,
        r#"{"auths": {"r": {"auth": "bWU6cHc=", "email": "x"}}}"#,
        r#"{"auths": {"r": {}}}"#,
        r#"{"auths": {"r": {"auth": "bWU6cHc="}}} {}"#,
        "x",
    ];
    for variable in wrong {
        let (_folder, both) = credentials(file, Some(variable));
        assert_eq!(both.of_registry("r").await.unwrap(), password("file", "pw"), "{variable}");
        assert!(both.complaint().unwrap().starts_with("DOCKER_AUTH_CONFIG is left out"), "{variable}");
    }
}

#[tokio::test]
async fn a_helper_that_never_answers_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("docker-credential-slow");
    std::fs::write(&program, "#!/bin/sh\nexec sleep 60\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let error = ask(program.to_str().unwrap(), "r", Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
}

#[test]
fn the_header_is_url_safe() {
    let login = Login::Password { user: "me".into(), secret: "\u{fb}\u{fe}>>>???".into() };
    let header = login.header("r");
    assert!(!header.contains(['+', '/']), "{header}");
}

#[tokio::test]
async fn a_helper_that_prints_without_end_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("docker-credential-loud");
    std::fs::write(&program, "#!/bin/sh\nexec yes\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let error = ask(program.to_str().unwrap(), "r", HELPER_PATIENCE).await.unwrap_err().to_string();
    assert!(error.ends_with("prints more than 1 MiB"), "{error}");
}

#[tokio::test]
async fn no_complaint_shows_a_password_that_stands_in_the_wrong_place() {
    let secret = "aHVudGVyMg==";
    let places = [
        r#""SECRET""#,
        r#"{"auths": "SECRET"}"#,
        r#"{"auths": {"r": "SECRET"}}"#,
        r#"{"auths": {"r": {"auth": ["SECRET"]}}}"#,
        r#"{"auths": {"r": {"SECRET": 1}}}"#,
        r#"{"auths": {"r": {"auth": "SECRET"}}}"#,
    ];
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("docker-credential-odd");
    for text in places.map(|text| text.replace("SECRET", secret)) {
        let (_folder, both) = credentials(&text, Some(&text));
        let complaints = [both.complaint(), both.of_registry("r").await.err().map(|error| error.to_string())];
        assert!(complaints.iter().any(Option::is_some), "{text}");
        std::fs::write(&program, format!("#!/bin/sh\necho '{text}'\n")).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let of_helper = ask(program.to_str().unwrap(), "r", HELPER_PATIENCE).await.unwrap_err().to_string();
        for complaint in complaints.into_iter().flatten().chain([of_helper]) {
            assert!(!complaint.contains(secret), "{complaint}");
        }
    }
}
