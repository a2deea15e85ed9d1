//! Servers that fail: asked again when that may help, and told at once when it does not.

use std::io::Write;
use std::sync::Arc;

use f3s::artifact::{Logins, Password};
use f3s::recipe::PackedAs;

use super::server::{Server, head, whole};
use super::{Project, download, pinned};

#[test]
fn a_server_that_asks_to_wait_is_waited_for() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let server = Server::start(move |request, stream| match request.number {
            0 => head(stream, status, "Retry-After: 1\r\nContent-Length: 0\r\n"),
            _ => whole(stream, "", b"x"),
        });
        let cache = tempfile::tempdir().unwrap();
        let fetched = Project::new(cache.path()).fetch(&download(&server.url));
        assert_eq!(fetched.text(), "x");
        let code = &status[..3];
        assert_eq!(fetched.retries(), [format!("the server answered {code}, and asks to wait 1 s")]);
    }
    let server = Server::start(|_, stream| {
        let never = "Retry-After: Tue, 31 Dec 2199 23:59:59 GMT\r\nContent-Length: 0\r\n";
        head(stream, "429 Too Many Requests", never);
    });
    let cache = tempfile::tempdir().unwrap();
    let error = Project::new(cache.path()).fetch(&download(&server.url)).error();
    assert!(error.contains("the server answered 429\nit asks to come back in "), "{error}");
    assert_eq!(server.seen().len(), 1);
}

/// The error of a server that is asked once, and no more often than that for one address.
fn told_at_once(answer: impl Fn(&str, &mut std::net::TcpStream) + Send + Sync + 'static) -> (String, usize) {
    let server = Server::start(move |request, stream| answer(&request.path, stream));
    let cache = tempfile::tempdir().unwrap();
    let fetched = Project::new(cache.path()).fetch(&download(&format!("{}/file", server.url)));
    assert_eq!(fetched.retries(), [] as [&str; 0]);
    (fetched.error(), server.seen().len())
}

#[test]
fn what_does_not_mend_itself_is_told_at_once() {
    for code in ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "410 Gone"] {
        let (error, asked) = told_at_once(move |_, stream| head(stream, code, "Content-Length: 0\r\n"));
        assert!(error.contains(&format!("the server answered {}", &code[..3])), "{error}");
        assert_eq!(asked, 1);
    }
    let to = |path: String| {
        move |_: &str, stream: &mut std::net::TcpStream| {
            head(stream, "302 Found", &format!("Location: {path}\r\nContent-Length: 0\r\n"));
        }
    };
    let (error, _) = told_at_once(to("/file".to_owned()));
    assert!(error.contains("its redirects go round in a circle"), "{error}");
    let (error, asked) = told_at_once(|path, stream| {
        head(stream, "302 Found", &format!("Location: {path}x\r\nContent-Length: 0\r\n"));
    });
    assert!(error.contains("redirected more than 10 times"), "{error}");
    assert_eq!(asked, 11);
    for elsewhere in ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"] {
        let (error, asked) = told_at_once(to(elsewhere.to_owned()));
        assert!(
            error.contains(&format!("redirected to `{elsewhere}`, which is no URL of `http` or `https`")),
            "{error}"
        );
        assert_eq!(asked, 1);
    }
    let cache = tempfile::tempdir().unwrap();
    let mirrored = Project::mirror(cache.path(), "https://upstream.invalid/", "ssh://127.0.0.1/");
    let fetched = mirrored.fetch(&download("https://upstream.invalid/file"));
    assert!(fetched.error().contains("`ssh://127.0.0.1/file` is no URL of `http` or `https`"), "{}", fetched.error());
    assert!(fetched.retries().is_empty());
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_told_at_once() {
    let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![key.cert.der().clone()], private).unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut tls = rustls::ServerConnection::new(config.clone()).unwrap();
            let _ = tls.complete_io(&mut stream);
            let _ = stream.flush();
        }
    });
    let cache = tempfile::tempdir().unwrap();
    let fetched = Project::new(cache.path()).fetch(&download(&format!("https://{address}/file")));
    assert!(fetched.error().contains("its certificate is not trusted"), "{}", fetched.error());
    assert!(fetched.retries().is_empty());
}

#[test]
fn logins_of_settings_go_before_those_of_netrc_and_a_program_may_know_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::of("x");
    let netrc = folder.path().join("netrc");
    std::fs::write(&netrc, "machine 127.0.0.1\nlogin me\npassword secret\n").unwrap();
    let host = server.url.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    let command = |script: &str| Password::of_command(["/bin/sh", "-c", script].map(str::to_owned).to_vec());
    let with = |password: Password| {
        let logins = Logins::read(&netrc).below([(host.clone(), "you".to_owned(), password)]);
        Project { logins, ..Project::new(folder.path()) }
    };
    let ask = |path: &str, password: Password| with(password).fetch(&download(&format!("{}/{path}", server.url)));
    assert_eq!(ask("a", Password::Text("word".to_owned())).text(), "x");
    assert_eq!(ask("b", command("echo word; echo more; echo geheim >&2")).text(), "x");
    // `you:word`.
    assert!(server.seen().iter().all(|seen| seen.header("authorization") == "Basic eW91OndvcmQ="));
    for (script, why) in [("echo geheim; exit 3", "failed: exit status: 3"), ("echo", "printed nothing")] {
        let error = ask("c", command(script)).error();
        assert!(error.contains(&format!("`/bin/sh`, which knows the password of its login, {why}")), "{error}");
        assert!(!error.contains("geheim"), "{error}");
    }
    assert_eq!(server.seen().len(), 2, "nothing is asked for without its login");
    // However many files come from there, the program is asked once.
    let count = folder.path().join("count");
    let project = with(command(&format!("echo x >>{}; echo word", count.display())));
    for path in ["d", "e"] {
        assert_eq!(project.fetch(&download(&format!("{}/{path}", server.url))).text(), "x");
    }
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
    // Another port has another login.
    let other = Server::of("y");
    let fetched = with(command("exit 1")).fetch(&download(&format!("{}/a", other.url)));
    assert_eq!((fetched.text().as_str(), other.seen()[0].header("authorization")), ("y", "Basic bWU6c2VjcmV0"));
}

#[test]
fn logins_go_to_their_own_host_and_to_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let other = Server::of("x");
    let to = format!("Location: {}/there\r\nContent-Length: 0\r\n", other.url.replace("127.0.0.1", "localhost"));
    let server = Server::start(move |_, stream| head(stream, "302 Found", &to));
    let netrc = folder.path().join("netrc");
    std::fs::write(&netrc, "machine 127.0.0.1\nlogin me\npassword secret\ndefault login me password secret\n").unwrap();
    let project = Project { logins: Logins::read(&netrc), ..Project::new(folder.path()) };
    let fetched = project.fetch(&download(&format!("{}/here", server.url)));
    assert_eq!(fetched.text(), "x");
    // `me:secret`.
    assert_eq!(server.seen()[0].header("authorization"), "Basic bWU6c2VjcmV0");
    assert_eq!(other.seen()[0].header("authorization"), "");
    assert!(!format!("{:?}", fetched.events).contains("secret"));
    // What a URL holds goes on at its own host.
    let own = Server::start(|request, stream| match request.path.as_str() {
        "/here" => head(stream, "302 Found", "Location: /there\r\nContent-Length: 0\r\n"),
        _ => whole(stream, "", b"x"),
    });
    let url = own.url.replace("http://", "http://you:word@");
    assert_eq!(project.fetch(&download(&format!("{url}/here"))).text(), "x");
    assert_eq!(own.seen()[1].header("authorization"), "Basic eW91OndvcmQ=");
    // And at no other.
    let url = server.url.replace("http://", "http://you:word@");
    assert_eq!(project.fetch(&download(&format!("{url}/again"))).text(), "x");
    assert_eq!(server.seen()[1].header("authorization"), "Basic eW91OndvcmQ=");
    assert_eq!(other.seen()[1].header("authorization"), "");
}

#[test]
fn a_body_without_an_end_of_its_own_is_said_to_be_one() {
    let server = Server::start(|_, stream| {
        head(stream, "200 OK", "");
        let _ = stream.write_all(b"some of it");
    });
    let cache = tempfile::tempdir().unwrap();
    let fetched = Project::new(cache.path()).fetch(&download(&server.url));
    assert_eq!(fetched.text(), "some of it");
    let note = "the server does not say how long it is, so a part of it cannot be told from all of it";
    assert!(matches!(fetched.notes()[..], [said] if said.contains(note)), "{:?}", fetched.notes());
    // Nobody needs to be told when a checksum does.
    let cache = tempfile::tempdir().unwrap();
    let fetched = Project::new(cache.path()).fetch(&pinned(&server.url, "some of it"));
    assert_eq!((fetched.text().as_str(), fetched.notes().len()), ("some of it", 0));
}

#[test]
fn an_archive_that_does_not_end_properly_is_not_kept() {
    let mut packed = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none()));
    let mut header = tar::Header::new_gnu();
    header.set_size(100_000);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    packed.append_data(&mut header, "a", &[7; 100_000][..]).unwrap();
    let archive = packed.into_inner().unwrap().finish().unwrap();
    let whole_archive = archive.clone();
    let server = Server::start(move |request, stream| {
        head(stream, "200 OK", "");
        let length = if request.number == 0 { archive.len() / 2 } else { archive.len() };
        let _ = stream.write_all(&archive[..length]);
    });
    let cache = tempfile::tempdir().unwrap();
    let project = Project::new(cache.path());
    let tar = PackedAs::Tar { filter: Default::default(), chown: None, copied: false };
    let error = project.fetch_as(&download(&server.url), &tar).error();
    assert!(error.contains("cannot be") && error.contains("it is not kept"), "{error}");
    assert_eq!(project.names("blobs"), [] as [&str; 0]);
    // The next run asks for it again.
    assert!(project.fetch_as(&download(&server.url), &tar).bytes().len() > 100_000);
    assert_eq!(server.seen().len(), 2);
    // A whole one of which nothing is wanted stays.
    let filter = f3s::recipe::Filter { strip: 9, ..Default::default() };
    let error = project.fetch_as(&download(&server.url), &PackedAs::Tar { filter, chown: None, copied: false }).error();
    assert!(error.contains("nothing of `file` is left") && !error.contains("not kept"), "{error}");
    assert!(project.names("blobs").contains(&f3s::digest::of(whole_archive)));
}

#[test]
fn a_server_that_cuts_off_the_same_part_again_and_again_is_given_up() {
    let half = vec![b'x'; 2 << 20];
    let server = Server::start(move |_, stream| {
        head(stream, "200 OK", &format!("Content-Length: {}\r\n", 2 * half.len()));
        let _ = stream.write_all(&half);
    });
    let cache = tempfile::tempdir().unwrap();
    let mut file = download(&server.url);
    // Long enough for the few attempts; it never gets farther than the first.
    file.limits.timeout = f3s::recipe::Timeout::of_seconds(120);
    let error = Project::new(cache.path()).fetch(&file).error();
    assert!(error.contains("cut off after 2097152 ") && error.contains("tried 5 times"), "{error}");
}
