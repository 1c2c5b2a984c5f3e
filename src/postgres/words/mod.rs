//! One table of every reason: its class, the input to blame, its words and the statement that cures it.

mod certificate;

use self::certificate::certificate;
use super::{Argument, Certainty, Insecure, Reason, Refusal, Scope, Stage};
use crate::postgres::reason::Argument::{
    Address, Database, Host, Password, Port, SslCertificate, SslEnabled, Username,
};
use crate::postgres::reason::Certainty::{Conclusive, Unreachable};
use crate::postgres::text::hex;
use crate::text::shown;

/// SQL that cures a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The statement, identifiers quoted. It never contains a password.
    pub sql: String,
    /// Who may run it.
    pub who: &'static str,
}

/// What there is to say about a reason.
pub(super) struct Row {
    pub(super) class: Certainty,
    pub(super) argument: Argument,
    pub(super) headline: String,
    pub(super) check: Vec<String>,
    pub(super) statement: Option<Statement>,
}

pub(super) const WHO_ALTERS_ROLES: &str =
    "a superuser, or as a role with CREATEROLE (from PostgreSQL 16 on, also with ADMIN OPTION on this role)";
pub(super) const WHO_OWNS_THE_DATABASE: &str = "the owner of the database or a superuser";

impl Reason {
    /// What there is to say. The headline ends with the SQLSTATE, when the server sent one.
    pub(super) fn row(&self, about: &Refusal) -> Row {
        let mut row = self.words(about);
        if let Some(said) = &about.said {
            row.headline = format!("{} ({})", row.headline.trim_end_matches('.'), said.sqlstate);
        }
        row
    }

    /// The table.
    fn words(&self, about: &Refusal) -> Row {
        let server = format!("`{}`", about.endpoint.name());
        let (role, database) = (&*shown(&about.username), &*shown(&about.database));
        // What is wrong with the network is wrong with what was dialled.
        let overridden = about.endpoint.overridden.is_some();
        let (host, port) = if overridden { (Address, Address) } else { (Host, Port) };
        let dialled = match &about.endpoint.overridden {
            Some(address) => shown(&address.host).into_owned(),
            None => shown(&about.endpoint.host).into_owned(),
        };
        let by_pooler = about.said.as_ref().is_some_and(|said| said.by_pooler);
        match self {
            Self::ForbiddenAddress { address, kind } => {
                let leads = if dialled.parse() == Ok(*address) { "is" } else { "leads to" };
                let kind = if leads == "is" { (*kind).to_owned() } else { format!("{address}, {kind}") };
                row(Conclusive, host, format!("`{dialled}` {leads} {kind}: it is never contacted"))
                    .check("The name: does it mean the database, and does its DNS record hold the database's address?")
            }
            Self::UnusableHost => row(Conclusive, host, format!("`{dialled}` is neither a DNS name nor an IP address"))
                .check("One host name or address, without scheme, port, user or spaces."),
            Self::DnsFailed { detail } => dns_failed(detail, &dialled, host),
            Self::ConnectionRefused => row(Unreachable, port, format!("nothing accepts connections at {server}"))
                .check("The port, and whether the server runs.")
                .check("`listen_addresses` of the server: by default it listens on its own machine only."),
            Self::Unreachable { detail } => row(Unreachable, host, format!("there is no way to {server}: {detail}"))
                .check("Whether this machine is in the network (VPN, peering) that the address belongs to.")
                .check("An IPv6 address needs a machine with IPv6."),
            Self::TimedOut { stage: stage @ (Stage::Dns | Stage::Tcp) } => {
                row(Unreachable, host, format!("{server} did not answer in time ({stage})"))
                    .check("A firewall, security group or allow-list that drops connections from this machine.")
                    .check("The host name and the address that it has from here.")
            }
            Self::TimedOut { stage: stage @ (Stage::SslRequest | Stage::Tls) } => {
                row(Unreachable, port, format!("{server} accepted the connection and then fell silent ({stage})"))
                    .check("Whether PostgreSQL listens on this port, or a proxy without a server behind it.")
            }
            Self::TimedOut { stage } => row(Unreachable, host, format!("{server} did not finish {stage} in time"))
                .check("A pooler that waits for the server behind it, or a server under load.")
                .check("The password: some servers delay the answer to a wrong one (`auth_delay`)."),
            Self::Closed { stage, reset } => {
                let how = if *reset { "reset" } else { "closed" };
                row(Unreachable, host, format!("{server} {how} the connection without a word ({stage})"))
                    .check_if(*stage == Stage::SslRequest, "The port: one for HTTPS looks like this.")
                    .check_if(
                        *stage == Stage::Login,
                        "The port: another protocol, or one that wants TLS (`ssl_enabled`).",
                    )
                    .check("A load balancer or proxy without a server behind it.")
                    .check("A filter that admits only some addresses: the KMS comes from another one.")
            }
            Self::TlsNotOffered => row(Conclusive, SslEnabled, format!("{server} does not offer TLS"))
                .check("Turn TLS on there: `ssl = on` with a certificate and a key; PgBouncer: `client_tls_sslmode`.")
                .check("Or set `ssl_enabled = false`, if everybody on the way may read the data."),
            Self::TlsNotNegotiated => {
                row(Unreachable, SslEnabled, format!("TLS could not be negotiated with {server}: it sent an error instead"))
                    .check("The server's log at that time. Its error came before TLS, so it proves nothing and is left out.")
                    .check("A server with too many connections or too little memory answers so: try again.")
            }
            Self::NotPostgres { protocol, first } => {
                let answer = match protocol {
                    Some(protocol) => format!("it speaks {protocol}"),
                    None if first == b"S" => "it said yes to TLS, and then something that is not TLS".to_owned(),
                    None => format!("its answer begins with the bytes {}", hex(first.get(..8).unwrap_or(first), " ")),
                };
                row(Conclusive, port, format!("what answers at {server} is not a PostgreSQL server: {answer}"))
                    .check("The port; PostgreSQL's own is 5432.")
                    .check("The host.")
            }
            Self::Certificate(problem) => certificate(problem, &server, about),
            Self::TlsClientCertificate => {
                row(Conclusive, SslEnabled, format!("{server} wants a client certificate, which the KMS cannot show"))
                    .check("Another endpoint of this database that asks for a password alone.")
            }
            Self::TlsLegacy { detail } => row(
                Unreachable,
                SslEnabled,
                format!("{server} offers only TLS that this program does not speak: {detail}"),
            )
            .check("TLS 1.2 with ECDHE and AEAD ciphers, or TLS 1.3, on the server.")
            .check("A server that wants a client certificate can look like this too; the KMS has none to show.")
            .check("The KMS speaks some of the older ciphers: it may get in where this login cannot."),
            Self::TlsFailed { detail } => row(Unreachable, SslEnabled, format!("TLS with {server} failed: {detail}"))
                .check("What stands between here and the server: a proxy that ends TLS, an old pooler."),
            Self::PasswordRefused => row(Conclusive, Password, format!("{server} refused the password of role `{role}`"))
                .check("The password.")
                .check(format!("Whether role `{role}` exists: the answer is the same when it does not."))
                .check_if(by_pooler, "The pooler's `auth_file`: it may still hold an older password.")
                .check("Upper and lower case of the role's name: they matter once it was created in quotes.")
                .check("Whether the password has expired (`VALID UNTIL`) or was never set.")
                .check("Whether it was stored as MD5 and the server wants SCRAM: setting it again cures that.")
                .statement(format!("ALTER ROLE {} WITH LOGIN PASSWORD '…';", quoted(role)), WHO_ALTERS_ROLES),
            Self::NoSuchRole => row(Conclusive, Username, format!("{server} has no role `{role}`"))
                .check("The name of the role, upper and lower case included.")
                .statement(format!("CREATE ROLE {} WITH LOGIN PASSWORD '…';", quoted(role)), WHO_ALTERS_ROLES),
            Self::RoleMayNotLogIn => {
                row(Conclusive, Username, format!("role `{role}` may not log in at {server}: it is NOLOGIN"))
                    .check("Whether this is a group role; a connection needs a role that may log in.")
                    .statement(format!("ALTER ROLE {} WITH LOGIN;", quoted(role)), WHO_ALTERS_ROLES)
            }
            Self::NoAccessRule { encrypted: true } => {
                row(Unreachable, host, format!("{server} has no access rule for role `{role}` from here"))
                    .check("`pg_hba.conf` of the server: it lists who may come from which address to which database.")
                    .check("The KMS comes from another address and needs a rule for that one.")
            }
            Self::NoAccessRule { encrypted: false } => {
                row(Unreachable, SslEnabled, format!("{server} has no access rule for a connection without TLS"))
                    .check("Set `ssl_enabled = true`: the server probably admits encrypted connections only.")
                    .check("The setting is `rds.force_ssl` on Amazon RDS, `require_secure_transport` on Azure.")
                    .check("`pg_hba.conf` of the server: it lists who may come from which address to which database.")
            }
            Self::RejectedByRule { encrypted } => {
                let argument = if *encrypted { host } else { SslEnabled };
                let tls = if *encrypted { "" } else { " without TLS" };
                let row = row(Unreachable, argument, format!("an access rule of {server} rejects role `{role}`{tls}"));
                row.check_if(!encrypted, "Set `ssl_enabled = true`.")
                    .check("The `reject` line in `pg_hba.conf` of the server.")
            }
            Self::ClientCertificateNeeded => {
                let headline =
                    format!("{server} wants a client certificate for role `{role}`, which the KMS cannot show");
                row(Conclusive, Username, headline).check("A role that logs in with a password.")
            }
            Self::DirectoryRefused { directory } => row(
                Conclusive,
                Password,
                format!("{server} refused the password of role `{role}`, which {directory} judges, not the database"),
            )
            .check("The password in that directory. Many lock an account after a few failures.")
            .check("On Amazon RDS a member of `rds_iam` logs in with short-lived tokens, never with a password.")
            .check("A role whose password the database itself keeps, let in by `scram-sha-256` in `pg_hba.conf`."),
            Self::RoleRefused => row(Conclusive, Username, format!("{server} refused role `{role}`"))
                .check("The server's message above and its log at that time: the service has its own rules about who may log in."),
            Self::NoSuchTenant => {
                row(Conclusive, Username, format!("the pooler at {server} knows no project behind role `{role}`"))
                    .check("The form of the name: Supabase wants `role.project`, such as `postgres.abcdefgh`.")
                    .check("The project, and the host: each region has a pooler of its own.")
            }
            Self::UnknownToProxy => {
                row(Conclusive, Username, format!("the proxy at {server} has no password for role `{role}`"))
                    .check("The secrets of the proxy (Amazon RDS Proxy): one of them must name this role.")
                    .check("Or the database's own endpoint as `host`, where the role's password counts.")
            }
            Self::HostNotTold { encrypted } => {
                let headline = format!("{server} picks the database by host name, and the connection did not carry one");
                if *encrypted {
                    row(Conclusive, host, headline)
                        .check("The DNS name of the endpoint as `host` (Neon, CockroachDB): an IP address does not carry it.")
                        .check("On CockroachDB the cluster can stand in `database` instead: `cluster.database`.")
                } else {
                    row(Conclusive, SslEnabled, headline)
                        .check("Set `ssl_enabled = true`: this service (Neon) reads the name from the TLS handshake.")
                }
            }
            Self::ServiceSuspended => {
                row(Unreachable, host, format!("the service at {server} has suspended this database"))
                    .check("The server's message above: a quota of the account, or a disabled endpoint.")
                    .check("The console of the service: raise the limit or enable the endpoint.")
            }
            Self::NoPool => row(
                Conclusive,
                Username,
                format!("the pooler at {server} has no pool for role `{role}` and database `{database}`"),
            )
            .check("The pooler's configuration: its pools (pgcat) or routes (Odyssey) name databases and roles.")
            .check("The names of role and database, which are case-sensitive."),
            Self::AccountExpired => {
                row(Conclusive, Username, format!("the account of role `{role}` at {server} has expired or is locked"))
                    .check("The server's message above, and the account in the service's console or directory.")
            }
            Self::RoleWithoutServer => {
                row(Conclusive, Username, format!("{server} wants the server's name behind role `{role}`"))
                    .check("The form `role@server` (Azure Database for PostgreSQL, single server).")
            }
            Self::Throttled => row(
                Unreachable,
                host,
                format!("{server} is blocking logins for now, after too many failed attempts"),
            )
            .check("Failed logins from this address or as this role: wait some minutes.")
            .check("Other clients with an old password; each failure lengthens the wait."),
            Self::NoSuchDatabase => row(Conclusive, Database, format!("{server} has no database `{database}`"))
                .check("The name of the database, upper and lower case included.")
                .check_if(by_pooler, "The pooler's own list of databases, and the server behind it.")
                .statement(
                    format!("CREATE DATABASE {} OWNER {};", quoted(database), quoted(role)),
                    "a superuser, or as a role with CREATEDB that is a member of the new owner",
                ),
            Self::NoConnectPrivilege => {
                row(Conclusive, Database, format!("role `{role}` may not connect to database `{database}`"))
                    .check("The password is right; the role lacks the CONNECT privilege.")
                    .statement(
                        format!("GRANT CONNECT ON DATABASE {} TO {};", quoted(database), quoted(role)),
                        WHO_OWNS_THE_DATABASE,
                    )
            }
            Self::DatabaseNotAccepting => {
                row(Conclusive, Database, format!("database `{database}` accepts no connections"))
                    .check("Whether it is a template; choose the database that the application uses.")
                    .statement(
                        format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true;", quoted(database)),
                        WHO_OWNS_THE_DATABASE,
                    )
            }
            Self::DatabaseInvalid => {
                row(Conclusive, Database, format!("database `{database}` is broken: a `DROP DATABASE` was interrupted"))
                    .check("Its data is gone: drop what is left, create it again and restore a backup.")
                    .statement(
                        format!("DROP DATABASE {};", quoted(database)),
                        "the owner of the database or a superuser",
                    )
            }
            Self::TooManyConnections(scope) => too_many_connections(*scope, &server, host, about),
            Self::Starting => row(Unreachable, host, format!("{server} takes no logins right now"))
                .check("It starts up, shuts down or recovers: try again in a minute.")
                .check("Whether it is a standby that answers no queries: use the host of the primary then."),
            Self::Terminated => row(Unreachable, host, format!("{server} ended the session"))
                .check("A restart, a failover or an administrator: try again in a minute."),
            Self::TlsRequired => row(Conclusive, SslEnabled, format!("{server} admits encrypted connections only"))
                .check("Set `ssl_enabled = true`."),
            Self::PoolerWithoutServer => {
                row(Unreachable, host, format!("the pooler at {server} gets no connection to the server behind it"))
                    .check("Whether that server runs and has connections left; the pooler's log says more.")
                    .check("The password that the pooler uses there (`auth_file`): it may be an older one.")
            }
            Self::PoolerRefused => {
                row(Conclusive, Username, format!("the pooler at {server} refused role `{role}` by rules of its own"))
                    .check("The pooler's rules of access (`auth_hba_file`) and its list of databases.")
                    .check("The pooler's log at that time, which says more.")
            }
            Self::ImpostorServer => {
                row(Conclusive, host, format!("{server} does not know the password of role `{role}` itself"))
                    .check("The host and the port: the right server proves that it knows the password.")
                    .check("Whether somebody stands in between. The password itself was not shown to the other side.")
            }
            Self::UnsupportedAuthentication { method } => {
                row(Conclusive, Username, format!("{server} lets role `{role}` in by {method} only, not by a password"))
                    .check_if(method.contains("token"), "A role with a password of its own: a token is valid for minutes only.")
                    .check("A role that `pg_hba.conf` lets in with `scram-sha-256`.")
                    .check("The order of its lines: the first that fits decides.")
            }
            Self::UnknownAuthentication { number } => {
                row(Unreachable, host, format!("{server} asks for login method {number}, which no PostgreSQL has"))
                    .check("Whether this is PostgreSQL at all: Amazon Redshift asks for method 13.")
            }
            Self::InsecureAuthentication { how, encrypted } => {
                let how = match how {
                    Insecure::ClearText => "in clear text".to_owned(),
                    Insecure::Md5 => "as an MD5 hash".to_owned(),
                    Insecure::WeakScram(1) => "with a single SCRAM iteration".to_owned(),
                    Insecure::WeakScram(count) => format!("with only {count} SCRAM iterations"),
                };
                let argument = if *encrypted { SslCertificate } else { SslEnabled };
                let headline =
                    format!("{server} asks for the password {how}, and others could listen: it was not sent");
                row(Unreachable, argument, headline)
                    .check("TLS with a verified certificate (`ssl_enabled` and `ssl_reject_unauthorized` both true).")
                    .check("Or `scram-sha-256` on the server, which never shows the password to anybody.")
            }
            Self::TooManyIterations { count } => row(
                Unreachable,
                host,
                format!("{server} asks for {count} SCRAM iterations; the KMS calculates 100000 at most"),
            )
            .check("`scram_iterations` when the password was set: lower it and set the password again.")
            .check("Whether this is the right server: nobody needs so many.")
            .statement(
                format!("SET scram_iterations = 4096; ALTER ROLE {} WITH PASSWORD '…';", quoted(role)),
                WHO_ALTERS_ROLES,
            ),
            Self::OtherServerError { sqlstate, message } => {
                // Out of resources, stopped by an operator, broken, or a matter of the connection.
                let passing = ["08", "53", "57", "58", "XX"].iter().any(|class| sqlstate.starts_with(class));
                let class = if passing { Unreachable } else { Conclusive };
                row(class, host, format!("{server} refused the login: {}", brief(message)))
                    .check("The server's message above; the service's status page or the server's log at that time.")
            }
            Self::Protocol { detail } => {
                row(Unreachable, host, format!("{server} gave an answer that makes no sense in a login: {detail}"))
                    .check("What stands between here and the server: a proxy, a pooler, or another product.")
            }
        }
    }
}

/// What the resolver says, in other words where they are known.
fn dns_failed(detail: &str, dialled: &str, host: Argument) -> Row {
    let detail = detail.trim_start_matches("failed to lookup address information: ");
    if detail.contains("Temporary failure") || detail.contains("Try again") {
        return row(Unreachable, host, format!("this machine's DNS gave no answer about `{dialled}`: {detail}"))
            .check("The DNS of this machine: try again, or look up another name.")
            .check("A private zone or VPN that is not up.");
    }
    row(Unreachable, host, format!("the name `{dialled}` does not resolve on this machine: {detail}"))
        .check("The spelling of the name.")
        .check("Whether the name exists only in a private zone or VPN that this machine does not see.")
}

const ACCEPTED_FIRST: &str = "The password was accepted: PostgreSQL checks it before it counts connections.";

fn too_many_connections(scope: Scope, server: &str, host: Argument, about: &Refusal) -> Row {
    let (role, database) = (&about.username, &about.database);
    match scope {
        Scope::Role => {
            row(Unreachable, Username, format!("role `{role}` has reached its connection limit at {server}"))
                .check("Which sessions the role has open, and its `CONNECTION LIMIT` (0 allows none).")
                .check(ACCEPTED_FIRST)
                .statement(format!("ALTER ROLE {} CONNECTION LIMIT -1;", quoted(role)), WHO_ALTERS_ROLES)
        }
        Scope::Database => {
            row(Unreachable, Database, format!("database `{database}` has reached its connection limit at {server}"))
                .check("Which sessions are open in it, and its `CONNECTION LIMIT` (0 allows none).")
                .check(ACCEPTED_FIRST)
                .statement(format!("ALTER DATABASE {} CONNECTION LIMIT -1;", quoted(database)), WHO_OWNS_THE_DATABASE)
        }
        Scope::Server => row(Unreachable, host, format!("{server} has no connection left"))
            .check("`max_connections` of the server, and who is connected: try again when fewer are.")
            .check("Whether the password is right is not known: the server did not come to that."),
        Scope::Ordinary => row(Unreachable, host, format!("{server} has only its reserved connection slots left"))
            .check("`max_connections` of the server, and which sessions are open: try again when there are fewer.")
            .check(ACCEPTED_FIRST),
        Scope::Pooler => row(Unreachable, host, format!("the pooler at {server} has no connection left"))
            .check("Try again, or raise the pooler's limits (`max_client_conn`).")
            .check("Whether the password is right is not known: the pooler did not come to that."),
    }
}

/// Of a server's words as many as fit a line; all of them follow below it.
fn brief(message: &str) -> String {
    const MAX: usize = 100;
    match message.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}

/// An identifier in SQL.
pub(super) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", shown(identifier).replace('"', "\"\""))
}

fn row(class: Certainty, argument: Argument, headline: String) -> Row {
    Row { class, argument, headline, check: Vec::new(), statement: None }
}

impl Row {
    fn check(mut self, line: impl Into<String>) -> Self {
        self.check.push(line.into());
        self
    }

    fn check_if(self, condition: bool, line: impl Into<String>) -> Self {
        if condition { self.check(line) } else { self }
    }

    fn statement(mut self, sql: String, who: &'static str) -> Self {
        self.statement = Some(Statement { sql, who });
        self
    }
}
