//! The predicted rotation privileges compared with what the server itself does when the statement runs.

use std::time::Duration;

use terraform_provider_kms::postgres::{
    Accepted, Facts, Obstacle, Questions, RotationCheck, Target, Tls, Unanswered, login,
};
use terraform_provider_kms::secret::Secret;
use tokio_postgres::{Client, NoTls};

use crate::support::postgres::{Options, Postgres, download, majors, quoted};

const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);
const PASSWORD: &str = "correct horse";

/// Roles that log in, with what is done for each; `{}` is its name. The targets exist by then.
const LOGINS: [(&str, &[&str]); 14] = [
    ("l_plain", &["ALTER ROLE {} SET search_path = nowhere"]),
    ("l_create", &["ALTER ROLE {} CREATEROLE"]),
    ("l_admin", &["GRANT t_plain, t_super, t_repl, t_create TO {} WITH ADMIN OPTION"]),
    (
        "l_both",
        &[
            "ALTER ROLE {} CREATEROLE",
            "ALTER ROLE {} SET standard_conforming_strings = off",
            "GRANT t_plain, t_super, t_repl, t_create, t_bypass, t_nologin, t_expired TO {} WITH ADMIN OPTION",
        ],
    ),
    ("l_through_group", &["ALTER ROLE {} CREATEROLE NOINHERIT", "GRANT g_admin TO {}"]),
    ("l_borrows_create", &["GRANT g_admin TO {}"]),
    ("l_member", &["ALTER ROLE {} CREATEROLE", "GRANT t_plain, t_create TO {}"]),
    ("l_super", &["ALTER ROLE {} SUPERUSER"]),
    ("l_repl", &["ALTER ROLE {} CREATEROLE REPLICATION"]),
    ("l_repl_only", &["ALTER ROLE {} REPLICATION"]),
    ("l_bypass", &["ALTER ROLE {} BYPASSRLS"]),
    (
        "l_parent",
        &["ALTER ROLE {} CREATEROLE", "GRANT {} TO t_loop", "GRANT {} TO g_far, t_far", "GRANT g_far TO t_far"],
    ),
    ("l_maker", &["ALTER ROLE {} CREATEROLE", "SET SESSION AUTHORIZATION {}", "CREATE ROLE t_made LOGIN"]),
    ("l_reads", &["ALTER ROLE {} CREATEROLE", "ALTER ROLE {} SET default_transaction_read_only = on"]),
];

const TARGETS: [(&str, &str); 13] = [
    ("t_plain", "LOGIN"),
    ("t_super", "LOGIN SUPERUSER"),
    ("t_repl", "LOGIN REPLICATION"),
    ("t_create", "LOGIN CREATEROLE"),
    ("t_bypass", "LOGIN BYPASSRLS"),
    ("t_loop", "LOGIN"),
    ("t_far", "LOGIN"),
    ("t_nologin", "NOLOGIN"),
    ("t_expired", "LOGIN VALID UNTIL '2020-01-01'"),
    ("t_full", "LOGIN CONNECTION LIMIT 0"),
    ("g_admin", "NOLOGIN CREATEROLE"),
    ("g_far", "NOLOGIN"),
    (r#"o'brien "x\"#, "LOGIN"),
];

fn prepare(server: &Postgres) -> Vec<String> {
    for (name, attributes) in TARGETS {
        server.sql(&format!("CREATE ROLE {} {attributes}", quoted(name)));
    }
    server.sql("GRANT t_plain, t_create TO g_admin WITH ADMIN OPTION");
    for (name, steps) in LOGINS {
        server.create_role(name, PASSWORD);
        server.sql(&steps.join(";").replace("{}", name));
    }
    let mut names: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend(LOGINS.iter().map(|(name, _)| (*name).to_owned()));
    names.extend(["t_made", "postgres", "pg_monitor", "nobody"].map(str::to_owned));
    names
}

fn target(server: &Postgres, role: &str, rotation_roles: &[String]) -> Target {
    Target {
        host: "127.0.0.1".to_owned(),
        port: server.port(),
        database: "postgres".to_owned(),
        username: role.to_owned(),
        password: Secret::new(PASSWORD),
        tls: Tls::Off,
        address: None,
        questions: Questions { rotation_roles: rotation_roles.to_vec(), own_password: false },
    }
}

async fn accepted(target: &Target) -> Accepted {
    login(target, LOGIN_TIMEOUT).await.unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

async fn facts(target: &Target) -> Facts {
    accepted(target).await.facts.unwrap().unwrap()
}

async fn connected(server: &Postgres, role: &str) -> Client {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(server.port()).user(role).dbname("postgres").password(PASSWORD);
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// What the server does when the role tries.
async fn truth(client: &Client, role: &str) -> Result<(), String> {
    let tried = client.simple_query(&format!("BEGIN; ALTER ROLE {} PASSWORD 'x'", quoted(role))).await;
    client.simple_query("ROLLBACK").await.unwrap();
    tried.map(|_| ()).map_err(|error| error.code().unwrap().code().to_owned())
}

async fn predictions_match(server: &Postgres) {
    let names = prepare(server);
    let mut pairs = 0;
    for (login, _) in LOGINS {
        let facts = facts(&target(server, login, &names)).await;
        let client = connected(server, login).await;
        for rotation in facts.rotations() {
            let role = &rotation.role.name;
            let what = format!("{login} changes {role} on {}: {:?}", facts.version(), rotation.obstacles);
            let truth = truth(&client, role).await;
            assert_eq!(rotation.may_change_password(), truth.is_ok(), "{what}, {truth:?}");
            let code = match rotation.obstacles.first() {
                Some(Obstacle::Missing) => "42704",
                Some(Obstacle::Reserved) => "42939",
                _ => "42501",
            };
            if let (Err(said), false) = (&truth, login == "l_reads") {
                assert_eq!(said, code, "{what}");
            }
            pairs += 1;
        }
        let trials: Vec<String> = facts.rotations().iter().map(|rotation| trial(login, &facts, rotation)).collect();
        if let Err(problem) = server.try_sql(&trials.concat()) {
            let culprit = trials.iter().find(|trial| server.try_sql(trial).is_err());
            panic!("{login} on {}: {problem}: {culprit:?}", facts.version());
        }
    }
    assert_eq!(pairs, LOGINS.len() * names.len());
}

/// Returns SQL that tries the statements, as superuser and in a transaction that is rolled back.
fn trial(login: &str, facts: &Facts, rotation: &RotationCheck) -> String {
    let role = &rotation.role.name;
    let statements: Vec<String> = rotation.statements(facts).into_iter().map(|statement| statement.sql).collect();
    if statements.is_empty() && !rotation.obstacles.is_empty() {
        assert!(["postgres", "pg_monitor"].contains(&role.as_str()), "{login} {role}: {:?}", rotation.obstacles);
        return String::new();
    }
    format!(
        "BEGIN; {} SET LOCAL SESSION AUTHORIZATION {}; ALTER ROLE {} PASSWORD 'x'; ROLLBACK;",
        statements.join(" "),
        quoted(login),
        quoted(role)
    )
}

/// The rules changed with 16: the installed server, and a pinned one from the other side of that. With
/// `POSTGRES_MAJORS=all` in the environment the pinned one of every major version; that takes some minutes more.
#[tokio::test]
async fn predicts_privileges_as_servers_before_and_from_16() {
    for server in servers_before_and_from_16() {
        predictions_match(&server).await;
    }
}

/// Servers without TLS, started one after the other.
pub(crate) fn servers_before_and_from_16() -> impl Iterator<Item = Postgres> {
    let installed = Postgres::start(Options::without_tls());
    let number =
        installed.sql("SHOW server_version_num")[0][0].as_deref().and_then(|number| number.parse::<u32>().ok());
    let is_before_16 = number.unwrap() < 160_000;
    let others = match std::env::var("POSTGRES_MAJORS").as_deref() {
        Ok("all") => majors(),
        Ok(other) => panic!("`POSTGRES_MAJORS` can only be `all`, not `{other}`"),
        Err(_) => vec![if is_before_16 { 17 } else { 15 }],
    };
    let others = others.into_iter().map(|major| {
        let server = Postgres::start(Options { bin_dir: Some(download(major).unwrap()), ..Options::without_tls() });
        let version = server.sql("SHOW server_version")[0][0].clone().unwrap();
        assert!(version.starts_with(&format!("{major}.")), "{version}");
        server
    });
    std::iter::once(installed).chain(others)
}

/// A rotation ends with a login as the role: the printed statements make that work too.
#[tokio::test]
async fn role_can_log_in_after_the_printed_statements() {
    let server = Postgres::start(Options::without_tls());
    server.sql("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC");
    server.create_role("kms", PASSWORD);
    server.sql("GRANT CONNECT ON DATABASE postgres TO kms");
    for (role, attributes) in
        [("a", "NOLOGIN"), ("b", "LOGIN VALID UNTIL '2020-01-01'"), ("c", "LOGIN CONNECTION LIMIT 0"), ("e", "LOGIN")]
    {
        server.sql(&format!("CREATE ROLE {role} {attributes}"));
    }
    server.sql("GRANT CONNECT ON DATABASE postgres TO a, b, c");
    let names = ["a", "b", "c", "d", "e"].map(str::to_owned);
    let asked = target(&server, "kms", &names);
    let before = facts(&asked).await;
    for rotation in before.rotations() {
        assert!(!rotation.obstacles.is_empty(), "{rotation:?}");
        for statement in rotation.statements(&before) {
            server.sql(&statement.sql);
        }
    }
    assert!(facts(&asked).await.rotations().iter().all(|rotation| rotation.obstacles.is_empty()));
    let kms = connected(&server, "kms").await;
    for role in names {
        kms.simple_query(&format!("ALTER ROLE {role} PASSWORD '{PASSWORD}'")).await.unwrap();
        accepted(&target(&server, &role, &[])).await;
    }
}

/// Amazon RDS reserves passwords for a group, also a role's own.
#[tokio::test]
async fn detects_restricted_password_commands() {
    let server = Postgres::start(Options::without_tls().setting("rds.restrict_password_commands", "on"));
    server.create_role("kms", PASSWORD);
    let asked = target(&server, "kms", &["kms".to_owned()]);
    let restricted = facts(&asked).await;
    assert_eq!(restricted.rotations()[0].obstacles, [Obstacle::PasswordCommandsRestricted]);
    server.sql("CREATE ROLE rds_password");
    server.sql(&restricted.rotations()[0].statements(&restricted)[0].sql);
    assert_eq!(facts(&asked).await.rotations()[0].obstacles, []);
}

/// The facts for platform-managed passwords come along, and a question that fails costs nothing.
#[tokio::test]
async fn reads_facts_of_the_session() {
    let server = Postgres::start(Options::without_tls());
    server.create_role("kms", PASSWORD);
    let mut asked = target(&server, "kms", &[]);
    assert_eq!(accepted(&asked).await.facts, None);
    asked.questions.own_password = true;
    assert_eq!(facts(&asked).await.own_password("kms"), []);
    server.sql("ALTER ROLE kms VALID UNTIL '2040-01-01'");
    let told = facts(&asked).await.own_password("kms");
    assert!(format!("{told:?}").contains("2040-01-01") && told.len() == 1, "{told:?}");
    server.sql("ALTER ROLE kms VALID UNTIL 'infinity'");
    assert_eq!(facts(&asked).await.session.valid_until, None);
    server.sql("REVOKE SELECT ON pg_catalog.pg_roles FROM PUBLIC");
    match accepted(&asked).await.facts {
        Some(Err(Unanswered::Failed(said))) => assert!(said.starts_with("42501 "), "{said}"),
        other => panic!("{other:?}"),
    }
    server.sql("GRANT SELECT ON pg_catalog.pg_roles TO PUBLIC");
    facts(&asked).await;

    // Another session locks what the query needs.
    server.sql(&format!("CREATE ROLE boss SUPERUSER LOGIN PASSWORD '{PASSWORD}'"));
    let boss = connected(&server, "boss").await;
    boss.simple_query("BEGIN; LOCK TABLE pg_catalog.pg_auth_members").await.unwrap();
    let accepted = login(&asked, Duration::from_secs(5)).await.unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert!(matches!(accepted.facts, Some(Err(Unanswered::TimedOut | Unanswered::Failed(_)))), "{:?}", accepted.facts);
}
