//! Creates that failed: the findings of the lookup.

use expect_test::expect;

use super::assert_is_neat;
use super::service::{CONTEXT, all, no_response, reported, unavailable};
use super::values::credentials;
use crate::kms::{AppConnection, Error, ErrorKind, Lookup, Method, NewConnection, TransportFailure};
use crate::provider::messages::kms::{RequestContext, Verb, adopted, create, outcome};

fn found() -> Lookup {
    let connection: AppConnection = serde_json::from_value(serde_json::json!({
        "id": "3c90c3cc-0d44-4b50-8888-8dd25736052a", "name": "orders-db", "app": "postgres", "method": "x",
        "credentials": {
            "host": "db.example.com", "port": 5432, "database": "orders", "username": "kms_role",
            "sslEnabled": true, "sslRejectUnauthorized": true
        },
    }))
    .unwrap();
    Lookup::Found(Box::new(connection))
}

#[test]
fn describes_what_a_lookup_found() {
    let other = || Lookup::Failed(reported(ErrorKind::OtherApp, 400, "BadRequest", "not for App \"postgres\""));
    let texts = [
        outcome(true, "orders-db", &found()),
        outcome(false, "orders-db", &found()),
        outcome(true, "orders-db", &Lookup::NotFound),
        outcome(false, "orders-db", &Lookup::NotFound),
        outcome(true, "orders-db", &other()),
        outcome(false, "orders-db", &other()),
        outcome(false, "orders-db", &Lookup::Failed(no_response(TransportFailure::ConnectRefused, false))),
        outcome(false, "orders-db", &Lookup::Unfinished),
    ];
    texts.iter().for_each(|text| assert_is_neat(text));
    expect![[r#"
        Connection 3c90c3cc-0d44-4b50-8888-8dd25736052a of the same scope already uses this name. The provider does not adopt it automatically. Set another `name`, or import that connection:

        import {
          to = kms_postgres_connection.<label>
          id = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
        }

        If this run replaces that connection, `create_before_destroy` needs another `name`: the name stays in use until the old connection is deleted.
        ----
        A connection `orders-db` exists now, with the id 3c90c3cc-0d44-4b50-8888-8dd25736052a. The provider cannot determine whether this run created it. Check the connection in the KMS. To import it:

        import {
          to = kms_postgres_connection.<label>
          id = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
        }
        ----
        The existing connection is one of another app, or the machine identity may not read it. Set another `name`: names are unique across all kinds of app connections of a project (or of the organization).
        ----
        The KMS has no connection of that name, so the create probably had no effect. Run `terraform apply` again: if the connection exists by then, the message has its id and an import block. The provider never creates a second connection of that name.
        ----
        The existing connection is one of another app. Set another `name`: names are unique across all kinds of app connections of a project (or of the organization).
        ----
        The existing connection is one of another app. Set another `name`: names are unique across all kinds of app connections of a project (or of the organization).
        ----
        The provider could not determine whether the connection was created (no response to `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`: connection refused). Run `terraform apply` again: if the connection exists by then, the message has its id and an import block. The provider never creates a second connection of that name.
        ----
        The provider could not determine whether the connection was created. Run `terraform apply` again: if the connection exists by then, the message has its id and an import block. The provider never creates a second connection of that name."#]].assert_eq(&texts.join("\n----\n"));
}

#[test]
fn describes_a_create_and_its_lookup_together() {
    let request = NewConnection {
        name: "orders-db".to_owned(),
        description: None,
        project_id: None,
        method: Method::default(),
        is_platform_managed: false,
        gateway_id: None,
        credentials: credentials(),
    };
    let context = RequestContext { verb: Verb::Create, ..CONTEXT };
    let text = |error: &Error, found: Option<&Lookup>| all(&create(context, &request, error, found));
    let failed = unavailable();
    assert!(!text(&failed, None).contains("apply` again"));
    let taken = ErrorKind::NameTaken { name: "orders-db".to_owned() };
    let taken = reported(taken, 400, "BadRequest", "An App Connection with the name \"orders-db\" already exists");
    let texts = [text(&failed, Some(&found())), text(&failed, Some(&Lookup::NotFound)), text(&taken, Some(&found()))];
    expect![[r#"
        Error: KMS request failed: internal server error
        at the whole block

        Creating `orders-db` failed: the KMS reported an internal server error.
        Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
        Response: 500 `InternalServerError`
        KMS message: Something went wrong
        Request id: `req-1`

        Run the command again. If the error persists, the operator of the KMS finds the reason in its log by the request id.

        A connection `orders-db` exists now, with the id 3c90c3cc-0d44-4b50-8888-8dd25736052a. The provider cannot determine whether this run created it. Check the connection in the KMS. To import it:

        import {
          to = kms_postgres_connection.<label>
          id = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
        }
        ----
        Error: KMS request failed: internal server error
        at the whole block

        Creating `orders-db` failed: the KMS reported an internal server error.
        Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
        Response: 500 `InternalServerError`
        KMS message: Something went wrong
        Request id: `req-1`

        Run the command again. If the error persists, the operator of the KMS finds the reason in its log by the request id.

        The KMS has no connection of that name, so the create probably had no effect. Run `terraform apply` again: if the connection exists by then, the message has its id and an import block. The provider never creates a second connection of that name.
        ----
        Error: Connection name already exists
        at name

        Creating `orders-db` failed: a connection with the name `orders-db` already exists.
        Request: `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`
        Response: 400 `BadRequest`
        KMS message: An App Connection with the name "orders-db" already exists
        Request id: `req-1`
        Nothing was changed in the KMS.

        Connection 3c90c3cc-0d44-4b50-8888-8dd25736052a of the same scope already uses this name. The provider does not adopt it automatically. Set another `name`, or import that connection:

        import {
          to = kms_postgres_connection.<label>
          id = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
        }

        If this run replaces that connection, `create_before_destroy` needs another `name`: the name stays in use until the old connection is deleted.
    "#]].assert_eq(&texts.join("----\n"));
    let lost = adopted("orders-db", &no_response(TransportFailure::Reset, true));
    expect![[r#"
        Warning: KMS response lost, connection created: orders-db
        at the whole block

        The KMS created `orders-db`, and its response was lost: no response to `PATCH /api/v1/app-connections/postgres/1` at `app.kms.hanzo.ai`: connection reset.
        The connection is in the state. You need not do anything.

        The name was free before the request, and the values that the KMS returns equal the requested ones.
    "#]].assert_eq(&super::styled(&lost));
}
