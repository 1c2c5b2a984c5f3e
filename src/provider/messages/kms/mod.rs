//! Diagnostics about requests to the KMS.
//!
//! `request` has a row for each error of the client, `refused` for each refusal by the service, `auth` for authentication,
//! `database_refused` for logins that the KMS makes with its `driver`. `create` adds what a failed create has left, `read` has
//! the findings that are not errors. `summary` lists all summaries.

mod auth;
pub(crate) mod create;
pub(crate) mod database_refused;
mod driver;
mod read;
mod refused;
mod request;
pub(super) mod summary;

pub(crate) use create::{adopted, create, import_block, outcome};
pub(crate) use read::{gone, name_exists, not_asked, stops_a_plan, unreadable_rows};
pub(crate) use request::service;
#[cfg(test)]
pub(crate) use request::wait;

use crate::kms::{NewCredentials, RequestInfo, ServiceError, UnexpectedResponse};
use crate::terraform::diagnostic::{Diagnostic, Path};
use crate::text::shown;

use super::detail::Detail;

/// What the provider was doing with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Plan,
    Create,
    Read,
    Update,
    Delete,
    Import,
    List,
}

impl Verb {
    fn gerund(self) -> &'static str {
        match self {
            Self::Plan => "Planning",
            Self::Create => "Creating",
            Self::Read => "Reading",
            Self::Update => "Updating",
            Self::Delete => "Deleting",
            Self::Import => "Importing",
            Self::List => "Listing",
        }
    }

    fn permission(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "edit",
            Self::Delete => "delete",
            Self::Plan | Self::Read | Self::Import | Self::List => "read",
        }
    }
}

/// What was being done, to which connection.
#[derive(Clone, Copy)]
pub(crate) struct RequestContext<'a> {
    pub(crate) verb: Verb,
    /// The connection's name, or the id as the user wrote it.
    pub(crate) title: &'a str,
    /// The project of the connection; none is the organization, or not known.
    pub(crate) project: Option<&'a str>,
    /// The argument that gave the password.
    pub(crate) password_argument: &'static str,
    /// The credentials that were sent, if any were.
    pub(crate) credentials: Option<&'a NewCredentials>,
    /// The connection whose message explains a failed authentication, if it failed.
    pub(crate) first_reporter: Option<&'a str>,
}

impl RequestContext<'_> {
    /// Begins a detail: what failed, and why.
    fn failed(self, reason: impl std::fmt::Display) -> Detail {
        Detail::new(format!("{} `{}` failed: {reason}", self.verb.gerund(), shown(self.title)))
    }
}

/// A summary, a detail and the argument in question: one row of the tables in this folder.
struct Row {
    summary: String,
    detail: Detail,
    argument: Option<&'static str>,
}

impl Row {
    fn new(summary: impl Into<String>, detail: Detail) -> Self {
        Self { summary: summary.into(), detail, argument: None }
    }

    fn at(self, argument: &'static str) -> Self {
        Self { argument: Some(argument), ..self }
    }

    fn diagnostic(self) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.summary, self.detail.to_string());
        match self.argument {
            Some(argument) => diagnostic.at(Path::from(argument)),
            None => diagnostic,
        }
    }
}

impl Detail {
    /// Adds the facts of an error that the service reported.
    fn reply(self, reply: &ServiceError) -> Self {
        let name = reply.name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
        self.call(&reply.call)
            .fact("Response", format!("{}{name}", reply.status))
            .fact_if("KMS message", Some(&reply.message).filter(|message| !message.is_empty()))
            .fact_if("Request id", reply.request_id.as_ref().map(|id| format!("`{id}`")))
    }

    /// Adds the facts of a response that the service does not send.
    fn unexpected(self, response: &UnexpectedResponse) -> Self {
        let body = response.beginning.as_ref();
        self.call(&response.call)
            .fact("Response", format!("{}, {}", response.status, response.mismatch))
            .fact_if("Content type", response.content_type.as_ref().map(|kind| format!("`{kind}`")))
            .fact_if(
                "Body",
                body.map(|text| if text.is_empty() { "empty".to_owned() } else { format!("begins with `{text}`") }),
            )
    }

    fn call(self, call: &RequestInfo) -> Self {
        self.fact("Request", call)
    }
}

fn with_paragraph(mut diagnostic: Diagnostic, paragraph: &str) -> Diagnostic {
    diagnostic.detail.push_str("\n\n");
    diagnostic.detail.push_str(paragraph);
    diagnostic
}
