//! Which files of a stage have capabilities, the one extended attribute that layers keep. BuildKit tells who would have the
//! stage exported: it says what there is before it sends content, and none is asked for (tonistiigi/fsutil, `receive.go`).

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use bollard_buildkit_proto::moby::filesync::packet::file_send_server::FileSend;
use futures_util::Stream;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use super::filesync::received;

/// How many files a list names.
const MAX_FILES: usize = 20;

/// Takes what BuildKit would export.
#[derive(Clone, Default)]
pub struct Listing {
    lines: Arc<Mutex<Vec<String>>>,
    has_begun: Arc<AtomicBool>,
}

impl Listing {
    /// A line for each of the files, at least the first ones.
    pub fn text(&self) -> String {
        self.lines().iter().map(|line| format!("{line}\n")).collect()
    }

    /// True once the stage is there.
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, stat: &Stat) {
        let mut lines = self.lines();
        if stat.xattrs.contains_key(ATTRIBUTE) && lines.len() < MAX_FILES {
            lines.push(below_the_top(&stat.path).replace(char::is_control, "?"));
        }
    }
}

/// Where Linux keeps them.
const ATTRIBUTE: &str = "security.capability";

/// `x` of `made/x`: what a step copies lies in a folder.
fn below_the_top(path: &str) -> &str {
    let below = path.split_once('/').map_or(path, |(_, below)| below);
    below.strip_prefix("files/").unwrap_or(below)
}

#[tonic::async_trait]
impl FileSend for Listing {
    type DiffCopyStream = Pin<Box<dyn Stream<Item = Result<Packet, Status>> + Send>>;

    async fn diff_copy(&self, request: Request<Streaming<Packet>>) -> Result<Response<Self::DiffCopyStream>, Status> {
        self.has_begun.store(true, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel(1);
        let (mut incoming, listing) = (request.into_inner(), self.clone());
        tokio::spawn(async move {
            while let Ok(Some(packet)) = incoming.message().await {
                match (PacketType::try_from(packet.r#type), &packet.stat) {
                    (Ok(PacketType::PacketStat), Some(stat)) => listing.add(stat),
                    // That was all.
                    (Ok(PacketType::PacketStat), None) => {
                        let packet = Packet { r#type: PacketType::PacketFin as i32, ..Packet::default() };
                        _ = sender.send(Ok(packet)).await;
                    }
                    (Ok(PacketType::PacketFin | PacketType::PacketErr), _) => break,
                    (Ok(PacketType::PacketReq | PacketType::PacketData) | Err(_), _) => {}
                }
            }
        });
        Ok(Response::new(Box::pin(received(receiver))))
    }
}
