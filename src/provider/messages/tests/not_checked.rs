//! Diagnostics about logins that were not made, and about differences between this machine and the KMS.

use expect_test::{Expect, expect};

use super::styled as shown;
use crate::postgres::{Accepted, Address, Endpoint, Questions, Target, Tls};
use crate::provider::config::validation::Mode;
use crate::provider::login_check::NotChecked;
use crate::provider::login_check::kms_location::NotAllowed;
use crate::provider::messages;
use crate::secret::Secret;
use crate::terraform::diagnostic::Severity;

fn target(address: Option<&str>) -> Target {
    Target {
        host: "db.example.com".to_owned(),
        port: 5432,
        database: "orders".to_owned(),
        username: "kms_role".to_owned(),
        password: Secret::new("x"),
        tls: Tls::Off,
        address: address.map(|host| Address { host: host.to_owned(), port: 15432 }),
        questions: Questions::default(),
    }
}

fn check(severity: Severity, why: NotChecked, address: Option<&str>, expected: Expect) {
    expected.assert_eq(&shown(&messages::not_checked(severity, &why, "orders-db", &target(address), true)));
}

#[test]
fn reports_exhausted_limits() {
    check(
        Severity::Error,
        NotChecked::Attempts,
        None,
        expect![[r#"
            Error: Login check skipped: two failed attempts
            at username

            Two logins of role `kms_role` at `db.example.com:5432` failed in this run, or got no response. The provider makes no third attempt: many LDAP and PAM servers lock an account after the third failure.
            Connection: `orders-db`
            No credentials were sent to the KMS.

            Correct the failed logins, which other messages name, and run again. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
    check(
        Severity::Warning,
        NotChecked::Budget,
        None,
        expect![[r#"
            Warning: Login check skipped: time for unreachable servers exhausted
            at host

            This run has spent 60 s on servers that do not respond, so the provider did not wait for `db.example.com:5432`.
            Connection: `orders-db`
            This does not stop the run: the KMS logs in from its own network when the change is applied.

            For databases that this machine cannot reach: set `validation { mode = "off" }`, or `address` to the end of a tunnel.
        "#]],
    );
    check(
        Severity::Warning,
        NotChecked::Queue,
        Some("bastion"),
        expect![[r#"
            Warning: Login check skipped: queue timed out
            at validation

            Other logins at `bastion:15432` took longer than three times the `timeout` of a login.
            Connection: `orders-db`
            This does not stop the run: the KMS logs in from its own network when the change is applied.

            Run again; if the server is slow, with a longer `timeout` in the `validation` block.
        "#]],
    );
}

#[test]
fn reports_hosts_that_are_not_allowed() {
    check(
        Severity::Warning,
        NotChecked::NotAllowed(NotAllowed::Loopback),
        None,
        expect![[r#"
            Warning: Login check skipped: loopback address
            at host

            `db.example.com` resolves to a loopback address. To the KMS it is the KMS's own machine, so a login from here does not test the database of the KMS; a cloud KMS rejects such hosts.
            Connection: `orders-db`
            This does not stop the run: the KMS logs in from its own network when the change is applied.

            Use the name by which the KMS reaches the database. If `host` is right and this machine reaches the same server another way, such as a tunnel, set `validation { address = "127.0.0.1:5432" }`.
        "#]],
    );
    check(
        Severity::Warning,
        NotChecked::NotAllowed(NotAllowed::Host),
        None,
        expect![[r#"
            Warning: Login check skipped: host not allowed
            at host

            `KMS_VALIDATION_HOSTS` does not list the host `db.example.com`, so the provider sends no password to it.
            Connection: `orders-db`
            This does not stop the run: the KMS logs in from its own network when the change is applied.

            If the host is right, add it to the variable, which is the allow list of this environment.
        "#]],
    );
    let addresses = vec!["192.0.2.7".parse().unwrap(), "::1".parse().unwrap()];
    check(
        Severity::Warning,
        NotChecked::NotAllowed(NotAllowed::Addresses(addresses)),
        Some("bastion"),
        expect![[r#"
            Warning: Login check skipped: address not allowed
            at validation.address

            `bastion:15432` resolves to `192.0.2.7`, `::1`, which `KMS_VALIDATION_HOSTS` does not list, so the provider sends no password to it.
            Connection: `orders-db`
            This does not stop the run: the KMS logs in from its own network when the change is applied.

            If the address is right, add it or its network (`10.0.0.0/8`) to the variable: a listed name alone does not allow its addresses.
        "#]],
    );
}

#[test]
fn warns_of_differences_for_the_kms() {
    let is = |diagnostic, expected: Expect| expected.assert_eq(&shown(&diagnostic));
    is(
        messages::behind_gateway("orders-db"),
        expect![[r#"
            Warning: Login check skipped: gateway
            at gateway_id

            The KMS connects through a gateway, and the provider has no way to the database.
            Connection: `orders-db`
            This does not stop the run: the KMS logs in from its own network when the change is applied.

            If this machine can reach the database, set `validation { address = "host:port" }`. This warning appears because `unreachable = "error"` is set.
        "#]],
    );
    is(
        messages::mode_lowered("orders-db", Mode::Plan, Mode::Apply),
        expect![[r#"
            Warning: Login check skipped: mode lowered
            at validation

            The provider makes no login in this plan: `KMS_VALIDATION` lowered `mode` from `plan` to `apply`.
            Connection: `orders-db`
            This does not stop the run: the KMS logs in from its own network when the change is applied.

            To check as configured, unset the variable. This warning appears because `unreachable = "error"` is set.
        "#]],
    );
    is(
        messages::internal_address("orders-db", "db.example.com", "10.0.0.1".parse().unwrap()),
        expect![[r#"
            Warning: Login from KMS may fail: internal address (orders-db)
            at host

            `db.example.com` resolves to 10.0.0.1 on this machine, an address of an internal network. A cloud KMS does not connect to such addresses.

            Use a public name or address of the database, or a gateway (`gateway_id`). A self-hosted KMS allows them with `ALLOW_INTERNAL_IP_CONNECTIONS=true` in its environment.
        "#]],
    );
    is(
        messages::internal_address("orders-db", "10.0.0.1", "10.0.0.1".parse().unwrap()),
        expect![[r#"
            Warning: Login from KMS may fail: internal address (orders-db)
            at host

            `10.0.0.1` is an address of an internal network. A cloud KMS does not connect to such addresses.

            Use a public name or address of the database, or a gateway (`gateway_id`). A self-hosted KMS allows them with `ALLOW_INTERNAL_IP_CONNECTIONS=true` in its environment.
        "#]],
    );
    let accepted = Accepted {
        endpoint: Endpoint {
            host: "db.example.com".to_owned(),
            port: 5432,
            address: Some("192.0.2.11:5432".parse().unwrap()),
            local: None,
            overridden: None,
        },
        unreachable_addresses: vec![(
            "192.0.2.10:5432".parse().unwrap(),
            "Connection refused (os error 111)".to_owned(),
        )],
        server_version: None,
        facts: None,
        password_requested: true,
        milliseconds: 1,
    };
    is(
        messages::later_address("orders-db", &accepted),
        expect![[r#"
            Warning: Login from KMS may fail: first address unreachable (orders-db)
            at host

            `db.example.com:5432` has several addresses, and the login succeeded only at a later one. The KMS tries the first address alone.
            Unreachable: 192.0.2.10:5432: Connection refused (os error 111)
            Accepted: 192.0.2.11:5432

            Use a name with one address, such as the writer endpoint, or remove the unreachable address from DNS.
        "#]],
    );
    is(
        messages::certificate_expires("orders-db", "2026-01-02", Some(std::time::Duration::ZERO)),
        expect![[r#"
            Warning: Certificate expires soon: `ssl_certificate` of orders-db
            at ssl_certificate

            The last root in `ssl_certificate` expires on 2026-01-02. After that day the KMS trusts no server through it and cannot connect.

            Add the new root of the authority next to the old one: a bundle of both works before and after the server changes its certificate.
        "#]],
    );
    is(
        messages::certificate_expires("orders-db", "2026-01-02", None),
        expect![[r#"
            Warning: Certificate has expired: `ssl_certificate` of orders-db
            at ssl_certificate

            The last root in `ssl_certificate` expired on 2026-01-02. After that day the KMS trusts no server through it and cannot connect.

            Add the new root of the authority next to the old one: a bundle of both works before and after the server changes its certificate.
        "#]],
    );
}
