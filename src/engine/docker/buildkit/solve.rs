//! One build: a session, a `Solve`, and its status stream.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::{SolveRequest, SolveResponse, StatusRequest, StatusResponse};
use hyper_util::rt::TokioIo;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};

use super::WINDOW;
use super::capabilities::Listing;
use super::session::{Offer, Session, random_id};
use super::status::Progress;
use crate::diagnostic::Diagnostic;
use crate::engine::{BuildOptions, EngineError};
use crate::event::Events;
use crate::lower::ContextEntry;
use crate::plan::PlannedImage;
use crate::transport::Address;
use crate::transport::credentials::Credentials;

/// A message of BuildKit holds at most this much; logs of a chatty step come in large ones.
const MAX_MESSAGE: usize = 64 << 20;

/// What the exporter calls the image's id: the digest of its configuration or, in containerd's store, of its manifest.
const DIGEST: &str = "containerimage.digest";

/// How often output that waits for the end of its line is looked at.
const TICK: Duration = Duration::from_millis(250);

/// How often a build that met others of this moment is begun again; its steps are in the cache by then.
const ATTEMPTS: usize = 5;

/// How BuildKit's answer ends where nothing is wrong with the build. containerd's image store refuses a name that another
/// build gives at the same moment. BuildKit of Docker 20.10 gives up a step that several builds wait for, after six seconds.
const MET_OTHERS: [&str; 2] = [": already exists", "flightcontrol: exceeded retry timeout"];

/// What one `Solve` is for.
#[derive(Clone, Copy)]
enum Goal<'a> {
    Image,
    /// To learn what a stage holds.
    List {
        stage: &'a str,
    },
}

/// A channel to BuildKit's control API: it carries many builds at once.
#[derive(Clone)]
pub struct Builder {
    address: Address,
    credentials: Credentials,
    control: ControlClient<Channel>,
    /// What is begun again is begun alone: those that met would meet again.
    again: Arc<Mutex<()>>,
}

pub struct Request<'a> {
    pub image: &'a PlannedImage,
    pub offer: Offer,
    pub options: &'a BuildOptions,
    pub cancel: &'a CancellationToken,
}

struct Solve<'a> {
    request: &'a Request<'a>,
    goal: Goal<'a>,
    /// The stages that solves before this one have made.
    done: &'a BTreeSet<&'a str>,
}

/// `Ok(Err(Status))`: what the engine said against it.
type Solved = Result<Result<SolveResponse, Status>, EngineError>;

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
        Ok(Builder { address, credentials, control, again: Default::default() })
    }

    pub(super) fn control(&self) -> ControlClient<Channel> {
        self.control.clone()
    }

    /// Builds and tags the image. Returns its id, and whether every step came from the cache.
    pub async fn build(&self, mut request: Request<'_>, events: &Events) -> Result<(String, bool), EngineError> {
        let image = request.image;
        let mut progress = Progress::new(image, &request.offer.secrets, events);
        // Where every step is to run anew, each runs once, however many solves it takes.
        let mut done = BTreeSet::new();
        for (path, entry) in &image.context.entries {
            if let ContextEntry::Capabilities { stage } = entry {
                let list = self.capabilities(&request, stage, &done, &mut progress).await?;
                request.offer.context.text(path, &list, 0o644);
                done.extend(image.dockerfile.made_of(stage));
            }
        }
        let solve = Solve { request: &request, goal: Goal::Image, done: &done };
        match self.solve_among_others(&solve, &mut progress).await? {
            Ok(answer) => {
                let id = answer.exporter_response.get(DIGEST).cloned();
                let nameless =
                    || EngineError::Failed(Diagnostic::error("the engine built an image and named no digest"));
                Ok((id.ok_or_else(nameless)?, progress.is_cached()))
            }
            Err(status) => Err(progress.failure(&status)),
        }
    }

    /// Lists the files of a stage that have capabilities.
    async fn capabilities(
        &self,
        request: &Request<'_>,
        stage: &str,
        done: &BTreeSet<&str>,
        progress: &mut Progress<'_>,
    ) -> Result<String, EngineError> {
        let listing = Listing::default();
        let offer = Offer { listing: Some(listing.clone()), ..request.offer.clone() };
        let request = Request { offer, ..*request };
        let solve = Solve { request: &request, goal: Goal::List { stage }, done };
        match self.solve_among_others(&solve, progress).await? {
            Ok(_) => Ok(listing.text()),
            // A name that is no UTF-8 cannot be told, and ends the list.
            Err(status) if listing.has_begun() => {
                tracing::debug!(stage, message = status.message(), "listing");
                progress.forget_other_errors();
                Ok(listing.text())
            }
            Err(status) => Err(progress.failure(&status)),
        }
    }

    /// As `solve`, begun again where another build was in its way.
    async fn solve_among_others(&self, solve: &Solve<'_>, progress: &mut Progress<'_>) -> Solved {
        let has_met = |status: &Status| MET_OTHERS.iter().any(|end| status.message().trim_end().ends_with(end));
        let mut answer = self.solve(solve, progress).await?;
        for _ in 1..ATTEMPTS {
            if !answer.as_ref().is_err_and(has_met) {
                break;
            }
            let _alone = tokio::select! {
                alone = self.again.lock() => alone,
                () = solve.request.cancel.cancelled() => return Err(EngineError::Cancelled),
            };
            progress.begin_again();
            answer = self.solve(solve, progress).await?;
        }
        Ok(answer)
    }

    async fn solve(&self, solve: &Solve<'_>, progress: &mut Progress<'_>) -> Solved {
        let Request { offer, cancel, .. } = solve.request;
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
        let solving = control.solve(solve.message(&reference, &session.id));
        tokio::pin!(solving);
        let mut clock = tokio::time::interval(TICK);
        let result = loop {
            tokio::select! {
                // What the engine says of a step comes before how it ended.
                biased;
                Some(status) = statuses.recv() => progress.hear(status),
                result = &mut solving => break Ok(result),
                () = cancel.cancelled() => break Err(EngineError::Cancelled),
                _ = clock.tick() => {
                    progress.tick();
                    if let Some(late) = progress.late() {
                        break Err(late);
                    }
                }
            }
        };
        if result.is_ok() {
            // The stream ends by itself once the build has ended; its last messages tell what failed.
            let drain = async {
                while let Some(status) = statuses.recv().await {
                    progress.hear(status);
                }
            };
            let _ = tokio::time::timeout(Duration::from_secs(5), drain).await;
        }
        watching.abort();
        session.end().await;
        Ok(result?.map(tonic::Response::into_inner))
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

impl Solve<'_> {
    fn message(&self, reference: &str, session: &str) -> SolveRequest {
        let Request { image, options, .. } = self.request;
        let mut attributes = HashMap::from([("filename".to_owned(), "Dockerfile".to_owned())]);
        if let Some(stages) = self.without_cache() {
            attributes.insert("no-cache".to_owned(), stages);
        }
        if let Some(network) = options.network.as_deref().filter(|network| *network != "default") {
            attributes.insert("force-network-mode".to_owned(), network.to_owned());
        }
        if let Some(epoch) = options.source_date_epoch {
            attributes.insert("build-arg:SOURCE_DATE_EPOCH".to_owned(), epoch.to_string());
        }
        if let Some(owner) = image.marks.owner_of_caches() {
            // What stands before the ids of cache mounts.
            attributes.insert("build-arg:BUILDKIT_CACHE_MOUNT_NS".to_owned(), owner);
        }
        let (exporter, exporter_attributes) = match self.goal {
            Goal::Image => ("moby", HashMap::from([("name".to_owned(), image.internal.to_string())])),
            Goal::List { stage } => {
                attributes.insert("target".to_owned(), stage.to_owned());
                ("local", HashMap::new())
            }
        };
        SolveRequest {
            r#ref: reference.to_owned(),
            // The fields that took their place are accepted by 20.10 without any effect.
            exporter_deprecated: exporter.to_owned(),
            exporter_attrs_deprecated: exporter_attributes,
            session: session.to_owned(),
            frontend: "dockerfile.v0".to_owned(),
            frontend_attrs: attributes,
            // A base may bring instructions of its own that ask for it (`ONBUILD`).
            entitlements: if options.access.host_network { vec!["network.host".to_owned()] } else { Vec::new() },
            // The history keeps what steps print, and so what they print of a secret; before 23.0 there is none.
            internal: !image.secrets.is_empty() || matches!(self.goal, Goal::List { .. }),
            ..SolveRequest::default()
        }
    }

    /// The stages of which no step may come from the cache; empty for all of them.
    fn without_cache(&self) -> Option<String> {
        let Request { image, options, .. } = self.request;
        let stages = image.dockerfile.stages();
        let left: Vec<&str> = stages.iter().copied().filter(|stage| !self.done.contains(stage)).collect();
        match left.is_empty() || !options.no_cache {
            true => None,
            false if left.len() == stages.len() => Some(String::new()),
            false => Some(left.join(",")),
        }
    }
}
