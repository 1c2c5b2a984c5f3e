//! The provider's functions: pure, offline, usable without a provider block.
//!
//! | module | function |
//! |---|---|
//! | [`postgres_url`] | `parse_postgres_url`: the parts of a connection URL as arguments of a connection |
//! | [`grants`] | `grant_sql`: the statements that a connection with `rotation_roles` needs |
//! | [`slug`] | `connection_slug`: the nearest valid name of a connection |
//!
//! Their errors are enums; `messages::functions` makes the text.

pub(crate) mod grants;
pub(crate) mod postgres_url;
pub(crate) mod slug;

use crate::provider::messages;
use crate::terraform::function::{Function, FunctionError, Parameter, Signature};
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

use self::grants::GrantError;

/// Returns all of them.
pub(crate) fn all() -> Vec<Box<dyn Function>> {
    vec![Box::new(ParsePostgresUrl), Box::new(GrantSql), Box::new(ConnectionSlug)]
}

struct ParsePostgresUrl;

impl Function for ParsePostgresUrl {
    fn name(&self) -> &'static str {
        "parse_postgres_url"
    }

    fn signature(&self) -> Signature {
        let types = [
            ("host", Type::String),
            ("port", Type::Number),
            ("database", Type::String),
            ("username", Type::String),
            ("password", Type::String),
            ("ssl_enabled", Type::Bool),
            ("ssl_reject_unauthorized", Type::Bool),
            ("ssl_certificate", Type::String),
        ];
        Signature {
            summary: "Splits a PostgreSQL URL into the arguments of a connection.".to_owned(),
            description: "Returns the parts of a `postgres://` or `postgresql://` URL as an object whose attributes are named \
                          like the arguments of `kms_postgres_connection`. Without `sslmode` the result verifies the server's \
                          certificate. A part that a connection of the KMS cannot have is an error; query parameters that \
                          concern only the client are left out."
                .to_owned(),
            parameters: vec![Parameter {
                name: "url",
                ty: Type::String,
                description: "The URL. Special characters of user, password and database must be percent-encoded.".to_owned(),
            }],
            returns: Type::object(types),
        }
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let url = postgres_url::parse(text(arguments, 0))
            .map_err(|error| FunctionError::at(0, messages::functions::url(error)))?;
        let mut result = Object::new();
        result.set("host", url.host);
        result.set("port", i64::from(url.port));
        result.set("database", url.database);
        result.set("username", url.username);
        result.set("password", url.password.map(|password| password.expose().to_owned()));
        result.set("ssl_enabled", url.ssl_enabled);
        result.set("ssl_reject_unauthorized", url.ssl_reject_unauthorized);
        result.set("ssl_certificate", Value::Null);
        Ok(Value::Object(result))
    }
}

struct GrantSql;

impl Function for GrantSql {
    fn name(&self) -> &'static str {
        "grant_sql"
    }

    fn signature(&self) -> Signature {
        let parameter = |name, ty, description: &str| Parameter { name, ty, description: description.to_owned() };
        Signature {
            summary: "Writes the GRANT statements that a connection needs.".to_owned(),
            description: "Returns SQL, one statement a line, for a role with which the KMS logs in to a database and rotates \
                          the passwords of other roles. The statements can be run repeatedly and work on every supported \
                          version of PostgreSQL. They do not create a role and never make one a superuser."
                .to_owned(),
            parameters: vec![
                parameter("role", Type::String, "The role of the connection (`username`)."),
                parameter("database", Type::String, "The database of the connection."),
                parameter(
                    "rotation_roles",
                    Type::list(Type::String),
                    "The roles whose passwords the KMS rotates; `[]` for none.",
                ),
            ],
            returns: Type::String,
        }
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let roles = match arguments.get(2) {
            Some(Value::List(roles)) => roles.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let statements = grants::grant_sql(text(arguments, 0), text(arguments, 1), &roles);
        statements.map(Value::from).map_err(|error| {
            let argument = match error {
                GrantError::Role(_) => 0,
                GrantError::Database(_) => 1,
                GrantError::RotationRole { .. } => 2,
            };
            FunctionError::at(argument, messages::functions::grant(error))
        })
    }
}

struct ConnectionSlug;

impl Function for ConnectionSlug {
    fn name(&self) -> &'static str {
        "connection_slug"
    }

    fn signature(&self) -> Signature {
        Signature {
            summary: "Makes a valid connection name from a text.".to_owned(),
            description: "Returns the text in lower case, with one hyphen for each run of characters other than letters and \
                          digits, and at most 64 characters long. Accents are removed from letters. A valid name is returned \
                          unchanged."
                .to_owned(),
            parameters: vec![Parameter {
                name: "text",
                ty: Type::String,
                description: "The text, with at least one letter or digit.".to_owned(),
            }],
            returns: Type::String,
        }
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let name =
            slug::slug(text(arguments, 0)).ok_or_else(|| FunctionError::at(0, messages::functions::EMPTY_SLUG))?;
        Ok(Value::from(name))
    }
}

/// Returns the argument at an index. The server has decoded it by the signature.
fn text(arguments: &[Value], index: usize) -> &str {
    arguments.get(index).and_then(Value::as_str).unwrap_or_default()
}
