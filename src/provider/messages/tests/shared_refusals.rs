//! Diagnostics about a failure that several connections share, and about changed endpoints.

use expect_test::{Expect, expect};

use super::database::{in_plan, refused, wrong_password};
use super::styled as shown;
use crate::postgres::{Certainty, Reason, Refusal};
use crate::provider::messages::{LoginContext, MovedCredentials, refusal};
use crate::terraform::diagnostic::Severity;

fn check(severity: Severity, about: &Refusal, login: &LoginContext<'_>, expected: Expect) {
    expected.assert_eq(&shown(&refusal(severity, about, login)));
}

#[test]
fn short_message_refers_to_the_first_one() {
    let login = LoginContext { first_reporter: Some("invoices-db"), ..in_plan() };
    check(
        Severity::Error,
        &wrong_password(),
        &login,
        expect![[r#"
            Error: PostgreSQL login failed: password rejected
            at password_wo

            Password authentication failed for role `kms_role` at `db.example.com:5432` (SQLSTATE 28P01).
            Server: `db.example.com:5432` (address 192.0.2.10:5432)
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`
            No credentials were sent to the KMS.
            See the message about connection `invoices-db` for possible causes and how to proceed. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
    // Terraform shows one of several equal warnings, so each must be complete.
    let mut about = refused(Reason::ConnectionRefused, None);
    about.responded = false;
    let login = LoginContext { class: Certainty::Unreachable, ..login };
    let warning = shown(&refusal(Severity::Warning, &about, &login));
    assert!(warning.contains("Possible causes, most likely first"), "{warning}");
}

#[test]
fn update_that_changes_endpoint_names_both() {
    let mut about = wrong_password();
    about.endpoint.address = Some("10.0.0.7:5432".parse().unwrap());
    let moved =
        Some(MovedCredentials { from: "`old.example.com:5432`".to_owned(), to: "`db.example.com:5432`".to_owned() });
    check(
        Severity::Error,
        &about,
        &LoginContext { moved, ..in_plan() },
        expect![[r#"
            Error: PostgreSQL login failed: password rejected
            at password_wo

            Password authentication failed for role `kms_role` at `db.example.com:5432` (SQLSTATE 28P01).
            Server: `db.example.com:5432` (address 10.0.0.7:5432)
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`; this update keeps it and changes the endpoint from `old.example.com:5432` to `db.example.com:5432`
            Server message: password authentication failed for user "kms_role"
            Time: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123
            No credentials were sent to the KMS.

            Possible causes, most likely first:
              - The password is wrong, has expired (`VALID UNTIL`) or was never set.
              - Role `kms_role` does not exist; names are case-sensitive. The server sends the same response.
              - The password is stored as MD5 and the server requires SCRAM: set it again.
              - 10.0.0.7 is a private address, which can be another machine on the network of the KMS.

            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

            If this run creates the role or the database, or changes this password, this login is too early. In a plan, set `validation { mode = "warn" }` or use `KMS_VALIDATION=warn`; in an apply, refer to the resource that does so (`username = postgresql_role.x.name`), or add it to `depends_on`. For an ephemeral password, which differs in every plan, use `mode = "apply"`.
            To proceed without this check: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

#[test]
fn names_each_unreachable_address() {
    let mut about = refused(Reason::ConnectionRefused, None);
    let error = "Connection refused (os error 111)".to_owned();
    about.unreachable_addresses =
        vec![("192.0.2.9:5432".parse().unwrap(), error.clone()), ("192.0.2.10:5432".parse().unwrap(), error)];
    (about.endpoint.local, about.responded) = (None, false);
    check(
        Severity::Warning,
        &about,
        &LoginContext { class: Certainty::Unreachable, ..in_plan() },
        expect![[r#"
            Warning: PostgreSQL server not reachable: connection refused
            at port

            Connection refused by `db.example.com:5432`.
            Server: `db.example.com:5432` (address 192.0.2.10:5432)
            Role: `kms_role`
            Database: `orders`
            Password: from `password_wo` of connection `orders-db`
            Addresses tried: 192.0.2.9:5432: Connection refused (os error 111); 192.0.2.10:5432: Connection refused (os error 111)
            Time: 2026-01-02 03:04:05 UTC
            This does not stop the run: the KMS logs in from its own network when the change is applied.

            Possible causes, most likely first:
              - The server is not running, or the port is wrong.
              - The server listens on its own machine only, the default of `listen_addresses`.

            To proceed without this check: `KMS_VALIDATION=apply terraform plan`. To ignore unreachable servers: `validation { unreachable = "ignore" }`.
        "#]],
    );
}
