//! Erasing a user, for administrators: `/api/v1/users/{name}/erase`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use logjar_domain::permission::require_administrator;
use logjar_domain::rejection::Rejection;
use serde::Deserialize;
use serde_json::json;

use super::left::Administered;
use super::report::reported;
use crate::clock::now;
use crate::erasure::Erasure;
use crate::http::contents::Registry;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Json, Path};

/// What to do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Whether only to say what would be left.
    #[serde(default)]
    dry_run: bool,
}

/// Why nobody of that name can be erased.
async fn nobody(erasure: Arc<Erasure>, name: String) -> HttpError {
    let named = name.clone();
    let was_erased = tokio::task::spawn_blocking(move || erasure.was_erased(&named)).await;
    match was_erased {
        Ok(Ok(true)) => HttpError::Missing(format!(
            "`{name}` was erased; to search for what is left, name the identity that `logjar user list` shows"
        )),
        _ => Rejection::UserMissing { name }.into(),
    }
}

/// Erases a user, to the end even if nobody listens any more, or says what would be left. The answer reports the
/// progress, one line at a time, and whether nothing private is left; if that can't be said yet, a server goes on until
/// it can. The identity of somebody who was erased is a name, too: that goes on with what was interrupted.
pub async fn erase(
    State(registry): State<Registry>,
    State(erasure): State<Arc<Erasure>>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Json(order): Json<Order>,
) -> Result<Response, ApiError> {
    let found = {
        let state = registry.read();
        require_administrator(&state, now(), &actor, "erase users")?;
        state.user_listed_as(&name).map(|(id, user)| {
            let groups: Vec<String> = state.groups_of(id).map(|(group, _)| group.to_string()).collect();
            (id.clone(), user.erased, Administered::by(&state, &name), groups)
        })
    };
    let Some((id, was_erased, administered, groups)) = found else {
        return Err(nobody(erasure, name).await.into());
    };
    if order.dry_run {
        let warnings = administered.warnings_without(&registry, &id);
        let told = json!({
            "name": name, "id": id.as_str(), "erased": was_erased, "groups": groups, "warnings": warnings,
        });
        return Ok(reported(move |report| report.line(&json!({ "result": told }))));
    }
    if !was_erased {
        let (eraser, named) = (erasure.clone(), name.clone());
        let erased = tokio::task::spawn_blocking(move || eraser.erase(&named, &actor));
        erased.await.map_err(|_| HttpError::Internal)?.map_err(HttpError::from)?;
    }
    let warnings = administered.warnings(&registry);
    Ok(reported(move |report| {
        let mut progress = |what: &str, done, total| report.progress(what, done, total);
        let finished =
            if was_erased { erasure.finish_again(&mut progress) } else { erasure.finish(&mut progress) };
        let why = finished.as_ref().err().map(ToString::to_string);
        if let Some(why) = &why {
            tracing::warn!("private data of {id}, who was erased, is left for now: {why}");
        }
        let pending = finished.is_err_and(|error| error.leaves_private());
        let result = json!({ "id": id.as_str(), "pending": pending, "why": why, "warnings": warnings });
        report.line(&json!({ "result": result }));
    }))
}
