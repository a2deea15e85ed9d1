//! A door to the engine: counts the requests that pass, and can be closed for some.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::lab::{Project, variable};

pub struct Door {
    /// For DOCKER_HOST.
    pub host: String,
    count: Arc<AtomicUsize>,
}

impl Door {
    /// In the project's folder. Connections that begin with a request for one of these paths are answered with 404, as by
    /// an engine that does not know them.
    pub fn open(project: &Project, refused: &'static [&'static str]) -> Door {
        Door::with_ear(project, refused, |_| ())
    }

    /// `hear` is told what passes before it does.
    pub fn with_ear(
        project: &Project,
        refused: &'static [&'static str],
        hear: impl Fn(&str) + Clone + Send + 'static,
    ) -> Door {
        let door = project.path().join("door.sock");
        let listener = UnixListener::bind(&door).unwrap();
        let engine = variable("DOCKER_HOST").strip_prefix("unix://").unwrap().to_owned();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, UnixStream::connect(&engine)) else { return };
                let (back_from, back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || pass(back_from, back_to, |_| true));
                let (counted, mut answer) = (counted.clone(), client.try_clone().unwrap());
                let hear = hear.clone();
                let examine = move |text: &str| {
                    hear(text);
                    let requests = text.lines().filter(|line| line.ends_with("HTTP/1.1"));
                    counted.fetch_add(requests.count(), Ordering::SeqCst);
                    if !refused.iter().any(|path| text.starts_with(&format!("POST {path} "))) {
                        return true;
                    }
                    let _ = answer.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
                    false
                };
                std::thread::spawn(move || pass(client, server, examine));
            }
        });
        Door { host: format!("unix://{}", door.display()), count }
    }

    pub fn requests(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

fn pass(mut from: UnixStream, mut to: UnixStream, mut examine: impl FnMut(&str) -> bool) {
    let mut buffer = [0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if !examine(&String::from_utf8_lossy(&buffer[..read])) || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
