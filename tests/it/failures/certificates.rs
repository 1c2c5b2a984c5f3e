//! Certificates that are not accepted. `certificates` at the top holds every shape and its verdict; here are the words.

use expect_test::expect;

use super::rows::Rows;
use crate::support::postgres::{Authority, Issued, Validity};
use crate::support::scripted_postgres::{Read, Step, send, tls_with};

/// A server with this certificate, which nobody believes.
fn shows(certificate: Issued) -> Vec<Step> {
    vec![Read, send("S"), tls_with(certificate)]
}

#[test]
fn reports_certificate_problems() {
    let mut rows = Rows::new();
    let (own, other) = (Authority::new("Own CA"), Authority::new("Other CA"));
    let (own_ca, other_ca) = (("ssl_certificate", "file(\"own.pem\")"), ("ssl_certificate", "file(\"other.pem\")"));
    rows.scene.workspace.write("own.pem", own.pem());
    rows.scene.workspace.write("other.pem", other.pem());
    let localhost = |validity| own.issue(&["localhost"], validity);

    rows.fake("another_authority", shows(localhost(Validity::Now)), &[other_ca], expect![[r#"
        error: The database refused the login, at ssl_certificate
        The certificate of `localhost:PORT` is not trusted: its issuer `CN=Own CA` is not among the given certificates.
        Check, likeliest first:
          - Set `ssl_certificate` to the certificate of `CN=Own CA` (PEM) if it is a root; else to the root above it, with `CN=Own CA` as well unless the server sends it.
          - The server's certificate: for `CN=localhost`, issued by `CN=Own CA`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT.
    "#]]);
    rows.fake("not_public", shows(localhost(Validity::Now)), &[], expect![[r#"
        warning: The credentials could not be checked from this machine, at the whole connection
        The certificate of `localhost:PORT` is not trusted: its issuer `CN=Own CA` is not a public authority.
        Check, likeliest first:
          - Set `ssl_certificate` to the certificate of `CN=Own CA` (PEM) if it is a root; else to the root above it, with `CN=Own CA` as well unless the server sends it.
          - The server's certificate: for `CN=localhost`, issued by `CN=Own CA`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT.
          - A KMS of your own may trust more authorities (`NODE_EXTRA_CA_CERTS`), which cannot be seen from here; no password was sent from here.
    "#]]);
    let namesake = Authority::new("Own CA").issue(&["localhost"], Validity::Now);
    rows.fake("namesake", shows(namesake), &[own_ca], expect![[r#"
        error: The database refused the login, at ssl_certificate
        The certificate of `localhost:PORT` is not trusted: `CN=Own CA` is there, but the key that signed is another.
        Check, likeliest first:
          - Whether `CN=Own CA` got a new key: give its present certificate in `ssl_certificate` (compare fingerprints).
          - Whether somebody between here and the server shows a certificate of their own.
          - The server's certificate: for `CN=localhost`, issued by `CN=Own CA`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT.
    "#]]);
    let alone = Authority::self_signed(&["localhost"], true);
    rows.fake("self_signed", shows(alone.clone()), &[own_ca], expect![[r#"
        error: The database refused the login, at ssl_certificate
        The certificate of `localhost:PORT` vouches for itself and is not among the given certificates.
        Check, likeliest first:
          - Set `ssl_certificate` to this very certificate of `CN=localhost` (PEM), after comparing fingerprints.
          - A certificate that was made anew under the same name is another one.
          - The server's certificate: for `CN=localhost`, issued by `CN=localhost`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT.
    "#]]);
    rows.fake("self_signed_without_given_certificates", shows(alone), &[], expect![[r#"
        warning: The credentials could not be checked from this machine, at the whole connection
        The certificate of `localhost:PORT` vouches for itself and is not a public authority.
        Check, likeliest first:
          - Set `ssl_certificate` to this very certificate of `CN=localhost` (PEM), after comparing fingerprints.
          - A certificate that was made anew under the same name is another one.
          - The server's certificate: for `CN=localhost`, issued by `CN=localhost`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT.
          - A KMS of your own may trust more authorities (`NODE_EXTRA_CA_CERTS`), which cannot be seen from here; no password was sent from here.
    "#]]);
    let db = own.issue(&["db.example.com", "10.0.0.5"], Validity::Now);
    rows.fake("wrong_name", shows(db), &[own_ca], expect![[r#"
        error: The database refused the login, at host
        The certificate of `localhost:PORT` is not for `localhost` but for `db.example.com`, `10.0.0.5`.
        Check, likeliest first:
          - Use one of those names as `host`, or give the server a certificate with this one.
          - The server's certificate: for `CN=db.example.com`, issued by `CN=Own CA`, names `db.example.com`, `10.0.0.5`, valid DAY to DAY, SHA-256 FINGERPRINT.
    "#]]);
    rows.fake("expired", shows(localhost(Validity::Past)), &[own_ca], expect![[r#"
        error: The database refused the login, at ssl_certificate
        The certificate of `localhost:PORT` has expired (DAY).
        Check, likeliest first:
          - A new certificate for the server.
          - The clock of this machine.
          - The server's certificate: for `CN=localhost`, issued by `CN=Own CA`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT.
    "#]]);
    rows.fake("not_yet_valid", shows(localhost(Validity::Future)), &[own_ca], expect![[r#"
        error: The database refused the login, at ssl_certificate
        The certificate of `localhost:PORT` is not valid before DAY.
        Check, likeliest first:
          - The clock of this machine, and of the one that made the certificate.
          - The server's certificate: for `CN=localhost`, issued by `CN=Own CA`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT.
    "#]]);
    // The classic certificates of Google Cloud SQL name the instance, and no host.
    let cloud_sql = own.issue_to("my-project:my-instance", &[], Validity::Now);
    rows.fake("cloud_sql", shows(cloud_sql), &[own_ca, ("host", "\"127.0.0.1\"")], expect![[r#"
        error: The database refused the login, at host
        The certificate of `127.0.0.1:PORT` is not for `127.0.0.1` but for `my-project:my-instance`.
        Check, likeliest first:
          - That is no host name. Google Cloud SQL names an instance so that has no DNS name: give it one.
          - Or set `ssl_reject_unauthorized = false`, if nobody on the way can stand in for the server.
          - The server's certificate: for `CN=my-project:my-instance`, issued by `CN=Own CA`, names `my-project:my-instance`, valid DAY to DAY, SHA-256 FINGERPRINT.
    "#]]);
    rows.check();
}
