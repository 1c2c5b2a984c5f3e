//! Machine identity auth methods against the local KMS. The identity sources (a metadata server, a CI, AWS) are scripted
//! servers.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use terraform_provider_kms::kms::{AuthMethod, AuthRequest, Aws, Client, CredentialSource, Error, ErrorKind};
use terraform_provider_kms::secret::Secret;

use super::server::{Act, Server, json};
use super::{ID, own, settings};
use crate::support::kms::{Kms, Options};

/// Every secret here begins so.
const MARK: &str = "s3cr3t";
const KEY: (&str, &str) = ("AKIDEXAMPLE", "s3cr3t-of-the-key");

fn kms() -> Kms {
    Kms::start(Options { log_in: false, ..Options::default() })
}

fn client(kms: &Kms, method: AuthMethod, proof: CredentialSource) -> Client {
    Client::new(settings(&kms.url(), AuthRequest::identity(method, kms.identity_id(), proof)))
}

fn given(token: &str) -> CredentialSource {
    CredentialSource::Given(Secret::new(token))
}

/// The authentication requests that the KMS received.
fn logins(kms: &Kms) -> Vec<String> {
    let requests = kms.requests().into_iter();
    requests.filter(|request| request.path.contains("/auth/")).map(|request| request.path).collect()
}

/// The connection is not there, and the login was good.
#[track_caller]
fn is_in(result: Result<Option<terraform_provider_kms::kms::AppConnection>, Error>) {
    assert!(matches!(result, Ok(None)), "{result:?}");
}

/// Why nothing was sent to log in with. Holds no secret.
#[track_caller]
fn missing_credentials(result: Result<Option<terraform_provider_kms::kms::AppConnection>, Error>) -> String {
    let error = result.unwrap_err();
    let ErrorKind::NoCredentials { reason, .. } = &error.kind else { panic!("{error:?}") };
    assert!(!format!("{error} {error:?}").contains(MARK), "{error:?}");
    reason.to_string()
}

#[tokio::test]
async fn each_auth_method_sends_its_own_request() {
    for (method, route, refusal) in [
        (AuthMethod::Oidc, "oidc-auth", "Access denied: OIDC subject not allowed."),
        (AuthMethod::Jwt, "jwt-auth", "Access denied: token audience not allowed"),
        (AuthMethod::Kubernetes, "kubernetes-auth", "Kubernetes token not authenticated"),
        (AuthMethod::Azure, "azure-auth", "invalid signature"),
        (AuthMethod::Gcp, "gcp-auth", "Access denied: GCP service account not allowed."),
    ] {
        let kms = kms();
        kms.trust_jwt(route, "s3cr3t.a.b");
        let good = client(&kms, method, given("s3cr3t.a.b"));
        assert!(logins(&kms).is_empty(), "creating a client sends no request");
        join_all((0..5).map(|_| good.read(ID))).await.into_iter().for_each(is_in);
        assert_eq!(logins(&kms), [format!("/api/v1/auth/{route}/login")]);

        kms.clear_requests();
        let wrong = client(&kms, method, given("s3cr3t.wrong"));
        let mut results = join_all((0..5).map(|_| wrong.read(ID))).await;
        results.push(wrong.read(ID).await);
        for result in results {
            let error = result.unwrap_err();
            let ErrorKind::AuthRefused { auth, .. } = &error.kind else { panic!("{method}: {error:?}") };
            assert_eq!((auth.method, error.reply.as_ref().unwrap().message.as_str()), (method, refusal));
            let said = error.to_string();
            assert!(said.contains(&format!("`{method}` authentication of identity `{}`", kms.identity_id())), "{said}");
            assert!(!format!("{said} {error:?}").contains(MARK), "{error:?}");
        }
        assert_eq!(logins(&kms).len(), 1, "a refused login is not repeated");
    }
}

#[tokio::test]
async fn reads_token_file_again_for_each_authentication() {
    let kms = kms();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let client = client(&kms, AuthMethod::Kubernetes, CredentialSource::File(file.path().to_owned()));
    // Written after the client was made, as by a sidecar.
    file.write_all(b"s3cr3t.one\n").unwrap();
    kms.trust_jwt("kubernetes-auth", "s3cr3t.one");
    is_in(client.read(ID).await);
    std::fs::write(file.path(), "s3cr3t.two\n").unwrap();
    kms.trust_jwt("kubernetes-auth", "s3cr3t.two");
    is_in(client.read(ID).await);
    assert_eq!(logins(&kms).len(), 1);
    kms.revoke_tokens();
    is_in(client.read(ID).await);
    assert_eq!(logins(&kms).len(), 2);
}

/// A server may quote what it was sent: secrets that are fetched only for the authentication.
#[tokio::test]
async fn messages_do_not_contain_fetched_tokens() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"s3cr3t.token\n").unwrap();
    let metadata = Server::start(|_, _| json(200, KEY_OF_METADATA)).await;
    let container = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", metadata.base())];
    let container: Vec<_> = container.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let proofs =
        [(AuthMethod::Jwt, CredentialSource::File(file.path().to_owned())), (AuthMethod::AwsIam, aws(&container))];
    for (method, proof) in proofs {
        let server = Server::start(move |request, _| {
            let body: serde_json::Value = serde_json::from_str(request.split("\r\n\r\n").nth(1).unwrap()).unwrap();
            let quoted = ["jwt", "iamRequestHeaders"].map(|name| body[name].as_str().unwrap_or_default().to_owned());
            own(401, "UnauthorizedError", &format!("{} and s3cr3t-session", quoted.concat()))
        })
        .await;
        let error = Client::new(settings(&server.base(), AuthRequest::identity(method, "id", proof)))
            .read(ID)
            .await
            .unwrap_err();
        assert!(matches!(error.kind, ErrorKind::AuthRefused { .. }), "{error:?}");
        let masked = if method == AuthMethod::AwsIam { "******** and ********" } else { "******** and s3cr3t-session" };
        assert_eq!(error.reply.unwrap().message, masked);
    }
}

#[tokio::test]
async fn sends_nothing_without_a_token() {
    let kms = kms();
    let missing = client(&kms, AuthMethod::Kubernetes, CredentialSource::File("/nonexistent/token".into()));
    let reason = missing_credentials(missing.read(ID).await);
    assert!(reason.starts_with("the file `/nonexistent/token` cannot be read: "), "{reason}");
    assert!(kms.requests().is_empty());
}

#[tokio::test]
async fn reads_token_of_azure_machine() {
    let kms = kms();
    kms.trust_jwt("azure-auth", "s3cr3t.azure");
    let metadata = Server::start(|_, _| json(200, r#"{"access_token":"s3cr3t.azure","expires_in":"3599"}"#)).await;
    let client = client(&kms, AuthMethod::Azure, CredentialSource::Azure { address: format!("{}/", metadata.base()) });
    is_in(client.read(ID).await);
    let [request] = metadata.requests().try_into().unwrap();
    let line =
        "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F ";
    assert!(request.starts_with(line), "{request}");
    assert!(request.contains("\r\nmetadata: true\r\n"), "{request}");
}

#[tokio::test]
async fn reads_token_of_google_machine() {
    let kms = kms();
    kms.trust_jwt("gcp-auth", "s3cr3t.google");
    let metadata = Server::start(|_, _| json(200, "s3cr3t.google")).await;
    let host = metadata.base().replace("http://", "");
    let client = client(&kms, AuthMethod::Gcp, CredentialSource::Google { host });
    is_in(client.read(ID).await);
    let [request] = metadata.requests().try_into().unwrap();
    let path = "/computeMetadata/v1/instance/service-accounts/default/identity";
    assert!(request.starts_with(&format!("GET {path}?audience={}&format=full ", kms.identity_id())), "{request}");
    assert!(request.contains("\r\nmetadata-flavor: Google\r\n"), "{request}");
}

#[tokio::test]
async fn reads_token_of_github_job() {
    let kms = kms();
    kms.trust_jwt("oidc-auth", "s3cr3t.github");
    let github = Server::start(|_, _| json(200, r#"{"count":1,"value":"s3cr3t.github"}"#)).await;
    let url = format!("{}/token?api-version=2.0", github.base());
    let proof = CredentialSource::GitHubActions { url, token: Secret::new("s3cr3t-of-the-job") };
    is_in(client(&kms, AuthMethod::Oidc, proof).read(ID).await);
    let [request] = github.requests().try_into().unwrap();
    assert!(request.starts_with("GET /token?api-version=2.0 "), "{request}");
    assert!(request.contains("\r\nauthorization: Bearer s3cr3t-of-the-job\r\n"), "{request}");
}

#[tokio::test]
async fn reports_failing_and_invalid_identity_sources() {
    type Script = fn(usize) -> Act;
    let long: Script = |_| json(200, &"s3cr3t".repeat(20_000));
    for (script, expected, asked) in [
        ((|_| json(200, "{}")) as Script, "returned a response without a token", 1),
        (|_| json(200, "<html>s3cr3t"), "returned a response without a token", 1),
        (|_| json(200, r#"{"access_token":"s3cr3t two words"}"#), "returned a response without a token", 1),
        (|_| json(400, r#"{"error":"no identity"}"#), r#"returned 400: {"error":"no identity"}"#, 1),
        (|_| json(404, ""), "returned 404", 1),
        (|_| json(503, "soon"), "returned 503: soon", 3),
        (long, "returned a response that is too long", 1),
        (|_| Act::Endless(200), "returned a response that is too long", 1),
        (|_| Act::Bytes(b"SSH-2.0-x\r\n".to_vec()), "did not respond: the other side does not speak HTTP", 1),
        (
            |_| Act::Bytes(b"HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n".to_vec()),
            "returned 302",
            1,
        ),
    ] {
        let kms = kms();
        let metadata = Server::start(move |_, count| script(count)).await;
        let client = client(&kms, AuthMethod::Azure, CredentialSource::Azure { address: metadata.base() });
        let reason = missing_credentials(client.read(ID).await);
        let host = metadata.base().replace("http://", "");
        assert_eq!(reason, format!("the metadata server of Azure (`{host}`) {expected}"));
        // It is remembered, so that a thousand connections do not wait a thousand times.
        assert_eq!(missing_credentials(client.read(ID).await), reason);
        assert_eq!(metadata.requests().len(), asked, "{expected}");
        assert!(kms.requests().is_empty());
    }
    // A slow source is queried again.
    let kms = kms();
    kms.trust_jwt("azure-auth", "s3cr3t.late");
    let metadata = Server::start(|_, count| match count {
        0 => json(429, "slowly"),
        _ => json(200, r#"{"access_token":"s3cr3t.late"}"#),
    })
    .await;
    is_in(client(&kms, AuthMethod::Azure, CredentialSource::Azure { address: metadata.base() }).read(ID).await);
}

/// A source that has worked before will work again; one that has never responded most often does not exist.
#[tokio::test]
async fn temporary_source_failure_does_not_end_authentication() {
    for (act, asked) in
        [((|| json(503, "restarting")) as fn() -> Act, 3), (|| Act::Reset(Vec::new()), 3), (|| json(403, "no"), 1)]
    {
        let lasting = asked == 1;
        let kms = kms();
        kms.trust_jwt("oidc-auth", "s3cr3t.github");
        let github = Server::start(move |_, count| match count {
            0 => json(200, r#"{"value":"s3cr3t.github"}"#),
            1..4 if !lasting || count == 1 => act(),
            _ => json(200, r#"{"value":"s3cr3t.github"}"#),
        })
        .await;
        let proof = CredentialSource::GitHubActions {
            url: format!("{}/token", github.base()),
            token: Secret::new("s3cr3t-of-the-job"),
        };
        let mut settings = settings(&kms.url(), AuthRequest::identity(AuthMethod::Oidc, kms.identity_id(), proof));
        settings.source_pause = std::time::Duration::ZERO;
        let client = Client::new(settings);
        is_in(client.read(ID).await);
        kms.revoke_tokens();
        missing_credentials(client.read(ID).await);
        assert_eq!(github.requests().len(), 1 + asked);
        match lasting {
            true => _ = missing_credentials(client.read(ID).await),
            false => is_in(client.read(ID).await),
        }
    }
}

#[tokio::test]
async fn retries_missing_source_only_if_it_responded_before() {
    let kms = kms();
    kms.trust_jwt("azure-auth", "s3cr3t.azure");
    let is_passing = |result: Result<_, Error>| match result.map(|_: Option<_>| ()).unwrap_err().kind {
        ErrorKind::NoCredentials { reason, .. } => reason.is_passing(),
        error => panic!("{error:?}"),
    };
    let metadata = Server::start(|_, _| json(200, r#"{"access_token":"s3cr3t.azure"}"#)).await;
    let client_of = |address: String| client(&kms, AuthMethod::Azure, CredentialSource::Azure { address });
    let known = client_of(metadata.base());
    is_in(known.read(ID).await);
    drop(metadata);
    kms.revoke_tokens();
    assert!(is_passing(known.read(ID).await));
    let closed = super::server::closed_port().await;
    assert!(!is_passing(client_of(format!("http://127.0.0.1:{closed}")).read(ID).await));
}

/// The credential source with these variables of AWS, and no files.
fn aws(variables: &[(&str, &str)]) -> CredentialSource {
    let look = |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
    CredentialSource::Aws(Aws::new(look))
}

const XML: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>AKIDEXAMPLE</AccessKeyId>\
    <SecretAccessKey>s3cr3t-of-the-key</SecretAccessKey><SessionToken>s3cr3t-session</SessionToken></Credentials>\
    </AssumeRoleResult></AssumeRoleResponse>";
const KEY_OF_METADATA: &str =
    r#"{"Code":"Success","AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"s3cr3t-of-the-key","Token":"s3cr3t-session"}"#;

#[tokio::test]
async fn aws_key_signs_the_request() {
    let kms = kms();
    kms.trust_aws_key(KEY.0, KEY.1);
    let own = [("AWS_ACCESS_KEY_ID", KEY.0), ("AWS_SECRET_ACCESS_KEY", KEY.1)];
    let short_lived = [own[0], own[1], ("AWS_SESSION_TOKEN", "s3cr3t-session"), ("AWS_REGION", "eu-central-1")];
    for variables in [&own[..], &short_lived] {
        is_in(client(&kms, AuthMethod::AwsIam, aws(variables)).read(ID).await);
    }
    let sent = kms.requests().iter().filter(|request| request.path.ends_with("/aws-auth/login")).count();
    assert_eq!(sent, 2);
    // What AWS refuses is no refusal by the KMS, which fails then.
    let other = [own[0], ("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-another-key")];
    let mut without_repetitions =
        settings(&kms.url(), AuthRequest::identity(AuthMethod::AwsIam, kms.identity_id(), aws(&other)));
    without_repetitions.max_retries = 0;
    let error = Client::new(without_repetitions).read(ID).await.unwrap_err();
    assert!(matches!(&error.cause().kind, ErrorKind::AwsRefused), "{error:?}");
    assert!(!format!("{error:?}").contains(MARK));
}

#[tokio::test]
async fn reads_key_of_aws_machine() {
    let kms = kms();
    kms.trust_aws_key(KEY.0, KEY.1);
    let metadata = Server::start(|request, _| {
        let line = request.lines().next().unwrap_or_default();
        let shows = request.contains("x-aws-ec2-metadata-token: s3cr3t-leave\r\n");
        match line.trim_end_matches(" HTTP/1.1") {
            "PUT /latest/api/token" if request.contains("x-aws-ec2-metadata-token-ttl-seconds: ") => {
                json(200, "s3cr3t-leave")
            }
            "GET /latest/meta-data/placement/region" if shows => json(200, "eu-west-3"),
            "GET /latest/meta-data/iam/security-credentials" if shows => json(200, "the-role\n"),
            "GET /latest/meta-data/iam/security-credentials/the-role" if shows => json(200, KEY_OF_METADATA),
            _ => json(404, ""),
        }
    })
    .await;
    let proof = aws(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.base())]);
    is_in(client(&kms, AuthMethod::AwsIam, proof).read(ID).await);
}

#[tokio::test]
async fn reads_key_of_aws_container() {
    let kms = kms();
    kms.trust_aws_key(KEY.0, KEY.1);
    let endpoint = Server::start(|request, _| match request.contains("\r\nauthorization: s3cr3t-leave\r\n") {
        true => json(200, KEY_OF_METADATA),
        false => json(401, ""),
    })
    .await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"s3cr3t-leave\n").unwrap();
    let (url, path) = (format!("{}/keys", endpoint.base()), file.path().to_str().unwrap().to_owned());
    let off = ("AWS_EC2_METADATA_DISABLED", "true");
    for leave in [
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "s3cr3t-leave"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path.as_str()),
    ] {
        let proof = aws(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url), leave, off]);
        is_in(client(&kms, AuthMethod::AwsIam, proof).read(ID).await);
    }
    let reason = missing_credentials(
        client(&kms, AuthMethod::AwsIam, aws(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url), off])).read(ID).await,
    );
    assert!(reason.starts_with("the credentials endpoint of the container (`"), "{reason}");
    assert!(reason.ends_with(" returned 401"), "{reason}");
}

#[tokio::test]
async fn assumes_aws_role_by_token_or_key() {
    let kms = kms();
    kms.trust_aws_key(KEY.0, KEY.1);
    let forms = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&forms);
    let sts = Server::start(move |request, _| {
        let form = request.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned();
        let signed = request.contains("\r\nauthorization: AWS4-HMAC-SHA256 Credential=AKBASE/");
        seen.lock().unwrap().push((form, signed));
        Act::Bytes(format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n{XML}", XML.len()).into_bytes())
    })
    .await;
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("token"), "s3cr3t.web\n").unwrap();
    let config = "[profile deploy]\nrole_arn = arn:aws:iam::1:role/deploy\nsource_profile = base\nexternal_id = x/1\n\
                  region = eu-west-1\n[profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = s3cr3t-base\n";
    std::fs::write(path("config"), config).unwrap();
    let (token, config, url) = (path("token"), path("config"), sts.base());
    let endpoint = ("AWS_ENDPOINT_URL_STS", url.as_str());
    let web = [
        endpoint,
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/web"),
        ("AWS_REGION", "eu-west-1"),
    ];
    is_in(client(&kms, AuthMethod::AwsIam, aws(&web)).read(ID).await);
    let profile = [endpoint, ("AWS_CONFIG_FILE", config.as_str()), ("AWS_PROFILE", "deploy")];
    is_in(client(&kms, AuthMethod::AwsIam, aws(&profile)).read(ID).await);
    let expected = [
        (
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fweb&RoleSessionName=\
             terraform-provider-kms&WebIdentityToken=s3cr3t.web"
                .to_owned(),
            false,
        ),
        (
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fdeploy&RoleSessionName=\
             terraform-provider-kms&ExternalId=x%2F1"
                .to_owned(),
            true,
        ),
    ];
    assert_eq!(*forms.lock().unwrap(), expected);
}
