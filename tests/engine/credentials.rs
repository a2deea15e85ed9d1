//! Logins are found where docker finds them: both bring them to an engine of the test's own, which looks at what it is given.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

use crate::cases::{Cases, Choices};
use crate::lab::Project;

const HUB: &str = "https://index.docker.io/v1/";

/// What an image of each registry is called, and how Docker's configuration calls the registry.
const REGISTRIES: [(&str, &str); 3] =
    [("127.0.0.1:9/one", "127.0.0.1:9"), ("localhost:9/two", "localhost:9"), ("three", HUB)];

/// The logins that pulls brought, by image.
type Seen = Arc<Mutex<BTreeMap<String, String>>>;

fn listen(socket: &Path) -> Seen {
    let (listener, seen) = (UnixListener::bind(socket).unwrap(), Seen::default());
    let shared = seen.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let seen = shared.clone();
            std::thread::spawn(move || answer(client, &seen));
        }
    });
    seen
}

fn answer(mut client: UnixStream, seen: &Seen) {
    let mut lines = BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok);
    while let Some(request) = lines.next() {
        let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let path = request.split(' ').nth(1).unwrap_or_default();
        let (status, body) = if let Some((_, query)) = path.split_once("/images/create?") {
            let image = query.split('&').find_map(|pair| pair.strip_prefix("fromImage=")).unwrap_or_default();
            let image = image.replace("%2F", "/").replace("%3A", ":").replace("docker.io/library/", "");
            let header = head.iter().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("X-Registry-Auth").then(|| login(value))
            });
            seen.lock().unwrap().insert(image, header.unwrap_or_default());
            ("404 Not Found", json!({ "message": "manifest unknown" }))
        } else if path.contains("/images/json") {
            ("200 OK", json!([]))
        } else {
            let version = json!({ "Version": "20.10.24", "ApiVersion": "1.41", "IndexServerAddress": HUB });
            ("200 OK", version)
        };
        let body = body.to_string();
        let text = format!(
            "HTTP/1.1 {status}\r\nApi-Version: 1.41\r\nOstype: linux\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let body = if request.starts_with("HEAD") { "" } else { &body };
        if client.write_all(format!("{text}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

/// User and password, or a token, which goes before them; nothing for nobody.
fn login(header: &str) -> String {
    let bytes = URL_SAFE.decode(header).or_else(|_| STANDARD.decode(header)).unwrap();
    let json: Value = serde_json::from_slice(&bytes).unwrap();
    let field = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    match (field("identitytoken"), field("username"), field("password")) {
        (token, _, _) if !token.is_empty() => format!("token {token}"),
        (_, user, password) if !(user.is_empty() && password.is_empty()) => format!("{user} {password}"),
        (_, _, _) => String::new(),
    }
}

fn entry(choices: &mut Choices) -> Value {
    let auth = |text: &str| STANDARD.encode(text);
    choices
        .one_of(&[
            json!({ "auth": auth("me:pw") }),
            json!({ "auth": auth("me:p:w\u{e9}") }),
            json!({ "auth": auth("me:pw\0\0") }),
            json!({ "AUTH": auth("me:pw"), "username": "", "password": "" }),
            json!({ "auth": auth("me:pw"), "username": "other", "password": "other" }),
            json!({ "auth": "", "username": "plain", "password": "pw" }),
            json!({ "username": "plain", "password": "pw", "email": "me@example.com" }),
            json!({ "username": "plain", "password": null }),
            json!({ "identitytoken": "t" }),
            json!({ "identitytoken": "t", "auth": auth("<token>:") }),
            json!({ "identitytoken": "", "auth": auth("me:pw") }),
            json!({ "auth": null }),
            json!({}),
            json!(null),
        ])
        .clone()
}

/// A configuration in which every registry has a login at most twice: by its own name, and by an old form of it, of which
/// docker takes any.
fn configuration(choices: &mut Choices) -> String {
    let mut auths = serde_json::Map::new();
    let mut helpers = serde_json::Map::new();
    for (_, key) in REGISTRIES {
        let host =
            if key == HUB { *choices.one_of(&["index.docker.io", "docker.io", "registry-1.docker.io"]) } else { key };
        if choices.once_in(2) {
            auths.insert(key.to_owned(), entry(choices));
        }
        if choices.once_in(2) {
            let forms = ["https://@", "http://@/", "https://@/v1/", "https://@/v2/", "@/v1/", "@/path", "@"];
            auths.entry(choices.one_of(&forms).replace('@', host)).or_insert_with(|| entry(choices));
        }
        if choices.once_in(4) {
            let name = if choices.once_in(4) { format!("https://{host}") } else { key.to_owned() };
            helpers.insert(name, choices.one_of(&["known", "token", "none", ""]).to_string().into());
        }
    }
    let mut config = serde_json::Map::new();
    let empty = [json!(null), json!({})];
    let filled = |map: serde_json::Map<String, Value>, choices: &mut Choices| match map.is_empty() {
        true => choices.one_of(&empty).clone(),
        false => Value::Object(map),
    };
    config.insert((*choices.one_of(&["auths", "auths", "Auths"])).to_owned(), filled(auths, choices));
    config.insert((*choices.one_of(&["credHelpers", "credhelpers"])).to_owned(), filled(helpers, choices));
    if choices.once_in(3) {
        let store = choices.one_of(&[json!("known"), json!("none"), json!(""), json!(null)]).clone();
        config.insert("credsStore".to_owned(), store);
    }
    let behind = choices.one_of(&["", "", "\n", " and more"]);
    format!("{}{behind}", Value::Object(config))
}

/// Programs that keep logins.
fn helpers(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let login = |user: &str| {
        format!(r#"read -r host; echo "{{\"ServerURL\":\"$host\",\"Username\":\"{user}\",\"Secret\":\"s\"}}""#)
    };
    let none = "echo 'credentials not found in native keychain'; exit 1".to_owned();
    for (name, script) in [("known", login("helper")), ("token", login("<token>")), ("none", none)] {
        let file = folder.join(format!("docker-credential-{name}"));
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn logins_are_those_that_docker_finds() {
    let project = Project::new();
    let folder = tempfile::tempdir().unwrap();
    let (programs, socket) = (folder.path().join("bin"), folder.path().join("engine.sock"));
    helpers(&programs);
    let seen = listen(&socket);
    for (number, (image, _)) in REGISTRIES.iter().enumerate() {
        project.recipe(&number.to_string(), &format!("base(\"{image}:1\");\n"));
    }
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let host = format!("unix://{}", socket.display());
    let mut found = 0;
    for (number, mut choices) in Cases::wanted(30).each().enumerate() {
        let config = configuration(&mut choices);
        let docker = folder.path().join(format!("docker{number}"));
        std::fs::create_dir(&docker).unwrap();
        std::fs::write(docker.join("config.json"), &config).unwrap();
        let set_up = |mut command: Command| {
            command.env("DOCKER_CONFIG", &docker).env("DOCKER_HOST", &host).env("PATH", &path);
            command.env_remove("DOCKER_AUTH_CONFIG").output().unwrap()
        };
        for (image, _) in REGISTRIES {
            let mut pull = Command::new("docker");
            pull.args(["pull", &format!("{image}:1")]);
            set_up(pull);
        }
        let docker = std::mem::take(&mut *seen.lock().unwrap());
        set_up(project.command(&["build"]));
        let f3s = std::mem::take(&mut *seen.lock().unwrap());
        assert_eq!(docker.len(), REGISTRIES.len(), "{docker:?}");
        assert_eq!(f3s, docker, "case {number}: {config}");
        found += docker.values().filter(|login| !login.is_empty()).count();
    }
    assert!(found > 0);
}
