//! A plugin host: starts the real program and sends HTTP/2 requests over TLS. Does not depend on the code under test: no
//! gRPC library, no generated messages.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use terraform_provider_kms::crypto::crypto_provider;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio_rustls::TlsConnector;

use crate::support::provider;

pub(crate) const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// Returns the result of the future. The limit is part of no assertion: it ends the tests of a program that hangs.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("the program does not respond")
}

/// Creates a command with an empty environment.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// A host's one-time key and certificate, in the form of Terraform.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) pem: String,
    pub(crate) key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    /// Generates an identity. Two identities differ only in the key.
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.serial_number = Some(42.into());
        params.distinguished_name.push(DnType::OrganizationName, "HashiCorp");
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyAgreement,
            KeyUsagePurpose::KeyCertSign,
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: format!(
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                base64::engine::general_purpose::STANDARD.encode(certificate.der())
            ),
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
        }
    }
}

/// Returns the fields of a handshake line.
pub(crate) fn fields(line: &str) -> Vec<&str> {
    line.split('|').collect()
}

/// A running plugin. Its temporary directory is removed on drop, also after it was killed.
pub(crate) struct Plugin {
    _temporary: TempDir,
    pub(crate) child: Child,
    pub(crate) line: String,
    pub(crate) stdout: Lines<BufReader<ChildStdout>>,
}

impl Plugin {
    /// Starts the program with the cookie and `variables`, and reads the handshake line.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        let mut command = command(provider());
        command.envs([COOKIE]).envs(variables.iter().copied());
        Self::spawn(command).await
    }

    /// Starts the command with a temporary directory of its own.
    pub(crate) async fn spawn(mut command: Command) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let chosen = command.as_std().get_envs().any(|(name, _)| name == "TMPDIR");
        if !chosen {
            command.env("TMPDIR", temporary.path());
        }
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = soon(stdout.next_line()).await.unwrap().expect("no handshake line");
        Self { _temporary: temporary, child, line, stdout }
    }

    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        PathBuf::from(fields(&self.line)[3])
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.socket().parent().unwrap().to_owned()
    }

    /// Returns the certificate in the handshake line.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        base64::engine::general_purpose::STANDARD_NO_PAD.decode(fields(&self.line)[5]).unwrap().into()
    }

    pub(crate) async fn plain(&self) -> Result<Session, String> {
        Session::open(connect(&self.socket()).await).await
    }

    /// Connects as a host with this certificate and key, or without a certificate.
    pub(crate) async fn encrypted(
        &self,
        shown: Option<(&CertificateDer<'static>, &PrivatePkcs8KeyDer<'static>)>,
    ) -> Result<Session, String> {
        let provider = crypto_provider();
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate()).unwrap();
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match shown {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                // Does not check that the two belong together: tests use other pairs.
                let key = provider.key_provider.load_private_key(key.clone_key().into()).unwrap();
                let pair = CertifiedKey::new(vec![certificate.clone()], key);
                config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair)))
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = soon(
            TlsConnector::from(Arc::new(config))
                .connect(ServerName::try_from("localhost").unwrap(), connect(&self.socket()).await),
        )
        .await
        .map_err(|error| error.to_string())?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Session::open(stream).await
    }

    /// Waits for the exit, and returns the status and the content of standard error.
    pub(crate) async fn end(mut self) -> (ExitStatus, String) {
        let mut stderr = String::new();
        soon(self.child.stderr.take().unwrap().read_to_string(&mut stderr)).await.unwrap();
        assert_eq!(soon(self.stdout.next_line()).await.unwrap(), None, "a second line on standard output");
        (soon(self.child.wait()).await.unwrap(), stderr)
    }
}

pub(crate) async fn connect(socket: &Path) -> UnixStream {
    UnixStream::connect(socket).await.unwrap()
}

/// Returns exit code, standard output and standard error of [`command`].
pub(crate) async fn output(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = command(provider());
    command.args(arguments.iter().map(OsString::from)).envs(variables.iter().copied());
    let output = soon(command.output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// One HTTP/2 connection.
pub(crate) struct Session(h2::client::SendRequest<Bytes>);

/// A call whose response is not read yet.
pub(crate) struct Call(h2::RecvStream, #[expect(dead_code, reason = "kept open")] h2::SendStream<Bytes>);

impl Session {
    pub(crate) async fn open(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Self, String> {
        let (requests, connection) = soon(h2::client::handshake(stream)).await.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        Ok(Self(requests))
    }

    /// Starts a call with one message; `last` ends the request.
    pub(crate) async fn start(&self, path: &str, message: &[u8], last: bool) -> Result<Call, String> {
        let (response, mut body) = self.begin(path).await?;
        let mut frame = vec![0];
        frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        frame.extend(message);
        body.send_data(frame.into(), last).map_err(|error| error.to_string())?;
        let response = soon(response).await.map_err(|error| error.to_string())?;
        assert_eq!(response.status(), 200);
        if let Some(status) = response.headers().get("grpc-status").filter(|status| *status != "0") {
            return Err(format!("grpc-status {}", status.to_str().unwrap()));
        }
        Ok(Call(response.into_body(), body))
    }

    /// Starts a call without a message.
    pub(crate) async fn begin(
        &self,
        path: &str,
    ) -> Result<(h2::client::ResponseFuture, h2::SendStream<Bytes>), String> {
        let mut requests = soon(self.0.clone().ready()).await.map_err(|error| error.to_string())?;
        let request = http::Request::post(format!("http://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap();
        requests.send_request(request, false).map_err(|error| error.to_string())
    }

    /// Makes a call with one response, and returns its message.
    pub(crate) async fn call(&self, path: &str, message: &[u8]) -> Result<Vec<u8>, String> {
        self.start(path, message, true).await?.rest().await
    }

    /// Requests the health of a service. The request has one field, a name; the response has one, a number.
    pub(crate) async fn health(&self, name: &str) -> Result<Vec<u8>, String> {
        let mut message = vec![0x0a, u8::try_from(name.len()).unwrap()];
        message.extend(name.bytes());
        self.call("/grpc.health.v1.Health/Check", &message).await
    }

    pub(crate) async fn shut_down(&self) -> Result<Vec<u8>, String> {
        self.call("/plugin.GRPCController/Shutdown", &[]).await
    }
}

impl Call {
    /// Reads to the end, and returns the message; empty if there is none.
    pub(crate) async fn rest(self) -> Result<Vec<u8>, String> {
        let mut messages = self.messages().await?.into_iter();
        let first = messages.next();
        assert!(messages.next().is_none(), "more than one message");
        Ok(first.unwrap_or_default())
    }

    /// Reads to the end, and returns the messages without their frames.
    pub(crate) async fn messages(mut self) -> Result<Vec<Vec<u8>>, String> {
        let mut bytes = Vec::new();
        while let Some(part) = soon(self.0.data()).await {
            bytes.extend(part.map_err(|error| error.to_string())?);
        }
        let trailers = soon(self.0.trailers()).await.map_err(|error| error.to_string())?;
        assert_eq!(trailers.expect("no trailers")["grpc-status"], "0");
        let mut messages = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some((frame, after)) = rest.split_first_chunk::<5>() {
            let length = u32::from_be_bytes(frame[1..].try_into().unwrap()).try_into().unwrap();
            let (message, after) = after.split_at(length);
            messages.push(message.to_vec());
            rest = after;
        }
        assert!(rest.is_empty(), "half a frame");
        Ok(messages)
    }
}
