//! The probe of an endpoint without credentials, against real PostgreSQL servers and others.

use std::time::Duration;

use terraform_provider_kms::postgres::{
    Certificates, EndpointReport, Fault, Questions, Reason, Target, Tls, TlsReport, resolve,
};
use terraform_provider_kms::secret::Secret;

use crate::support::postgres::{Authority, Options, Postgres, Validity, free_port};
use crate::support::scripted_postgres::{Fake, Read, Silence, send, tls_with_chain};

/// Longer than any probe takes, so that nothing here depends on the speed of the machine.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

async fn probe_as(host: &str, port: u16, ca: Option<&str>, timeout: Duration) -> EndpointReport {
    let target = Target {
        host: host.to_owned(),
        port,
        database: String::new(),
        username: String::new(),
        password: Secret::new(""),
        tls: Tls::Verified { ca: ca.map(|pem| Certificates::parse(pem).unwrap()) },
        address: None,
        questions: Questions::default(),
    };
    match resolve(&target, timeout).await {
        Ok(resolved) => resolved.probe().await,
        Err(refusal) => EndpointReport::unreachable(refusal),
    }
}

async fn probe(port: u16, ca: Option<&str>) -> EndpointReport {
    probe_as("localhost", port, ca, LOGIN_TIMEOUT).await
}

fn fault(tls: &TlsReport) -> Option<Fault> {
    match &tls.error.as_ref()?.reason {
        Reason::Certificate(problem) => Some(problem.fault.clone()),
        reason => panic!("{reason:?}"),
    }
}

#[tokio::test]
async fn reports_the_certificate_of_a_real_server() {
    let server = Postgres::start(Options::default());
    for (ca, expected) in [(Some(server.ca_pem()), None), (None, Some(Fault::UnknownIssuer))] {
        let report = probe(server.port(), ca).await;
        assert!(report.reachable && report.is_postgresql && report.error.is_none(), "{report:?}");
        assert_eq!(report.tls_offered, Some(true));
        let tls = report.tls.unwrap();
        assert_eq!(fault(&tls), expected);
        assert_eq!(tls.version, Some("TLSv1.3"));
        assert!(tls.certificate.unwrap().names.contains(&"localhost".to_owned()));
        assert!(!tls.chain.is_empty());
    }
    // It left nothing behind but its connections: no role was named, no error was logged.
    assert!(!server.log().contains("FATAL"), "{}", server.log());
}

#[tokio::test]
async fn finds_the_certificate_to_trust_in_the_chain() {
    let authority = Authority::new("Fake CA");
    let stranger = Authority::new("Another CA");
    let leaf = authority.issue(&["localhost"], Validity::Now);
    let expired = authority.issue(&["localhost"], Validity::Past);
    let own = Authority::self_signed(&["localhost"], false);
    for (issued, above, expected, length) in [
        (leaf.clone(), vec![authority.der()], Some(authority.der()), 2),
        (leaf.clone(), vec![stranger.der(), authority.der()], Some(authority.der()), 3),
        (expired, vec![authority.der()], Some(authority.der()), 2),
        (own.clone(), vec![], Some(own.certificate_der.clone()), 1),
        (leaf.clone(), vec![stranger.der()], None, 2),
        (leaf, vec![], None, 1),
    ] {
        let fake = Fake::start(vec![Read, send("S"), tls_with_chain(issued, &above), Silence]).await;
        let tls = probe(fake.port, None).await.tls.unwrap();
        assert_eq!(tls.root, expected);
        assert_eq!(tls.chain.len(), length);
    }
}

#[tokio::test]
async fn recognizes_postgresql_without_tls_and_other_protocols() {
    let server = Postgres::start(Options::without_tls());
    let report = probe(server.port(), None).await;
    assert!(report.reachable && report.is_postgresql && report.error.is_none() && report.tls.is_none(), "{report:?}");
    assert_eq!(report.tls_offered, Some(false));
    for (script, protocol, offered) in [
        (vec![send("SSH-2.0-OpenSSH_9.2p1\r\n"), Read], Some("SSH"), Some(false)),
        (vec![Read, send("HTTP/1.1 400 Bad Request\r\n\r\n")], Some("HTTP"), Some(false)),
        (vec![Read, send("S"), send("ome text that is no TLS at all")], None, Some(false)),
    ] {
        let fake = Fake::start(script).await;
        let report = probe(fake.port, None).await;
        let Some(Reason::NotPostgres { protocol: found, .. }) = report.error.map(|error| error.reason) else {
            panic!("{protocol:?}")
        };
        assert!(report.reachable && !report.is_postgresql && report.tls.is_none());
        assert_eq!((found, report.tls_offered), (protocol, offered));
    }
}

#[tokio::test]
async fn reports_what_ended_the_probe() {
    let refused = probe(free_port().unwrap(), None).await;
    assert_eq!(refused.error.map(|error| error.reason), Some(Reason::ConnectionRefused));
    assert!(!refused.reachable && refused.tls_offered.is_none());
    let unknown = probe_as("no-such-host.invalid", 5432, None, LOGIN_TIMEOUT).await;
    assert!(matches!(unknown.error.map(|error| error.reason), Some(Reason::DnsFailed { .. })));
    let silent = Fake::start(vec![Silence]).await;
    let report = probe_as("localhost", silent.port, None, Duration::from_millis(300)).await;
    assert!(report.reachable && !report.is_postgresql && report.tls_offered.is_none(), "{report:?}");
    assert!(matches!(report.error.map(|error| error.reason), Some(Reason::TimedOut { .. })));
    let forbidden = probe_as("169.254.169.254", 5432, None, LOGIN_TIMEOUT).await;
    assert!(matches!(forbidden.error.map(|error| error.reason), Some(Reason::ForbiddenAddress { .. })));
    assert!(!forbidden.reachable);
}
