//! Texts about connections that cannot be brought under management.

use expect_test::expect;

use super::shown;
use crate::kms::{AuthRequest, BaseUrl, Client, Settings};
use crate::provider::messages::existing_connection::{
    Wanted, import_form, moved_incomplete, not_movable, nothing_to_import, several_to_import,
};
use crate::secret::Secret;
use crate::terraform::move_state::MoveSource;

#[test]
fn what_cannot_be_imported() {
    let login = AuthRequest::token(Secret::new("token"));
    let client = Client::new(Settings::new(BaseUrl::parse("https://kms.example.com", false).unwrap(), login));
    let (id, other) = ("3c90c3cc-0d44-4b50-8888-8dd25736052a", "7ffbb072-2575-495a-b5b0-127f88caef78");
    let found = [
        import_form("orders\n-db"),
        nothing_to_import(Wanted::Id(id), &[], &client),
        nothing_to_import(Wanted::Name(Some(other), "orders-db"), &[], &client),
        nothing_to_import(Wanted::Name(None, "orders-db"), &[Some(other), None, Some(id)], &client),
        several_to_import("orders-db", &[id, other], &client),
    ];
    let texts: Vec<String> = found.iter().map(shown).collect();
    expect![[r#"
        Error: This does not name a connection
        at the whole block

        What was given cannot be imported: it is neither a UUID nor a name. Names have lower-case letters, digits and single hyphens.

        An import takes one of three forms:
        - the UUID of a connection, which the KMS shows in the address bar of its page: `3c90c3cc-0d44-4b50-8888-8dd25736052a`
        - the name of a connection of the organisation: `orders-db`
        - project and name of a connection of a project: `7ffbb072-2575-495a-b5b0-127f88caef78/orders-db`
        ----
        Error: There is no such connection
        at the whole block

        The KMS at `kms.example.com` shows this machine identity no PostgreSQL connection with the id `3c90c3cc-0d44-4b50-8888-8dd25736052a`. Check what was given, the `host` of the provider, and that the identity may read the connection.

        An import takes one of three forms:
        - the UUID of a connection, which the KMS shows in the address bar of its page: `3c90c3cc-0d44-4b50-8888-8dd25736052a`
        - the name of a connection of the organisation: `orders-db`
        - project and name of a connection of a project: `7ffbb072-2575-495a-b5b0-127f88caef78/orders-db`
        ----
        Error: There is no such connection
        at the whole block

        The KMS at `kms.example.com` shows this machine identity no PostgreSQL connection `orders-db` in the project `7ffbb072-2575-495a-b5b0-127f88caef78`. Check what was given, the `host` of the provider, and that the identity may read the connection.

        An import takes one of three forms:
        - the UUID of a connection, which the KMS shows in the address bar of its page: `3c90c3cc-0d44-4b50-8888-8dd25736052a`
        - the name of a connection of the organisation: `orders-db`
        - project and name of a connection of a project: `7ffbb072-2575-495a-b5b0-127f88caef78/orders-db`
        ----
        Error: There is no such connection
        at the whole block

        The KMS at `kms.example.com` shows this machine identity no PostgreSQL connection `orders-db` of the organisation. There is one of that name elsewhere: import `7ffbb072-2575-495a-b5b0-127f88caef78/orders-db` or `orders-db` or `3c90c3cc-0d44-4b50-8888-8dd25736052a/orders-db`. Check what was given, the `host` of the provider, and that the identity may read the connection.

        An import takes one of three forms:
        - the UUID of a connection, which the KMS shows in the address bar of its page: `3c90c3cc-0d44-4b50-8888-8dd25736052a`
        - the name of a connection of the organisation: `orders-db`
        - project and name of a connection of a project: `7ffbb072-2575-495a-b5b0-127f88caef78/orders-db`
        ----
        Error: There are several such connections
        at the whole block

        The KMS at `kms.example.com` holds 2 connections `orders-db` in the same scope. Import one of them by its UUID: 3c90c3cc-0d44-4b50-8888-8dd25736052a, 7ffbb072-2575-495a-b5b0-127f88caef78.

        An import takes one of three forms:
        - the UUID of a connection, which the KMS shows in the address bar of its page: `3c90c3cc-0d44-4b50-8888-8dd25736052a`
        - the name of a connection of the organisation: `orders-db`
        - project and name of a connection of a project: `7ffbb072-2575-495a-b5b0-127f88caef78/orders-db`
    "#]].assert_eq(&texts.join("----\n"));
}

#[test]
fn what_cannot_be_moved() {
    let source = MoveSource {
        provider: "registry.terraform.io/hashicorp/random".to_owned(),
        type_name: "random_password".to_owned(),
        schema_version: 3,
        state: Vec::new().into(),
        private: Vec::new(),
        identity: None,
    };
    let accepted = [("hanzokms/kms", "kms_app_connection_postgres"), ("a/b", "b_c")];
    expect![[r#"
        Error: This object cannot be moved
        at the whole block

        A `random_password` of the provider `registry.terraform.io/hashicorp/random` cannot become a `kms_postgres_connection`. Nothing was changed. These can:
        - `kms_app_connection_postgres` of the provider `hanzokms/kms`
        - `b_c` of the provider `a/b`

        For anything else leave the old object with a `removed` block and import the connection.
    "#]].assert_eq(&shown(&not_movable(&source, &accepted)));
    expect![[r#"
        Error: The object to be moved is incomplete
        at the whole block

        The state holds a `random_password` of the provider `registry.terraform.io/hashicorp/random` without `credentials`. Nothing was changed. Leave the old object with a `removed` block and import the connection by its UUID instead.
    "#]].assert_eq(&shown(&moved_incomplete(&source, "credentials")));
}
