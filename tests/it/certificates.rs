//! Certificates of every shape, accepted or rejected as the KMS does: a table of outcomes, and the same outcomes by a real
//! Node.

mod chains;
mod leaves;
mod node;
mod pem;
mod server;
mod shapes;

use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::Duration;

use terraform_provider_kms::postgres::{
    Address, Certainty, Certificates, Fault, Link, Reason, Refusal, Stage, Target, Tls, login,
};
use terraform_provider_kms::secret::Secret;

use self::node::Question;
use self::shapes::Made;
use crate::postgres_login::everything;

const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);

/// A row of the table.
struct Case {
    name: &'static str,
    /// `ssl_certificate`.
    given: Option<String>,
    host: &'static str,
    port: u16,
    expected: Expected,
}

type Expected = Result<(), (Fault, Link)>;

/// The table while it is filled.
#[derive(Default)]
struct Table {
    cases: Vec<Case>,
    only_tls12: bool,
}

impl Table {
    /// A server that sends this chain, for the host `db.test`.
    async fn row(&mut self, name: &'static str, given: &[&Made], sent: &[&Made], expected: Expected) {
        self.named(name, "db.test", given, sent, expected).await;
    }

    /// For another host.
    async fn named(
        &mut self,
        name: &'static str,
        host: &'static str,
        given: &[&Made],
        sent: &[&Made],
        expected: Expected,
    ) {
        self.add(name, host, Some(shapes::pem(given)), sent, expected).await;
    }

    async fn add(
        &mut self,
        name: &'static str,
        host: &'static str,
        given: Option<String>,
        sent: &[&Made],
        expected: Expected,
    ) {
        let port = server::serve(sent, self.only_tls12).await;
        self.cases.push(Case { name, given, host, port, expected });
    }
}

/// The filled table. Its servers run on a thread of their own, for all tests.
static TABLE: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let (filled, table) = mpsc::channel();
    thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let mut table = Table::default();
            chains::fill(&mut table).await;
            leaves::fill(&mut table).await;
            filled.send(table.cases).unwrap();
            std::future::pending::<()>().await;
        });
    });
    table.recv().expect("a table: see the panic above")
});

fn target(host: &str, port: u16, tls: Tls) -> Target {
    Target {
        host: host.to_owned(),
        port: 5432,
        database: "shop".to_owned(),
        username: "clerk".to_owned(),
        password: Secret::new("tr0ub4dor&3"),
        tls,
        address: Some(Address { host: "127.0.0.1".to_owned(), port }),
        questions: terraform_provider_kms::postgres::Questions::default(),
    }
}

/// The login never comes about: these servers close after the handshake.
async fn refusal(case: &Case, verified: bool) -> Refusal {
    let ca = case.given.as_deref().map(|pem| Certificates::parse(pem).unwrap_or_else(|e| panic!("{}: {e}", case.name)));
    let tls = if verified { Tls::Verified { ca } } else { Tls::Unverified };
    login(&target(case.host, case.port, tls), LOGIN_TIMEOUT).await.unwrap_err()
}

#[tokio::test]
async fn predicts_acceptance_of_each_certificate_shape() {
    let cases = &*TABLE;
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let name = case.name;
        let refusal = refusal(case, true).await;
        let outcome = match &refusal.reason {
            Reason::Certificate(problem) => Err((problem.fault.clone(), problem.link)),
            _ if refusal.stage == Stage::Login => Ok(()),
            reason => panic!("{name}: {reason:?}"),
        };
        if outcome != case.expected {
            wrong.push(format!("{name}: {outcome:?}, expected {:?}", case.expected));
        }
        if let Reason::Certificate(problem) = &refusal.reason {
            let text = everything(&refusal);
            for shown in problem.presented.iter().chain(&problem.culprit) {
                for fact in [&shown.subject, &shown.issuer, &shown.fingerprint] {
                    assert!(text.contains(fact), "{name}: no {fact} in\n{text}");
                }
            }
            assert_eq!(problem.fault.is_conclusive(), refusal.certainty() == Certainty::Conclusive, "{name}");
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_verification_only_the_key_counts() {
    let cases = &*TABLE;
    let mut refused = Vec::new();
    for case in cases {
        let refusal = refusal(case, false).await;
        if refusal.stage != Stage::Login {
            refused.push(case.name);
        }
    }
    // In TLS 1.2 the key of an elliptic curve must be allowed to sign.
    assert_eq!(refused, ["TLS 1.2, key for agreement"]);
    let questions: Vec<_> = cases
        .iter()
        .map(|case| Question { port: case.port, host: case.host, given: case.given.as_deref(), verified: false })
        .collect();
    let Some(answers) = tokio::task::block_in_place(|| node::ask(&questions)) else {
        eprintln!("no `node` on PATH: the refusals were not compared with it");
        return;
    };
    let of_node = cases.iter().zip(answers).filter_map(|(case, answer)| answer.map(|_| case.name));
    assert_eq!(of_node.collect::<Vec<_>>(), refused);
}

/// A copied certificate comes without its key. Node detects that even where it accepts any certificate.
#[tokio::test(flavor = "multi_thread")]
async fn rejects_certificate_without_its_key() {
    let root = Made::root("Root", shapes::plain);
    let roots = shapes::pem(&[&root]);
    let leaf = || root.leaf(shapes::plain);
    let mut questions = Vec::new();
    for only_tls12 in [false, true] {
        for shown in [leaf(), leaf().version_1(Some(&root))] {
            let port = server::serve(&[&shown.with_key_of(&leaf())], only_tls12).await;
            for verified in [true, false] {
                let ca = Some(Certificates::parse(&roots).unwrap());
                let tls = if verified { Tls::Verified { ca } } else { Tls::Unverified };
                let refusal = login(&target("db.test", port, tls), LOGIN_TIMEOUT).await.unwrap_err();
                let failed = matches!(refusal.reason, Reason::TlsFailed { .. });
                assert!(failed, "TLS 1.2 only: {only_tls12}, verified: {verified}: {:?}", refusal.reason);
                questions.push(Question { port, host: "db.test", given: Some(&roots), verified });
            }
        }
    }
    let Some(answers) = tokio::task::block_in_place(|| node::ask(&questions)) else {
        eprintln!("no `node` on PATH: the refusals were not compared with it");
        return;
    };
    assert!(answers.iter().all(Option::is_some), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_accepts_and_rejects_the_same() {
    let cases = &*TABLE;
    let questions: Vec<Question<'_>> = cases
        .iter()
        .map(|case| Question { port: case.port, host: case.host, given: case.given.as_deref(), verified: true })
        .collect();
    let Some(answers) = tokio::task::block_in_place(|| node::ask(&questions)) else {
        eprintln!("no `node` on PATH: the outcomes were not compared with it");
        return;
    };
    assert_eq!(answers.len(), cases.len());
    let mut different = Vec::new();
    for (case, answer) in cases.iter().zip(&answers) {
        let definite = match &case.expected {
            Ok(()) => Some(true),
            Err((fault, _)) if fault.is_conclusive() => Some(false),
            Err(_) => None,
        };
        if definite.is_some_and(|accepted| accepted != answer.is_none()) {
            different.push(format!("{}: expected {:?}, node says {answer:?}", case.name, case.expected));
        }
    }
    assert!(different.is_empty(), "{} of {}:\n{}", different.len(), cases.len(), different.join("\n"));
}
