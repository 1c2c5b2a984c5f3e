//! The provider's functions with the real Terraform, and their statements on real servers.

use std::time::Duration;

use serde_json::{Value as Json, json};
use terraform_provider_kms::postgres::{Questions, Target, Tls, login};
use terraform_provider_kms::secret::Secret;

use crate::privileges_by_version::servers_before_and_from_16;
use crate::support::terraform::Workspace;
use crate::support::{REQUIRED_PROVIDERS, workspace};

/// The value of an expression, without a provider block and without a KMS.
fn evaluate(workspace: &Workspace, expression: &str) -> Json {
    workspace.write("main.tf", &format!("{REQUIRED_PROVIDERS}output \"result\" {{\n  value = {expression}\n}}\n"));
    workspace.apply().expect(0);
    let shown = workspace.command(["output", "-json", "result"]).output().expect("terraform runs");
    serde_json::from_slice(&shown.stdout).expect("JSON of an output")
}

#[test]
fn parses_a_url_into_the_arguments_of_a_connection() {
    let workspace = workspace();
    let url = r#"nonsensitive(provider::kms::parse_postgres_url("postgres://kms:p%40ss@db.test:6432/orders?sslmode=require"))"#;
    let parsed = evaluate(&workspace, url);
    assert_eq!(
        parsed,
        json!({
            "host": "db.test", "port": 6432, "database": "orders", "username": "kms", "password": "p@ss",
            "ssl_enabled": true, "ssl_reject_unauthorized": false, "ssl_certificate": null,
        })
    );
    assert_eq!(evaluate(&workspace, r#"provider::kms::connection_slug("Orders DB")"#), json!("orders-db"));
}

#[test]
fn rejects_arguments_without_showing_the_url() {
    let workspace = workspace();
    for (expression, argument, sentence) in [
        (
            r#"parse_postgres_url("postgres://kms:hunter2@db.test/orders?sslmode=verify-ca")"#,
            "url",
            "sslmode=verify-ca",
        ),
        (r#"parse_postgres_url("postgres://kms:hunter2/x@db.test/orders")"#, "url", "unencoded"),
        (
            r#"parse_postgres_url("postgres://kms:hunter2@db.test/orders?user=hunter2")"#,
            "url",
            "query parameter `user`",
        ),
        (r#"grant_sql("pg_kms", "orders", [])"#, "role", "begin with `pg_`"),
        (r#"grant_sql("kms", "", [])"#, "database", "the name is empty"),
        (r#"grant_sql("kms", "orders", ["app", ""])"#, "rotation_roles", "element 1: the name is empty"),
        (r#"grant_sql("kms", "orders", [null])"#, "rotation_roles", "must not be null"),
        (r#"connection_slug("---")"#, "text", "contains no letter or digit"),
        (r#"connection_slug(null)"#, "text", "must not be null"),
    ] {
        // In a variable: Terraform shows the line of the configuration.
        let call = format!("provider::kms::{}", expression.replacen('(', "(\n    ", 1));
        workspace.write("main.tf", &format!("{REQUIRED_PROVIDERS}output \"result\" {{\n  value = {call}\n}}\n"));
        let output = workspace.plan().expect(1);
        output.shows(&[&format!("Invalid value for \"{argument}\" parameter"), sentence]);
    }
    workspace.write(
        "main.tf",
        &format!(
            "{REQUIRED_PROVIDERS}variable \"url\" {{\n  type = string\n  sensitive = true\n}}\noutput \"result\" {{\n  \
             value = provider::kms::parse_postgres_url(var.url).host\n  sensitive = true\n}}\n"
        ),
    );
    for url in ["postgres://kms:hunter2/x@db.test/orders", "postgres://kms:hunter2@db.test/orders?sslmode=hunter2"] {
        let output = workspace.run(&["plan", "-no-color", &format!("-var=url={url}")]).expect(1);
        assert!(!output.text.contains("hunter2"), "{}", output.text);
    }
}

#[tokio::test]
async fn grants_what_the_login_check_wants_before_and_from_16() {
    let workspace = workspace();
    let statements = evaluate(&workspace, r#"provider::kms::grant_sql("kms_role", "shop", ["app one", "Report"])"#);
    let statements = statements.as_str().expect("a text").to_owned();
    for server in servers_before_and_from_16() {
        server.create_role("kms_role", "correct horse");
        server.sql(r#"CREATE ROLE "app one" LOGIN; CREATE ROLE "Report" LOGIN"#);
        server.sql("CREATE DATABASE shop");
        server.sql("REVOKE CONNECT ON DATABASE shop FROM PUBLIC");
        server.sql(&statements);
        // They can be run again.
        server.sql(&statements);
        let target = Target {
            host: "127.0.0.1".to_owned(),
            port: server.port(),
            database: "shop".to_owned(),
            username: "kms_role".to_owned(),
            password: Secret::new("correct horse"),
            tls: Tls::Off,
            address: None,
            questions: Questions {
                rotation_roles: vec!["app one".to_owned(), "Report".to_owned()],
                own_password: false,
            },
        };
        let accepted = login(&target, Duration::from_secs(30)).await.unwrap_or_else(|refusal| panic!("{refusal:?}"));
        let facts = accepted.facts.unwrap().unwrap();
        for check in facts.rotations() {
            assert!(check.obstacles.is_empty(), "{}: {check:?}", facts.version());
        }
    }
}
