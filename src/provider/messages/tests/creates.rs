//! Creates that failed: what is looked for, and what is said about what was found.

use expect_test::expect;

use super::assert_is_neat;
use super::service::{ATTEMPT, all, no_answer, reply};
use super::values::credentials;
use crate::kms::{AppConnection, Error, Method, NewConnection, TransportFailure};
use crate::provider::messages::kms::{RequestContext, create, outcome};

/// What is found in the KMS after a create that failed.
#[test]
fn what_became_of_a_create() {
    let connection: AppConnection = serde_json::from_value(serde_json::json!({
        "id": "3c90c3cc-0d44-4b50-8888-8dd25736052a", "name": "orders-db", "app": "postgres", "method": "x",
        "credentials": {
            "host": "db.example.com", "port": 5432, "database": "orders", "username": "kms_role",
            "sslEnabled": true, "sslRejectUnauthorized": true
        },
    }))
    .unwrap();
    let other = || Error::OtherApp { reply: reply(400, "BadRequest", "App Connection is not for App \"postgres\"") };
    let found = [
        outcome(true, "orders-db", &Ok(Some(connection.clone()))),
        outcome(false, "orders-db", &Ok(Some(connection))),
        outcome(true, "orders-db", &Ok(None)),
        outcome(false, "orders-db", &Ok(None)),
        outcome(true, "orders-db", &Err(other())),
        outcome(false, "orders-db", &Err(other())),
        outcome(false, "orders-db", &Err(no_answer(TransportFailure::ConnectRefused, false))),
    ];
    found.iter().for_each(|text| assert_is_neat(text));
    expect![[r#"
        Connection 3c90c3cc-0d44-4b50-8888-8dd25736052a of the same scope already uses this name. The provider does not adopt it automatically. Either choose another `name`, or manage that connection here:

        import {
          to = kms_postgres_connection.<label>
          id = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
        }

        If this run was to replace it, its name is free only once it is gone: `create_before_destroy` needs a new `name`.
        ----
        There is a connection `orders-db` now, with the id 3c90c3cc-0d44-4b50-8888-8dd25736052a. Whether it is the one that this run asked for cannot be told. Look at it in the KMS, and if it is, manage it here:

        import {
          to = kms_postgres_connection.<label>
          id = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
        }
        ----
        It is not a PostgreSQL connection that this identity can see: names are unique across all kinds of app connections of a scope. Choose another `name`.
        ----
        The KMS holds no connection of that name yet, so it was probably not created. Run `terraform apply` again: if it exists by then, the message names it and the way to import it. Nothing is created twice.
        ----
        It is the name of a connection of another app: names are unique across all kinds of app connections of a scope. Choose another `name`.
        ----
        It is the name of a connection of another app: names are unique across all kinds of app connections of a scope. Choose another `name`.
        ----
        Whether there is a connection of that name now could not be found out (`PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai` got no answer: the connection was refused). Run `terraform apply` again: if it exists by then, the message names it and the way to import it. Nothing is created twice."#]].assert_eq(&found.join("\n----\n"));
}

#[test]
fn names_what_was_found_only_after_looking() {
    let request = NewConnection {
        name: "orders-db".to_owned(),
        description: None,
        project_id: None,
        method: Method::default(),
        is_platform_managed: false,
        gateway_id: None,
        credentials: credentials(),
    };
    let attempt = RequestContext { verb: "create", ..ATTEMPT };
    let failed = Error::Unavailable { reply: reply(500, "InternalServerError", "Something went wrong") };
    let text = all(&create(attempt, &request, &failed, None));
    assert!(!text.contains("apply` again"), "{text}");
    let text = all(&create(attempt, &request, &failed, Some(&Ok(None))));
    assert!(text.contains("probably not created") && text.contains("Nothing is created twice."), "{text}");
    let text = all(&create(attempt, &request, &failed, Some(&Err(Error::Cancelled))));
    assert!(text.contains("is not known") && text.contains("Nothing is created twice."), "{text}");
}
