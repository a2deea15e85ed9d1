//! A server of the tests' own: what it answers is a function of what it is asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[derive(Clone, Debug, Default)]
pub struct Question {
    pub method: String,
    /// With the query.
    pub path: String,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Question {
    pub fn login(&self) -> Option<&str> {
        self.headers.get("authorization").map(String::as_str)
    }
}

pub enum Reply {
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Hangs up.
    Cut,
    /// Says nothing.
    Silence,
}

impl Reply {
    pub fn status(status: u16) -> Reply {
        Reply::Answer(status, Vec::new(), String::new())
    }

    /// As a registry answers that has a manifest.
    pub fn digest(digest: &str) -> Reply {
        Reply::Answer(200, vec![("docker-content-digest", digest.to_owned())], String::new())
    }
}

type Answer = dyn Fn(&Question, usize) -> Reply + Send + Sync;

/// Ends with its test.
pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Question>>>,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// `answer` hears how many questions came before, too.
    pub async fn start(answer: impl Fn(&Question, usize) -> Reply + Send + Sync + 'static) -> Server {
        Server::over(None, answer).await
    }

    pub async fn over(
        tls: Option<ServerConfig>,
        answer: impl Fn(&Question, usize) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Arc::<Mutex<Vec<Question>>>::default(), Arc::<AtomicUsize>::default());
        let (answer, tls): (Arc<Answer>, _) = (Arc::new(answer), tls.map(|tls| TlsAcceptor::from(Arc::new(tls))));
        let (all, count) = (seen.clone(), connections.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, tls, all, count) = (answer.clone(), tls.clone(), all.clone(), count.clone());
                tokio::spawn(async move {
                    match tls {
                        None => {
                            count.fetch_add(1, Ordering::Relaxed);
                            serve(stream, &*answer, &all).await;
                        }
                        Some(tls) => {
                            // What is no TLS, or is hung up on, asks nothing.
                            let Ok(stream) = tls.accept(stream).await else { return };
                            count.fetch_add(1, Ordering::Relaxed);
                            serve(stream, &*answer, &all).await;
                        }
                    }
                });
            }
        });
        Server { address, seen, connections, task }
    }

    /// Nobody listens any more.
    pub async fn end(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    pub fn seen(&self) -> Vec<Question> {
        self.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, answer: &Answer, seen: &Mutex<Vec<Question>>) {
    let mut stream = BufReader::new(stream);
    while let Some(question) = read(&mut stream).await {
        let before = {
            let mut seen = seen.lock().unwrap();
            seen.push(question.clone());
            seen.len() - 1
        };
        match answer(&question, before) {
            Reply::Answer(status, headers, body) => {
                let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
                text.push_str("\r\n");
                if question.method != "HEAD" {
                    text.push_str(&body);
                }
                if stream.write_all(text.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            Reply::Cut => return,
            Reply::Silence => std::future::pending().await,
        }
    }
}

async fn read(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Question> {
    let mut question = Question::default();
    let mut first = String::new();
    stream.read_line(&mut first).await.ok().filter(|length| *length > 0)?;
    let mut words = first.split(' ').map(str::to_owned);
    (question.method, question.path) = (words.next()?, words.next()?);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        question.headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = question.headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    question.body = String::from_utf8(body).ok()?;
    Some(question)
}
