//! The database login against a real PostgreSQL server.

use std::time::Duration;

use terraform_provider_kms::postgres::{
    Accepted, Address, Certainty, Certificates, Channel, Fault, Questions, Reason, Refusal, Scope, Stage, Target, Tls,
    login,
};
use terraform_provider_kms::provider::messages::postgres::{Argument, explain, facts};
use terraform_provider_kms::secret::Secret;

use crate::support::postgres::{Authority, Options, Postgres, Validity, quoted};

/// Longer than any login takes, so that nothing here depends on the speed of the machine.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);
const PASSWORD: &str = "correct horse";

/// A login that succeeds once the role is made.
pub(crate) fn target(server: &Postgres, role: &str) -> Target {
    Target {
        host: server.host().to_owned(),
        port: server.port(),
        database: "postgres".to_owned(),
        username: role.to_owned(),
        password: Secret::new(PASSWORD),
        tls: Tls::Verified { ca: Some(Certificates::parse(server.ca_pem()).unwrap()) },
        address: None,
        questions: Questions::default(),
    }
}

fn with_role(server: &Postgres, role: &str) -> Target {
    server.create_role(role, PASSWORD);
    target(server, role)
}

async fn accepted(target: &Target) -> Accepted {
    login(target, LOGIN_TIMEOUT).await.unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

async fn refused(target: &Target) -> Refusal {
    match login(target, LOGIN_TIMEOUT).await {
        Ok(_) => panic!("accepted: {target:?}"),
        Err(refusal) => refusal,
    }
}

/// Everything that a person may be shown.
pub(crate) fn everything(refusal: &Refusal) -> String {
    let explanation = explain(refusal);
    let mut lines = facts(refusal);
    lines.push(explanation.sentence);
    lines.extend(explanation.facts);
    lines.extend(explanation.causes);
    lines.extend(explanation.statement.map(|statement| statement.sql));
    lines.push(format!("{refusal:?}"));
    lines.join("\n")
}

/// The log lines of logins as this role.
fn lines_of(server: &Postgres, role: &str, what: &str) -> usize {
    server.log().lines().filter(|line| line.contains(&format!(" {role}@")) && line.contains(what)).count()
}

#[tokio::test]
async fn accepts_correct_password_with_and_without_tls() {
    // Of its own: the log tells of rude ends, and other tests are rude.
    let server = &Postgres::start(Options::default());
    let right = with_role(server, "accepted");
    let cases = [
        ("verified", right.clone()),
        ("unverified", Target { tls: Tls::Unverified, ..right.clone() }),
        ("off", Target { tls: Tls::Off, ..right.clone() }),
        ("by address", Target { host: "127.0.0.1".to_owned(), ..right.clone() }),
        ("unverified, another name", tunnelled("db.example", &Target { tls: Tls::Unverified, ..right.clone() })),
        (
            "values with spaces around them",
            Target {
                host: " localhost\n".to_owned(),
                database: " postgres".to_owned(),
                username: "accepted\t".to_owned(),
                password: Secret::new(format!(" {PASSWORD}\n")),
                ..right.clone()
            },
        ),
    ];
    let count = cases.len();
    for (name, target) in cases {
        let accepted = accepted(&target).await;
        assert!(
            server.sql("SHOW server_version")[0][0]
                .as_ref()
                .unwrap()
                .starts_with(accepted.server_version.as_ref().unwrap().split(' ').next().unwrap()),
            "{name}"
        );
        assert!(accepted.password_requested, "{name}");
        assert_eq!(accepted.endpoint.address.unwrap().port(), server.port(), "{name}");
        assert!(accepted.endpoint.local.is_some(), "{name}");
        // When the login returns, its backend is already gone.
        assert_eq!(
            server.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'accepted'"),
            [[Some("0".to_owned())]]
        );
    }
    assert_eq!(lines_of(server, "accepted", "disconnection"), count);
    assert_eq!(lines_of(server, "accepted", "application_name=terraform-provider-kms"), count);
    assert_eq!(lines_of(server, "accepted", "FATAL"), 0);
    assert_politeness(server);
}

/// The same login, to a server that is called otherwise.
fn tunnelled(host: &str, target: &Target) -> Target {
    let address = Address { host: target.host.clone(), port: target.port };
    Target { host: host.to_owned(), port: 5432, address: Some(address), ..target.clone() }
}

fn assert_politeness(server: &Postgres) {
    for rude in ["reset by peer", "unexpected EOF", "could not receive", "could not send", "invalid length"] {
        assert!(!server.log().contains(rude), "{rude}:\n{}", server.log());
    }
}

/// A login that fails: its target, the reason, and the text of the message.
struct Refused {
    name: &'static str,
    target: Target,
    reason: Reason,
    class: Certainty,
    argument: Argument,
    sqlstate: &'static str,
    text: &'static [&'static str],
}

#[tokio::test]
async fn each_refusal_has_its_reason_and_one_server_log_line() {
    use Certainty::{Conclusive, Unreachable};
    // Of its own: the log tells of rude ends, and other tests are rude.
    let server = &Postgres::start(Options::default());
    let right = |role: &str| with_role(server, role);
    let with = |role: &str, sql: &str| {
        let target = with_role(server, role);
        server.sql(&sql.replace("THIS", &quoted(role)));
        target
    };
    for database in ["closed", "private", "crowded"] {
        server.sql(&format!("CREATE DATABASE {database}"));
    }
    server.sql("REVOKE CONNECT ON DATABASE private FROM PUBLIC");
    server.sql("ALTER DATABASE closed WITH ALLOW_CONNECTIONS false");
    server.sql("ALTER DATABASE crowded WITH CONNECTION LIMIT 0");
    let cases = [
        Refused {
            name: "wrong password",
            target: Target { password: Secret::new("battery staple"), ..right("r_wrong") },
            reason: Reason::PasswordRefused,
            class: Conclusive,
            argument: Argument::Password,
            sqlstate: "28P01",
            text: &[
                "authentication failed for role `r_wrong`",
                "ALTER ROLE \"r_wrong\" WITH LOGIN PASSWORD '…';",
                "VALID UNTIL",
            ],
        },
        Refused {
            name: "expired password",
            target: with("r_expired", "ALTER ROLE THIS VALID UNTIL '2020-01-01'"),
            reason: Reason::PasswordRefused,
            class: Conclusive,
            argument: Argument::Password,
            sqlstate: "28P01",
            text: &["(`VALID UNTIL`)"],
        },
        Refused {
            name: "missing role",
            target: target(server, "R_missing"),
            reason: Reason::PasswordRefused,
            class: Conclusive,
            argument: Argument::Password,
            sqlstate: "28P01",
            text: &["Role `R_missing` does not exist", "case-sensitive"],
        },
        Refused {
            name: "may not log in",
            target: with("r_nologin", "ALTER ROLE THIS NOLOGIN"),
            reason: Reason::RoleMayNotLogIn,
            class: Conclusive,
            argument: Argument::Username,
            sqlstate: "28000",
            text: &["ALTER ROLE \"r_nologin\" WITH LOGIN;", "NOLOGIN"],
        },
        Refused {
            name: "missing database",
            target: Target { database: "r_no\"where".to_owned(), ..right("r_database") },
            reason: Reason::NoSuchDatabase,
            class: Conclusive,
            argument: Argument::Database,
            sqlstate: "3D000",
            text: &["database `r_no\"where` does not exist", "CREATE DATABASE \"r_no\"\"where\" OWNER \"r_database\";"],
        },
        Refused {
            name: "no CONNECT",
            target: Target { database: "private".to_owned(), ..right("r_connect") },
            reason: Reason::NoConnectPrivilege,
            class: Conclusive,
            argument: Argument::Database,
            sqlstate: "42501",
            text: &["GRANT CONNECT ON DATABASE \"private\" TO \"r_connect\";", "CONNECT privilege"],
        },
        Refused {
            name: "closed database",
            target: Target { database: "closed".to_owned(), ..right("r_closed") },
            reason: Reason::DatabaseNotAccepting,
            class: Conclusive,
            argument: Argument::Database,
            sqlstate: "55000",
            text: &["does not accept connections"],
        },
        Refused {
            name: "limit of the role",
            target: with("r_limit", "ALTER ROLE THIS CONNECTION LIMIT 0"),
            reason: Reason::TooManyConnections(Scope::Role),
            class: Unreachable,
            argument: Argument::Username,
            sqlstate: "53300",
            text: &["CONNECTION LIMIT -1"],
        },
        Refused {
            name: "limit of the database",
            target: Target { database: "crowded".to_owned(), ..right("r_full") },
            reason: Reason::TooManyConnections(Scope::Database),
            class: Unreachable,
            argument: Argument::Database,
            sqlstate: "53300",
            text: &["ALTER DATABASE \"crowded\" CONNECTION LIMIT -1;"],
        },
    ];
    for tls in [None, Some(Tls::Off)] {
        for case in &cases {
            let mut target = case.target.clone();
            target.tls = tls.clone().unwrap_or(target.tls);
            let before = lines_of(server, &target.username, "FATAL");
            let refusal = refused(&target).await;
            let name = case.name;
            assert_eq!(refusal.reason, case.reason, "{name}");
            assert_eq!(
                (refusal.certainty(), explain(&refusal).argument, refusal.stage),
                (case.class, case.argument, Stage::Login),
                "{name}"
            );
            assert_eq!(refusal.server_error.as_ref().unwrap().sqlstate, case.sqlstate, "{name}");
            assert!(!refusal.server_error.as_ref().unwrap().by_pooler, "{name}");
            let text = everything(&refusal);
            let local = refusal.endpoint.local.unwrap().to_string();
            let asked = format!("`localhost:{}` (address 127.0.0.1:{0})", server.port());
            for fact in
                case.text.iter().copied().chain([case.sqlstate, &target.username, &target.database, &local, &asked])
            {
                assert!(
                    text.contains(fact) || text.contains(&fact.replace('"', "\\\"")),
                    "{name}: no {fact:?} in\n{text}"
                );
            }
            assert!(explain(&refusal).sentence.contains(case.sqlstate), "{name}");
            assert!(!text.contains("battery staple") && !text.contains(PASSWORD), "{name}");
            assert_eq!(lines_of(server, &target.username, "FATAL"), before + 1, "{name}:\n{}", server.log());
        }
    }
    assert_politeness(server);
}

#[tokio::test]
async fn verifies_trust_name_and_validity_of_the_certificate() {
    let server = Postgres::start(Options::default());
    let right = with_role(&server, "tls");
    let trusting =
        |pem: &str| Target { tls: Tls::Verified { ca: Some(Certificates::parse(pem).unwrap()) }, ..right.clone() };
    let self_signed = Authority::self_signed(&["localhost"], true);
    let foreign = Authority::new("Another CA");
    let of_server = |names: &[&str], validity| Some(server.authority().issue(names, validity));
    let now = Validity::Now;
    #[rustfmt::skip]
    let cases = [
        ("unknown authority", None, trusting(foreign.pem()), Some((Fault::UnknownIssuer, Argument::SslCertificate, "Fixture CA"))),
        ("public authorities", None, Target { tls: Tls::Verified { ca: None }, ..right.clone() }, Some((Fault::UnknownIssuer, Argument::SslCertificate, "not a public certificate authority"))),
        ("wrong name", of_server(&["db.test", "10.9.8.7"], now), right.clone(), Some((Fault::WrongName, Argument::Host, "it is not for `localhost` but for `db.test`, `10.9.8.7`"))),
        ("name of the host, not of the tunnel", of_server(&["db.test"], now), tunnelled("DB.test.", &right), None),
        ("tunnel to another server", of_server(&["localhost"], now), tunnelled("db.test", &right), Some((Fault::WrongName, Argument::Host, "it is not for `db.test` but for `localhost`"))),
        ("expired", of_server(&["localhost"], Validity::Past), right.clone(), Some((Fault::Expired, Argument::SslCertificate, "has expired (20"))),
        ("not yet valid", of_server(&["localhost"], Validity::Future), right.clone(), Some((Fault::NotYetValid, Argument::SslCertificate, "is not yet valid (valid from 20"))),
        ("self-signed authority, trusted itself", Some(self_signed.clone()), trusting(&self_signed.certificate_pem), None),
        ("self-signed, for another name", Some(self_signed.clone()), tunnelled("db.test", &trusting(&self_signed.certificate_pem)), Some((Fault::WrongName, Argument::Host, "but for `localhost`"))),
        ("ordinary again", of_server(&["localhost"], now), right.clone(), None),
    ];
    for (name, certificate, target, expected) in cases {
        if let Some(certificate) = &certificate {
            server.set_certificate(certificate);
        }
        let Some((fault, argument, text)) = expected else {
            accepted(&target).await;
            continue;
        };
        let refusal = refused(&target).await;
        let Reason::Certificate(problem) = &refusal.reason else { panic!("{name}: {:?}", refusal.reason) };
        assert_eq!(
            (&problem.fault, explain(&refusal).argument, refusal.certainty()),
            (&fault, argument, Certainty::Conclusive),
            "{name}"
        );
        assert_eq!(refusal.stage, Stage::Tls, "{name}");
        assert!(explain(&refusal).sentence.contains(text), "{name}: {}", explain(&refusal).sentence);
        let presented = problem.presented.as_ref().unwrap();
        assert_eq!(presented.fingerprint.len(), 32 * 3 - 1, "{name}");
        assert!(everything(&refusal).contains(&presented.fingerprint), "{name}");
        accepted(&Target { tls: Tls::Unverified, ..target }).await;
    }
    // The role never came so far as to be refused.
    assert_eq!(lines_of(&server, "tls", "FATAL"), 0);
}

#[tokio::test]
async fn explains_pg_hba_rules() {
    let server = Postgres::start(Options::default());
    let right = with_role(&server, "ruled");
    let plain = Target { tls: Tls::Off, ..right.clone() };
    server.set_access_rules("hostssl all ruled 127.0.0.1/32 scram-sha-256");
    accepted(&right).await;
    let cases = [
        (
            "",
            right.clone(),
            Reason::NoAccessRule { encrypted: true },
            Certainty::Unreachable,
            Argument::Host,
            "pg_hba.conf",
        ),
        (
            "hostssl all ruled 127.0.0.1/32 scram-sha-256",
            plain.clone(),
            Reason::NoAccessRule { encrypted: false },
            Certainty::Unreachable,
            Argument::SslEnabled,
            "set `ssl_enabled = true`",
        ),
        (
            "host all ruled 127.0.0.1/32 reject",
            right.clone(),
            Reason::RejectedByRule { encrypted: true },
            Certainty::Unreachable,
            Argument::Host,
            "rejects role `ruled`",
        ),
        (
            "host all ruled 127.0.0.1/32 reject",
            plain.clone(),
            Reason::RejectedByRule { encrypted: false },
            Certainty::Unreachable,
            Argument::SslEnabled,
            "without TLS",
        ),
        (
            "host all missing 127.0.0.1/32 trust",
            Target { username: "missing".to_owned(), ..right.clone() },
            Reason::NoSuchRole,
            Certainty::Conclusive,
            Argument::Username,
            "role `missing` does not exist",
        ),
    ];
    for (rules, target, reason, class, argument, text) in cases {
        server.set_access_rules(rules);
        let before = lines_of(&server, &target.username, "FATAL");
        let refusal = refused(&target).await;
        assert_eq!(
            (&refusal.reason, refusal.certainty(), explain(&refusal).argument),
            (&reason, class, argument),
            "{rules}"
        );
        assert!(everything(&refusal).contains(text), "{rules}: {}", everything(&refusal));
        assert_eq!(lines_of(&server, &target.username, "FATAL"), before + 1, "{rules}");
    }

    // A server that asks for the password itself gets it over verified TLS, and to an address of this machine.
    server.set_access_rules("host all ruled 127.0.0.1/32 password");
    accepted(&right).await;
    accepted(&Target { host: "127.0.0.1".to_owned(), ..plain.clone() }).await;
    for (target, channel, argument) in [
        (plain.clone(), Channel::Plain, Argument::SslEnabled),
        (Target { tls: Tls::Unverified, ..right.clone() }, Channel::Unverified, Argument::SslCertificate),
    ] {
        let refusal = refused(&target).await;
        assert!(matches!(refusal.reason, Reason::InsecureAuthentication { channel: seen, .. } if seen == channel));
        assert_eq!((refusal.certainty(), explain(&refusal).argument), (Certainty::Unreachable, argument));
    }

    server.set_access_rules("host all ruled 127.0.0.1/32 trust");
    assert!(!accepted(&right).await.password_requested);
    assert_politeness(&server);
}

#[tokio::test]
async fn reports_server_without_tls() {
    let server = Postgres::start(Options::without_tls());
    let right = with_role(&server, "no_tls");
    accepted(&Target { tls: Tls::Off, ..right.clone() }).await;
    for tls in [right.tls.clone(), Tls::Unverified] {
        let refusal = refused(&Target { tls, ..right.clone() }).await;
        assert_eq!(refusal.reason, Reason::TlsNotOffered);
        assert_eq!(
            (refusal.certainty(), explain(&refusal).argument, refusal.stage),
            (Certainty::Conclusive, Argument::SslEnabled, Stage::SslRequest)
        );
        assert!(everything(&refusal).contains("`ssl_enabled = false`"));
    }
    assert_eq!(lines_of(&server, "no_tls", "FATAL"), 0);
}

#[tokio::test]
async fn cancelled_login_leaves_no_session() {
    // Its own server: one that is left in the middle of a word complains in its log.
    let server = Postgres::start(Options::default());
    let right = with_role(&server, "cancelled");
    for microseconds in [0, 300, 1000, 3000, 10_000, 30_000] {
        let _cancelled = tokio::time::timeout(Duration::from_micros(microseconds), login(&right, LOGIN_TIMEOUT)).await;
    }
    accepted(&right).await;
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
    tokio::time::timeout(LOGIN_TIMEOUT, async {
        while server.sql(sessions) != [[Some("1".to_owned())]] {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
}
