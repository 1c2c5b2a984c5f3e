//! Messages about credentials that were written outside of the configuration.

use expect_test::{Expect, expect};

use super::styled as shown;
use crate::provider::messages::drift;
use crate::terraform::diagnostic::Diagnostic;

fn check(diagnostic: &Diagnostic, expected: Expect) {
    expected.assert_eq(&shown(diagnostic));
}

#[test]
fn drift_warnings_name_the_ways_to_end_them() {
    check(
        &drift::sent_again("orders-db"),
        expect![[r#"
            Warning: Credentials changed outside Terraform: orders-db
            at the whole block

            The credentials in the KMS are not the ones that this configuration wrote last: a user, a rotation or another configuration wrote them. The KMS does not return passwords, so the password may still be the same.

            The configured password still works. This plan sends the configured credentials to the KMS again, replacing what is stored there.
        "#]],
    );
    check(
        &drift::replaced("orders-db"),
        expect![[r#"
            Warning: Credentials changed outside Terraform: orders-db
            at the whole block

            The credentials in the KMS are not the ones that this configuration wrote last: a user, a rotation or another configuration wrote them. The KMS does not return passwords, so the password may still be the same.

            This plan sends the configured credentials to the KMS, replacing what is stored there. To keep an outside change, put its values into the configuration first.
        "#]],
    );
    check(
        &drift::refused("orders-db", "password", &[], "the password of role `kms` was rejected"),
        expect![[r#"
            Warning: Credentials changed outside Terraform: orders-db
            at password

            The credentials in the KMS are not the ones that this configuration wrote last: a user, a rotation or another configuration wrote them. The KMS does not return passwords, so the password may still be the same.

            The configured credentials no longer work.
            Login check: The password of role `kms` was rejected.
            No update of the credentials is planned: the KMS may have a newer password.

            To end this warning, one of:
              - Set the current password in `password_wo`, with a `password_wo_version`, instead of `password`. (A new `password` works only without `ignore_changes = [password]`.)
              - To leave the password to the KMS: remove `password` from the configuration and from `ignore_changes`.
              - To replace the connection by a new one with the configured password: `terraform apply -replace=ADDRESS`.
        "#]],
    );
    check(
        &drift::refused("orders-db", "password_wo", &["port", "username"], "the password was rejected"),
        expect![[r#"
            Warning: Credentials changed outside Terraform: orders-db
            at password_wo

            The credentials in the KMS are not the ones that this configuration wrote last: a user, a rotation or another configuration wrote them. The KMS does not return passwords, so the password may still be the same.

            The KMS has another `port`, `username`, and the configured credentials no longer work.
            Login check: The password was rejected.
            No update of the credentials is planned: the KMS may have a newer password.

            To end this warning, one of:
              - To keep the credentials of the KMS: put its values into the configuration, with their password in `password_wo`, or without a password.
              - To send the configured credentials again: make them valid in PostgreSQL.
        "#]],
    );
    check(
        &drift::not_checked("orders-db", "password", "`mode` is `apply`"),
        expect![[r#"
            Warning: Credentials changed outside Terraform: orders-db
            at password

            The credentials in the KMS are not the ones that this configuration wrote last: a user, a rotation or another configuration wrote them. The KMS does not return passwords, so the password may still be the same.

            The provider could not check whether the configured password still works.
            Login check: `mode` is `apply`.
            No update of the credentials is planned: the KMS may have a newer password.

            To end this warning, one of:
              - Set the current password in `password_wo`, with a `password_wo_version`, instead of `password`. (A new `password` works only without `ignore_changes = [password]`.)
              - To leave the password to the KMS: remove `password` from the configuration and from `ignore_changes`.
              - Where the provider can reach the database: plan with `mode = "plan"`. If the login succeeds, the plan sends the configured credentials again.
              - To replace the connection by a new one with the configured password: `terraform apply -replace=ADDRESS`.
        "#]],
    );
    check(
        &drift::not_checked("orders-db", "password_wo", "a credential is not known yet"),
        expect![[r#"
            Warning: Credentials changed outside Terraform: orders-db
            at password_wo

            The credentials in the KMS are not the ones that this configuration wrote last: a user, a rotation or another configuration wrote them. The KMS does not return passwords, so the password may still be the same.

            The provider could not check whether the configured password still works.
            Login check: A credential is not known yet.
            No update of the credentials is planned: the KMS may have a newer password.

            To end this warning, one of:
              - Set the current password in `password_wo`, and change `password_wo_version` if it is set.
              - To leave the password to the KMS: remove `password_wo` and `password_wo_version`.
              - Where the provider can reach the database: plan with `mode = "plan"`. If the login succeeds, the plan sends the configured credentials again.
              - To replace the connection by a new one with the configured password: `terraform apply -replace=ADDRESS`.
        "#]],
    );
    check(
        &drift::without_password("orders-db"),
        expect![[r#"
            Warning: Credentials changed outside Terraform: orders-db
            at the whole block

            The credentials in the KMS are not the ones that this configuration wrote last: a user, a rotation or another configuration wrote them. The KMS does not return passwords, so the password may still be the same.

            The configuration has no password, so this plan sends nothing. An apply, or `terraform apply -refresh-only`, stores the new fingerprint and ends this warning.
        "#]],
    );
}
