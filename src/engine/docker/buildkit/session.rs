//! A session: what BuildKit asks back while it builds one image. Files, secrets, the ssh agent, credentials.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use bollard_buildkit_proto::health::health_server::{Health, HealthServer};
use bollard_buildkit_proto::health::{HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::{Secrets, SecretsServer};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard_buildkit_proto::moby::filesync::packet::file_send_server::FileSendServer;
use bollard_buildkit_proto::moby::filesync::packet::file_sync_server::FileSyncServer;
use bollard_buildkit_proto::moby::filesync::v1::auth_server::{Auth, AuthServer};
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::{Ssh, SshServer};
use bollard_buildkit_proto::moby::sshforward::v1::{BytesMessage, CheckAgentRequest, CheckAgentResponse};
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use super::WINDOW;
use super::capabilities::Listing;
use super::filesync::{FileSyncService, Files, received};
use crate::transport::Address;
use crate::transport::credentials::{self, Credentials, Login};

/// How long a session may take to end; its socket leaks in the daemon if it is cut off.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a build may ask for.
#[derive(Clone, Default)]
pub struct Offer {
    pub context: Files,
    pub dockerfile: Files,
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// The socket of the user's ssh agent.
    pub ssh: Option<PathBuf>,
    /// The registries (`host[:port]`) whose logins it may have.
    pub registries: BTreeSet<String>,
    /// The key under which BuildKit keeps what it was sent, for the next build to send only what changed.
    pub shared_key: String,
    /// Where what BuildKit would export is listed.
    pub listing: Option<Listing>,
}

pub struct Session {
    pub id: String,
    ended: CancellationToken,
    task: JoinHandle<()>,
}

impl Session {
    pub async fn start(address: &Address, offer: Offer, credentials: Credentials) -> io::Result<Session> {
        let id = random_id();
        let mut headers = vec![
            ("X-Docker-Expose-Session-Uuid", id.clone()),
            ("X-Docker-Expose-Session-Name", "f3s".to_owned()),
            ("X-Docker-Expose-Session-Sharedkey", offer.shared_key.clone()),
        ];
        let mut methods = vec!["/moby.filesync.v1.Auth/Credentials", "/moby.filesync.v1.FileSync/DiffCopy"];
        if !offer.secrets.is_empty() {
            methods.push("/moby.buildkit.secrets.v1.Secrets/GetSecret");
        }
        if offer.ssh.is_some() {
            methods.extend(["/moby.sshforward.v1.SSH/CheckAgent", "/moby.sshforward.v1.SSH/ForwardAgent"]);
        }
        if offer.listing.is_some() {
            methods.push("/moby.filesync.v1.FileSend/DiffCopy");
        }
        headers.extend(methods.into_iter().map(|method| ("X-Docker-Expose-Session-Grpc-Method", method.to_owned())));
        let stream = address.upgrade("/session", &headers).await?;

        let ended = CancellationToken::new();
        let folders =
            BTreeMap::from([("context".to_owned(), offer.context), ("dockerfile".to_owned(), offer.dockerfile)]);
        let files = FileSyncService { folders: Arc::new(folders), ended: ended.clone() };
        let server = Server::builder()
            .initial_connection_window_size(WINDOW)
            .add_service(HealthServer::new(Healthy))
            .add_service(AuthServer::new(Logins { credentials, registries: offer.registries }))
            .add_service(FileSyncServer::new(files))
            .add_optional_service(offer.listing.map(FileSendServer::new))
            .add_optional_service((!offer.secrets.is_empty()).then(|| SecretsServer::new(SecretValues(offer.secrets))))
            .add_optional_service(offer.ssh.map(|socket| SshServer::new(Agent(socket))));
        // One connection, and no end of the list of connections: the server would stop at once.
        let only = futures_util::stream::iter([Ok::<_, io::Error>(stream)]).chain(futures_util::stream::pending());
        let stop = ended.clone().cancelled_owned();
        let task = tokio::spawn(async move {
            if let Err(error) = server.serve_with_incoming_shutdown(only, stop).await {
                tracing::debug!(%error, "session");
            }
        });
        Ok(Session { id, ended, task })
    }

    /// Ends the session and waits until its socket is closed.
    pub async fn end(self) {
        self.ended.cancel();
        let mut task = self.task;
        if tokio::time::timeout(FAREWELL, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// 25 digits, as BuildKit's own clients use.
pub fn random_id() -> String {
    use std::hash::{BuildHasher, Hasher};
    // Two differently seeded hashers: unique, which is all that is asked for.
    let half = || std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())[..25].to_owned()
}

struct Healthy;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Health for Healthy {
    type WatchStream = Answers<HealthCheckResponse>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving as i32 }))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        Err(Status::unimplemented("list"))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("watch"))
    }
}

/// The user's logins for the registries that the image itself names. An engine asks for what it likes: for a mirror of its
/// own, or for all that somebody would like to know.
struct Logins {
    credentials: Credentials,
    registries: BTreeSet<String>,
}

impl Logins {
    async fn of(&self, host: &str) -> Option<Login> {
        let is_named = self.registries.iter().any(|named| credentials::key(named) == credentials::key(host));
        if !is_named {
            tracing::debug!(host, "the engine asks for a login that the image does not need");
            return None;
        }
        let found = self.credentials.of_registry(host).await;
        found.inspect_err(|error| tracing::debug!(%error, host, "login")).ok().flatten()
    }
}

#[tonic::async_trait]
impl Auth for Logins {
    async fn credentials(&self, request: Request<CredentialsRequest>) -> Result<Response<CredentialsResponse>, Status> {
        let found = self.of(&request.get_ref().host).await;
        let (username, secret) = found.map(|login| login.user_and_secret()).unwrap_or_default();
        Ok(Response::new(CredentialsResponse { username, secret }))
    }

    async fn fetch_token(&self, _: Request<FetchTokenRequest>) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unimplemented("the engine fetches tokens itself"))
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unavailable("the engine fetches tokens itself"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unavailable("the engine fetches tokens itself"))
    }
}

struct SecretValues(BTreeMap<String, Vec<u8>>);

#[tonic::async_trait]
impl Secrets for SecretValues {
    async fn get_secret(&self, request: Request<GetSecretRequest>) -> Result<Response<GetSecretResponse>, Status> {
        let id = &request.get_ref().id;
        let data = self.0.get(id).cloned().ok_or_else(|| Status::not_found(format!("no secret `{id}`")))?;
        Ok(Response::new(GetSecretResponse { data }))
    }
}

/// Forwards the user's ssh agent.
struct Agent(PathBuf);

#[tonic::async_trait]
impl Ssh for Agent {
    type ForwardAgentStream = Answers<BytesMessage>;

    async fn check_agent(&self, _: Request<CheckAgentRequest>) -> Result<Response<CheckAgentResponse>, Status> {
        Ok(Response::new(CheckAgentResponse {}))
    }

    async fn forward_agent(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let (mut from_agent, mut to_agent) = UnixStream::connect(&self.0).await?.into_split();
        let mut incoming = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(message)) = incoming.next().await {
                if to_agent.write_all(&message.data).await.is_err() {
                    break;
                }
            }
        });
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut buffer = vec![0; 32 * 1024];
            while let Ok(read @ 1..) = from_agent.read(&mut buffer).await {
                if sender.send(Ok(BytesMessage { data: buffer[..read].to_vec() })).await.is_err() {
                    break;
                }
            }
        });
        Ok(Response::new(Box::pin(received(receiver))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn logins_are_given_for_the_registries_of_the_image_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let auths = ["r.example.com:5000", "r.example.com", "mirror.example.com", "https://index.docker.io/v1/"]
            .map(|host| format!(r#""{host}": {{"username": "me", "password": "{host}"}}"#));
        std::fs::write(folder.path().join("config.json"), format!(r#"{{"auths": {{{}}}}}"#, auths.join(","))).unwrap();
        let given = async |named: &[&str], host: &str| {
            let registries = named.iter().map(|name| (*name).to_owned()).collect();
            let logins = Logins { credentials: Credentials::in_folder(folder.path()), registries };
            let request = Request::new(CredentialsRequest { host: host.to_owned() });
            let CredentialsResponse { username, secret } = logins.credentials(request).await.unwrap().into_inner();
            (!username.is_empty()).then_some(secret)
        };
        let named = ["r.example.com:5000"];
        assert_eq!(given(&named, "r.example.com:5000").await.as_deref(), Some("r.example.com:5000"));
        for other in ["r.example.com", "mirror.example.com", "registry-1.docker.io", "docker.io", "index.docker.io", ""]
        {
            assert_eq!(given(&named, other).await, None, "{other}");
            assert_eq!(given(&[], other).await, None, "{other}");
        }
        // Docker Hub goes by several names.
        assert_eq!(given(&["docker.io"], "registry-1.docker.io").await.as_deref(), Some("https://index.docker.io/v1/"));
        assert_eq!(given(&["docker.io"], "mirror.example.com").await, None);
    }
}
