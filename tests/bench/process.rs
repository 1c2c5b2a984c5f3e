//! The process itself: size, start, memory at rest.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::measure::{median, milliseconds, row, status};
use crate::stage::PROVIDER;

const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

pub(crate) fn measure() {
    println!("floors are those of a minimal server of this kind: 2 to 4 ms, 5 MB, 4.7 MB");
    size();
    start();
}

fn size() {
    let bytes = fs::metadata(PROVIDER).expect("the provider").len();
    row("binary", &format!("{:.2} MB", bytes as f64 / 1e6));
}

/// From the start of the process to the handshake line, with the host's certificate; resident memory right then.
fn start() {
    let certificate = host_certificate();
    let mut times = Vec::new();
    let mut memory = 0;
    for _ in 0..60 {
        let begin = Instant::now();
        let mut child = Command::new(PROVIDER)
            .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5")
            .env("PLUGIN_CLIENT_CERT", &certificate)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the provider starts");
        let mut line = String::new();
        let _read = BufReader::new(child.stdout.as_mut().expect("its output")).read_line(&mut line);
        times.push(begin.elapsed());
        assert!(line.starts_with("1|5|"), "{line}");
        memory = status(child.id(), "VmRSS").unwrap_or(memory);
        stop(&mut child);
    }
    let mut floor = Vec::new();
    for _ in 0..60 {
        let begin = Instant::now();
        let _done = Command::new("true").status();
        floor.push(begin.elapsed());
    }
    let (median, floor) = (median(times), median(floor));
    row("start to handshake line, TLS", &format!("{:.2} ms", milliseconds(median)));
    row("start and end of `true`", &format!("{:.2} ms", milliseconds(floor)));
    row("resident at the handshake", &format!("{:.1} MB", memory as f64 / 1e3));
}

/// Returns a certificate like Terraform's: self-signed, P-521.
fn host_certificate() -> String {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).expect("a key");
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.self_signed(&key).expect("a certificate").pem()
}

/// Sends SIGTERM: SIGKILL would leave the folder of the socket behind.
fn stop(child: &mut Child) {
    let _sent = Command::new("kill").arg(child.id().to_string()).status();
    let _reaped = child.wait();
}
