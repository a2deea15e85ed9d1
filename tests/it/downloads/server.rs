//! A server on loopback that answers as a test says, one connection for each request.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// How many came before it.
    pub number: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

pub struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `answer` writes the whole answer, with its head; the connection ends when it returns.
    pub fn start(answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (requests, answer) = (seen.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (requests, answer) = (requests.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, &requests, &*answer));
            }
        });
        Server { url, seen }
    }

    /// Always answers with this text.
    pub fn of(text: &'static str) -> Server {
        Server::start(move |_, stream| whole(stream, "", text.as_bytes()))
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, requests: &Mutex<Vec<Request>>, answer: &dyn Fn(&Request, &mut TcpStream)) {
    let Some(mut request) = read(&stream) else { return };
    {
        let mut requests = requests.lock().unwrap();
        request.number = requests.len();
        requests.push(request.clone());
    }
    answer(&request, &mut stream);
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let headers = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    });
    let headers = headers.collect();
    Some(Request { path: first.split(' ').nth(1)?.to_owned(), headers, number: 0 })
}

/// The head of an answer: `status` with its words, `headers` each with its line break.
pub fn head(stream: &mut TcpStream, status: &str, headers: &str) {
    let _ = stream.write_all(format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n").as_bytes());
}

/// A whole answer with its length.
pub fn whole(stream: &mut TcpStream, headers: &str, body: &[u8]) {
    head(stream, "200 OK", &format!("{headers}Content-Length: {}\r\n", body.len()));
    let _ = stream.write_all(body);
}
