//! Import of a connection by UUID, by `name`, or by `project_id/name`.

use uuid::Uuid;

use crate::kms;
use crate::provider::attribute;
use crate::provider::connections::cache::{Listing, THIS_WALK};
use crate::provider::deadline;
use crate::provider::deadline::Limit;
use crate::provider::messages;
use crate::provider::messages::{RequestContext, Wanted};
use crate::provider::session::Session;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::resource::{ImportTarget, RpcContext};

use super::model::ConnectionModel;
use super::validate;
use crate::provider::timeouts::Operation;

/// Finds exactly one connection. Terraform hides the reason if only the refresh after the import finds no connection.
pub(super) async fn find(
    call: &RpcContext<Session>,
    target: ImportTarget<'_>,
) -> Result<kms::AppConnection, Diagnostics> {
    let limit = ConnectionModel::default().limit(Operation::Read);
    let client = deadline::client(call, limit)?;
    let search = Search { call, client: &client, limit };
    let wanted = match target {
        ImportTarget::Identity(identity) => Wanted::Id(identity.get(attribute::ID).as_str().unwrap_or_default()),
        ImportTarget::Id(text) => parse(text.trim()).ok_or_else(|| messages::import_form(text))?,
    };
    match wanted {
        Wanted::Name(project, name) => search.by_name(wanted, project, name).await,
        Wanted::Id(id) => match (search.by_id(id).await?, target) {
            (Some(connection), _) => Ok(connection),
            (None, ImportTarget::Id(_)) => search.by_name(wanted, None, id).await,
            // An identity is never a name.
            (None, ImportTarget::Identity(_)) => Err(messages::nothing_to_import(wanted, &[], search.client).into()),
        },
    }
}

/// Parses an import id.
fn parse(text: &str) -> Option<Wanted<'_>> {
    let is_name = |text: &str| validate::name_rule(text).is_none();
    if Uuid::try_parse(text).is_ok() {
        return Some(Wanted::Id(text));
    }
    match text.split_once('/') {
        Some((project, name)) if validate::project_rule(project).is_none() && is_name(name) => {
            Some(Wanted::Name(Some(project), name))
        }
        None if is_name(text) => Some(Wanted::Name(None, text)),
        _ => None,
    }
}

struct Search<'a> {
    call: &'a RpcContext<Session>,
    client: &'a kms::Client,
    limit: Limit,
}

impl Search<'_> {
    async fn by_id(&self, id: &str) -> Result<Option<kms::AppConnection>, Diagnostics> {
        // The project is not known, and the list of the organization holds all connections.
        let lookup = self.call.session().scopes.read(self.client, None, id);
        let found = deadline::reading(self.call, self.limit, lookup).await?;
        found.map_err(|error| self.call.session().failed(context(id, None), &error))
    }

    /// Finds a connection by name in the list, which also shows a second connection of that name and those in other scopes.
    async fn by_name(
        &self,
        wanted: Wanted<'_>,
        project: Option<&str>,
        name: &str,
    ) -> Result<kms::AppConnection, Diagnostics> {
        let listing = self.call.session().scopes.list(self.client, project, THIS_WALK);
        let listed = deadline::reading(self.call, self.limit, listing).await?;
        let listed = listed.map_err(|error| self.call.session().failed(context(name, project), &error))?;
        let named = listed.all().iter().filter(|connection| connection.name == name).cloned();
        let (mut in_scope, in_other_scopes): (Vec<_>, Vec<_>) =
            named.partition(|connection| connection.project_id.as_deref() == project);
        match (in_scope.pop(), in_scope.as_slice()) {
            (Some(connection), []) => Ok(connection),
            (Some(last), others) => {
                let ids: Vec<&str> = others.iter().chain([&last]).map(|connection| connection.id.as_str()).collect();
                Err(messages::several_to_import(name, &ids, self.client).into())
            }
            (None, _) => {
                if let Some(connection) = self.unreadable_in(&listed, project, name).await? {
                    return Ok(connection);
                }
                let in_other_scopes = if project.is_some() { self.in_all_scopes(name).await } else { in_other_scopes };
                let scopes: Vec<_> =
                    in_other_scopes.iter().map(|connection| connection.project_id.as_deref()).collect();
                Err(messages::nothing_to_import(wanted, &scopes, self.client).into())
            }
        }
    }

    /// Reads a connection by name if the list has unreadable rows, because the connection may be one of them.
    async fn unreadable_in(
        &self,
        listed: &Listing,
        project: Option<&str>,
        name: &str,
    ) -> Result<Option<kms::AppConnection>, Diagnostics> {
        if listed.unreadable() == 0 {
            return Ok(None);
        }
        let found = deadline::reading(self.call, self.limit, self.client.find_by_name(name, project)).await?;
        found.map_err(|error| self.call.session().failed(context(name, project), &error))
    }

    /// Returns the connections of a name in all scopes, for a hint. Does not report errors.
    async fn in_all_scopes(&self, name: &str) -> Vec<kms::AppConnection> {
        let listing = self.call.session().scopes.list(self.client, None, THIS_WALK);
        match deadline::reading(self.call, self.limit, listing).await {
            Ok(Ok(listed)) => listed.all().iter().filter(|connection| connection.name == name).cloned().collect(),
            _ => Vec::new(),
        }
    }
}

fn context<'a>(title: &'a str, project: Option<&'a str>) -> RequestContext<'a> {
    let password_argument = attribute::PASSWORD;
    RequestContext {
        verb: messages::Verb::Import,
        title,
        project,
        password_argument,
        credentials: None,
        first_reporter: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_three_forms_of_an_import_id() {
        const ID: &str = "3c90c3cc-0d44-4b50-8888-8dd25736052a";
        let in_project = format!("{ID}/orders-db");
        for (text, expected) in [
            (ID, Some(Wanted::Id(ID))),
            ("3C90C3CC-0D44-4B50-8888-8DD25736052A", Some(Wanted::Id("3C90C3CC-0D44-4B50-8888-8DD25736052A"))),
            ("orders-db", Some(Wanted::Name(None, "orders-db"))),
            (in_project.as_str(), Some(Wanted::Name(Some(ID), "orders-db"))),
            ("project/orders-db", Some(Wanted::Name(Some("project"), "orders-db"))),
            ("", None),
            ("orders db", None),
            ("Orders", None),
            ("/orders-db", None),
            ("project/", None),
            ("a/b/c", None),
            ("project /orders-db", None),
            ("project/ orders-db", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
