//! Proxies on the way to the KMS, real ones: those that work, and each way not to.

use std::time::Duration;

use terraform_provider_kms::kms::{
    AuthMethod, AuthRequest, BaseUrl, CaCertificates, Client, CredentialSource, ErrorKind, Proxies, Settings,
    TransportFailure,
};
use terraform_provider_kms::secret::Secret;

use super::server::{self, TlsServer};
use super::{ID, one, settings, token};
use crate::support::web_proxy::{Conduct, WebProxy};

/// A client of `base` in an environment with these variables.
fn client(base: &str, ca: Option<&str>, variables: &[(&str, String)]) -> Client {
    let lookup = |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone());
    let mut settings = Settings { base: BaseUrl::parse(base, true).unwrap(), ..settings("http://127.0.0.1", token()) };
    settings.proxies = Proxies::from_environment(&lookup);
    settings.ca_certificates = ca.map(|pem| CaCertificates::parse(pem).unwrap());
    settings.request_timeout = Duration::from_secs(3);
    Client::new(settings)
}

/// The text of the error after the failed request. Nothing was sent, and it contains no secret.
async fn failure(client: &Client) -> String {
    let error = client.create(&super::new_connection()).await.unwrap_err();
    let ErrorKind::NoResponse { failure, sent: false, .. } = &error.kind else { panic!("{error:?}") };
    assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
    failure.to_string()
}

#[tokio::test]
async fn sends_requests_through_configured_proxies() {
    let server = TlsServer::start("kms.test", one).await;
    let port: u16 = server.base().rsplit_once(':').unwrap().1.parse().unwrap();
    let base = format!("https://kms.test:{port}");
    for (conduct, scheme, asked) in [
        (Conduct::Open, "http://", format!("kms.test:{port}")),
        (Conduct::ForLogin("Basic bWU6czNjcjN0QDE="), "http://me:s3cr3t%401@", format!("kms.test:{port}")),
        (Conduct::Socks, "socks5://", "kms.test".to_owned()),
        (Conduct::Socks, "socks5h://", "kms.test".to_owned()),
    ] {
        let proxy = WebProxy::start(port, conduct);
        let variable = ("HTTPS_PROXY", format!("{scheme}127.0.0.1:{}", proxy.port()));
        let read = client(&base, Some(&server.ca), &[variable]).read(ID).await;
        assert_eq!(read.unwrap().unwrap().name, "main", "{conduct:?}");
        assert_eq!(proxy.targets(), [asked]);
    }
    // With the variable alone the client uses the proxy; with an exception it does not, and the name does not exist.
    let proxy = WebProxy::start(port, Conduct::Open);
    let variable = ("HTTPS_PROXY", format!("127.0.0.1:{}", proxy.port()));
    let around = ("NO_PROXY", format!("kms.test:{port}"));
    let said = failure(&client(&base, Some(&server.ca), &[variable, around])).await;
    assert_eq!((said.as_str(), proxy.targets().len()), ("host not found", 0));
}

#[tokio::test]
async fn names_failing_proxy_and_its_variable() {
    let tls = TlsServer::start("localhost", one).await;
    let tls_port = tls.base().rsplit_once(':').unwrap().1.to_owned();
    let closed = server::closed_port().await;
    let (greeter, _tasks) = server::greeter(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let start = |conduct| WebProxy::start(closed, conduct).port().to_string();
    for (scheme, port, expected) in [
        ("http://", closed.to_string(), "cannot be reached: connection refused"),
        ("http://", start(Conduct::Status(403)), "refused the tunnel: 403 Forbidden"),
        ("http://", start(Conduct::Status(407)), "refused the tunnel: 407 Proxy Authentication Required"),
        ("http://", start(Conduct::ForLogin("Basic x")), "refused the tunnel: 407 Proxy Authentication Required"),
        ("http://", start(Conduct::Status(502)), "refused the tunnel: 502 Bad Gateway"),
        ("http://", start(Conduct::Status(799)), "refused the tunnel: 799"),
        ("http://", start(Conduct::Bytes(b"SSH-2.0-s3cr3t\r\n")), "does not speak HTTP"),
        ("http://", start(Conduct::Bytes(b"")), "closed the connection instead of opening a tunnel"),
        ("http://", start(Conduct::Silent), "did not open a connection to the KMS in time"),
        ("http://", tls_port, "speaks TLS, but its URL begins with `http://`"),
        ("https://", greeter.port().to_string(), "failed at TLS, with which its URL begins (`https://`): "),
        ("socks5://", greeter.port().to_string(), "failed: "),
    ] {
        let variable = ("https_proxy", format!("{scheme}me:s3cr3t@127.0.0.1:{port}"));
        let said = failure(&client("https://kms.test", Some(&tls.ca), &[variable])).await;
        let expected = format!("the proxy `127.0.0.1:{port}` (from `https_proxy`) {expected}");
        assert!(said.starts_with(&expected), "expected {expected}\n   found {said}");
    }
}

#[tokio::test]
async fn reports_status_of_a_plain_http_proxy() {
    let proxy = WebProxy::start(1, Conduct::Status(407));
    let variable = ("HTTP_PROXY", format!("http://me:s3cr3t@127.0.0.1:{}", proxy.port()));
    let said = failure(&client("http://kms.test", None, &[variable])).await;
    assert!(said.ends_with("(from `HTTP_PROXY`) refused the tunnel: 407 Proxy Authentication Required"), "{said}");
}

#[tokio::test]
async fn does_not_name_proxy_for_kms_errors() {
    let stranger = TlsServer::start("kms.test", one).await;
    let other = TlsServer::start("kms.test", one).await;
    let port = stranger.base().rsplit_once(':').unwrap().1.parse().unwrap();
    let proxy = WebProxy::start(port, Conduct::Open);
    let variable = ("HTTPS_PROXY", format!("http://127.0.0.1:{}", proxy.port()));
    let client = client("https://kms.test", Some(&other.ca), &[variable]);
    let error = client.create(&super::new_connection()).await.unwrap_err();
    assert!(
        matches!(&error.kind, ErrorKind::NoResponse { failure: TransportFailure::UnknownAuthority, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn names_proxy_of_failing_identity_source() {
    let proxy = WebProxy::start(1, Conduct::Status(403));
    let url = "https://tokens.test/s3cr3t".to_owned();
    let proof = CredentialSource::GitHubActions { url, token: Secret::new("s3cr3t-of-the-job") };
    let mut settings = settings("http://127.0.0.1:9", AuthRequest::identity(AuthMethod::Oidc, "id", proof));
    let named = format!("http://me:s3cr3t@127.0.0.1:{}", proxy.port());
    settings.proxies = Proxies::from_environment(&|name| (name == "HTTPS_PROXY").then(|| named.clone()));
    let error = Client::new(settings).read(ID).await.unwrap_err();
    let ErrorKind::NoCredentials { reason, .. } = &error.kind else { panic!("{error:?}") };
    let expected = format!(
        "GitHub (`tokens.test`) did not respond: the proxy `127.0.0.1:{}` (from `HTTPS_PROXY`) refused the tunnel: 403 Forbidden",
        proxy.port()
    );
    assert_eq!(reason.to_string(), expected);
    assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
}
