//! The routes of the API. Does not depend on their handlers.

use super::auth_methods::AuthMethod;

/// The routes of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    LogIn,
    /// By a machine identity auth method.
    LogInAs(AuthMethod),
    Renew,
    Revoke,
    Options,
    /// The connections of all apps.
    ListAll,
    List,
    Available,
    ById(String),
    ByName(String),
    Create,
    Update(String),
    Delete(String),
}

/// Routes of a class share a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Class {
    Read,
    Write,
}

impl Route {
    /// Returns the route of a method and a path without its query.
    pub(super) fn find(method: &str, path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let steps: Vec<&str> = path.strip_prefix("/api/v1/")?.split('/').collect();
        Some(match (method, steps.as_slice()) {
            ("POST", ["auth", "universal-auth", "login"]) => Self::LogIn,
            ("POST", ["auth", method, "login"]) => Self::LogInAs(AuthMethod::of(method)?),
            ("POST", ["auth", "token", "renew"]) => Self::Renew,
            ("POST", ["auth", "token", "revoke"]) => Self::Revoke,
            ("GET", ["app-connections", "options"]) => Self::Options,
            ("GET", ["app-connections"]) => Self::ListAll,
            (_, ["app-connections", "postgres", rest @ ..]) => return Self::find_postgres(method, rest),
            _ => return None,
        })
    }

    fn find_postgres(method: &str, steps: &[&str]) -> Option<Self> {
        Some(match (method, steps) {
            ("GET", []) => Self::List,
            ("POST", []) => Self::Create,
            ("GET", ["available"]) => Self::Available,
            ("GET", ["connection-name", name]) => Self::ByName(decode(name)),
            ("GET", [id]) => Self::ById(decode(id)),
            ("PATCH", [id]) => Self::Update(decode(id)),
            ("DELETE", [id]) => Self::Delete(decode(id)),
            _ => return None,
        })
    }

    /// Returns the id in the path.
    pub(super) fn connection_id(&self) -> Option<&str> {
        match self {
            Self::ById(id) | Self::Update(id) | Self::Delete(id) => Some(id),
            _ => None,
        }
    }

    /// Returns whether the route needs no `Authorization` header.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::LogIn | Self::LogInAs(_) | Self::Renew | Self::Revoke)
    }

    /// Returns whether the route works during maintenance.
    pub(super) fn survives_maintenance(&self) -> bool {
        self.class() == Class::Read || matches!(self, Self::LogIn | Self::Renew)
    }

    pub(super) fn class(&self) -> Class {
        match self {
            Self::Options | Self::ListAll | Self::List | Self::Available | Self::ById(_) | Self::ByName(_) => {
                Class::Read
            }
            Self::LogIn
            | Self::LogInAs(_)
            | Self::Renew
            | Self::Revoke
            | Self::Create
            | Self::Update(_)
            | Self::Delete(_) => Class::Write,
        }
    }
}

/// Undoes percent-encoding; what is not encoded, or wrongly so, stays.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
