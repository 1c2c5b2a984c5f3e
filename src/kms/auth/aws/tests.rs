use super::*;

/// Variables, with the files of a home that has these contents.
struct Home {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Home {
    fn new(config: &str, credentials: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".aws")).unwrap();
        std::fs::write(folder.path().join(".aws/config"), config).unwrap();
        std::fs::write(folder.path().join(".aws/credentials"), credentials).unwrap();
        let home = folder.path().to_str().unwrap().to_owned();
        Self { folder, variables: vec![(names::HOME, home), (names::EC2_METADATA_DISABLED, "true".to_owned())] }
    }

    fn set(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn aws(&self) -> Aws {
        Aws::new(|wanted| self.variables.iter().rev().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone()))
    }

    /// Returns the key and the region, or why there is no key.
    async fn found(&self) -> String {
        let aws = self.aws();
        let found = async {
            let profiles = Profiles::read(&aws).await?;
            let state = SourceState::default();
            let region = aws.region(&profiles, &state).await?;
            let key = aws.key(&profiles, &region, &state).await?;
            let session = key.session_token.map(|token| format!(" with {}", token.expose())).unwrap_or_default();
            Ok::<_, SourceError>(format!("{} {}{session} in {region}", key.id, key.secret.expose()))
        };
        found.await.unwrap_or_else(|error| {
            let reason = error.to_string();
            assert!(!reason.contains("s3cr3t"), "{reason}");
            reason.replace(self.folder.path().to_str().unwrap(), "HOME")
        })
    }
}

const CONFIG: &str = "
# a comment
[default]
region = eu-west-1
s3 =
  region = not-this-one
[profile keys]
region=eu-north-1
aws_access_key_id = AKCONFIG
aws_secret_access_key = s3cr3t-config
[profile plain]
output = json
[profile both]
aws_access_key_id = AKOLD
aws_secret_access_key = s3cr3t-old
[profile sso]
sso_session = work
[profile process]
credential_process = /bin/keys
[profile hopeless]
role_arn = arn:aws:iam::1:role/x
[profile lost]
role_arn = arn:aws:iam::1:role/x
source_profile = nowhere
[profile circle]
role_arn = arn:aws:iam::1:role/x
source_profile = elcric
[profile elcric]
role_arn = arn:aws:iam::1:role/y
source_profile = circle
[sso-session work]
sso_region = us-west-2
";
const KEYS: &str =
    "[both]\naws_access_key_id = AKNEW\naws_secret_access_key=s3cr3t-new\naws_session_token = s3cr3t-session\n";

#[tokio::test]
async fn finds_keys_where_aws_tools_find_them() {
    let key: [(&'static str, &str); 2] = [(names::ACCESS_KEY_ID, "AKENV"), (names::SECRET_ACCESS_KEY, "s3cr3t-env")];
    let none = "no AWS key was found in the environment, in a profile, as a web identity or in a container; and the \
                metadata server of AWS is switched off by `AWS_EC2_METADATA_DISABLED`";
    for (variables, expected) in [
        (&key[..], "AKENV s3cr3t-env in eu-west-1"),
        (
            &[key[0], key[1], (names::SESSION_TOKEN, "st"), (names::REGION, "us-west-2")],
            "AKENV s3cr3t-env with st in us-west-2",
        ),
        (&[key[0], key[1], (names::DEFAULT_REGION, "us-west-1")], "AKENV s3cr3t-env in us-west-1"),
        (&[key[0], key[1], (names::PROFILE, "keys")], "AKENV s3cr3t-env in eu-north-1"),
        (&[key[0], key[1], (names::CONFIG_FILE, "/nonexistent")], "AKENV s3cr3t-env in us-east-1"),
        (&key[..1], "`AWS_ACCESS_KEY_ID` is set, but `AWS_SECRET_ACCESS_KEY` is not"),
        (&[key[0], key[1], (names::REGION, "eu west/1")], "the AWS region that is set is not the name of a region"),
        (&[(names::PROFILE, "keys")], "AKCONFIG s3cr3t-config in eu-north-1"),
        (
            &[(names::PROFILE, "both"), (names::REGION, "eu-south-1")],
            "AKNEW s3cr3t-new with s3cr3t-session in eu-south-1",
        ),
        (&[(names::PROFILE, "plain")], none),
        (&[], none),
        (&[(names::PROFILE, "none")], "there is no AWS profile `none` (`AWS_PROFILE`)"),
        (&[(names::PROFILE, "sso-session work")], "there is no AWS profile `sso-session work` (`AWS_PROFILE`)"),
        (
            &[(names::PROFILE, "sso")],
            "the AWS profile `sso` gets its key by `sso_session`, which this provider does not support; `aws configure \
             export-credentials --profile sso --format env` prints variables to set instead",
        ),
        (
            &[(names::PROFILE, "process")],
            "the AWS profile `process` gets its key by `credential_process`, which this provider does not support; `aws \
             configure export-credentials --profile process --format env` prints variables to set instead",
        ),
        (
            &[(names::PROFILE, "hopeless")],
            "the AWS profile `hopeless` has a `role_arn`, but no credentials to assume the role with",
        ),
        (&[(names::PROFILE, "lost")], "there is no AWS profile `nowhere`"),
        (&[(names::PROFILE, "circle")], "the AWS profile `circle` leads to no key"),
        (
            &[(names::WEB_IDENTITY_TOKEN_FILE, "/nonexistent"), (names::ROLE_ARN, "arn:x")],
            "the file `/nonexistent` cannot be read: No such file or directory",
        ),
        (
            &[(names::CONTAINER_CREDENTIALS_FULL_URI, "http://keys.example.com/")],
            "`AWS_CONTAINER_CREDENTIALS_FULL_URI` leads over the network in clear text, where others could read \
             the key",
        ),
    ] {
        let home = variables.iter().fold(Home::new(CONFIG, KEYS), |home, (name, value)| home.set(name, value));
        assert_eq!(home.found().await, expected, "{variables:?}");
    }
}

#[tokio::test]
async fn prints_no_key() {
    let home = Home::new("", "")
        .set(names::ACCESS_KEY_ID, "AK")
        .set(names::SECRET_ACCESS_KEY, "s3cr3t")
        .set(names::SESSION_TOKEN, "s3cr3t-session");
    assert!(!format!("{:?}", home.aws()).contains("s3cr3t"));
    let resolved = home.aws().auth_fields(&SourceState::default()).await.unwrap();
    assert!(resolved.secrets.iter().any(|secret| secret.expose() == "s3cr3t-session"));
    assert!(resolved.secrets.iter().any(|secret| secret.expose().starts_with("AWS4-HMAC-SHA256 ")));
}

#[test]
fn signature_covers_host_form_time_and_session() {
    let key = AwsKey {
        id: "AKIDEXAMPLE".to_owned(),
        secret: Secret::new("s3cr3t"),
        session_token: Some(Secret::new("session")),
    };
    let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_440_938_160);
    let headers = sign::headers(
        "https://sts.eu-west-1.amazonaws.com/",
        sts::GET_CALLER_IDENTITY.as_bytes(),
        "eu-west-1",
        &key,
        now,
    )
    .unwrap();
    let names: Vec<_> = headers.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["authorization", "content-length", "content-type", "host", "x-amz-date", "x-amz-security-token"]
    );
    assert_eq!((headers["x-amz-date"].expose(), headers["content-length"].expose()), ("20150830T123600Z", "43"));
    assert!(headers["authorization"].expose().starts_with(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/sts/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature="
    ));
}
