//! The data source `kms_postgres_endpoint`: what a PostgreSQL endpoint shows without credentials. It needs no KMS.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::postgres;
use crate::postgres::{Certificates, EndpointReport, Presented, Questions, Reason, Target, Tls, TlsReport};
use crate::provider::arguments::address::AddressOverride;
use crate::provider::arguments::host;
use crate::provider::deadline;
use crate::provider::messages;
use crate::provider::session::Session;
use crate::secret::Secret;
use crate::terraform::data_source::DataSource;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::duration;
use crate::terraform::resource::RpcContext;
use crate::terraform::schema::{Schema, computed, optional, required};
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

/// The limit of a probe, which is also that of one login.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The data source.
pub(super) struct PostgresEndpoint;

#[async_trait]
impl DataSource<Session> for PostgresEndpoint {
    fn name(&self) -> &'static str {
        "kms_postgres_endpoint"
    }

    fn schema(&self) -> Schema {
        let text = |name, description: &str| computed(name, Type::String, description);
        let flag = |name, description: &str| computed(name, Type::Bool, description);
        Schema::new(
            "Probes a PostgreSQL endpoint without credentials: whether it is reachable, whether it offers TLS, and its \
             certificate. A problem that the probe finds is data, not an error: use a `check` block to decide. It needs no \
             settings of the KMS.",
        )
        .attribute(required("host", Type::String, "Host name or IP address of the server."))
        .attribute(optional("port", Type::Number, "TCP port, 1 to 65535. Defaults to `5432`.").default(5432))
        .attribute(optional(
            "address",
            Type::String,
            "Host and port to connect to instead of `host` and `port`, as `host:port` or `[IPv6]:port`: the local end of a \
             tunnel, for example.",
        ))
        .attribute(optional(
            "ssl_certificate",
            Type::String,
            "Certificates (PEM) to trust instead of the public certificate authorities.",
        ))
        .attribute(optional(
            "server_name",
            Type::String,
            "Host name that the certificate must have. Defaults to `host`.",
        ))
        .attribute(optional("timeout", Type::String, "Limit of the probe, such as `10s`. Defaults to `10s`."))
        .attribute(flag("reachable", "Whether a TCP connection was established."))
        .attribute(flag("is_postgresql", "Whether the server responded as PostgreSQL does."))
        .attribute(text("error", "Why the probe ended before the TLS handshake; null if it did not."))
        .attribute(flag("ssl_offered", "Whether the server offers TLS; null if it did not respond."))
        .attribute(flag(
            "ssl_trusted",
            "Whether a connection with `ssl_reject_unauthorized = true` would accept the certificate; `false` if the server \
             presented none.",
        ))
        .attribute(text("ssl_error", "Why the TLS handshake failed or the certificate is not trusted; null otherwise."))
        .attribute(text("tls_version", "Negotiated version, such as `TLSv1.3`."))
        .attribute(computed(
            "certificate_chain",
            Type::list(Type::String),
            "Certificates (PEM) that the server presented, its own first.",
        ))
        .attribute(text("certificate_subject", "Subject of the server's certificate."))
        .attribute(text("certificate_issuer", "Issuer of the server's certificate."))
        .attribute(computed(
            "certificate_names",
            Type::list(Type::String),
            "DNS names and IP addresses of the server's certificate.",
        ))
        .attribute(text("certificate_not_before", "Start of its validity (RFC 3339, UTC)."))
        .attribute(text("certificate_not_after", "End of its validity (RFC 3339, UTC)."))
        .attribute(text("certificate_sha256", "SHA-256 fingerprint of the server's certificate, in lower-case hex."))
        .attribute(computed(
            "days_left",
            Type::Number,
            "Whole days until the server's certificate expires; negative if it has expired.",
        ))
        .attribute(text(
            "ca_certificate",
            "Certificate (PEM) to set as `ssl_certificate`: the root of the chain if the server presents it, or the server's \
             own certificate if it is self-signed.",
        ))
    }

    fn validate(&self, config: &Object) -> Diagnostics {
        let text = |name: &'static str, rule: &dyn Fn(&str) -> Option<String>, summary: &str| {
            let broken = config.get(name).as_str().and_then(rule);
            broken.map(|detail| Diagnostic::error(summary, detail).at(name))
        };
        let invalid = |name: &'static str, valid: String| Some(messages::invalid_argument(name, &valid));
        let mut found = Diagnostics::new();
        found.extend(text("host", &host::rule, "Invalid database host"));
        found.extend(text("server_name", &host::rule, "Invalid server name"));
        found.extend(text(
            "ssl_certificate",
            &|pem| Certificates::parse(pem).err().map(|error| messages::postgres::pem::unusable(&error)),
            "Invalid certificate",
        ));
        if matches!(config.get("port"), Value::Number(number) if port(number.as_i64()).is_none()) {
            found.extend(invalid("port", "a whole number from 1 to 65535".to_owned()));
        }
        if config.get("address").as_str().is_some_and(|text| AddressOverride::parse(text).is_none()) {
            found.extend(invalid("address", AddressOverride::VALID.to_owned()));
        }
        if config.get("timeout").as_str().is_some_and(|text| duration::parse(text).is_none()) {
            found.extend(invalid("timeout", format!("a duration such as {}", duration::EXAMPLES)));
        }
        found
    }

    async fn read(&self, call: &RpcContext<Session>, config: &Object) -> Result<Object, Diagnostics> {
        let Some(probe) = Probe::of(config) else { return Err(self.validate(config)) };
        let probing = call.session().logins.probe(&probe.host, &probe.target, probe.timeout);
        let report = deadline::bounded(call, None, probing).await?;
        let report = report.map_err(|why| messages::endpoint::not_allowed(&why, &probe.host, probe.dialled))?;
        if let Some(refusal) = &report.error
            && let Reason::ForbiddenAddress { .. } = refusal.reason
        {
            return Err(messages::endpoint::never_contacted(refusal, probe.dialled).into());
        }
        Ok(attributes(&report, OffsetDateTime::now_utc()))
    }
}

/// What to probe.
struct Probe {
    /// The host of the configuration, which the allow list must hold.
    host: String,
    target: Target,
    /// The argument that says where to connect.
    dialled: &'static str,
    timeout: Duration,
}

impl Probe {
    /// Returns the probe for a valid configuration, `None` for an invalid one.
    fn of(config: &Object) -> Option<Self> {
        let text = |name: &str| config.get(name).as_str().map(|text| text.trim().to_owned());
        let host = text("host")?;
        let port = match config.get("port") {
            Value::Number(number) => port(number.as_i64())?,
            _ => return None,
        };
        let address =
            text("address").map(|address| AddressOverride::parse(&address)).map_or(Some(None), |a| a.map(Some))?;
        let dialled = if address.is_some() { "address" } else { "host" };
        let (name, address) = match (text("server_name"), address) {
            (Some(name), None) => (name, Some(AddressOverride { host: host.clone(), port })),
            (Some(name), address) => (name, address),
            (None, address) => (host.clone(), address),
        };
        let ca = match config.get("ssl_certificate").as_str() {
            Some(pem) => Some(Certificates::parse(pem).ok()?),
            None => None,
        };
        let timeout = match config.get("timeout").as_str() {
            Some(text) => duration::parse(text)?,
            None => DEFAULT_TIMEOUT,
        };
        let target = Target {
            host: postgres::ascii_host(&name),
            port,
            database: String::new(),
            username: String::new(),
            password: Secret::new(""),
            tls: Tls::Verified { ca },
            address: address.map(postgres::Address::from),
            questions: Questions::default(),
        };
        Some(Self { host, target, dialled, timeout })
    }
}

fn port(number: Option<i64>) -> Option<u16> {
    number.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}

/// Returns the computed attributes.
fn attributes(report: &EndpointReport, now: OffsetDateTime) -> Object {
    let tls = report.tls.as_ref();
    let problem = tls.and_then(|tls| tls.error.as_ref());
    let mut result = Object::new();
    result.set("reachable", report.reachable);
    result.set("is_postgresql", report.is_postgresql);
    result.set("error", report.error.as_ref().map(messages::endpoint::reason));
    result.set("ssl_offered", report.tls_offered);
    result.set("ssl_trusted", tls.is_some_and(|tls| tls.error.is_none()));
    result.set("ssl_error", problem.map(messages::endpoint::reason));
    if let Some(tls) = tls {
        describe(&mut result, tls, now);
    }
    result
}

fn describe(result: &mut Object, tls: &TlsReport, now: OffsetDateTime) {
    result.set("tls_version", tls.version);
    result.set("ca_certificate", tls.root.as_deref().map(pem));
    if !tls.chain.is_empty() {
        result.set("certificate_chain", list(tls.chain.iter().map(|certificate| pem(certificate))));
    }
    let Some(Presented { subject, issuer, names, not_before, not_after, fingerprint, .. }) = &tls.certificate else {
        return;
    };
    result.set("certificate_subject", subject.as_str());
    result.set("certificate_issuer", issuer.as_str());
    result.set("certificate_names", list(names.iter().cloned()));
    result.set("certificate_not_before", date(*not_before));
    result.set("certificate_not_after", date(*not_after));
    result.set("certificate_sha256", fingerprint.replace(':', "").to_ascii_lowercase());
    result.set("days_left", (*not_after - now).whole_seconds().div_euclid(24 * 60 * 60));
}

fn list(texts: impl Iterator<Item = String>) -> Value {
    Value::List(texts.map(Value::from).collect())
}

fn date(date: OffsetDateTime) -> Option<String> {
    date.to_offset(time::UtcOffset::UTC).format(&Rfc3339).ok()
}

/// Returns a certificate in PEM.
fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
