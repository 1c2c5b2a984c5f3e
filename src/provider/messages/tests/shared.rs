//! A refusal that many connections share, moves, and places that are not the same for the KMS.

use expect_test::{Expect, expect};

use super::database::{in_plan, refused, wrong_password};
use super::shown;
use crate::postgres::{Certainty, Reason, Refusal};
use crate::provider::messages::{LoginContext, MovedCredentials, refusal};
use crate::terraform::diagnostic::Severity;

fn check(severity: Severity, about: &Refusal, login: &LoginContext<'_>, expected: Expect) {
    expected.assert_eq(&shown(&refusal(severity, about, login)));
}

#[test]
fn a_refusal_that_another_message_tells() {
    let login = LoginContext { first_reporter: Some("invoices-db"), ..in_plan() };
    check(
        Severity::Error,
        &wrong_password(),
        &login,
        expect![[r#"
            Error: The database refused the login
            at password_wo

            `db.example.com:5432` refused the password of role `kms_role` (28P01).
            Asked: `db.example.com:5432` (address 192.0.2.10:5432) as role `kms_role` for database `orders`.
            Connection: `orders-db`, with the password from `password_wo`.
            No credentials were sent to the KMS.
            What to check and how to go on says the message of `invoices-db`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
    // A core shows one warning of many alike, so each must tell it all.
    let mut about = refused(Reason::ConnectionRefused, None);
    about.answered = false;
    let login = LoginContext { class: Certainty::Unreachable, ..login };
    let warning = shown(&refusal(Severity::Warning, &about, &login));
    assert!(warning.contains("Check, likeliest first"), "{warning}");
}

#[test]
fn an_update_that_moves_to_a_private_address() {
    let mut about = wrong_password();
    about.endpoint.address = Some("10.0.0.7:5432".parse().unwrap());
    let moved =
        Some(MovedCredentials { from: "`old.example.com:5432`".to_owned(), to: "`db.example.com:5432`".to_owned() });
    check(
        Severity::Error,
        &about,
        &LoginContext { moved, ..in_plan() },
        expect![[r#"
            Error: The database refused the login
            at password_wo

            `db.example.com:5432` refused the password of role `kms_role` (28P01).
            The server said: 28P01 password authentication failed for user "kms_role"
            Asked: `db.example.com:5432` (address 10.0.0.7:5432) as role `kms_role` for database `orders`.
            When: 2026-01-02 03:04:05 UTC, from 198.51.100.7:50123.
            Connection: `orders-db`, with the password from `password_wo`.
            This update moves the connection from `old.example.com:5432` to `db.example.com:5432` and keeps the password.
            No credentials were sent to the KMS.

            Check, likeliest first:
              - The password.
              - Whether role `kms_role` exists: the answer is the same when it does not.
              - Upper and lower case of the role's name: they matter once it was created in quotes.
              - Whether the password has expired (`VALID UNTIL`) or was never set.
              - Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.
              - 10.0.0.7 is a private address: on the network of the KMS it can be another machine than from here.

            Run as a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role):
              ALTER ROLE "kms_role" WITH LOGIN PASSWORD '…';

            If this same run creates the role or the database, or changes this password, this login comes too early. In a plan, set `validation { mode = "warn" }` here, or run once with `KMS_VALIDATION=warn`; in an apply, refer to the resource that does it (`username = postgresql_role.x.name`), or add it to `depends_on`. An ephemeral generator gives another value in every plan: use `mode = "apply"` for that.

            To plan without this login, once: `KMS_VALIDATION=apply terraform plan`. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
}

#[test]
fn a_name_of_which_no_address_answers() {
    let mut about = refused(Reason::ConnectionRefused, None);
    let said = "Connection refused (os error 111)".to_owned();
    about.passed_over =
        vec![("192.0.2.9:5432".parse().unwrap(), said.clone()), ("192.0.2.10:5432".parse().unwrap(), said)];
    (about.endpoint.local, about.answered) = (None, false);
    check(
        Severity::Warning,
        &about,
        &LoginContext { class: Certainty::Unreachable, ..in_plan() },
        expect![[r#"
        Warning: The credentials could not be checked from this machine
        at port

        Nothing accepts connections at `db.example.com:5432`.
        Asked: `db.example.com:5432` (address 192.0.2.10:5432) as role `kms_role` for database `orders`.
        Tried all addresses of the name: 192.0.2.9:5432: Connection refused (os error 111); 192.0.2.10:5432: Connection refused (os error 111).
        When: 2026-01-02 03:04:05 UTC.
        Connection: `orders-db`, with the password from `password_wo`.
        The KMS connects from its own network and judges for itself when the change is applied.

        Check, likeliest first:
          - The port, and whether the server runs.
          - `listen_addresses` of the server: by default it listens on its own machine only.

        To plan without this login, once: `KMS_VALIDATION=apply terraform plan`. To hear nothing of it: `validation { unreachable = "ignore" }`.
    "#]],
    );
}
