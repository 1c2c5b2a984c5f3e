//! Certificates that are not accepted: the messages. `certificates` at the top holds every shape and its outcome.

use expect_test::expect;

use super::rows::Rows;
use crate::support::postgres::{Authority, Issued, Validity};
use crate::support::scripted_postgres::{Read, Step, send, tls_with};

/// A server with this untrusted certificate.
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
        error: TLS to PostgreSQL failed: unknown issuer, at ssl_certificate
        The certificate of `localhost:PORT` is not trusted: unknown issuer `CN=Own CA`, which is not in `ssl_certificate`.
        Certificate: `CN=localhost`, issuer `CN=Own CA`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT
        Possible cause:
          - The issuer is a private authority: set `ssl_certificate` to the certificate of `CN=Own CA` (PEM) if that is a root. If it is an intermediate, set its root, and add `CN=Own CA` if the server does not send it.
    "#]]);
    rows.fake("not_public", shows(localhost(Validity::Now)), &[], expect![[r#"
        warning: TLS to PostgreSQL failed: unknown issuer, at the whole connection
        The certificate of `localhost:PORT` is not trusted: unknown issuer `CN=Own CA`, which is not a public certificate authority.
        Certificate: `CN=localhost`, issuer `CN=Own CA`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT
        Possible causes, most likely first:
          - The issuer is a private authority: set `ssl_certificate` to the certificate of `CN=Own CA` (PEM) if that is a root. If it is an intermediate, set its root, and add `CN=Own CA` if the server does not send it.
          - The KMS trusts more certificate authorities (`NODE_EXTRA_CA_CERTS`), which the provider cannot see. The provider sent no password.
    "#]]);
    let namesake = Authority::new("Own CA").issue(&["localhost"], Validity::Now);
    rows.fake("namesake", shows(namesake), &[own_ca], expect![[r#"
        error: TLS to PostgreSQL failed: issuer key mismatch, at ssl_certificate
        The certificate of `localhost:PORT` is not trusted: it names `CN=Own CA` as its issuer, but another key signed it.
        Certificate: `CN=localhost`, issuer `CN=Own CA`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT
        Possible causes, most likely first:
          - `CN=Own CA` has a new key: set `ssl_certificate` to its current certificate (compare fingerprints).
          - Another machine intercepts the connection with its own certificate.
    "#]]);
    let alone = Authority::self_signed(&["localhost"], true);
    rows.fake("self_signed", shows(alone.clone()), &[own_ca], expect![[r#"
        error: TLS to PostgreSQL failed: self-signed certificate, at ssl_certificate
        The certificate of `localhost:PORT` is not trusted: self-signed certificate, which is not in `ssl_certificate`.
        Certificate: `CN=localhost`, issuer `CN=localhost`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT
        Possible causes, most likely first:
          - The server uses its own certificate: set `ssl_certificate` to that of `CN=localhost` (PEM), after comparing fingerprints.
          - The certificate was created again under the same name: the new one is needed.
    "#]]);
    rows.fake("self_signed_without_given_certificates", shows(alone), &[], expect![[r#"
        warning: TLS to PostgreSQL failed: self-signed certificate, at the whole connection
        The certificate of `localhost:PORT` is not trusted: self-signed certificate, which is not a public certificate authority.
        Certificate: `CN=localhost`, issuer `CN=localhost`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT
        Possible causes, most likely first:
          - The server uses its own certificate: set `ssl_certificate` to that of `CN=localhost` (PEM), after comparing fingerprints.
          - The certificate was created again under the same name: the new one is needed.
          - The KMS trusts more certificate authorities (`NODE_EXTRA_CA_CERTS`), which the provider cannot see. The provider sent no password.
    "#]]);
    let db = own.issue(&["db.example.com", "10.0.0.5"], Validity::Now);
    rows.fake("wrong_name", shows(db), &[own_ca], expect![[r#"
        error: TLS to PostgreSQL failed: host name mismatch, at host
        The certificate of `localhost:PORT` does not match the host name: it is not for `localhost` but for `db.example.com`, `10.0.0.5`.
        Certificate: `CN=db.example.com`, issuer `CN=Own CA`, names `db.example.com`, `10.0.0.5`, valid DAY to DAY, SHA-256 FINGERPRINT
        Possible causes, most likely first:
          - `host` is another name of the server: use a name of the certificate.
          - The certificate lacks this name: create one that has it.
    "#]]);
    rows.fake(
        "expired",
        shows(localhost(Validity::Past)),
        &[own_ca],
        expect![[r#"
        error: TLS to PostgreSQL failed: certificate has expired, at ssl_certificate
        The certificate of `localhost:PORT` has expired (DAY).
        Certificate: `CN=localhost`, issuer `CN=Own CA`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT
        Possible causes, most likely first:
          - The server needs a new certificate.
          - The clock of this machine is wrong.
    "#]],
    );
    rows.fake(
        "not_yet_valid",
        shows(localhost(Validity::Future)),
        &[own_ca],
        expect![[r#"
        error: TLS to PostgreSQL failed: certificate not yet valid, at ssl_certificate
        The certificate of `localhost:PORT` is not yet valid (valid from DAY).
        Certificate: `CN=localhost`, issuer `CN=Own CA`, names `localhost`, valid DAY to DAY, SHA-256 FINGERPRINT
        Possible cause:
          - The clock of this machine, or of the machine that created the certificate, is wrong.
    "#]],
    );
    // The classic certificates of Google Cloud SQL name the instance, and no host.
    let cloud_sql = own.issue_to("my-project:my-instance", &[], Validity::Now);
    rows.fake("cloud_sql", shows(cloud_sql), &[own_ca, ("host", "\"127.0.0.1\"")], expect![[r#"
        error: TLS to PostgreSQL failed: host name mismatch, at host
        The certificate of `127.0.0.1:PORT` does not match the host name: it is not for `127.0.0.1` but for `my-project:my-instance`.
        Certificate: `CN=my-project:my-instance`, issuer `CN=Own CA`, names `my-project:my-instance`, valid DAY to DAY, SHA-256 FINGERPRINT
        Possible causes, most likely first:
          - The name is a Google Cloud SQL instance, not a host name: configure a DNS name for the instance.
          - The network is trusted: set `ssl_reject_unauthorized = false`. The server is then not verified.
    "#]]);
    rows.check();
}
