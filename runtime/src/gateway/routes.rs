//! What is served: one table, which the router, `GET /` and the test of the OpenAPI description read.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};

use super::{
    anthropic, auth, cancel, chat, health, jobs, messages, models, openapi, origins, responses, sessions, traces,
};
use crate::app::App;
use crate::connection::{self, http};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Applications, by API key.
    Key,
    /// Clients, by session token; the handler reads it.
    Token,
    /// Everybody.
    Open,
}

/// One method of one path.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) access: Access,
    handler: MethodRouter<Arc<App>>,
}

impl Route {
    fn get<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, Arc<App>>) -> Self {
        Self { method: Method::GET, path, access, handler: on(MethodFilter::GET, handler) }
    }

    fn post<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, Arc<App>>) -> Self {
        Self { method: Method::POST, path, access, handler: on(MethodFilter::POST, handler) }
    }

    fn delete<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, Arc<App>>) -> Self {
        Self { method: Method::DELETE, path, access, handler: on(MethodFilter::DELETE, handler) }
    }
}

/// Every route.
pub(super) fn table() -> Vec<Route> {
    use Access::{Key, Open, Token};
    vec![
        Route::post(Key, "/v1/chat/completions", chat::completions),
        Route::post(Key, "/v1/responses", responses::create),
        Route::post(Key, "/v1/messages", anthropic::create),
        Route::get(Key, "/v1/models", models::list),
        Route::get(Key, "/v1/models/{role}", models::one),
        Route::post(Key, "/v1/sessions", sessions::create),
        Route::post(Key, "/v1/sessions/{sid}/messages", messages::post),
        Route::get(Key, "/v1/sessions/{sid}/messages/{biz_id}", messages::get),
        Route::post(Token, "/v1/sessions/{sid}/cancel", cancel::post),
        Route::post(Key, "/v1/sessions/{sid}/jobs", jobs::post),
        Route::get(Key, "/v1/sessions/{sid}/jobs/{job}", jobs::get),
        Route::delete(Key, "/v1/sessions/{sid}/jobs/{job}", jobs::cancel),
        Route::post(Key, "/v1/sessions/{sid}/jobs/{job}/retry", jobs::retry),
        Route::get(Key, "/v1/jobs", jobs::list),
        Route::get(Token, "/v1/session", connection::upgrade),
        Route::get(Token, "/v1/session/events", http::events),
        Route::post(Token, "/v1/session/poll", http::open),
        Route::get(Token, "/v1/session/poll", http::poll),
        Route::post(Token, "/v1/session/frames", http::frames),
        Route::post(Token, "/v1/heartbeat", http::heartbeat),
        Route::post(Token, "/v1/reconnect", sessions::reconnect),
        Route::get(Token, "/v1/diff", sessions::diff),
        Route::get(Key, "/v1/traces/{id}", traces::one),
        Route::get(Key, "/metrics", health::metrics),
        Route::get(Open, "/healthz", health::healthz),
        Route::get(Open, "/readyz", health::readyz),
        Route::get(Open, "/openapi.json", openapi::document),
        Route::get(Open, "/", health::index),
    ]
}

/// The routes: those for applications behind their keys, those of sessions closed to foreign pages.
pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let of = |access| collect(table().into_iter().filter(|route| route.access == access));
    let keyed = of(Access::Key).route_layer(from_fn_with_state(Arc::clone(app), auth::require_key));
    let sessions = of(Access::Token).route_layer(from_fn_with_state(Arc::clone(app), origins::require_known_origin));
    keyed.merge(sessions).merge(of(Access::Open))
}

fn collect(routes: impl Iterator<Item = Route>) -> Router<Arc<App>> {
    routes.fold(Router::new(), |router, route| router.route(route.path, route.handler))
}
