//! The outcomes of a real Node, the runtime of the KMS.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Connects as the service's PostgreSQL client does and prints, for each case, null or the code of the refusal.
const SCRIPT: &str = r#"
const net = require('node:net'), tls = require('node:tls');
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const check = ({ port, host, ca, verified }) => new Promise((done) => {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', (error) => done(error.code || error.message));
  socket.once('connect', () => socket.write(SSL_REQUEST));
  socket.once('data', () => {
    socket.removeAllListeners('error');
    try {
      const secure = tls.connect({ socket, servername: host, rejectUnauthorized: verified, ...(ca === null ? {} : { ca }) });
      secure.once('secureConnect', () => { done(null); secure.destroy(); });
      secure.on('error', (error) => done(error.code || error.message));
      secure.once('close', () => done('closed'));
    } catch (error) { done(error.code || error.message); }
  });
});
let text = '';
process.stdin.on('data', (part) => text += part).on('end', async () => {
  console.log(JSON.stringify(await Promise.all(JSON.parse(text).map(check))));
});
"#;

/// One question: which port to go to, by which name, trusting what, and whether the certificate must be verified.
pub(crate) struct Question<'a> {
    pub(crate) port: u16,
    pub(crate) host: &'a str,
    pub(crate) given: Option<&'a str>,
    pub(crate) verified: bool,
}

/// For each question `None` (accepted) or why not; nothing at all where there is no Node.
pub(crate) fn ask(questions: &[Question<'_>]) -> Option<Vec<Option<String>>> {
    let spawned = Command::new("node")
        .args(["--no-warnings", "-e", SCRIPT])
        .env_remove("NODE_EXTRA_CA_CERTS")
        .env_remove("NODE_OPTIONS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut node = match spawned {
        Ok(node) => node,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("`node` cannot be started: {error}"),
    };
    let list: Vec<Value> = questions
        .iter()
        .map(|q| json!({ "port": q.port, "host": q.host, "ca": q.given, "verified": q.verified }))
        .collect();
    node.stdin.take().unwrap().write_all(Value::Array(list).to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    Some(serde_json::from_slice(&output.stdout).expect("a list of outcomes"))
}
