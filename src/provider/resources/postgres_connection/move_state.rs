//! `moved` blocks: conversion of the state of other providers for the same service. Sends no request; the next refresh reads
//! the missing values.

use crate::provider::{attribute, messages};
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::model::{Field, Model as _};
use crate::terraform::move_state::{MoveSource, Moved};
use crate::terraform::private::Private;
use crate::terraform::types::Type;

use super::attributes::{self, Row};
use super::model::ConnectionModel;
use super::password;

/// The supported sources: provider (namespace and name) and resource type.
const SOURCES: [(&str, &str); 2] =
    [("hanzokms/kms", "kms_app_connection_postgres"), ("infisical/infisical", "infisical_app_connection_postgres")];

/// The object in which both providers store the credentials, with the password.
const NESTED: &str = "credentials";

/// Returns the connection with all values of the other provider's state, including the password.
pub(super) fn convert(source: &MoveSource) -> Result<Moved, Diagnostics> {
    if !SOURCES.iter().any(|(provider, type_name)| source.is(provider, type_name)) {
        return Err(messages::not_movable(source, &SOURCES).into());
    }
    let old = source.object(&shape())?;
    let credentials = old.get(NESTED).as_object().ok_or_else(|| messages::moved_incomplete(source, NESTED))?;
    if old.get(attribute::ID).is_null() {
        return Err(messages::moved_incomplete(source, attribute::ID).into());
    }
    let top = top_level().map(|row| (row.name().to_owned(), old.get(row.name()).clone()));
    let nested = nested().map(|row| (row.name().to_owned(), credentials.get(row.name()).clone()));
    let mut state = ConnectionModel::from_object(&top.chain(nested).collect());
    // Neither provider rejects empty texts, which the KMS treats as null.
    if state.project() == Some("") {
        state.project_id = Field::Null;
    }
    if state.ssl_certificate.known().is_some_and(|bundle| bundle.stored().is_none()) {
        state.ssl_certificate = Field::Null;
    }
    let mut private = Private::default();
    password::record_moved(&mut private, &state);
    Ok(Moved { state: state.into_object(), private })
}

/// Returns the attributes that both providers store under the names that this provider uses.
fn top_level() -> impl Iterator<Item = &'static Row> {
    attributes::table().iter().filter(|row| row.is_moved)
}

/// Returns the attributes that both providers store in their object `credentials`.
fn nested() -> impl Iterator<Item = &'static Row> {
    attributes::credentials().chain(attributes::row(attribute::PASSWORD))
}

/// Returns the part of their schemas that is read. Names and types are those of this provider, except for the nested object.
fn shape() -> Type {
    let field = |row: &Row| (row.name().to_owned(), row.attribute.ty.clone());
    let nested = Type::Object(nested().map(field).collect());
    Type::Object(top_level().map(field).chain([(NESTED.to_owned(), nested)]).collect())
}
