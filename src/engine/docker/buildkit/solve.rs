//! One build: a session, a `Solve`, and its status stream.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::{SolveRequest, StatusRequest, StatusResponse};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};

use super::WINDOW;
use super::session::{Offer, Session, random_id};
use super::status::Progress;
use crate::diagnostic::Diagnostic;
use crate::engine::credentials::Credentials;
use crate::engine::transport::Address;
use crate::engine::{BuildOptions, EngineError};
use crate::event::Events;
use crate::plan::PlannedImage;

/// A message of BuildKit holds at most this much; logs of a chatty step come in large ones.
const MAX_MESSAGE: usize = 64 << 20;

/// What the exporter calls the image's id: the digest of its configuration or, in containerd's store, of its manifest.
const DIGEST: &str = "containerimage.digest";

/// How often output that waits for the end of its line is looked at.
const TICK: Duration = Duration::from_millis(250);

/// How often a build whose name another one took is begun again; its steps are in the cache by then.
const ATTEMPTS_AT_A_NAME: usize = 5;

/// How one `Solve` ended that was not refused.
enum Attempt {
    /// The image's id, and whether every step came from the cache.
    Built(String, bool),
    /// Another build gave the image its name first.
    NameTaken(EngineError),
}

/// A channel to BuildKit's control API: it carries many builds at once.
#[derive(Clone)]
pub struct Builder {
    address: Address,
    credentials: Credentials,
    control: ControlClient<Channel>,
}

pub struct Request<'a> {
    pub image: &'a PlannedImage,
    pub offer: Offer,
    pub options: &'a BuildOptions,
}

impl Builder {
    /// Errors: `Unsupported` when the engine has no BuildKit.
    pub async fn connect(address: Address, credentials: Credentials) -> io::Result<Builder> {
        let target = address.clone();
        let connector = tower::service_fn(move |_: Uri| {
            let address = target.clone();
            async move { address.upgrade("/grpc", &[]).await.map(TokioIo::new) }
        });
        // The upgrade is tried here, for its own error: the channel would wrap it beyond recognition.
        drop(address.upgrade("/grpc", &[]).await?);
        let endpoint = Endpoint::from_static("http://buildkit").initial_connection_window_size(WINDOW);
        let channel = endpoint.connect_with_connector(connector).await.map_err(io::Error::other)?;
        let control = ControlClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
        Ok(Builder { address, credentials, control })
    }

    pub(super) fn control(&self) -> ControlClient<Channel> {
        self.control.clone()
    }

    /// Builds and tags the image. Returns its id, and whether every step came from the cache.
    pub async fn build(
        &self,
        request: Request<'_>,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<(String, bool), EngineError> {
        // containerd's image store refuses a name that another build gives at the same moment.
        for _ in 1..ATTEMPTS_AT_A_NAME {
            match self.attempt(&request, events, cancel).await? {
                Attempt::Built(id, cached) => return Ok((id, cached)),
                Attempt::NameTaken(_) => {}
            }
        }
        match self.attempt(&request, events, cancel).await? {
            Attempt::Built(id, cached) => Ok((id, cached)),
            Attempt::NameTaken(error) => Err(error),
        }
    }

    async fn attempt(
        &self,
        request: &Request<'_>,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Attempt, EngineError> {
        let Request { image, offer, options } = request;
        let mut progress = Progress::new(image, &offer.secrets, events);
        let session = tokio::select! {
            session = Session::start(&self.address, offer.clone(), self.credentials.clone()) => session,
            () = cancel.cancelled() => return Err(EngineError::Cancelled),
        };
        let session = session
            .map_err(|error| EngineError::unreachable(&format!("the engine refused a build session: {error}")))?;
        let reference = random_id();
        let (sender, mut statuses) = mpsc::unbounded_channel();
        let watching = tokio::spawn(watch(self.control.clone(), reference.clone(), sender));

        let mut control = self.control.clone();
        let solve = control.solve(solve_request(image, options, &reference, &session.id));
        tokio::pin!(solve);
        let mut clock = tokio::time::interval(TICK);
        let result = loop {
            tokio::select! {
                // What the engine says of a step comes before how it ended.
                biased;
                Some(status) = statuses.recv() => progress.hear(status),
                result = &mut solve => break Ok(result),
                () = cancel.cancelled() => break Err(EngineError::Cancelled),
                _ = clock.tick() => {
                    progress.tick();
                    if let Some(late) = progress.late() {
                        break Err(late);
                    }
                }
            }
        };
        let result = match result {
            Ok(result) => result,
            Err(ended) => {
                watching.abort();
                session.end().await;
                return Err(ended);
            }
        };
        // The stream ends by itself once the build has ended; its last messages tell what failed.
        let drain = async {
            while let Some(status) = statuses.recv().await {
                progress.hear(status);
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), drain).await;
        watching.abort();
        session.end().await;
        match result {
            Ok(answer) => {
                let id = answer.into_inner().exporter_response.remove(DIGEST);
                let nameless =
                    || EngineError::Failed(Diagnostic::error("the engine built an image and named no digest"));
                Ok(Attempt::Built(id.ok_or_else(nameless)?, progress.finish()))
            }
            Err(status) if status.message().ends_with(": already exists") => {
                Ok(Attempt::NameTaken(progress.failure(&status)))
            }
            Err(status) => Err(progress.failure(&status)),
        }
    }
}

async fn watch(
    mut control: ControlClient<Channel>,
    reference: String,
    sender: mpsc::UnboundedSender<StatusResponse>,
) -> Result<(), Status> {
    let mut stream = control.status(StatusRequest { r#ref: reference }).await?.into_inner();
    while let Some(status) = stream.message().await? {
        if sender.send(status).is_err() {
            break;
        }
    }
    Ok(())
}

fn solve_request(image: &PlannedImage, options: &BuildOptions, reference: &str, session: &str) -> SolveRequest {
    let mut attributes = HashMap::from([("filename".to_owned(), "Dockerfile".to_owned())]);
    if options.no_cache {
        attributes.insert("no-cache".to_owned(), String::new());
    }
    if let Some(network) = options.network.as_deref().filter(|network| *network != "default") {
        attributes.insert("force-network-mode".to_owned(), network.to_owned());
    }
    if let Some(epoch) = options.source_date_epoch {
        attributes.insert("build-arg:SOURCE_DATE_EPOCH".to_owned(), epoch.to_string());
    }
    SolveRequest {
        r#ref: reference.to_owned(),
        // The fields that took their place are accepted by 20.10 without any effect.
        exporter_deprecated: "moby".to_owned(),
        exporter_attrs_deprecated: HashMap::from([("name".to_owned(), image.internal.to_string())]),
        session: session.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: attributes,
        // A base may bring instructions of its own that ask for it (`ONBUILD`).
        entitlements: if options.access.host_network { vec!["network.host".to_owned()] } else { Vec::new() },
        // The history keeps what steps print, and so what they print of a secret; before 23.0 there is none.
        internal: !image.secrets.is_empty(),
        ..SolveRequest::default()
    }
}
