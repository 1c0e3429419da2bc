//! Deploying: one PUT of a build tool. Who the caller is and whether they may deploy is checked before the body is
//! read, so that a client that asks first (`Expect: 100-continue`) sends nothing in vain.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, header};
use http_body_util::BodyExt;
use hyper::{Request, Response};
use logjar_domain::access::{Actor, Credential};
use logjar_domain::names::parse_repository_name;
use logjar_domain::open_deploy::request::{Deployer, Put};
use logjar_domain::rejection::Rejection;
use logjar_maven::layout::{self, Target};
use tokio::time::{Instant, timeout_at};

use super::path::RepositoryPath;
use super::{Deploying, put_headers};
use crate::activity::{Refusal, Whose};
use crate::auth;
use crate::clock::{now, rfc3339, since_boot};
use crate::deploy::{Arrived, BodyOfFile, DeployError, Upload, fresh_deploy_id};
use crate::http::body::Answer;
use crate::http::error::HttpError;
use crate::http::request_body::RequestBody;
use crate::http::request_id;
use crate::storage::read::is_never_served;

/// The largest sum.
const SUM_MAX: u64 = 1_024;
/// The largest `maven-metadata.xml`; 10,000 versions take half of it.
const METADATA_MAX: u64 = 2 << 20;
/// The minimum rate of a body, after some time to begin.
const BYTES_PER_SECOND_MIN: u64 = 256;

impl From<DeployError> for HttpError {
    fn from(error: DeployError) -> Self {
        match error {
            DeployError::Rejected(rejection) => Self::Rejected(rejection),
            DeployError::NoSpace => Self::NoSpace,
            DeployError::NotDurable => Self::Internal,
            DeployError::Busy => Self::Busy,
            DeployError::Io(error) => error.into(),
            DeployError::LookUp(error) => {
                tracing::error!("{error}");
                Self::Internal
            }
            DeployError::Failed => Self::Internal,
        }
    }
}

/// Answers PUT. Every refusal is also kept in the activity file: some clients show nothing but a status code.
pub(super) async fn put(
    deploying: &Deploying,
    path: &RepositoryPath,
    request: Request<RequestBody>,
    client: Option<IpAddr>,
) -> Result<Response<Answer>, HttpError> {
    let credentials = auth::token::credentials(request.headers());
    let answered = match put_headers::check_whole(request.version(), request.headers()) {
        Ok(()) => take(deploying, path, request).await,
        Err(error) => Err(error),
    };
    let error = match answered {
        Ok(missing) => return Ok(created(missing)),
        Err(error) => error,
    };
    if matches!(error, HttpError::NoSpace) {
        deploying.sequencer.space().met_full();
    }
    // A request without credentials only asks how to identify itself; it says nothing about anybody.
    if let Some(credentials) = credentials {
        let moment = now();
        let (user, whose) = {
            let state = deploying.projections.read();
            let is_ours = auth::token::is_ours(&state, &credentials);
            // A name that no user has may be a token in the wrong place.
            let user = state.user_named(&credentials.user).map(|(_, user)| user.name.to_string());
            (user, if is_ours { Whose::User } else { Whose::Stranger(client) })
        };
        let credential = auth::token::hash(&format!("{}:{}", credentials.user, credentials.password));
        if whose == Whose::User || !deploying.activity.is_repeat(credential, since_boot()) {
            deploying.metrics.refused(error.tag());
            let refusal = Refusal {
                at: rfc3339(moment),
                user,
                path: format!("{}/{}", path.repository, path.segments.join("/")),
                tag: error.tag().to_owned(),
                detail: error.detail(),
                status: error.status().as_u16(),
                client: client.map(|address| address.to_string()),
                request: request_id::current(),
            };
            deploying.activity.keep(refusal, whose, moment);
        }
    }
    Err(error)
}

async fn take(
    deploying: &Deploying,
    path: &RepositoryPath,
    request: Request<RequestBody>,
) -> Result<Option<String>, HttpError> {
    let deployer = deployer(deploying, &request)?;
    let address = path;
    let repository = parse_repository_name(&path.repository)
        .map_err(|_| Rejection::RepositoryMissing { name: path.repository.clone() })?;
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    if path.folder {
        return Err(HttpError::BadRequest("a file's path does not end with a slash".to_owned()));
    }
    if let Some(name) = segments.iter().find(|name| is_never_served(name)) {
        return Err(HttpError::BadRequest(format!(
            "`{name}` is a name that is never served, so it cannot be deployed"
        )));
    }
    let path = layout::parse(&segments).map_err(|error| HttpError::BadRequest(error.to_string()))?;
    if let Target::File(file) = &path.target {
        let refused = deploying
            .config
            .deploy_refused_extensions
            .iter()
            .any(|extension| file.extension.eq_ignore_ascii_case(extension));
        if refused {
            return Err(HttpError::BadRequest(format!(
                "files that end in .{} are not accepted here",
                file.extension
            )));
        }
    }
    let on_disk = matches!(path.target, Target::File(_)) && path.sum.is_none();
    let limit = match (&path.target, path.sum) {
        (_, Some(_)) => Limit { bytes: SUM_MAX, what: "sums" },
        (Target::Metadata(_), None) => Limit { bytes: METADATA_MAX, what: "metadata" },
        (Target::File(_), None) => {
            Limit { bytes: deploying.config.deploy_body_limit, what: "files (deploy.body_limit)" }
        }
    };
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let too_large = announced.is_some_and(|length| length > limit.bytes);
    let put = Put {
        repository,
        path,
        deployer,
        waits_for_metadata: waits_for_metadata(deploying, &request),
        fresh_id: fresh_deploy_id(),
    };
    let mut upload = deploying.deploys.begin(put).await?;
    put_headers::check_conditions(&deploying.reading, address, &request).await?;
    let mut body =
        TimedBody::new(request.into_body(), limit, Duration::from_secs(deploying.config.http_idle_timeout));
    let expected = announced.filter(|_| on_disk && !too_large).unwrap_or_default();
    let arrived = match upload.expect(expected).await {
        Err(no_room) => Err(no_room.into()),
        Ok(()) if too_large => Err(limit.exceeded()),
        Ok(()) if on_disk => receive_file(&mut upload, &mut body).await,
        Ok(()) => receive_small(&mut body).await,
    };
    match arrived {
        Ok(arrived) => Ok(deploying.deploys.complete(upload, arrived).await?),
        Err(error @ HttpError::TooLarge { .. }) => {
            let name = segments.last().copied().unwrap_or_default().to_owned();
            let reason = Rejection::FileTooLarge { name, limit: limit.bytes };
            deploying.deploys.refuse(upload, reason).await.map_err(|_| error)
        }
        // There is no space for it.
        Err(HttpError::Rejected(reason)) => Ok(deploying.deploys.refuse(upload, reason).await?),
        Err(error) => Err(error),
    }
}

/// Who deploys. Repository paths accept only tokens, and never an anonymous caller.
fn deployer(deploying: &Deploying, request: &Request<RequestBody>) -> Result<Deployer, HttpError> {
    let state = deploying.projections.read();
    match auth::token::authenticate(&state, now(), request.headers())? {
        Actor::User { user, by: Credential::Token(token) } => Ok(Deployer { user, token }),
        _ => Err(Rejection::TokenRequired.into()),
    }
}

fn waits_for_metadata(deploying: &Deploying, request: &Request<RequestBody>) -> bool {
    let agent =
        request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    deploying.config.deploy_metadata_agents.iter().any(|prefix| agent.starts_with(prefix.as_str()))
}

async fn receive_file(upload: &mut Upload, body: &mut TimedBody) -> Result<Arrived, HttpError> {
    let mut file = upload.body();
    match receive_pieces(upload, &mut file, body).await {
        Ok(()) => Ok(file.finish().await?),
        Err(error) => {
            file.discard().await;
            Err(error)
        }
    }
}

async fn receive_pieces(
    upload: &mut Upload,
    file: &mut BodyOfFile,
    body: &mut TimedBody,
) -> Result<(), HttpError> {
    while let Some(piece) = body.next().await? {
        if body.received > upload.expected() {
            upload.expect(body.received).await?;
        }
        file.write(piece).await?;
    }
    Ok(())
}

async fn receive_small(body: &mut TimedBody) -> Result<Arrived, HttpError> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(Arrived::Small(bytes))
}

/// The limits of a body.
#[derive(Clone, Copy)]
struct Limit {
    bytes: u64,
    what: &'static str,
}

impl Limit {
    fn exceeded(self) -> HttpError {
        HttpError::TooLarge { limit: self.bytes, what: self.what }
    }
}

/// A body with a limit in bytes, a limit on pauses and a minimum rate.
struct TimedBody {
    body: RequestBody,
    limit: Limit,
    received: u64,
    since: Instant,
    pause: Duration,
}

impl TimedBody {
    fn new(body: RequestBody, limit: Limit, pause: Duration) -> Self {
        Self { body, limit, received: 0, since: Instant::now(), pause }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            let by_pause = Instant::now() + self.pause;
            let by_speed =
                self.since + self.pause + Duration::from_secs(self.received / BYTES_PER_SECOND_MIN);
            let frame = match timeout_at(by_pause.min(by_speed), self.body.frame()).await {
                Err(_) => return Err(HttpError::TooSlow),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(HttpError::BrokenOff(error.to_string())),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(piece) = frame.into_data() else { continue };
            self.received += piece.len() as u64;
            if self.received > self.limit.bytes {
                return Err(self.limit.exceeded());
            }
            return Ok(Some(piece));
        }
    }
}

/// Accepted. If the deploy stays open, one line says what is missing, for people who use curl.
fn created(missing: Option<String>) -> Response<Answer> {
    let body = missing.map_or_else(Answer::empty, |missing| Answer::bytes(format!("{missing}\n")));
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::CREATED;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
