//! The handshake: reads the environment that the host sets, and prints the handshake line on standard output. The only file
//! that writes to standard output: the host takes any line there for the handshake. Does not depend on sockets or TLS.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{Error, Program};
use crate::env;

/// The value that every host of providers sets. Not a secret: its absence shows that a person started the program.
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// The version of the handshake itself.
const HANDSHAKE_VERSION: u32 = 1;

/// The listening address in the form of the handshake line.
pub(super) struct ListenAddress {
    /// `unix` or `tcp`.
    pub(super) network: &'static str,
    /// The path of the socket, or `127.0.0.1:port`. Has no `|` and no control character.
    pub(super) address: String,
}

/// Checks the cookie and returns the host's client certificate; `None` if the host wants plain text.
pub(super) fn client_certificate() -> Result<Option<CertificateDer<'static>>, Error> {
    if env::text(env::TF_PLUGIN_MAGIC_COOKIE).as_deref() != Some(COOKIE) {
        return Err(Error::NoHost);
    }
    env::text(env::PLUGIN_CLIENT_CERT)
        .map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()))
        .transpose()
        .map_err(|error| Error::HostCertificate(error.to_string()))
}

/// Logs a warning if the host does not support the protocol version of the program. The program serves nevertheless: the host
/// has the better message.
pub(super) fn check_versions(program: &Program) {
    let Some(versions) = env::text(env::PLUGIN_PROTOCOL_VERSIONS) else {
        return;
    };
    if !versions.split(',').any(|version| version.trim().parse() == Ok(program.protocol)) {
        tracing::warn!(host = versions, provider = program.protocol, "host does not support this protocol version");
    }
}

/// Prints the handshake line. The socket must be bound: the host connects as soon as it has read the line.
///
/// The line ends after the certificate. A further field would announce multiplexing (`PLUGIN_MULTIPLEX_GRPC`), which this
/// program does not support.
pub(super) fn announce(
    program: &Program,
    address: &ListenAddress,
    certificate: Option<&CertificateDer<'_>>,
) -> Result<(), Error> {
    let certificate = certificate.map(|der| STANDARD_NO_PAD.encode(der)).unwrap_or_default();
    let ListenAddress { network, address } = address;
    print(&format!("{HANDSHAKE_VERSION}|{}|{network}|{address}|grpc|{certificate}\n", program.protocol))
}

/// Prints the setting that makes Terraform connect to this process. `Test` keeps the process alive after a session.
pub(super) fn announce_debug(program: &Program, address: &ListenAddress) -> Result<(), Error> {
    let reattach = serde_json::json!({
        program.address: {
            "Protocol": "grpc",
            "ProtocolVersion": program.protocol,
            "Pid": std::process::id(),
            "Test": true,
            "Addr": { "Network": address.network, "String": address.address },
        }
    })
    .to_string();
    let assignments = if cfg!(windows) {
        format!(
            "Command Prompt:\tset \"TF_REATTACH_PROVIDERS={reattach}\"\n\
             PowerShell:\t$env:TF_REATTACH_PROVIDERS='{}'\n",
            reattach.replace('\'', "''")
        )
    } else {
        format!("\tTF_REATTACH_PROVIDERS='{}'\n", reattach.replace('\'', r"'\''"))
    };
    print(&format!(
        "{} is running in debug mode; Ctrl-C ends it. Set this variable where you run Terraform or OpenTofu:\n\n{assignments}\n",
        program.name
    ))
}

fn print(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Error::Announce)
}
