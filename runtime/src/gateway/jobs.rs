//! `/v1/sessions/{sid}/jobs` and `/v1/jobs`: the inference queue.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::body::JsonBody;
use super::error::ApiError;
use super::query::Parameters;
use crate::app::App;
use crate::ids::{Seq, SessionId};
use crate::jobs::{JobError, MAX_ATTEMPTS};
use crate::store::jobs::{Job, JobFault, JobState, NewJob, Priority};

/// The longest job id, in bytes.
const MAX_ID_BYTES: usize = 128;
/// The longest that a job may be of use, in seconds (30 days).
const MAX_EXPIRES_S: u64 = 30 * 24 * 60 * 60;
/// The most attempts that a caller may ask for.
const MOST_ATTEMPTS: u32 = 100;
/// The most dead letters of one page.
const MAX_PAGE: u64 = 1_000;
/// Those of a page when the caller does not say.
const DEFAULT_PAGE: u64 = 100;

/// A job as an application posts it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PostRequest {
    job_id: String,
    text: String,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    expires_in: Option<u64>,
    #[serde(default)]
    max_attempts: Option<u32>,
}

/// A job as it is shown. Times are milliseconds since the Unix epoch.
#[derive(Debug, Serialize)]
struct JobResponse {
    job_id: String,
    session_id: String,
    state: JobState,
    priority: Priority,
    attempts: u32,
    max_attempts: u32,
    /// Why the last attempt failed.
    error: Option<JobFault>,
    created_ms: u64,
    updated_ms: u64,
    /// When the next attempt may begin, of a job that waits for it.
    next_attempt_ms: Option<u64>,
    expires_ms: Option<u64>,
    /// Whether it runs and is to be cancelled.
    cancelling: bool,
    /// Where the end of its reply, which holds the whole text, is in the session's log.
    reply_seq: Option<Seq>,
}

#[derive(Debug, Serialize)]
struct PageResponse {
    jobs: Vec<JobResponse>,
    /// What `after` is for the next page; null at the end.
    next: Option<String>,
}

impl From<Job> for JobResponse {
    fn from(job: Job) -> Self {
        Self {
            session_id: job.session.to_string(),
            job_id: job.id,
            state: job.state,
            priority: job.priority,
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            error: job.error,
            created_ms: job.created_ms,
            updated_ms: job.updated_ms,
            next_attempt_ms: (job.state == JobState::Retrying).then_some(job.not_before_ms),
            expires_ms: job.expires_ms,
            cancelling: job.cancelling,
            reply_seq: job.reply,
        }
    }
}

/// Takes a job, once per `job_id`.
///
/// # Errors
/// Fields that are missing or out of range; sessions and roles that do not exist; a full queue.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    Path(sid): Path<String>,
    JsonBody(request): JsonBody<PostRequest>,
) -> Result<Response, ApiError> {
    let job = app.jobs.post(request.into_job(sid.parse()?)?).await?;
    Ok((StatusCode::ACCEPTED, Json(JobResponse::from(job))).into_response())
}

/// Shows a job.
///
/// # Errors
/// 404 for one that is not known.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path((sid, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    shown(app.jobs.job(&sid.parse()?, &id).await?)
}

/// Puts a dead letter back into the queue.
///
/// # Errors
/// 404 for one that is not known, 409 for one that is not dead, 429 for a full queue.
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    Path((sid, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let job = app.jobs.retry(&sid.parse()?, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(JobResponse::from(job))).into_response())
}

/// Cancels a job.
///
/// # Errors
/// 404 for one that is not known.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Path((sid, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    shown(app.jobs.cancel(&sid.parse()?, &id).await?)
}

/// A page of dead letters, oldest first.
///
/// # Errors
/// 400 for any other state: only dead letters are listed.
pub(super) async fn list(State(app): State<Arc<App>>, query: Parameters) -> Result<Response, ApiError> {
    query.only(&["state", "limit", "after"])?;
    let state = query.required("state", "`dead`")?;
    if state.parse() != Ok(JobState::Dead) {
        let message = format!("`state` is `{state:.64}`; write `dead`: only dead letters are listed");
        return Err(ApiError::invalid("invalid_query", message).param("state"));
    }
    let limit = query.number("limit", &(1..=MAX_PAGE))?.unwrap_or(DEFAULT_PAGE);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let dead = app.jobs.dead(query.find("after"), limit).await?;
    let next = dead.last().filter(|_| dead.len() >= limit).map(Job::place);
    Ok(Json(PageResponse { jobs: dead.into_iter().map(JobResponse::from).collect(), next }).into_response())
}

fn shown(job: Job) -> Result<Response, ApiError> {
    Ok(Json(JobResponse::from(job)).into_response())
}

impl PostRequest {
    fn into_job(self, session: SessionId) -> Result<NewJob, ApiError> {
        let wrong = |field: &str, message: String| Err(ApiError::invalid("invalid_field", message).param(field));
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:~-".contains(&byte);
        if !(1..=MAX_ID_BYTES).contains(&self.job_id.len()) || !self.job_id.bytes().all(allowed) {
            let message = format!("`job_id` has 1 to {MAX_ID_BYTES} letters, digits and `.` `_` `:` `~` `-`");
            return wrong("job_id", message);
        }
        if self.expires_in.is_some_and(|seconds| !(1..=MAX_EXPIRES_S).contains(&seconds)) {
            return wrong("expires_in", format!("`expires_in` is in seconds, 1 to {MAX_EXPIRES_S}"));
        }
        let max_attempts = self.max_attempts.unwrap_or(MAX_ATTEMPTS);
        if !(1..=MOST_ATTEMPTS).contains(&max_attempts) {
            return wrong("max_attempts", format!("`max_attempts` is {max_attempts}; write 1 to {MOST_ATTEMPTS}"));
        }
        Ok(NewJob {
            session,
            id: self.job_id,
            text: self.text,
            priority: self.priority,
            expires_in: self.expires_in.map(Duration::from_secs),
            max_attempts,
        })
    }
}

impl From<JobError> for ApiError {
    fn from(error: JobError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, error.code(), error.to_string()).retry_after(error.retry_after())
    }
}
