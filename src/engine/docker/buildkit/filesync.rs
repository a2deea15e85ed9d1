//! The build context as BuildKit's filesync protocol sends it: first what there is, then the content of what BuildKit
//! does not have yet (tonistiigi/fsutil, `send.go`).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use bollard_buildkit_proto::moby::filesync::packet::file_sync_server::FileSync;
use futures_util::Stream;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

/// Bytes of one packet of content.
const CHUNK: usize = 128 * 1024;
/// Bits of Go's `os.FileMode`.
const GO_FOLDER: u32 = 1 << 31;
const GO_LINK: u32 = 1 << 27;

/// Where a file's content comes from.
#[derive(Clone, Debug)]
pub enum Content {
    Text(Arc<[u8]>),
    /// `digest`: what the plan saw in it, SHA-256 in hexadecimal. A file that changed since is not sent: its content would
    /// be kept under the fingerprint of another.
    Path {
        path: PathBuf,
        digest: Option<String>,
    },
}

#[derive(Clone, Debug)]
pub enum Entry {
    File { content: Content, size: u64, mode: u32, stamp: i64 },
    Folder { mode: u32 },
    Link { target: String },
}

/// A path in the order of a walk: a folder comes before what is in it, and both before its longer-named siblings.
#[derive(Clone, Debug, PartialEq, Eq)]
struct InTree(Box<str>);

impl Ord for InTree {
    fn cmp(&self, other: &InTree) -> std::cmp::Ordering {
        let slash_first = |byte| if byte == b'/' { 0 } else { byte };
        self.0.bytes().map(slash_first).cmp(other.0.bytes().map(slash_first))
    }
}

impl PartialOrd for InTree {
    fn partial_cmp(&self, other: &InTree) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// One folder that BuildKit may ask for: files by their path, in the order that fsutil wants.
#[derive(Clone, Debug, Default)]
pub struct Files {
    entries: BTreeMap<InTree, Entry>,
    /// Seconds since the epoch of all files' modification time.
    time: i64,
    salt: String,
}

impl Files {
    /// `time`: the modification time of all files, in seconds since the epoch.
    pub fn new(time: i64) -> Files {
        Files { entries: BTreeMap::new(), time, salt: String::new() }
    }

    /// `salt`: what only the user knows. Thirty bits tell the versions of a file apart: whoever can compute them makes two
    /// versions that look the same, and has the engine build the old one in the new one's place.
    #[must_use]
    pub fn salted(self, salt: String) -> Files {
        Files { salt, ..self }
    }

    /// `identity` changes whenever the content does. BuildKit compares size and time only, so it goes into the
    /// nanoseconds of the time, which no layer keeps.
    pub fn file(&mut self, path: &str, content: Content, size: u64, mode: u32, identity: &str) {
        let digest = Sha256::new_with_prefix(&self.salt).chain_update(identity).finalize();
        let nanoseconds = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) % 1_000_000_000;
        let stamp = self.time * 1_000_000_000 + i64::from(nanoseconds);
        self.insert(path, Entry::File { content, size, mode, stamp });
    }

    pub fn text(&mut self, path: &str, text: &str, mode: u32) {
        let content = Content::Text(text.as_bytes().into());
        self.file(path, content, text.len() as u64, mode, text);
    }

    pub fn folder(&mut self, path: &str, mode: u32) {
        self.insert(path, Entry::Folder { mode });
    }

    pub fn link(&mut self, path: &str, target: &str) {
        self.insert(path, Entry::Link { target: target.to_owned() });
    }

    /// All there is, folders before what is in them, and the modification time of all, in seconds since the epoch.
    pub fn entries(&self) -> (impl Iterator<Item = (&str, &Entry)>, i64) {
        (self.entries.iter().map(|(path, entry)| (&*path.0, entry)), self.time)
    }

    fn insert(&mut self, path: &str, entry: Entry) {
        // Upwards only as far as folders are new: a path has as many as it has parts.
        let mut folder = path;
        while let Some((above, _)) = folder.rsplit_once('/') {
            folder = above;
            match self.entries.entry(InTree(folder.into())) {
                MapEntry::Vacant(vacant) => _ = vacant.insert(Entry::Folder { mode: 0o755 }),
                MapEntry::Occupied(_) => break,
            }
        }
        self.entries.insert(InTree(path.into()), entry);
    }

    fn stat(&self, path: &str, entry: &Entry) -> Stat {
        let plain = Stat { path: path.to_owned(), mod_time: self.time * 1_000_000_000, ..Stat::default() };
        match entry {
            Entry::File { size, mode, stamp, content: _ } => {
                Stat { mode: go_mode(*mode), size: *size as i64, mod_time: *stamp, ..plain }
            }
            Entry::Folder { mode } => Stat { mode: go_mode(*mode) | GO_FOLDER, ..plain },
            Entry::Link { target } => Stat { mode: 0o777 | GO_LINK, linkname: target.clone(), ..plain },
        }
    }

    /// What a request for these paths is given: everything, for the context holds what is copied and nothing else. So it
    /// does not matter that paths come encoded, or as patterns. Only the engine's own question for an ignore file
    /// names paths that mean something here, and there is none.
    fn wanted(&self, follow: &[String]) -> impl Iterator<Item = (&str, &Entry)> {
        let ignore_file = !follow.is_empty() && follow.iter().all(|path| path.ends_with(".dockerignore"));
        let all = self.entries.iter().map(|(path, entry)| (&*path.0, entry));
        all.take(if ignore_file { 0 } else { usize::MAX })
    }
}

/// From permission bits as in `st_mode` to Go's.
fn go_mode(mode: u32) -> u32 {
    let special = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];
    special.iter().fold(mode & 0o777, |go, (bit, flag)| if mode & bit != 0 { go | flag } else { go })
}

/// Serves folders by name: `context` and `dockerfile`.
#[derive(Clone)]
pub struct FileSyncService {
    pub folders: Arc<BTreeMap<String, Files>>,
    /// Ends transfers with the session: a stream that waits for packets would keep the session's socket open.
    pub ended: CancellationToken,
}

type Packets = Pin<Box<dyn Stream<Item = Result<Packet, Status>> + Send>>;

#[tonic::async_trait]
impl FileSync for FileSyncService {
    type DiffCopyStream = Packets;
    type TarStreamStream = Packets;

    async fn diff_copy(&self, request: Request<Streaming<Packet>>) -> Result<Response<Packets>, Status> {
        let values = |name: &str| -> Vec<String> {
            let all = request.metadata().get_all(name);
            all.iter().filter_map(|value| value.to_str().ok().map(str::to_owned)).collect()
        };
        let name = values("dir-name").pop().unwrap_or_default();
        let files = self.folders.get(&name).ok_or_else(|| Status::not_found(format!("no folder `{name}`")))?;
        let follow = [values("followpaths"), values("include-patterns")].concat();
        let mut stats = Vec::new();
        let mut contents = BTreeMap::new();
        for (number, (path, entry)) in files.wanted(&follow).enumerate() {
            stats.push(files.stat(path, entry));
            if let Entry::File { content, .. } = entry {
                contents.insert(number as u32, content.clone());
            }
        }
        tracing::debug!(name, ?follow, files = stats.len(), "filesync");
        let (sender, receiver) = mpsc::channel(16);
        let (incoming, ended) = (request.into_inner(), self.ended.clone());
        tokio::spawn(async move {
            let transfer = transfer(stats, contents, incoming, &sender);
            tokio::select! {
                result = transfer => if let Err(status) = result {
                    let _ = sender.send(Err(status)).await;
                },
                () = ended.cancelled() => {}
            }
        });
        Ok(Response::new(Box::pin(received(receiver))))
    }

    async fn tar_stream(&self, _: Request<Streaming<Packet>>) -> Result<Response<Packets>, Status> {
        Err(Status::unimplemented("f3s sends differences"))
    }
}

/// A channel as a stream.
pub fn received<T: Send + 'static>(receiver: mpsc::Receiver<T>) -> impl Stream<Item = T> + Send {
    futures_util::stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) })
}

type Sender = mpsc::Sender<Result<Packet, Status>>;

/// The other side hung up: nothing is left to say.
async fn send(sender: &Sender, kind: PacketType, packet: Packet) -> Result<(), Status> {
    let packet = Packet { r#type: kind as i32, ..packet };
    sender.send(Ok(packet)).await.map_err(|_| Status::cancelled("the transfer was ended"))
}

async fn transfer(
    stats: Vec<Stat>,
    contents: BTreeMap<u32, Content>,
    mut incoming: Streaming<Packet>,
    sender: &Sender,
) -> Result<(), Status> {
    for stat in stats {
        send(sender, PacketType::PacketStat, Packet { stat: Some(stat), ..Packet::default() }).await?;
    }
    send(sender, PacketType::PacketStat, Packet::default()).await?;
    while let Some(packet) = incoming.message().await? {
        match PacketType::try_from(packet.r#type) {
            Ok(PacketType::PacketReq) => {
                if let Some(content) = contents.get(&packet.id) {
                    send_content(content, packet.id, sender).await?;
                }
                send(sender, PacketType::PacketData, Packet { id: packet.id, ..Packet::default() }).await?;
            }
            Ok(PacketType::PacketFin) => return send(sender, PacketType::PacketFin, Packet::default()).await,
            Ok(PacketType::PacketErr) => return Err(Status::aborted(String::from_utf8_lossy(&packet.data))),
            Ok(PacketType::PacketStat | PacketType::PacketData) | Err(_) => {}
        }
    }
    Ok(())
}

/// What is said of a file that is not any more as the plan saw it.
pub fn changed(path: &Path) -> String {
    format!("`{}` changed while it was built: run f3s again", path.display())
}

async fn send_content(content: &Content, id: u32, sender: &Sender) -> Result<(), Status> {
    let data = |data: Vec<u8>| Packet { id, data, ..Packet::default() };
    match content {
        Content::Text(bytes) => {
            for chunk in bytes.chunks(CHUNK) {
                send(sender, PacketType::PacketData, data(chunk.to_vec())).await?;
            }
        }
        Content::Path { path, digest } => {
            let failed = |error| Status::internal(format!("`{}` cannot be read: {error}", path.display()));
            let opened = tokio::task::spawn_blocking({
                let path = path.clone();
                move || crate::file::open(&path)
            });
            let opened = opened.await.map_err(io::Error::other).and_then(|opened| opened).map_err(failed)?;
            let mut file = tokio::fs::File::from_std(opened);
            let mut buffer = vec![0; CHUNK];
            let mut hasher = Sha256::new();
            loop {
                let read = file.read(&mut buffer).await.map_err(failed)?;
                if read == 0 {
                    break;
                }
                hasher.update(&buffer[..read]);
                send(sender, PacketType::PacketData, data(buffer[..read].to_vec())).await?;
            }
            let found = crate::digest::hex(hasher.finalize());
            if digest.as_ref().is_some_and(|digest| *digest != found) {
                return Err(Status::aborted(changed(path)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_before_what_is_in_them() {
        let mut files = Files::new(0);
        for path in ["a/b", "a-b", "a/b-c/d"] {
            files.text(path, path, 0o644);
        }
        let paths = |follow: &[&str]| {
            let follow: Vec<String> = follow.iter().map(|path| (*path).to_owned()).collect();
            files.wanted(&follow).map(|(path, _)| path.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(paths(&[]), ["a", "a/b", "a/b-c", "a/b-c/d", "a-b"]);
        assert_eq!(paths(&["%C3%BC"]), paths(&[]));
        assert_eq!(paths(&[".dockerignore"]), [] as [&str; 0]);
    }

    #[test]
    fn a_changed_text_of_the_same_length_has_another_time() {
        let stamp = |salt: &str, text: &str| {
            let mut files = Files::new(7).salted(salt.to_owned());
            files.text("a", text, 0o644);
            let (path, entry) = files.entries.iter().next().unwrap();
            files.stat(&path.0, entry).mod_time
        };
        assert_ne!(stamp("", "one"), stamp("", "two"));
        assert_ne!(stamp("salt", "one"), stamp("", "one"));
        assert_eq!(stamp("salt", "one") / 1_000_000_000, 7);
    }
}
