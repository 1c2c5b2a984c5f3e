//! What is said of logins that were not made, and of what the KMS sees differently from its place.

use expect_test::{Expect, expect};

use super::shown;
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
fn limits() {
    check(
        Severity::Error,
        NotChecked::Attempts,
        None,
        expect![[r#"
            Error: The credentials were not checked
            at username

            The login for `orders-db` was not made. `db.example.com:5432` has refused role `kms_role` twice in this run, in words or by letting the login wait, so a further password was not tried: many directories lock a role at the third.
            No credentials were sent to the KMS.

            Put right what was refused, which the other messages name, and run again. To destroy this configuration as it is: `terraform destroy -refresh=false`.
        "#]],
    );
    check(
        Severity::Warning,
        NotChecked::Budget,
        None,
        expect![[r#"
            Warning: The credentials were not checked
            at host

            The login for `orders-db` was not made. This run has waited a minute for servers that never answer, so `db.example.com:5432` was not asked, or not waited for.
            The KMS judges for itself when the change is applied.

            For databases that cannot be reached from here: `validation { mode = "off" }`, or `address` for the end of a tunnel.
        "#]],
    );
    check(
        Severity::Warning,
        NotChecked::Queue,
        Some("bastion"),
        expect![[r#"
        Warning: The credentials were not checked
        at validation

        The login for `orders-db` was not made. Others were in front of it at `bastion:15432` for three times the `timeout` of a login.
        The KMS judges for itself when the change is applied.

        Run again, with a longer `timeout` in the `validation` block if the server is slow.
    "#]],
    );
}

#[test]
fn places() {
    check(
        Severity::Warning,
        NotChecked::NotAllowed(NotAllowed::Loopback),
        None,
        expect![[r#"
            Warning: The credentials were not checked
            at host

            The login for `orders-db` was not made. `db.example.com` resolves to a loopback address. To the KMS it is the KMS's own machine, so a login from here would prove nothing; a cloud KMS rejects such hosts.
            The KMS judges for itself when the change is applied.

            Use the name by which the KMS reaches the database. Where `host` is right and this machine has a way to the same server, a tunnel for example, say so: `validation { address = "127.0.0.1:5432" }`.
        "#]],
    );
    check(
        Severity::Warning,
        NotChecked::NotAllowed(NotAllowed::Host),
        None,
        expect![[r#"
        Warning: The credentials were not checked
        at host

        The login for `orders-db` was not made. `KMS_VALIDATION_HOSTS` does not list the host `db.example.com`, so no password goes there from here.
        The KMS judges for itself when the change is applied.

        Add the host to the variable if it is the right one. Who runs this sees a host here that was not foreseen.
    "#]],
    );
    let addresses = vec!["192.0.2.7".parse().unwrap(), "::1".parse().unwrap()];
    check(
        Severity::Warning,
        NotChecked::NotAllowed(NotAllowed::Addresses(addresses)),
        Some("bastion"),
        expect![[r#"
        Warning: The credentials were not checked
        at validation.address

        The login for `orders-db` was not made. `bastion:15432` leads to `192.0.2.7`, `::1`, which `KMS_VALIDATION_HOSTS` does not list, so no password goes there from here.
        The KMS judges for itself when the change is applied.

        Add the address or its network (`10.0.0.0/8`) to the variable if it is the right one: a listed name vouches for no address.
    "#]],
    );
}

#[test]
fn the_kms_sees_it_differently() {
    let is = |diagnostic, expected: Expect| expected.assert_eq(&shown(&diagnostic));
    is(
        messages::behind_gateway("orders-db"),
        expect![[r#"
        Warning: The credentials were not checked
        at gateway_id

        The login for `orders-db` was not made: the KMS connects through a gateway, and this machine has no known way to the database.
        The KMS judges for itself when the change is applied.

        If there is one, set it: `validation { address = "host:port" }`. This is said because of `unreachable = "error"`.
    "#]],
    );
    is(
        messages::mode_lowered("orders-db", Mode::Plan, Mode::Apply),
        expect![[r#"
        Warning: The credentials were not checked
        at validation

        The login for `orders-db` is not made in this plan: `KMS_VALIDATION` lowered `mode` from `plan` to `apply`.
        The KMS judges for itself when the change is applied.

        This is said because of `unreachable = "error"`. To check as configured, unset the variable.
    "#]],
    );
    is(
        messages::internal_address("orders-db", "db.example.com", "10.0.0.1".parse().unwrap()),
        expect![[r#"
        Warning: The KMS may refuse the host of orders-db
        at host

        `db.example.com` has the address 10.0.0.1 from here, which belongs to an internal network. The KMS in the cloud does not connect to those.

        Use a public name or address of the database, or a gateway (`gateway_id`). Only a KMS of your own can be told to allow it, with `ALLOW_INTERNAL_IP_CONNECTIONS=true` in its environment.
    "#]],
    );
    is(
        messages::internal_address("orders-db", "10.0.0.1", "10.0.0.1".parse().unwrap()),
        expect![[r#"
        Warning: The KMS may refuse the host of orders-db
        at host

        `10.0.0.1` is an address of an internal network. The KMS in the cloud does not connect to those.

        Use a public name or address of the database, or a gateway (`gateway_id`). Only a KMS of your own can be told to allow it, with `ALLOW_INTERNAL_IP_CONNECTIONS=true` in its environment.
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
        passed_over: vec![("192.0.2.10:5432".parse().unwrap(), "Connection refused (os error 111)".to_owned())],
        server_version: None,
        facts: None,
        password_asked: true,
        milliseconds: 1,
    };
    is(
        messages::later_address("orders-db", &accepted),
        expect![[r#"
        Warning: The KMS may not reach the database of orders-db
        at host

        `db.example.com:5432` has several addresses, and the login succeeded only at a later one, 192.0.2.11:5432. Before it: 192.0.2.10:5432: Connection refused (os error 111).
        The KMS tries the first address alone.

        Use a name with one address, the writer endpoint for example, or remove the dead address from DNS.
    "#]],
    );
    is(
        messages::certificate_expires("orders-db", "2026-01-02", Some(std::time::Duration::ZERO)),
        expect![[r#"
        Warning: The `ssl_certificate` of orders-db expires soon
        at ssl_certificate

        The last root in it expires on 2026-01-02. After that the KMS trusts no server through it and cannot connect.

        Get the new root of the authority and put it next to the old one: a bundle of both works before and after the server changes its certificate.
    "#]],
    );
    is(
        messages::certificate_expires("orders-db", "2026-01-02", None),
        expect![[r#"
        Warning: The `ssl_certificate` of orders-db has expired
        at ssl_certificate

        The last root in it expired on 2026-01-02. After that the KMS trusts no server through it and cannot connect.

        Get the new root of the authority and put it next to the old one: a bundle of both works before and after the server changes its certificate.
    "#]],
    );
}
