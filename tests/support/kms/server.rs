//! One request, from its bytes to the bytes of its response: faults, authentication, limits, and the way to its route.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::Options;
use super::auth_methods::Logins;
use super::broken_connection::Cutter;
use super::connections;
use super::fault_control;
use super::faults::{Faults, Mood};
use super::limits::{Headers, Limits};
use super::lists;
use super::recorder::{Recorded, Recorder};
use super::refusal::{Handled, Refusal};
use super::routes::Route;
use super::schema::{invalid_uuid, is_uuid};
use super::store::{Identity, Store};
use super::tokens::Tokens;

const MAX_BODY_SIZE: usize = 1024 * 1024;

/// The state of the server.
pub(super) struct Server {
    pub(super) options: Options,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) logins: Mutex<Logins>,
    pub(super) faults: Mutex<Faults>,
    pub(super) recorder: Mutex<Recorder>,
    /// Actions that the identity's roles lack: `read`, `create`, `edit`, `delete`.
    pub(super) forbidden: Mutex<HashSet<String>>,
    /// Ids of connections that something in the KMS uses.
    pub(super) in_use: Mutex<HashSet<String>>,
    pub(super) maintenance: AtomicBool,
    limits: Mutex<Limits>,
    store: Mutex<Store>,
    identity: Identity,
}

impl Server {
    pub(super) fn new(options: Options) -> Result<Self, String> {
        let store = Store::open(options.data.clone())?;
        Ok(Self {
            identity: store.identity().clone(),
            store: Mutex::new(store),
            tokens: Mutex::new(Tokens::new(options.token_ttl)),
            logins: Mutex::default(),
            limits: Mutex::new(Limits::new(options.reads_per_minute, options.writes_per_minute, options.minute)),
            faults: Mutex::default(),
            recorder: Mutex::default(),
            forbidden: Mutex::default(),
            in_use: Mutex::default(),
            maintenance: AtomicBool::new(false),
            options,
        })
    }

    pub(super) fn router(self: Arc<Self>) -> Router {
        Router::new().fallback(serve).with_state(self)
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    /// Method and path of a request, with the connection's name for its id, which is another one in each run. The name of a
    /// connection to be created is in the body.
    fn operation(&self, method: &str, path: &str, given_name: Option<&str>) -> String {
        let store = self.store();
        let name = |id: &str| store.get(id).and_then(|row| row["name"].as_str().map(str::to_owned));
        let steps =
            path.split('/').map(|step| if is_uuid(step) { name(step).unwrap_or_default() } else { step.to_owned() });
        let created = given_name.filter(|_| method == "POST").unwrap_or_default();
        format!("{method} {} {created}", steps.collect::<Vec<_>>().join("/"))
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Refuses an action that the identity's roles lack.
    pub(super) fn permit(&self, action: &str, project: bool) -> Result<(), Refusal> {
        if self.forbidden.lock().unwrap().contains(action) {
            return Err(Refusal::permission(action, project));
        }
        Ok(())
    }

    pub(super) fn is_in_use(&self, id: &str) -> bool {
        self.in_use.lock().unwrap().contains(id)
    }

    /// Handles a request in the order of the real server: route, token, body, limit, schema, and only then what the route does.
    async fn handle(&self, request: &Parts, body: Option<Bytes>, mood: Mood) -> (Headers, Handled) {
        let (method, path) = (request.method.as_str(), request.uri.path());
        let Some(route) = Route::find(method, path) else {
            return (Vec::new(), Err(Refusal::unknown_route(method, &request.uri.to_string())));
        };
        let ready = || {
            if !route.is_open() {
                self.authenticate(&request.headers, &request.uri)?;
            }
            let maintenance = mood == Mood::Maintenance || self.maintenance.load(Ordering::SeqCst);
            if maintenance && !route.survives_maintenance() {
                return Err(Refusal::unforeseen());
            }
            if method == "GET" { Ok(None) } else { parse(&request.headers, body.ok_or_else(Refusal::unforeseen)?) }
        };
        let body = match ready() {
            Ok(body) => body,
            Err(refusal) => return (Vec::new(), Err(refusal)),
        };
        let (headers, outcome) = self.limits.lock().unwrap().count(route.class());
        let handled = match outcome {
            Ok(()) => self.run(route, &request.uri, body.as_ref(), mood).await,
            Err(refusal) => Err(refusal),
        };
        (headers, handled)
    }

    fn authenticate(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
        if headers.contains_key("x-api-key") {
            let message = "API key authentication is not supported anymore. Please switch to identity authentication.";
            return Err(Refusal::bad_request(message));
        }
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if given.is_empty() {
            return Err(Refusal::unauthorized("Token missing"));
        }
        // The scheme is skipped without a check.
        let token = given.get(7..).unwrap_or_default();
        if token.starts_with("st.") {
            let error = format!("Forbidden access to {uri}");
            return Err(Refusal::new(403, &error, "You are not allowed to access this resource"));
        }
        self.tokens.lock().unwrap().check(token).map(|_| ())
    }

    async fn run(&self, route: Route, uri: &Uri, body: Option<&Value>, mood: Mood) -> Handled {
        if route.connection_id().is_some_and(|id| !is_uuid(id)) {
            return Err(Refusal::invalid(vec![invalid_uuid(&["connectionId"])]));
        }
        let query = Query::<HashMap<String, String>>::try_from_uri(uri).unwrap_or_default().0;
        let project = query.get("projectId").map(String::as_str);
        let rows = || {
            let store = self.store();
            if mood == Mood::Lagging { store.lagging().to_vec() } else { store.rows().to_vec() }
        };
        match route {
            Route::LogIn => self.tokens.lock().unwrap().log_in(&self.identity, body),
            Route::LogInAs(method) => {
                let mut tokens = self.tokens.lock().unwrap();
                self.logins.lock().unwrap().log_in(method, &self.identity, &mut tokens, body)
            }
            Route::Renew => self.tokens.lock().unwrap().renew(body),
            Route::Revoke => self.tokens.lock().unwrap().revoke(body),
            Route::Options => Ok(lists::options()),
            Route::ListAll => lists::list(self, &rows(), None, project),
            Route::List => lists::list(self, &rows(), Some("postgres"), project),
            Route::Available => lists::available(self, &rows(), project),
            Route::ById(id) => connections::by_id(self, &rows(), &id),
            Route::ByName(name) => connections::by_name(self, &rows(), &name, project),
            Route::Create => connections::create(self, body).await,
            Route::Update(id) => connections::update(self, &id, body).await,
            Route::Delete(id) => connections::delete(self, &id),
        }
    }
}

/// Serves a request to its end, even if the client closes the connection.
async fn serve(
    State(server): State<Arc<Server>>,
    ConnectInfo(cutter): ConnectInfo<Cutter>,
    request: Request,
) -> Response {
    tokio::spawn(respond(server, cutter, request)).await.unwrap_or_else(|_| {
        let refusal = Refusal::unforeseen();
        response(refusal.status, Vec::new(), &refusal.body())
    })
}

async fn respond(server: Arc<Server>, cutter: Cutter, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY_SIZE).await.ok();
    if let Some(response) = fault_control::respond(&server, &parts, body.as_deref().unwrap_or_default()) {
        return response;
    }
    let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
    let legible = body.as_deref().map(legible).unwrap_or_default();
    let given_name = legible["name"].as_str().map(str::to_owned);
    let number = server.recorder.lock().unwrap().begin(Recorded {
        method: method.clone(),
        path: path.clone(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        body: legible,
        status: 0,
    });
    tokio::time::sleep(server.options.latency).await;
    let operation = server.operation(&method, &path, given_name.as_deref());
    let fault = server.faults.lock().unwrap().take(&method, &path, &operation);
    let work = async |mood| {
        let (headers, handled) = server.handle(&parts, body, mood).await;
        match handled {
            Ok(body) => response(200, headers, &body),
            Err(refusal) => response(refusal.status, headers, &refusal.body()),
        }
    };
    let response = match fault {
        Some(fault) => fault.carry_out(&cutter, work).await,
        None => Some(work(Mood::Usual).await),
    };
    let status = response.as_ref().map_or(0, |response| response.status().as_u16());
    server.recorder.lock().unwrap().end(number, status);
    response.unwrap_or_else(|| {
        cutter.cut();
        Response::default()
    })
}

fn response(status: u16, headers: Headers, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    let mut response = (status, kind, body.to_string()).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// Parses a body like the web framework, whose refusals all become a 500.
fn parse(headers: &HeaderMap, body: Bytes) -> Result<Option<Value>, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default().to_lowercase());
    match kind.as_deref().map(|kind| kind.split(';').next().unwrap_or_default().trim()) {
        None if body.is_empty() => Ok(None),
        Some("application/json") => serde_json::from_slice(&body).map(Some).map_err(|_| Refusal::unforeseen()),
        Some("text/plain") => Ok(Some(json!(String::from_utf8_lossy(&body)))),
        _ => Err(Refusal::unforeseen()),
    }
}

fn legible(body: &[u8]) -> Value {
    match body {
        [] => Value::Null,
        body => serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into()),
    }
}
