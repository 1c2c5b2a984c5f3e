//! The agreement with the host: what it says in the environment, and the one line we answer on standard output. The only
//! file that writes there; a single stray line would be taken for the handshake. Knows nothing of sockets and TLS.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{Error, Program};
use crate::env;

/// Not a secret: it only tells a host that starts us from a person who does.
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// The version of the handshake itself.
const HANDSHAKE_VERSION: u32 = 1;

/// Where we listen, in the words of the handshake.
pub(super) struct ListenAddress {
    /// `unix` or `tcp`.
    pub(super) network: &'static str,
    /// The path of the socket, or `127.0.0.1:port`. Free of `|` and control characters.
    pub(super) place: String,
}

/// Checks the cookie; gives the certificate whose key the host will prove to hold, `None` where it wants plain text.
pub(super) fn accept_invitation() -> Result<Option<CertificateDer<'static>>, Error> {
    if env::text(env::TF_PLUGIN_MAGIC_COOKIE).as_deref() != Some(COOKIE) {
        return Err(Error::NoHost);
    }
    env::text(env::PLUGIN_CLIENT_CERT)
        .map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()))
        .transpose()
        .map_err(|error| Error::HostCertificate(error.to_string()))
}

/// Notes in the log when the host does not speak our version. We answer all the same: the host has the better message.
pub(super) fn compare_versions(program: &Program) {
    let Some(versions) = env::text(env::PLUGIN_PROTOCOL_VERSIONS) else {
        return;
    };
    if !versions.split(',').any(|version| version.trim().parse() == Ok(program.protocol)) {
        tracing::warn!(host = versions, provider = program.protocol, "the host does not speak this protocol version");
    }
}

/// Prints the handshake line. The socket must be bound: the host connects as soon as it has read the line.
///
/// The line ends after the certificate. A further field, which a host asks for in `PLUGIN_MULTIPLEX_GRPC`, would promise
/// multiplexing; leaving it out says that there is none.
pub(super) fn announce(
    program: &Program,
    address: &ListenAddress,
    certificate: Option<&CertificateDer<'_>>,
) -> Result<(), Error> {
    let certificate = certificate.map(|der| STANDARD_NO_PAD.encode(der)).unwrap_or_default();
    let ListenAddress { network, place } = address;
    print(&format!("{HANDSHAKE_VERSION}|{}|{network}|{place}|grpc|{certificate}\n", program.protocol))
}

/// Prints how to make a host use this process. `Test` makes the host leave it alive at the end of a session.
pub(super) fn announce_debug(program: &Program, address: &ListenAddress) -> Result<(), Error> {
    let reattach = serde_json::json!({
        program.address: {
            "Protocol": "grpc",
            "ProtocolVersion": program.protocol,
            "Pid": std::process::id(),
            "Test": true,
            "Addr": { "Network": address.network, "String": address.place },
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
        "{} serves in debug mode until Ctrl-C. Set this variable where you run Terraform or OpenTofu:\n\n{assignments}\n",
        program.name
    ))
}

fn print(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Error::Announce)
}
