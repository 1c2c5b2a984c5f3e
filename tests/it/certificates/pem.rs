//! `ssl_certificate` as people paste it: what is accepted here Node reads too, and what Node would lose in silence is an
//! error.

use terraform_provider_kms::postgres::{CertificateError, Certificates, Stage, Tls, login};

use super::node::{self, Question};
use super::shapes::{Made, armour, days, pem, plain};
use super::{LOGIN_TIMEOUT, server, target};

/// A text, the parsed result, and whether Node reaches the root in it.
struct Text {
    name: &'static str,
    pem: String,
    error: Option<&'static str>,
    /// What is said of the part of it that Node ignores.
    damage: Option<&'static str>,
    node_accepts: bool,
}

/// A root, and texts around it.
fn texts(root: &Made) -> Vec<Text> {
    let good = pem(&[root]);
    let other = pem(&[&Made::root("Other", plain)]);
    let body: String = good.lines().filter(|line| !line.starts_with("-----")).collect();
    let one_line = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    let indented: String = good.lines().map(|line| format!("    {line}\n")).collect();
    let key = armour("PRIVATE KEY", &root.key_der);
    let not_base64 = other.replacen("MII", "!!!", 1);
    let not_base64 = if not_base64 == other { other.replacen("MI", "!!", 1) } else { not_base64 };
    let cut = other.lines().take(3).map(|line| format!("{line}\n")).collect::<String>();
    let trusted = armour("TRUSTED CERTIFICATE", &[&root.der[..], &[0x30, 0]].concat());
    let list = armour("X509 CRL", &[0x30, 0]);
    let past = pem(&[&Made::root("Past", |params| (params.not_before, params.not_after) = days(-10, -1))]);
    let text = |name, pem: String, error, node_accepts| Text { name, pem, error, damage: None, node_accepts };
    let in_part =
        |name, pem: String, damage, node_accepts| Text { name, pem, error: None, damage: Some(damage), node_accepts };
    let spaced = good.trim().replace('\n', " ");
    let sparse: String = good.lines().map(|line| format!("{line}\n\n")).collect();
    let list_not_base64 = armour("X509 CRL", b"x").replace("eA==", "!!!!");
    let broken = |problem| Some(problem);
    vec![
        text("one", good.clone(), None, true),
        text("two", format!("{other}{good}"), None, true),
        text("text around it", format!("subject=CN = Root\n{good}\nthat was it\n"), None, true),
        text("text on the line before", format!("Root:\n=====\n{good}"), None, true),
        text("line ends of Windows", good.replace('\n', "\r\n"), None, true),
        text("spaces at the ends of lines", good.replace('\n', "  \n"), None, true),
        text("no line end at the end", good.trim_end().to_owned(), None, true),
        text("one long line", one_line, None, true),
        text("empty line between two", format!("{other}\n\n{good}"), None, true),
        text("byte order mark", format!("\u{feff}{good}"), None, true),
        text("old label", good.replace("CERTIFICATE", "X509 CERTIFICATE"), None, true),
        text("label of OpenSSL, with notes", trusted, None, true),
        text("label of OpenSSL, without notes", good.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), None, true),
        text("a list before it", format!("{list}{good}"), None, true),
        text("nothing", " ".to_owned(), broken("it is empty"), false),
        text("base64 alone", body, broken("without its first and last line"), false),
        text("a path", "/etc/ssl/ca.pem".to_owned(), broken("path of a file"), false),
        text("a URL", "https://example.com/ca.pem".to_owned(), broken("it is a URL"), false),
        text("a web page", "<!DOCTYPE html><html></html>".to_owned(), broken("HTML page"), false),
        text("spaces for line ends", spaced.clone(), broken("line ends became spaces"), false),
        text("carriage returns alone", good.replace('\n', "\r"), broken("carriage returns alone"), false),
        text("empty lines within", sparse, broken("it has an empty line"), false),
        text("empty line after the first", good.replacen('\n', "\n\n", 1), None, true),
        text("two on one line", format!("{}{good}", good.trim()), broken("something else follows"), false),
        text("a damaged list before it", format!("{list_not_base64}{good}"), broken("not base64"), false),
        in_part("a damaged list after it", format!("{good}{list_not_base64}"), "not base64", true),
        in_part("spaces for line ends, then it", format!("{other}{spaced}\n{good}"), "became spaces", true),
        text("indented and trimmed", indented.trim().to_owned(), broken("start of a line"), false),
        in_part(
            "indented, another first",
            format!("{other}{indented}"),
            "block number 2 is damaged: its first and last",
            false,
        ),
        in_part("indented between two", format!("{other}{indented}{good}"), "its first and last", true),
        text("indented", format!("#\n{indented}"), broken("start of a line"), false),
        text("text on its first line", format!("ca: {good}"), broken("start of a line"), false),
        text("escaped line ends", good.replace('\n', "\\n"), broken("instead of real line ends"), false),
        text("key before it", format!("{key}{good}"), broken("private key"), true),
        text("key after it", format!("{good}{key}"), broken("private key"), true),
        text(
            "broken block before it",
            format!("{not_base64}{good}"),
            broken("block number 1 is damaged: it is not base64"),
            false,
        ),
        in_part("broken block after it", format!("{good}{not_base64}"), "block number 2 is damaged", true),
        in_part("broken block between", format!("{other}{not_base64}{good}"), "block number 2 is damaged", false),
        text("cut block before it", format!("{cut}{good}"), broken("its `-----END` line is missing"), false),
        in_part("cut block after it", format!("{good}{cut}"), "its `-----END` line is missing", true),
        text(
            "something else before it",
            format!("{}{good}", armour("CERTIFICATE", &[0x30, 0])),
            broken("not an X.509 certificate"),
            false,
        ),
        text(
            "another end",
            good.replace("END CERTIFICATE", "END CERT"),
            broken("its `-----END` line is missing"),
            false,
        ),
        text(
            "a space in the label",
            good.replace("BEGIN CERTIFICATE", "BEGIN  CERTIFICATE"),
            broken("its `-----END` line is missing"),
            false,
        ),
        text("expired root", past, broken("expired on"), false),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn parses_pem_as_node_does() {
    let root = Made::root("Root", plain);
    let port = server::serve(&[&root.leaf(plain)], false).await;
    let texts = texts(&root);
    for text in &texts {
        let name = text.name;
        match (Certificates::parse(&text.pem), text.error) {
            (Ok(ca), None) => {
                let damage = ca.damage().map(ToString::to_string);
                match (&damage, text.damage) {
                    (None, None) => {}
                    (Some(damage), Some(part)) => assert!(damage.contains(part), "{name}: {damage}"),
                    (found, expected) => panic!("{name}: {found:?}, expected {expected:?}"),
                }
                let tls = Tls::Verified { ca: Some(ca) };
                let refusal = login(&target("db.test", port, tls), LOGIN_TIMEOUT).await.unwrap_err();
                assert_eq!(refusal.stage == Stage::Login, text.node_accepts, "{name}: {:?}", refusal.reason);
            }
            (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{name}: {error}"),
            (read, expected) => panic!("{name}: {read:?}, expected {expected:?}"),
        }
    }
    let questions: Vec<_> =
        texts.iter().map(|text| Question { port, host: "db.test", given: Some(&text.pem), verified: true }).collect();
    let Some(answers) = tokio::task::block_in_place(|| node::ask(&questions)) else {
        eprintln!("no `node` on PATH: the readings were not compared with it");
        return;
    };
    let different: Vec<String> = texts
        .iter()
        .zip(answers)
        .filter(|(text, answer)| text.node_accepts != answer.is_none())
        .map(|(text, answer)| format!("{}: node says {answer:?}", text.name))
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn rejects_bundle_without_root() {
    let root = Made::root("Root", plain);
    let one = root.intermediate("One", plain);
    let leaf = one.leaf(plain);
    let error = |made: &[&Made]| Certificates::parse(&pem(made)).unwrap_err();
    let no_root = |subject: &str, issuer: &str, authority| CertificateError::NoRoot {
        subject: format!("CN={subject}"),
        issuer: format!("CN={issuer}"),
        authority,
    };
    assert_eq!(error(&[&leaf]), no_root("db.test", "One", false));
    assert_eq!(error(&[&leaf, &one]), no_root("db.test", "One", false));
    assert_eq!(error(&[&one]), no_root("One", "Root", true));
    assert!(error(&[&leaf]).to_string().contains("a server's own certificate"));
    assert!(error(&[&one]).to_string().contains("an intermediate authority"));
    assert!(Certificates::parse(&pem(&[&leaf, &one, &root])).is_ok());
}

#[test]
fn bundle_expires_with_its_last_root() {
    let until = |name, day| Made::root(name, |params| (params.not_before, params.not_after) = days(-30, day));
    let (past, soon, late) = (until("Past", -1), until("Soon", 10), until("Late", 20));
    let longer = late.intermediate("Longer", |params| params.not_after = days(0, 300).1);
    let expire_at = |made: &[&Made]| Certificates::parse(&pem(made)).unwrap().expire_at().unwrap().date();
    assert_eq!(expire_at(&[&soon]), days(0, 10).1.date());
    assert_eq!(expire_at(&[&longer, &late, &soon, &past]), days(0, 20).1.date());
    let error = Certificates::parse(&pem(&[&longer, &past])).unwrap_err();
    assert!(matches!(&error, CertificateError::Expired { subject, .. } if subject == "CN=Past"), "{error}");
}
