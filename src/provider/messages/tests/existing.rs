//! Imports and moves that find no connection.

use expect_test::expect;

use super::styled;
use crate::kms::{AuthRequest, BaseUrl, Client, Settings};
use crate::provider::messages::existing_connection::{
    Wanted, import_form, moved_incomplete, not_movable, nothing_to_import, several_to_import,
};
use crate::secret::Secret;
use crate::terraform::move_state::MoveSource;

#[test]
fn describes_imports_that_find_no_connection() {
    let auth = AuthRequest::token(Secret::new("token"));
    let client = Client::new(Settings::new(BaseUrl::parse("https://kms.example.com", false).unwrap(), auth));
    let (id, other) = ("3c90c3cc-0d44-4b50-8888-8dd25736052a", "7ffbb072-2575-495a-b5b0-127f88caef78");
    let found = [
        import_form("orders\n-db"),
        nothing_to_import(Wanted::Id(id), &[], &client),
        nothing_to_import(Wanted::Name(Some(other), "orders-db"), &[], &client),
        nothing_to_import(Wanted::Name(None, "orders-db"), &[Some(other), None, Some(id)], &client),
        several_to_import("orders-db", &[id, other], &client),
    ];
    let texts: Vec<String> = found.iter().map(styled).collect();
    expect![[r#"
        Error: Import id not valid
        at the whole block

        The import id is neither a UUID nor a name: names have lower-case letters, digits and single hyphens.

        An import id has one of three forms:
          - the UUID of a connection, which the KMS shows in the address bar of its page: `3c90c3cc-0d44-4b50-8888-8dd25736052a`
          - the name of a connection of the organization: `orders-db`
          - project and name of a connection of a project: `7ffbb072-2575-495a-b5b0-127f88caef78/orders-db`
        ----
        Error: Import failed: connection not found
        at the whole block

        The KMS at `kms.example.com` shows this machine identity no PostgreSQL connection with the id `3c90c3cc-0d44-4b50-8888-8dd25736052a`.

        Possible causes, most likely first:
          - The import id is wrong.
          - `host` of the provider is the address of another KMS.
          - The machine identity may not read the connection.

        An import id has one of three forms:
          - the UUID of a connection, which the KMS shows in the address bar of its page: `3c90c3cc-0d44-4b50-8888-8dd25736052a`
          - the name of a connection of the organization: `orders-db`
          - project and name of a connection of a project: `7ffbb072-2575-495a-b5b0-127f88caef78/orders-db`
        ----
        Error: Import failed: connection not found
        at the whole block

        The KMS at `kms.example.com` shows this machine identity no PostgreSQL connection `orders-db` in the project `7ffbb072-2575-495a-b5b0-127f88caef78`.

        Possible causes, most likely first:
          - The import id is wrong.
          - `host` of the provider is the address of another KMS.
          - The machine identity may not read the connection.

        An import id has one of three forms:
          - the UUID of a connection, which the KMS shows in the address bar of its page: `3c90c3cc-0d44-4b50-8888-8dd25736052a`
          - the name of a connection of the organization: `orders-db`
          - project and name of a connection of a project: `7ffbb072-2575-495a-b5b0-127f88caef78/orders-db`
        ----
        Error: Import failed: connection not found
        at the whole block

        The KMS at `kms.example.com` shows this machine identity no PostgreSQL connection `orders-db` of the organization.
        Connections of that name in other scopes: `7ffbb072-2575-495a-b5b0-127f88caef78/orders-db`, `orders-db`, `3c90c3cc-0d44-4b50-8888-8dd25736052a/orders-db`

        Possible causes, most likely first:
          - The import id is wrong.
          - `host` of the provider is the address of another KMS.
          - The machine identity may not read the connection.

        An import id has one of three forms:
          - the UUID of a connection, which the KMS shows in the address bar of its page: `3c90c3cc-0d44-4b50-8888-8dd25736052a`
          - the name of a connection of the organization: `orders-db`
          - project and name of a connection of a project: `7ffbb072-2575-495a-b5b0-127f88caef78/orders-db`
        ----
        Error: Import failed: connection name is ambiguous
        at the whole block

        The KMS at `kms.example.com` has 2 connections `orders-db` in the same scope.
        Ids: 3c90c3cc-0d44-4b50-8888-8dd25736052a, 7ffbb072-2575-495a-b5b0-127f88caef78

        Import one of them by its UUID.
    "#]].assert_eq(&texts.join("----\n"));
}

#[test]
fn describes_objects_that_cannot_be_moved() {
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
        Error: Move not supported for this object
        at the whole block

        The `random_password` of the provider `registry.terraform.io/hashicorp/random` cannot become a `kms_postgres_connection`.
        Nothing was changed.

        Objects that can be moved:
          - `kms_app_connection_postgres` of the provider `hanzokms/kms`
          - `b_c` of the provider `a/b`

        For any other object, remove the old object from the state with a `removed` block, and import the connection by its UUID.
    "#]].assert_eq(&styled(&not_movable(&source, &accepted)));
    expect![[r#"
        Error: Move failed: object is incomplete
        at the whole block

        The `random_password` of the provider `registry.terraform.io/hashicorp/random` has no `credentials` in the state.
        Nothing was changed.

        Instead of moving the object, remove the old object from the state with a `removed` block, and import the connection by its UUID.
    "#]].assert_eq(&styled(&moved_incomplete(&source, "credentials")));
}
